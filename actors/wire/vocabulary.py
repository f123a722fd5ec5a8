"""Which messages may cross to another process, through which door, and to which actors.

A door is a kind of listener: the gossip port without a ring key (`OPEN`), what a ring key adds to
it (`KEYED`), and the control gateway (`CONTROL`, the command line and drivers). Whatever is not
listed here never crosses: it is refused when encoded and unknown when decoded.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from actors import messages
from actors.messages.base import Message


class Door(IntEnum):
    """Kinds of listeners, from the least trusted on; each admits what the one before admits."""

    OPEN = 0  # gossip port, anyone who reaches it
    KEYED = 1  # gossip port, holders of the ring key
    CONTROL = 2  # control gateway, holders of the control secret


@dataclass(frozen=True, slots=True)
class Rule:
    """A message may enter through `door` and those behind it, for actors matching `to`.

    `to` are globs over actor paths. An answer is for whoever asked: it must name the call it
    answers. `joins`: taken before the two members know each other's ring and id.
    """

    door: Door
    to: tuple[str, ...] = ()
    answer: bool = False
    joins: bool = False

    def is_for(self, path: str) -> bool:
        """Whether an actor of that path speaks this message."""
        return any(path == glob or fnmatchcase(path, glob) for glob in self.to)


_GOSSIP: Final = Rule(Door.OPEN, to=("gossip",))
_JOIN: Final = Rule(Door.OPEN, to=("gossip",), joins=True)
_NODE_OPEN: Final = Rule(Door.OPEN, to=("node",))
_ELECTION: Final = Rule(Door.OPEN, to=("election/*",))
_ROUNDS: Final = Rule(Door.OPEN, to=("election/rounds",))
_ELECTIONS: Final = Rule(Door.KEYED, to=("election", "control"))
_UPDATE: Final = Rule(Door.OPEN, to=("update/*",))
_NODE: Final = Rule(Door.KEYED, to=("node",))
_HOST: Final = Rule(Door.KEYED, to=("host", "host/*", "control"))
_GATEWAY: Final = Rule(Door.CONTROL, to=("control", "port/control"))
_ANSWER_OPEN: Final = Rule(Door.OPEN, answer=True)
_ANSWER: Final = Rule(Door.KEYED, answer=True)
_ANSWER_CONTROL: Final = Rule(Door.CONTROL, answer=True)

# By module of `actors.messages`, by name of a class in it, which is its tag on the wire. A name
# that no class has, or that stands below another module, fails a test.
_RULES: Final[dict[str, dict[str, Rule]]] = {
    "gossip": {
        "JoinRequest": _JOIN,
        "JoinReply": _JOIN,
        "Ping": _GOSSIP,
        "Ack": _GOSSIP,
        "PingReq": _GOSSIP,
        "Nack": _GOSSIP,
        "News": _GOSSIP,
        "SyncBuckets": _GOSSIP,
        "SyncEntries": _GOSSIP,
        "SyncPush": _GOSSIP,
        "LeaveForGood": _GOSSIP,
    },
    "runtime": {
        "WatchActor": _NODE_OPEN,
        "ActorDied": _NODE_OPEN,
        "ActorAvailable": _NODE_OPEN,
        "CallFailed": _ANSWER_OPEN,
        "KillActor": _NODE,
        "ListActors": _NODE,
        "InspectActor": _NODE,
        "TraceActor": _NODE,
        "ActorList": _ANSWER,
        "Ok": _ANSWER,
    },
    "election": {
        "PreVote": _ELECTION,
        "RequestVote": _ELECTION,
        "VoteAnswer": _ELECTION,
        "Renewals": _ROUNDS,
        "RenewalAcks": _ROUNDS,
        "AskReady": _ELECTION,
        "Ready": _ELECTION,
        "Released": _ELECTION,
        "StoreElectorate": _ELECTION,
        "ElectorateStored": _ELECTION,
        "AskSeat": _ELECTION,
        "SeatAnswer": _ELECTION,
        "ProposeElectorate": _ELECTION,
        "ProposalAnswer": _ELECTION,
        "AskProposal": _ELECTION,
        "ProposalAborted": _ELECTION,
        "ProposalDecided": _ELECTION,
    },
    "election_orders": {
        "QueryElections": _ELECTIONS,
        "StepDown": _ELECTIONS,
        "BootstrapElectorate": _ELECTIONS,
        "Elections": _ANSWER,
    },
    "rollout": {
        "AskRollout": _UPDATE,
        "RolloutTold": _UPDATE,
        "StoreRollout": _UPDATE,
        "RolloutStored": _UPDATE,
        "AskReport": _UPDATE,
        "RolloutReport": _UPDATE,
        "UpdateTurn": _UPDATE,
        "OrderRollout": Rule(Door.KEYED, to=("update", "update/*", "control")),
        "QueryRollouts": Rule(Door.KEYED, to=("update", "control")),
        "Rollouts": _ANSWER,
    },
    "events": {
        "QueryEvents": Rule(Door.OPEN, to=("events",)),
        "EventPage": _ANSWER_OPEN,
    },
    "primitives": {
        "CreateActor": _HOST,
        "FindActor": _HOST,
        "CallMethod": _HOST,
        "KillHost": _HOST,
        "QueryUserActors": _HOST,
        "ActorCreated": _ANSWER,
        "MethodReturned": _ANSWER,
        "UserActors": _ANSWER,
        "HostHello": _GATEWAY,
        "HostBegin": _GATEWAY,
        "HostReady": _GATEWAY,
        "HostBroken": _GATEWAY,
    },
    "control": {
        "SessionEnded": _HOST,
        "RequestEnded": Rule(Door.KEYED, to=("host", "control", "events")),
        "QuerySessions": Rule(Door.KEYED, to=("control",)),
        "Sessions": _ANSWER,
        "QuerySupervisor": _GATEWAY,
        "StopSupervisor": _GATEWAY,
        "SupervisorInfo": _ANSWER_CONTROL,
    },
    "ring": {
        "QueryMembers": _GATEWAY,
        "DepartMember": _GATEWAY,
        "QueryCensus": _GATEWAY,
        "Members": _ANSWER_CONTROL,
        "Census": _ANSWER_CONTROL,
    },
    "groups": {
        "QueryGroup": _GATEWAY,
        "ApplyConfig": _GATEWAY,
        "UploadFile": _GATEWAY,
        "GroupFacts": _ANSWER_CONTROL,
    },
    "service": {
        "LoadService": _GATEWAY,
        "UpdateService": _GATEWAY,
        "UnloadService": _GATEWAY,
        "StopService": _GATEWAY,
        "StartService": _GATEWAY,
        "RestartService": _GATEWAY,
        "QueryServices": _GATEWAY,
        "Services": _ANSWER_CONTROL,
        "Accepted": _ANSWER_CONTROL,
        "Progress": _ANSWER_CONTROL,
        "Settled": _ANSWER_CONTROL,
    },
    "gateway": {
        "PlanService": _GATEWAY,
        "QueryConfiguration": _GATEWAY,
        "ServicePlan": _ANSWER_CONTROL,
        "ServiceConfiguration": _ANSWER_CONTROL,
    },
    "depot": {
        "InstallPackage": _GATEWAY,
        "ResolvePackage": _GATEWAY,
        "PackageResolved": _ANSWER_CONTROL,
    },
}
RULES: Final[dict[str, Rule]] = {name: rule for of in _RULES.values() for name, rule in of.items()}
MODULE_OF: Final[dict[str, str]] = {
    name: f"{messages.__name__}.{module}" for module, of in _RULES.items() for name in of
}


_found: Final[dict[str, type[Message]]] = {}


def class_of(tag: str) -> type[Message] | None:
    """The class of a message that may cross; its module is imported when first asked for."""
    cls = _found.get(tag)
    if cls is None and (module := MODULE_OF.get(tag)) is not None:
        cls = _found[tag] = getattr(importlib.import_module(module), tag)
    return cls


@cache
def rule_of(cls: type[Message]) -> Rule | None:
    """The rule of a message class; None if it never crosses."""
    return RULES[cls.__name__] if class_of(cls.__name__) is cls else None


def crossing() -> list[type[Message]]:
    """Every class that may cross, by its tag."""
    return [cls for tag in sorted(RULES) if (cls := class_of(tag)) is not None]
