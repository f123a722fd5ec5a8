"""Which messages may cross to another process, through which door, and to which actors.

A door is a kind of listener: the gossip port without a ring key (`OPEN`), what a ring key adds to
it (`KEYED`), and the control gateway (`CONTROL`, the command line and drivers). Whatever is not
listed here never crosses: it is refused when encoded and unknown when decoded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import reduce
from operator import or_
from typing import Any, Final

from actors import messages
from actors.messages.base import Event, Message


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
_NODE: Final = Rule(Door.KEYED, to=("node",))
_HOST: Final = Rule(Door.KEYED, to=("host", "host/*", "control"))
_GATEWAY: Final = Rule(Door.CONTROL, to=("control", "port/control"))
_ANSWER_OPEN: Final = Rule(Door.OPEN, answer=True)
_ANSWER: Final = Rule(Door.KEYED, answer=True)
_ANSWER_CONTROL: Final = Rule(Door.CONTROL, answer=True)

# By name of a class in `actors.messages`. A name that no class has fails a test.
RULES: Final[dict[str, Rule]] = {
    # gossip
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
    # death watch between nodes
    "WatchActor": _NODE_OPEN,
    "ActorDied": _NODE_OPEN,
    "ActorAvailable": _NODE_OPEN,
    # leader election
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
    # the event log of the whole ring
    "QueryEvents": Rule(Door.OPEN, to=("events",)),
    "EventPage": _ANSWER_OPEN,
    "CallFailed": _ANSWER_OPEN,
    # relayed by a peer's control gateway: actors
    "KillActor": _NODE,
    "ListActors": _NODE,
    "InspectActor": _NODE,
    "TraceActor": _NODE,
    "ActorList": _ANSWER,
    "Ok": _ANSWER,
    # relayed by a peer's control gateway: elections
    "QueryElections": _ELECTIONS,
    "StepDown": _ELECTIONS,
    "BootstrapElectorate": _ELECTIONS,
    "Elections": _ANSWER,
    # relayed by a peer's control gateway: user-written actors
    "CreateActor": _HOST,
    "FindActor": _HOST,
    "CallMethod": _HOST,
    "KillHost": _HOST,
    "QueryUserActors": _HOST,
    "SessionEnded": _HOST,
    "RequestEnded": Rule(Door.KEYED, to=("host", "control", "events")),
    "QuerySessions": Rule(Door.KEYED, to=("control",)),
    "Sessions": _ANSWER,
    "ActorCreated": _ANSWER,
    "MethodReturned": _ANSWER,
    "UserActors": _ANSWER,
    # the command line and drivers
    "QuerySupervisor": _GATEWAY,
    "StopSupervisor": _GATEWAY,
    "QueryMembers": _GATEWAY,
    "DepartMember": _GATEWAY,
    "QueryCensus": _GATEWAY,
    "QueryGroup": _GATEWAY,
    "ApplyConfig": _GATEWAY,
    "UploadFile": _GATEWAY,
    "LoadService": _GATEWAY,
    "UpdateService": _GATEWAY,
    "UnloadService": _GATEWAY,
    "StopService": _GATEWAY,
    "StartService": _GATEWAY,
    "RestartService": _GATEWAY,
    "QueryServices": _GATEWAY,
    "InstallPackage": _GATEWAY,
    "ResolvePackage": _GATEWAY,
    "SupervisorInfo": _ANSWER_CONTROL,
    "Members": _ANSWER_CONTROL,
    "Census": _ANSWER_CONTROL,
    "GroupFacts": _ANSWER_CONTROL,
    "Services": _ANSWER_CONTROL,
    "Accepted": _ANSWER_CONTROL,
    "Progress": _ANSWER_CONTROL,
    "Settled": _ANSWER_CONTROL,
    "PackageResolved": _ANSWER_CONTROL,
    # the processes of user-written actors, on the control gateway
    "HostHello": _GATEWAY,
    "HostBegin": _GATEWAY,
    "HostReady": _GATEWAY,
    "HostBroken": _GATEWAY,
}


def message_classes() -> Iterator[type[Message]]:
    """Every concrete message class that is no event, of every module of the vocabulary, by name."""
    for module in sorted(info.name for info in pkgutil.iter_modules(messages.__path__)):
        importlib.import_module(f"{messages.__name__}.{module}")
    found: set[type[Message]] = set()
    waiting: list[type[Message]] = [Message]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            if not issubclass(cls, Event) and cls.__module__.startswith(f"{messages.__name__}."):
                found.add(cls)
    return iter(sorted(found, key=lambda cls: cls.__name__))


def tag_of(cls: type[Message]) -> str:
    """The tag that names a message class on the wire."""
    tag = cls.__struct_config__.tag
    assert isinstance(tag, str), f"{cls.__name__} has no tag"
    return tag


# Every class that may cross, by its tag; and its rule, by class.
CLASSES: Final[dict[str, type[Message]]] = {}
RULE_OF: Final[dict[type[Message], Rule]] = {}
for _cls in message_classes():
    if (_rule := RULES.get(_cls.__name__)) is not None:
        assert tag_of(_cls) not in CLASSES, f"two messages are tagged {tag_of(_cls)}"
        CLASSES[tag_of(_cls)] = _cls
        RULE_OF[_cls] = _rule

WIRE_UNION: Final[Any] = reduce(or_, CLASSES.values())
