"""Elections in the documents of the gateway: Habitat's words, and what it has none for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.messages.election_orders import ElectionView
from actors.messages.ring import ElectionState, GroupElection, GroupElections
from actors.messages.rollout import RolloutStanding
from actors.messages.service import ServiceStatus

Json: TypeAlias = dict[str, object]

# Of the census (components/sup/src/census.rs), and of the rumors (components/butterfly).
STATUS: Final[dict[ElectionState, str]] = {
    "none": "None",
    "running": "ElectionInProgress",
    "no_quorum": "ElectionNoQuorum",
    "finished": "ElectionFinished",
}
RUMOR_STATUS: Final[dict[ElectionState, str]] = {
    "none": "Running",
    "running": "Running",
    "no_quorum": "NoQuorum",
    "finished": "Finished",
}
NONE: Final = GroupElections()


@dataclass(frozen=True, slots=True)
class Standing:
    """Elections as the ring tells of them, by group, and this member's own as it sees them."""

    groups: Mapping[str, GroupElections]
    own: tuple[ElectionView, ...] = ()


def group_keys(elections: GroupElections) -> Json:
    """What the census says of a group's elections."""
    topology, update = elections.topology, elections.update
    return {
        "election_status": STATUS[topology.state],
        "update_election_status": STATUS[update.state],
        "leader_id": topology.leader or None,
        "update_leader_id": update.leader or None,
    }


def group_more(group: str, standing: Standing) -> Json:
    """The same in full: terms, electorate, rollout, and what is left of leases known here."""
    elections = standing.groups.get(group, NONE)
    leases = {v.kind: v.lease_s for v in standing.own if v.service_group == group}
    return {
        "topology": _election(elections.topology, leases.get("topology")),
        "update": {
            **_election(elections.update, leases.get("update")),
            "epoch": epoch_of(elections),
        },
        "electorate": elections.electorate or None,
        "stamp": list(stamp_of(elections)),
        "committed": elections.committed,
        "voters": list(elections.voters),
        "quorum": elections.needed,
        "rivals": list(elections.rivals),
        "rollout": _rollout(elections.rollout),
    }


def member_keys(elections: GroupElections, member: str) -> Json:
    """What the census says of a member's part in its group's elections."""
    keys: Json = {}
    for prefix, election in (("", elections.topology), ("update_", elections.update)):
        keys[f"{prefix}leader"] = election.leader == member
        keys[f"{prefix}follower"] = election.leader not in ("", member)
        for state in ("running", "no_quorum", "finished"):
            keys[f"{prefix}election_is_{state}"] = election.state == state
    return keys


def rumor_document(group: str, election: GroupElection) -> Json:
    """An election as Habitat's rumor; nobody's suitability is told, and no votes are."""
    return {
        "member_id": election.leader,
        "service_group": group,
        "term": election.term,
        "suitability": 0,
        "status": RUMOR_STATUS[election.state],
        "votes": [],
    }


def last_status(status: ServiceStatus, standing: Standing) -> str:
    """How the election of a service stands, as its own member knows it."""
    if status.role in ("leader", "follower"):
        return STATUS["finished"]
    known = standing.groups.get(status.spec.service_group, NONE).topology.state
    if known == "finished" and status.role:
        return STATUS["running"]  # others have a leader; this member does not know it yet
    return STATUS[known]


def own_document(group: str, standing: Standing) -> Json:
    """This member's elections of a group, by kind; empty where it has no part in any."""
    own: Json = {v.kind: _view(v, standing) for v in standing.own if v.service_group == group}
    return own


def epoch_of(elections: GroupElections) -> int:
    """The update epoch of a group: how many rollouts it has begun, as far as is known."""
    return elections.rollout.epoch if elections.rollout is not None else 0


def stamp_of(elections: GroupElections) -> tuple[int, int]:
    """Term and number of a group's electorate."""
    return elections.stamp.term, elections.stamp.version


def _election(election: GroupElection, lease_s: float | None) -> Json:
    """`lease_s` is what is left of its lease; null where this member has no part in it."""
    return {
        "state": election.state,
        "leader": election.leader or None,
        "term": election.term,
        "lease_s": None if lease_s is None else round(lease_s, 3),
    }


def _rollout(rollout: RolloutStanding | None) -> Json | None:
    if rollout is None:
        return None
    return {
        "epoch": rollout.epoch,
        "term": rollout.term,
        "step": rollout.step,
        "state": rollout.state,
        "target": rollout.target,
        "returns": rollout.returns,
        "turn": rollout.turn or None,
        "gone": rollout.gone,
        "of": rollout.of,
        "reason": rollout.reason,
    }


def _view(view: ElectionView, standing: Standing) -> Json:
    elections = standing.groups.get(view.service_group, NONE)
    rolls = {"epoch": epoch_of(elections), "rollout": _rollout(elections.rollout)}
    return {
        "role": view.role,
        "state": view.state,
        "term": view.term,
        "leader": view.leader or None,
        "lease_s": round(view.lease_s, 3),
        "heard": view.heard,
        "quorum": view.needed,
        "electorate": view.electorate or None,
        "stamp": [view.stamp.term, view.stamp.version],
        "committed": view.committed,
        "reason": view.reason,
        **(rolls if view.kind == "update" else {}),
    }
