"""What must hold of services that have a leader: who acts, for how long, and who is listened to.

A process acts as leader from the start of whatever makes it one until it has ended or was told
otherwise. Two promises are worth less where nothing runs that could keep them, and each has a
checker of its own: on a machine that was frozen whole, and where launcher and supervisor died
together.
"""

from __future__ import annotations

from typing import Final

from actors.election import timing
from actors.messages.election_events import ElectorateFounded
from actors.messages.simulation import FaultBegan, WriteTaken
from actors.simulation.leader_checkers import Verdicts, leadership
from actors.simulation.leadership import Acting, Leadership, Span
from actors.simulation.plan import Plan
from actors.simulation.story import NEVER, Story

KILL_S: Final = 0.1  # from the instant of a kill to the end of a process, on a busy machine
BACK_S: Final = 2.0  # who runs again has ended by then what nobody watched
LEASE_S: Final = timing.LEASE_S / 0.95  # by the slowest clock


def one_acts_at_a_time(story: Story, plan: Plan) -> Verdicts:
    """No two processes of an electorate act as leader at once, but where nothing could end one."""
    del plan
    found = leadership(story)
    before: list[Acting] = []
    for acting in sorted(found.actings, key=lambda acting: acting.began_s):
        at_s = acting.began_s
        both = [
            other
            for other in before
            if other.service_group == acting.service_group
            and other.member != acting.member
            and other.ended_s > at_s + KILL_S
            and _rivals(found, other, acting)
            and not _excused(found, other, acting)
        ]
        before.append(acting)
        if both:
            yield f"{_words(acting)}, and so does {_words(both[0])} until {both[0].ended_s:.3f} s"
        else:
            yield None


def _rivals(found: Leadership, one: Acting, other: Acting) -> bool:
    """Whether both act in the name of one electorate; who acts in none may be meant for any."""
    names = {_electorate(found, one), _electorate(found, other)} - {""}
    return len(names) < 2


def _electorate(found: Leadership, acting: Acting) -> str:
    """The electorate in whose name a process acts."""
    return next(
        (
            lease.electorate
            for lease in found.leases
            if (lease.service_group, lease.kind, lease.member, lease.term)
            == (acting.service_group, "topology", acting.member, acting.term)
        ),
        "",
    )


def _excused(found: Leadership, one: Acting, other: Acting) -> bool:
    at_s = max(one.began_s, other.began_s)
    return any(_excuse(found, acting, at_s) for acting in (one, other))


def _excuse(found: Leadership, acting: Acting, at_s: float) -> str:
    frozen = found.excuse(acting, at_s, LEASE_S + BACK_S)
    return frozen if frozen == "frozen" else found.excuse(acting, at_s, BACK_S)


def _words(acting: Acting) -> str:
    where = f"machine {acting.machine} acts as leader of {acting.service_group}"
    return f"{where} in term {acting.term} from {acting.began_s:.3f} s on"


def who_acts_has_a_lease(story: Story, plan: Plan) -> Verdicts:
    """30, 34: a process acts as leader under a lease of its member and of its term, and no longer.

    So neither a restart, nor a lost majority, nor an old state leaves one acting.
    """
    del plan
    found = leadership(story)
    for acting in found.actings:
        gaps = [
            gap for gap in _gaps(found, acting, story.end_s) if not _excuse(found, acting, gap[0])
        ]
        text = f"{_words(acting)} until {acting.ended_s:.3f} s"
        yield f"{text}, without a lease at {gaps[0][0]:.3f} s" if gaps else None


def _gaps(found: Leadership, acting: Acting, end_s: float) -> list[Span]:
    """When a process acted as leader without a lease of its term.

    In two parts where launcher and supervisor were both gone meanwhile: from then on nobody could
    end it, whatever the excuse had been before.
    """
    mine = sorted(
        (max(lease.began_s, acting.began_s), lease.ended_s)
        for lease in found.leases
        if (lease.machine, lease.service_group, lease.kind, lease.term)
        == (acting.machine, acting.service_group, "topology", acting.term)
    )
    gaps, at_s = [], acting.began_s
    for began_s, ended_s in (*mine, (min(acting.ended_s, end_s), NEVER)):
        if began_s > at_s + KILL_S:
            gaps.append((at_s, min(began_s, acting.ended_s)))
        at_s = max(at_s, ended_s)
        if at_s >= acting.ended_s:
            break
    return [part for gap in gaps for part in _parts(found, acting.machine, gap)]


def _parts(found: Leadership, machine: int, gap: Span) -> list[Span]:
    began_s, ended_s = gap
    orphaned_s = found.orphaned_s(machine, began_s, ended_s)
    if found.is_orphaned(machine, began_s) or orphaned_s == NEVER:
        return [gap]
    return [(began_s, orphaned_s), (orphaned_s, ended_s)]


def the_unfenced_end_once_somebody_runs(story: Story, plan: Plan) -> Verdicts:
    """Where launcher and supervisor were gone together, none acts on once one of them is back.

    Each verdict is one process that acted for a time without anybody to end it.
    """
    del plan
    found = leadership(story)
    for acting in found.actings:
        for began_s, ended_s in _gaps(found, acting, story.end_s):
            if _excuse(found, acting, began_s) == "unfenced":
                back_s = _watched_again_s(found, acting.machine, began_s)
                text = f"{_words(acting)} until {ended_s:.3f} s, unfenced from {began_s:.3f} s"
                fine = ended_s <= back_s + BACK_S
                yield None if fine else f"{text}, watched again from {back_s:.3f} s"


def _watched_again_s(found: Leadership, machine: int, at_s: float) -> float:
    lives = [*found.launchers.get(machine, ()), *found.supervisors.get(machine, ())]
    starts = [(_thawed_s(found, machine, began_s), end_s) for began_s, end_s in lives]
    back = [began_s for began_s, ended_s in starts if began_s > at_s and ended_s - began_s > BACK_S]
    resumed = [
        ended_s
        for began_s, ended_s in found.pauses.get(machine, ())
        if began_s <= at_s <= ended_s and found.runs_at(machine, ended_s)
    ]
    return min([*back, *resumed], default=NEVER)


def _thawed_s(found: Leadership, machine: int, at_s: float) -> float:
    """From when on that runs which began at an instant: later where the machine was frozen."""
    return max(
        [at_s, *(end for begin, end in found.freezes.get(machine, ()) if begin < at_s < end)]
    )


def the_frozen_lead_no_longer_than_a_lease(story: Story, plan: Plan) -> Verdicts:
    """A process on a thawed machine acts as leader for one lease at most, if it gets no other.

    Each verdict is one process that acted without a lease after it was frozen.
    """
    del plan
    found = leadership(story)
    for acting in found.actings:
        for began_s, ended_s in _gaps(found, acting, story.end_s):
            if _excuse(found, acting, began_s) == "frozen":
                spans = found.freezes[acting.machine]
                thawed_s = max(end for begin, end in spans if begin <= began_s + LEASE_S)
                text = f"{_words(acting)} until {ended_s:.3f} s, thawed at {thawed_s:.3f} s"
                yield None if ended_s <= thawed_s + LEASE_S + BACK_S else text


def older_terms_are_refused(story: Story, plan: Plan) -> Verdicts:
    """Nothing of an older term is taken by a service that checks terms, and a term has one source.

    However long an old leader was frozen: who takes data from a later one refuses it.
    """
    del plan
    found = leadership(story)
    electorates: dict[str, set[str]] = {}
    for _, founded in found.said(ElectorateFounded):
        electorates.setdefault(founded.service_group, set()).add(founded.electorate)
    twice = {group for group, names in electorates.items() if len(names) > 1}
    taken: dict[tuple[int, str], int] = {}
    sources: dict[tuple[str, int], int] = {}
    for logged in story.events:
        match logged.event:
            case FaultBegan("wipe", machines):
                taken = {where: term for where, term in taken.items() if where[0] not in machines}
            case WriteTaken(taken=True) as write:
                where = write.machine, write.service_group
                newest = max(taken.get(where, 0), write.newest)
                taken[where] = max(newest, write.term)
                source = sources.setdefault((write.service_group, write.term), write.source)
                one = source == write.source or write.service_group in twice
                text = f"machine {write.machine} takes a write of {write.source}, term {write.term}"
                if write.term < newest:
                    yield f"{text}, after term {newest}"
                else:
                    yield None if one else f"{text}, as of {source} before"
            case WriteTaken():
                yield None
            case _:
                pass


CHECKERS: Final = (
    one_acts_at_a_time,
    who_acts_has_a_lease,
    the_unfenced_end_once_somebody_runs,
    the_frozen_lead_no_longer_than_a_lease,
    older_terms_are_refused,
)
