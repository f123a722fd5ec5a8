"""Why an election is as it is, in prose: who leads since when and why, what is waited for.

Written for somebody who has never seen the code: every sentence that rests on an event ends with
its id, which `hab why` takes.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.eventlog.filters import life_of, member_of
from actors.eventlog.render import MONTHS, civil, one_line, short_id
from actors.messages.election import ElectionKind
from actors.messages.election_orders import ElectionView, SeatView
from actors.messages.events import EventRecord
from cli.electionterms import Term, number_in
from cli.electionviews import SHORT, Ring, leader_of
from cli.output import duration_words

SILENT_S = 3.0  # a voter not heard for so long is no part of what goes on: rounds come each 0.4 s
LONG_S = 10.0  # a suspect that is silent for so long will hardly refute it
_NOW_S = 1.0  # younger than this is "now" to a reader

# How the ring's word for a member's health reads behind "the ring holds it for".
_HELD = {"suspect": "suspect", "confirmed": "dead", "departed": "departed for good"}
# What a leader of each kind does, of a group.
_DOES = {"topology": "leads", "update": "conducts the updates of"}
# What an event says briefly, as the rest of a sentence about the leader.
_ENDS = {
    "told to step down": "an operator told it to step down",
    "no quorum acked its rounds": "too few voters answered it any more, so that another could be "
    "elected unseen",
    "its service ended": "its service ended by itself",
    "its service is to stop": "its service was to stop",
    "its service is critical": "its service was in health critical, and another's was not",
}
_OPENS = {
    "no leader is heard": "It stood because no leader was heard any more",
    "was handed it": "The leader before it handed over to it",
}


@dataclass(frozen=True, slots=True)
class When:
    """Now, and how far east of UTC people's clocks are; both in seconds."""

    now: float
    offset_s: int = 0

    def clock(self, wall: float) -> str:
        """A point in time as people write it, with the day unless it is today."""
        then, today = civil(wall, self.offset_s), civil(self.now, self.offset_s)
        time = f"{then[3]:02}:{then[4]:02}:{int(then[5]):02}"
        return time if then[:3] == today[:3] else f"{MONTHS[then[1] - 1]} {then[2]} {time}"

    def ago(self, wall: float) -> str:
        """How long ago that was."""
        past_s = self.now - wall
        return "now" if past_s < _NOW_S else f"{duration_words(past_s)} ago"


@dataclass(frozen=True, slots=True)
class Step:
    """Something the operator can do next: a command (may be empty), and what it is for."""

    command: str
    what: str


# How a group that has no electorate gets one, by the kind of its election.
_FOUNDED: dict[ElectionKind, str] = {
    "topology": "Load the service on further supervisors: the electorate is founded once as many "
    "members as --bootstrap-expect says (3 unless told otherwise) see one another.",
    "update": "Load the service on further supervisors, or wait: a group that has no topology "
    "leader is founded a minute after its first member came, with the members seen then; one that "
    "has, once as many as --bootstrap-expect says see one another.",
}


def story(view: ElectionView, ring: Ring, terms: tuple[Term, ...], when: When) -> list[str]:
    """The state of an election and how it came about, a paragraph a string."""
    present = next((t for t in terms if t.number == view.term and leader_of(view)), None)
    before = [term for term in terms if term is not present]
    paragraphs = [" ".join(_headline(view, ring, present, before, when))]
    if present is not None:
        paragraphs.append(" ".join(_election(present, ring)))
    if before:
        paragraphs.append(" ".join(_before(before[-1], present, ring, when)))
    if view.seats:
        paragraphs.append("\n".join([_voters(view, ring), *_seats(view, ring)]))
    if view.rival or view.dissolved_into:
        paragraphs.append(_rival(view))
    if view.reason:
        reason = one_line(ring.shorten(view.reason)).removeprefix("waiting for ")
        paragraphs.append(f"What is waited for: {reason}.")
    return [paragraph for paragraph in paragraphs if paragraph]


def _headline(
    view: ElectionView, ring: Ring, present: Term | None, before: list[Term], when: When
) -> list[str]:
    what = f"{_DOES[view.kind]} {view.service_group} ({view.kind})"
    if present is not None:
        since = ""
        if (began := present.began) is not None:
            since = f", since {when.clock(began.wall)} ({when.ago(began.wall)}){_id(began)}"
        said = [f"{ring.called(view.leader)} {what} in term {view.term}{since}."]
        return [*said, _lease(view)] if view.lease_s > 0 else said
    if not view.electorate:
        return [
            (
                f"Nobody {what}: it has no electorate yet, that is, nobody has settled which "
                "members vote."
            )
        ]
    since = ""
    if before and (lost := before[-1].lost) is not None:
        since = f" since {when.clock(lost.wall)} ({when.ago(lost.wall)}){_id(lost)}"
    return [f"Nobody {what}{since}."]


def _lease(view: ElectionView) -> str:
    if view.role == "leader" and view.needed == 1:
        return f"Its lease lasts {view.lease_s:.1f} s more, and it makes it longer by itself."
    if view.role == "leader":
        return (
            f"Its lease lasts {view.lease_s:.1f} s more; every round that {view.needed} voters "
            "answer makes it longer."
        )
    return (
        "This supervisor has answered its last round, and votes for nobody else for "
        f"{view.lease_s:.1f} s more."
    )


def _election(term: Term, ring: Ring) -> list[str]:
    said = []
    if (opened := term.opened) is not None:
        reason = one_line(str(opened.fields.get("reason", "")))
        stood = _OPENS.get(reason, f"It stood: {reason}" if reason else "It stood for election")
        said.append(f"{stood}{_id(opened)}.")
    given = dict.fromkeys(member_of(record.id) for record in term.votes)
    voters = ", ".join("itself" if one == term.leader else ring.called(one) for one in given)
    if (won := term.elected) is not None:
        # It won with the last vote that it needed; others came after.
        votes = max(number_in(won, "votes"), len(given))
        counted = "1 vote" if votes == 1 else f"{votes} votes"
        by, needed = f" ({voters})" if voters else "", number_in(won, "needed")
        wanted = "1 was needed" if needed == 1 else f"{needed} were needed"
        said.append(f"It was elected with {counted}{by}, where {wanted}{_id(won)}.")
    elif voters:
        said.append(f"Of those whose event logs were read there voted for it: {voters}.")
    if (again := term.resumed) is not None:
        said.append(f"It began anew since, in the term it had won, with no other vote{_id(again)}.")
    return said or ["The event logs that were read hold nothing of its election."]


def _before(term: Term, after: Term | None, ring: Ring, when: When) -> list[str]:
    who, span = ring.called(term.leader), ""
    if (began := term.began) is not None:
        span = f" from {when.clock(began.wall)}"
    led = f"Before, {who} led in term {term.number}{span}"
    if (ended := term.lost or term.demoting) is None:
        health = ring.health.get(term.leader, "unknown")
        dead = health in ("confirmed", "departed")
        how = (
            f"It left no word of an end: the ring holds it for {_HELD[health]}."
            if dead
            else "How that ended is not in the event logs that were read."
        )
        return [f"{led}.", how]
    reason = one_line(ring.read_brief(str(ended.fields.get("reason", ""))))
    if _is_afterthought(term, ended, after):
        back = f"when its supervisor was back, at {when.clock(ended.wall)}"
        how = f"It left no word of an end; {back}, {_ENDS.get(reason, reason)}{_id(ended)}."
        return [f"{led}.", how]
    said = [f"{led} to {when.clock(ended.wall)}."]
    stopped = "It stopped" if term.lost is not None else "It is about to stop"
    said.append(f"{stopped} because {_ENDS.get(reason, reason)}{_id(ended)}.")
    if (released := term.released) is not None:
        heir = ring.called(str(released.fields.get("to", "")))
        said.append(f"It named {heir} as the one to go on{_id(released)}.")
    return said


def _is_afterthought(term: Term, ended: EventRecord, after: Term | None) -> bool:
    """Whether a later life of the leader's supervisor found only that another leads by now."""
    if after is None or term.led is None or after.began is None:
        return False
    return life_of(ended.id) != life_of(term.led.id) and ended.wall > after.began.wall


def _voters(view: ElectionView, ring: Ring) -> str:
    count = len(view.seats)
    votes = f"{count} members vote, and {view.needed} of them are a majority"
    votes = "1 member votes" if count == 1 else votes
    state = "" if view.committed else "; a change of it is not on enough disks yet"
    return (
        f"{votes} (electorate {view.electorate}, record {view.stamp.term}.{view.stamp.version}, "
        f"founded by {ring.called(view.founder)}{state}):"
    )


def _seats(view: ElectionView, ring: Ring) -> list[str]:
    return [f"  {ring.called(seat.member)}: {_seat(seat, view, ring)}" for seat in view.seats]


def _seat(seat: SeatView, view: ElectionView, ring: Ring) -> str:
    said = []
    if seat.member == leader_of(view):
        said.append("leads")
    if seat.sworn_gone:
        said.append("an operator has sworn that it is gone for good, so it counts no more")
    elif seat.member != ring.me:
        said.append(_heard(seat, view, ring))
    if seat.refusal:
        said.append(f"refuses its vote ({seat.refusal})")
    if seat.new:
        said.append("has just been added")
    if seat.leaving:
        said.append("wants to give up its seat")
    return ", ".join(said) or "votes"


def _heard(seat: SeatView, view: ElectionView, ring: Ring) -> str:
    health = ring.health.get(seat.member, "")
    if view.role == "follower" and seat.member != leader_of(view) and health == "alive":
        return "alive, votes"  # followers have nothing to say to each other
    held = f" (the ring holds it for {_HELD[health]})" if health in _HELD else ""
    if seat.acked_s >= 0:
        return f"answered the leader's round of {seat.acked_s:.1f} s ago{held}"
    if seat.heard_s < 0:
        return f"nothing was heard of it in this election yet{held}"
    if seat.heard_s < SILENT_S:
        return f"heard {seat.heard_s:.1f} s ago{held}"
    return f"not heard for {duration_words(seat.heard_s)}{held}"


def _rival(view: ElectionView) -> str:
    if view.dissolved_into:
        return (
            f"This electorate is dissolved into {view.dissolved_into}, which was founded "
            "earlier: its members go over to that one."
        )
    return (
        f"The group was founded twice, by members that could not see one another; the other "
        f"electorate is {view.rival}. The one founded earlier stays, the later is "
        "dissolved into it."
    )


def happened(record: EventRecord, ring: Ring, when: When) -> str:
    """An event of the election as a line: when, on which member, what."""
    text = record.text
    if record.kind == "LeaseRenewed":  # its sentence has a clock that only checkers read
        text = f"leads from now on in term {record.fields.get('term')}"
    who = ring.called(member_of(record.id))
    return f"{when.clock(record.wall)} {who}: {one_line(ring.read(text))}{_id(record)}"


def steps(view: ElectionView, ring: Ring, terms: tuple[Term, ...]) -> list[Step]:
    """What the operator can do next, the likeliest first; `command` may be empty."""
    group = view.service_group
    said: list[Step] = []
    if not view.electorate:
        said += [
            Step("", _FOUNDED[view.kind]),
            Step(
                f"hab election bootstrap {group} --force",
                "found it now with the members seen, where no other side of a partition can do so",
            ),
        ]
    said += _departures(view, ring)
    if not leader_of(view):
        for seat in view.seats:
            if seat.refusal == "suitability" and not seat.sworn_gone:
                said += _unelected(group, seat, ring)
    if leader_of(view) and view.kind == "topology" and len(view.seats) != 1:
        said.append(Step(f"hab svc step-down {group}", "let another member lead"))
    if leader_of(view) and view.kind == "update":
        said.append(Step(f"hab svc rollout status {group}", "see which updates it conducts"))
    if view.electorate and not leader_of(view) and not said:
        said.append(
            Step(
                "hab events --ring --follow --actor 'election*'",
                "watch: with a majority connected an election takes a few seconds",
            )
        )
    newest = next((term.elected for term in reversed(terms) if term.elected is not None), None)
    if newest is not None:
        said.append(Step(f"hab why {short_id(newest.id)}", "what led to the last election"))
    return said


def _departures(view: ElectionView, ring: Ring) -> list[Step]:
    """Who is missing, and how to go on without; not before it is clear who is cut off."""
    lost = [seat.member for seat in view.seats if not seat.sworn_gone and _is_lost(seat, ring)]
    said = []
    if len(lost) > 1 and not leader_of(view):
        where = f"Ask on one of the others first (`hab election why {view.service_group}` there): "
        said.append(Step("", f"{where}who is cut off from them holds them for dead, as here."))
    also = "the same for {0}"
    whole = "if {0} is gone for good; else start it again, or mend the network to it"
    for member in lost:
        what = (whole if member == lost[0] else also).format(ring.called(member))
        said.append(Step(f"hab sup depart {member[:SHORT]}", what))
    return said


def _unelected(group: str, seat: SeatView, ring: Ring) -> list[Step]:
    """What to do about a voter that elects nobody less fit: data go before having a leader."""
    who, service = ring.called(seat.member), group.partition(".")[0]
    return [
        Step(
            f"hab svc start {service}",
            f"on {who}, which votes for nobody less fit than it is, nor while it cannot say how "
            "fit that is: if its service is stopped, it can lead once that is up",
        ),
        Step(
            f"hab svc unload {service}",
            f"on {who}, or `hab sup depart {seat.member[:SHORT]}`: the others do without it, and "
            "without what only it may have",
        ),
    ]


def _is_lost(seat: SeatView, ring: Ring) -> bool:
    """Whether a voter is missing: held for dead, or suspected and silent for long, or unknown."""
    if seat.member == ring.me:
        return False
    health = ring.health.get(seat.member, "departed")
    silent = seat.heard_s < 0 or seat.heard_s > LONG_S
    return health in ("confirmed", "departed") or (health == "suspect" and silent)


def _id(record: EventRecord) -> str:
    return f" [{short_id(record.id)}]"
