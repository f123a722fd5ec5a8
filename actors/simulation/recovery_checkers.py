"""What elections have to achieve: a leader wherever a majority can have one, soon; and peace."""

from __future__ import annotations

from typing import Final

from actors.messages.election_events import (
    ElectorateChanged,
    ElectorateCommitted,
    ElectorateFounded,
    OathCounted,
    StepDownOrdered,
    VoteRefused,
)
from actors.messages.simulation import CommandGiven, ElectionsSeen, ProcessActs, ServicesSeen
from actors.simulation.leader_checkers import (
    BRIEF,
    Verdicts,
    last_seen,
    leadership,
    stamp_of,
)
from actors.simulation.leadership import Leadership, Lease
from actors.simulation.plan import Plan, Service
from actors.simulation.roles import GROUP
from actors.simulation.story import NEVER, Story, Trouble

MOST_LOSS: Final = 0.1  # up to here members count as connected
REPLACED_S: Final = 7.0  # from the death of a leader and all of its machine to the next lease
READ_S: Final = 4.0  # more, where voters and candidates read their suitability first
SLOWEST: Final = 1 / 0.95  # true seconds of a second by the slowest clock
PEACE_S: Final = 10.0  # around a trouble whose consequences are judged
# After the last disturbance: links that come back, a start wait, a few tries.
RECOVERED_S: Final = 30.0
DEATHS: Final = ("crash", "launcher", "power")
ABSENCES: Final = ("crash", "power", "pause", "freeze", "hold", "launcher")


def led(plan: Plan) -> dict[str, Service]:
    """The services of a plan that have a leader, by their groups."""
    return {f"{s.name}.{GROUP}": s for s in plan.setup.services if s.topology == "leader"}


def a_majority_has_a_leader(story: Story, plan: Plan) -> Verdicts:
    """26, 32: at the end each group whose members want one has one leader, and all name it.

    A group whose services are all stopped, or that was never founded for want of members, has none;
    nor has one whose voters are gone for good, until an operator says so.
    """
    if "end" not in story.phases or plan.setup.quality.loss > MOST_LOSS:
        return
    founded = {event.service_group for _, event in leadership(story).said(ElectorateFounded)}
    seen = last_seen(story)
    services = _last_services(story)
    for group, service in led(plan).items():
        able = {m for m, told in services.items() if _would_lead(told, service.name)}
        if group in founded and able:
            if _has_majority(story, group, able):
                yield _led_by_one(group, seen, able)
        elif len(able) >= max(3, len(service.machines)):
            yield f"{group} has {len(able)} members and was never founded"


def _has_majority(story: Story, group: str, able: set[int]) -> bool:
    """Whether a majority of voters is up at the end, and may elect one of them that would lead.

    Who is fitter and would not lead, because its service is stopped, votes for nobody below it.
    """
    found = leadership(story)
    records = [
        (event.electorate, stamp_of(event), frozenset(event.voters.split(", ")))
        for logged in story.events
        if isinstance(event := logged.event, ElectorateFounded | ElectorateChanged)
        and event.service_group == group
    ]
    committed = {e.electorate: stamp_of(e) for _, e in found.said(ElectorateCommitted)}
    gone = {e.member[:BRIEF] for _, e in found.said(OathCounted) if e.service_group == group}
    unwilling = _fitter(story, group) - able
    there = {
        seen.member[:BRIEF]: view[3]
        for seen in last_seen(story).values()
        if (view := seen.elections.get(f"{group}/topology")) is not None
        and seen.machine not in unwilling
    }
    fit = {life.member[:BRIEF] for life in story.up_at_end() if life.machine in able}
    for electorate in set(there.values()):
        mine = {member for member, name in there.items() if name == electorate}
        least = committed.get(electorate, (0, 1))
        sets = [names - gone for name, at, names in records if name == electorate and at >= least]
        if sets and all(2 * len(mine & one) > len(one) and fit & one for one in sets):
            return True
    return False


def _fitter(story: Story, group: str) -> set[int]:
    """The machines that lately refused their vote to who is less suitable."""
    return {
        logged.machine
        for logged in story.events
        if isinstance(event := logged.event, VoteRefused)
        and (event.service_group, event.reason) == (group, "suitability")
        and logged.at_s >= story.phases["heal"]
    }


def _last_services(story: Story) -> dict[int, ServicesSeen]:
    up = {life.machine for life in story.up_at_end()}
    events = (logged.event for logged in story.events)
    return {s.machine: s for s in events if isinstance(s, ServicesSeen) and s.machine in up}


def _would_lead(told: ServicesSeen, service: str) -> bool:
    return told.services.get(service, ("gone", 0))[0] not in ("gone", "down", "stopping")


def _led_by_one(group: str, seen: dict[int, ElectionsSeen], able: set[int]) -> str | None:
    views = {
        machine: seen[machine].elections.get(f"{group}/topology")
        for machine in sorted(able)
        if machine in seen
    }
    leaders = {
        machine: view
        for machine, view in views.items()
        if view is not None and view[0] == "leader" and view[5]
    }
    if len(leaders) != 1:
        return f"{group} has {len(leaders)} leaders at the end: {views}"
    ((_, leader),) = leaders.items()
    others = [m for m, view in views.items() if view is None or view[1:4] != leader[1:4]]
    return f"{group}: machines {others} do not follow: {views}" if others else None


def leaders_are_back_in_time(story: Story, plan: Plan) -> Verdicts:
    """32: once nothing is wrong any more, each founded group has a lease within a bound."""
    if "end" not in story.phases or plan.setup.quality.loss > MOST_LOSS:
        return
    found = leadership(story)
    began_s = story.phases["heal"]
    moments = [m for life in story.lives for m in (life.up_s, life.down_s) if m != NEVER]
    commands = [logged.at_s for logged, _ in found.said(CommandGiven)]
    limit_s = min(max([began_s, *moments, *commands]) + RECOVERED_S, story.phases["end"])
    services = _last_services(story)
    for group, service in led(plan).items():
        able = {m for m, told in services.items() if _would_lead(told, service.name)}
        founded = any(e.service_group == group for _, e in found.said(ElectorateFounded))
        if able and founded and _has_majority(story, group, able):
            fine = found.holder(group, limit_s) is not None
            yield None if fine else f"{group} has no leader at {limit_s:.1f} s"


def leaders_are_replaced_in_time(story: Story, plan: Plan) -> Verdicts:
    """28, 29: after the death of a leader there is a lease again within the bound.

    Judged where nothing else is wrong; a supervisor that is back in time leads on in its term.
    """
    if plan.setup.quality.loss > 0:
        return
    found = leadership(story)
    for trouble in story.troubles:
        if trouble.what not in DEATHS or len(trouble.fault.machines) != 1:
            continue
        (machine,) = trouble.fault.machines
        for group, service in led(plan).items():
            lease = found.holder(group, trouble.began_s)
            if lease is None or lease.machine != machine:
                continue
            limit_s = REPLACED_S + (READ_S if service.suitability else 0.0)
            due_s = trouble.began_s + limit_s * SLOWEST
            if due_s > story.end_s or not _is_peace(story, trouble, due_s):
                continue
            fine = _leads_again(found, group, trouble.began_s, due_s)
            text = f"{group}: its leader on machine {machine} died at {trouble.began_s:.1f} s"
            yield None if fine else f"{text}, no lease by {due_s:.1f} s"


def _leads_again(found: Leadership, group: str, since_s: float, due_s: float) -> bool:
    return any(
        lease.service_group == group
        and lease.kind == "topology"
        and (since_s < lease.began_s <= due_s or lease.began_s <= since_s < due_s < lease.ended_s)
        for lease in found.leases
    )


def _is_peace(story: Story, trouble: Trouble, until_s: float) -> bool:
    """Whether nothing but a trouble is wrong around it, and the machines it spares live on."""
    since_s = trouble.began_s - PEACE_S
    if since_s < story.phases.get("faults", NEVER) - PEACE_S:
        return False
    if any(t is not trouble and t.overlaps(since_s, until_s) for t in story.troubles):
        return False
    spared = trouble.fault.machines
    moments = [
        moment
        for life in story.lives
        if life.machine not in spared
        for moment in (life.up_s, life.down_s)
    ]
    ordered = (logged.at_s for logged, _ in leadership(story).said(StepDownOrdered))
    return not any(since_s <= moment <= until_s for moment in (*moments, *ordered))


def followers_disturb_nobody(story: Story, plan: Plan) -> Verdicts:
    """13, 31: the loss and return of a minority of followers changes neither leader nor term."""
    if plan.setup.quality.loss > 0:
        return
    found = leadership(story)
    for trouble in story.troubles:
        if trouble.what not in ABSENCES or trouble.ended_s == NEVER:
            continue
        until_s = trouble.ended_s + PEACE_S
        if until_s > story.end_s or not _is_peace(story, trouble, until_s):
            continue
        for group, service in led(plan).items():
            lost = set(trouble.fault.machines) & set(service.machines)
            lease = found.holder(group, trouble.began_s)
            if lease is None or not lost or 2 * len(lost) >= len(service.machines):
                continue
            if lease.machine not in trouble.fault.machines and trouble.began_s - lease.began_s > 5:
                yield _undisturbed(found, lease, trouble, until_s)


def restarts_interrupt_no_role(story: Story, plan: Plan) -> Verdicts:
    """31, DESIGN's promise of restarts: who is killed and comes back in time has told no process.

    Judged where a supervisor died alone and the leader's term outlives it: nobody is told a role.
    """
    if plan.setup.quality.loss > 0:
        return
    found = leadership(story)
    for trouble in story.troubles:
        if trouble.what != "crash" or len(trouble.fault.machines) != 1:
            continue
        until_s = trouble.began_s + PEACE_S
        if until_s > story.end_s or not _is_peace(story, trouble, until_s):
            continue
        for group in led(plan):
            lease = found.holder(group, trouble.began_s)
            after = found.holder(group, until_s)
            kept = after is not None and lease is not None and after.term == lease.term
            if kept and _is_settled(found, group, trouble.began_s):
                told = [
                    acts
                    for logged, acts in found.said(ProcessActs)
                    if acts.service_group == group and trouble.began_s < logged.at_s < until_s
                ]
                text = f"{group} after the crash of machine {trouble.fault.machines[0]}"
                yield f"{text}: {told[0].text()}" if told else None


def _is_settled(found: Leadership, group: str, at_s: float) -> bool:
    """Whether every process of a group has been told its role for a while."""
    told = (logged.at_s for logged, acts in found.said(ProcessActs) if acts.service_group == group)
    return all(abs(at_s - moment) > 5 or moment > at_s for moment in told)


def _undisturbed(found: Leadership, lease: Lease, trouble: Trouble, until_s: float) -> str | None:
    after = found.holder(lease.service_group, until_s)
    same = after is not None and (after.member, after.term) == (lease.member, lease.term)
    if same and lease.ended_s >= until_s:
        return None
    what = f"{trouble.what} of machines {trouble.fault.machines} at {trouble.began_s:.1f} s"
    return f"{lease.service_group}: {lease.member[:8]} leads no more after the {what}"


CHECKERS: Final = (
    a_majority_has_a_leader,
    leaders_are_back_in_time,
    leaders_are_replaced_in_time,
    followers_disturb_nobody,
    restarts_interrupt_no_role,
)
