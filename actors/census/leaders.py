"""How the elections of the groups stand, by what the ring tells of them. Pure.

Of two electorates of a group the earlier founded counts, as the elections themselves decide. Who
was elected in the greatest term of it leads, as long as it says so and lives; whether it holds a
lease at this instant only its own election knows. Where a rollout stands each conductor has told
last; what was decided last is the greatest of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from actors.messages.base import MemberId
from actors.messages.election import ElectionKind, Electorate, Leadership
from actors.messages.ring import GroupElection, GroupElections, MemberHealth, Rumor
from actors.messages.rollout import RolloutStanding

KINDS: Final = ("electorate", "leader", "rollout")  # of rumors


def elections(
    rumors: Iterable[Rumor], standing: Mapping[MemberId, MemberHealth]
) -> dict[str, GroupElections]:
    """The elections of each group that has an electorate, by group."""
    records: dict[str, dict[str, Electorate]] = {}
    said: dict[str, list[Leadership]] = {}
    rolled: dict[str, RolloutStanding] = {}
    for rumor in rumors:
        match rumor.body:
            case Electorate() as record if rumor.key == f"{record.service_group}/{record.id}":
                known = records.setdefault(record.service_group, {})
                known[record.id] = _newest(known.get(record.id), record)
            case Leadership(leader=leader) as leadership if leader == rumor.owner:
                said.setdefault(leadership.service_group, []).append(leadership)
            case RolloutStanding(service_group=group) as rollout if rumor.key == group:
                before = rolled.get(group)
                if before is None or rollout.place > before.place:
                    rolled[group] = rollout
            case _:
                pass
    found = {}
    for group in sorted(records):
        living = [r for r in records[group].values() if not r.dissolved_into]
        if living:
            told = _elections(living, said.get(group, ()), standing)
            found[group] = msgspec.structs.replace(told, rollout=rolled.get(group))
    return found


def _newest(known: Electorate | None, told: Electorate) -> Electorate:
    if known is None:
        return told
    return max(known, told, key=lambda r: (r.stamp, bool(r.dissolved_into), r.committed))


def _elections(
    living: list[Electorate],
    said: Iterable[Leadership],
    standing: Mapping[MemberId, MemberHealth],
) -> GroupElections:
    record, *rivals = sorted(living, key=lambda r: (r.founded, r.id))
    voters = tuple(sorted({voter.member for voter in record.voters}))
    needed = len(voters) // 2 + 1
    here = [one for one in said if one.electorate == record.id]

    def of(kind: ElectionKind) -> GroupElection:
        told = [one for one in here if one.kind == kind]
        last = max(told, key=lambda one: (one.term, one.leader), default=None)
        if last is None and record.keeper != kind:
            return GroupElection()
        if last is not None and last.leader in standing:
            return GroupElection("finished", last.leader, last.term)
        present = sum(voter in standing for voter in voters)
        return GroupElection("running" if present >= needed else "no_quorum")

    return GroupElections(
        of("topology"),
        of("update"),
        record.id,
        record.stamp,
        voters,
        needed,
        record.committed,
        tuple(rival.id for rival in rivals),
    )
