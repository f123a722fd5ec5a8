"""What operators are shown of elections: rows, seats and facts, from what a supervisor answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.messages.base import MemberId
from actors.messages.election_orders import ElectionView, SeatView
from actors.messages.ring import MemberHealth, Members
from actors.runtime import hlc
from cli.output import cell, duration_words

_ID = re.compile(r"\b[0-9a-f]{32}\b")
SHORT = 8  # hex digits of an id in a table
_BRIEF = re.compile(rf"(?<![.:\w])[0-9a-f]{{{SHORT}}}(?![.:]?\w)")
COLUMNS = ("group", "kind", "role", "leader", "term", "lease", "quorum", "electorate", "stamp")
SEAT_COLUMNS = ("member", "name", "voter", "health", "heard", "acked", "refuses", "change")
_COUNTING = frozenset({"asking", "standing", "leading"})  # states in which voters are counted


@dataclass(frozen=True, slots=True)
class Ring:
    """The members as people know them: their names, and what the ring thinks of their health."""

    me: MemberId
    names: Mapping[MemberId, str] = field(default_factory=dict)
    health: Mapping[MemberId, MemberHealth] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: Members) -> Ring:
        """The ring as gossip has told it."""
        names = {view.member.id: view.member.name for view in seen.members if view.member.name}
        return cls(seen.me, names, {view.member.id: view.health for view in seen.members})

    def called(self, member: MemberId) -> str:
        """A member as a sentence names it: `beta (b7000000)`."""
        short = member[:SHORT]
        marks = [short] if member in self.names else []
        marks += ["this supervisor"] if member == self.me else []
        said = self.names.get(member, short)
        return f"{said} ({', '.join(marks)})" if marks else said

    def read(self, text: str) -> str:
        """A sentence with its members as people know them, in place of their whole ids."""
        return _ID.sub(lambda found: self.called(found[0]), text)

    def read_brief(self, text: str) -> str:
        """The same of the beginnings of ids, where they are those of one member."""
        return _BRIEF.sub(lambda found: self._meant(found[0], self.called), text)

    def brief(self, member: MemberId) -> str:
        """A member in a few letters: its name, or its short id where others have that name."""
        name = self.names.get(member, "")
        is_unique = list(self.names.values()).count(name) == 1
        return name if name and is_unique else member[:SHORT]

    def shorten(self, text: str) -> str:
        """A sentence with members in a few letters, in place of the beginnings of their ids."""
        return _BRIEF.sub(lambda found: self._meant(found[0], self.brief), text)

    def _meant(self, start: str, said: Callable[[MemberId], str]) -> str:
        meant = [member for member in self.names if member.startswith(start)]
        return said(meant[0]) if len(meant) == 1 else start


def of_group(views: tuple[ElectionView, ...], word: str) -> tuple[ElectionView, ...]:
    """The elections of the group `word`, or of every group of the service `word`."""
    return tuple(view for view in views if is_named(view.service_group, word))


def is_named(service_group: str, word: str) -> bool:
    """Whether `word` means the group: by its whole name, or by its service's."""
    return word in (service_group, service_group.partition(".")[0])


def leader_of(view: ElectionView) -> MemberId:
    """Who leads, as far as this member knows; empty for nobody.

    A voter that has heard no round for longer than it had promised to wait for one still follows
    the leader of that term, until there is another; but it knows of nobody who leads.
    """
    return "" if view.seats and view.lease_s <= 0 else view.leader


def stamp(view: ElectionView) -> str | None:
    """The stamp of the electorate record: `4.2`, with a plus while it is not committed."""
    if not view.needed:
        return None
    return f"{view.stamp.term}.{view.stamp.version}" + ("" if view.committed else "+")


def quorum(view: ElectionView) -> str | None:
    """`heard/needed` voters, a dash for the first where nothing is counted here."""
    if not view.needed:
        return None
    heard = str(view.heard) if view.state in _COUNTING else "-"
    return f"{heard}/{view.needed}"


def row(view: ElectionView) -> tuple[object, ...]:
    """One election as a line of a table."""
    return (
        view.service_group,
        view.kind,
        view.role,
        leader_of(view)[:SHORT],
        view.term,
        f"{view.lease_s:.1f}s" if view.lease_s > 0 else None,
        quorum(view),
        view.electorate,
        stamp(view),
    )


def headings(view: ElectionView, ring: Ring) -> list[tuple[str, str]]:
    """One election as lines of a name and a value."""
    lines = [
        ("group", view.service_group),
        ("kind", view.kind),
        ("leader", ring.called(leader_of(view)) if leader_of(view) else cell(None)),
        ("term", str(view.term)),
        ("this-member", f"{view.role} ({view.state})"),
        (
            "lease" if view.role == "leader" else "promise",
            f"{view.lease_s:.1f} s left" if view.lease_s > 0 else cell(None),
        ),
        ("quorum", f"{quorum(view)} (heard/needed)" if view.needed else cell(None)),
        ("electorate", electorate_words(view, ring)),
    ]
    if view.dissolved_into:
        lines.append(("dissolved-into", view.dissolved_into))
    if view.rival:
        lines.append(("rival", view.rival))
    return [*lines, ("waits-for", cell(view.reason))]


def electorate_words(view: ElectionView, ring: Ring) -> str:
    """Which record names the voters, how it stands, and who founded it when."""
    if not view.electorate:
        return "none founded"
    if not view.needed:
        return f"{view.electorate}, in which this member has no seat yet"
    whose = "" if view.keeper in ("", view.kind) else f", kept by the {view.keeper} leader"
    return (
        f"{view.electorate}, record {view.stamp.term}.{view.stamp.version} "
        f"({'committed' if view.committed else 'not committed yet'}{whose}), "
        f"founded by {ring.called(view.founder)}"
    )


def seat_row(seat: SeatView, ring: Ring) -> tuple[object, ...]:
    """A voter as a line of a table, as this member sees it."""
    mine = seat.member == ring.me
    return (
        seat.member[:SHORT],
        cell(ring.names.get(seat.member)),
        seat.voter,
        ring.health.get(seat.member),
        "self" if mine else duration_words(seat.heard_s),
        duration_words(seat.acked_s) if seat.acked_s >= 0 else None,
        seat.refusal,
        change(seat),
    )


def change(seat: SeatView) -> str | None:
    """What becomes of a seat, in one word; None where nothing does."""
    words = {"sworn-gone": seat.sworn_gone, "leaving": seat.leaving, "new": seat.new}
    return next((word for word, holds in words.items() if holds), None)


def facts(view: ElectionView, ring: Ring) -> dict[str, object]:
    """One election for programs; ids in full length, absent values null."""
    return {
        "service_group": view.service_group,
        "kind": view.kind,
        "role": view.role,
        "state": view.state,
        "leader": leader_of(view) or None,
        "leader_name": ring.names.get(leader_of(view)),
        "last_leader": view.leader or None,
        "term": view.term,
        "lease_s": round(view.lease_s, 3),
        "heard": view.heard if view.state in _COUNTING else None,
        "needed": view.needed,
        "electorate": _electorate_facts(view) if view.needed else None,
        "rival": view.rival or None,
        "reason": view.reason,
        "seats": [_seat_facts(seat, ring) for seat in view.seats],
    }


def _electorate_facts(view: ElectionView) -> dict[str, object]:
    return {
        "id": view.electorate,
        "keeper": view.keeper,
        "term": view.stamp.term,
        "version": view.stamp.version,
        "committed": view.committed,
        "founder": view.founder,
        "founded": hlc.wall_s(view.founded),
        "dissolved_into": view.dissolved_into or None,
    }


def _seat_facts(seat: SeatView, ring: Ring) -> dict[str, object]:
    return {
        "member": seat.member,
        "name": ring.names.get(seat.member),
        "self": seat.member == ring.me,
        "voter": seat.voter,
        "health": ring.health.get(seat.member),
        "heard_s": round(seat.heard_s, 3) if seat.heard_s >= 0 else None,
        "acked_s": round(seat.acked_s, 3) if seat.acked_s >= 0 else None,
        "refusal": seat.refusal or None,
        "sworn_gone": seat.sworn_gone,
        "new": seat.new,
        "leaving": seat.leaving,
    }
