"""What a stranger may send: well-typed but absurd messages, false addresses, broken bytes.

Values come from the messages' own annotations, so that a new message is attacked as soon as it is
listed among those that cross. One seed is one sequence of frames.

Left out is what a stranger may order where there is no ring key, because the design says that it is
obeyed: departing a member, taking over its id, merging rings; and with one, killing actors that
exist.
"""

from __future__ import annotations

import random
import types
import typing
from typing import Any

import msgspec

from actors.messages.base import Message
from actors.messages.control import StopSupervisor
from actors.messages.envelope import Envelope, Ticket
from actors.messages.gossip import Claim, JoinReply, JoinRequest
from actors.messages.primitives import CreateActor
from actors.messages.ring import DepartMember, Rumor
from actors.messages.runtime import KillActor
from actors.wire import codec
from actors.wire.vocabulary import RULES, Door, Rule, crossing

INTS = [0, 1, 2, 3, 7, 255, 65_536, 2**31, 2**32, 2**53 - 1, 2**53, 2**62 - 1, 2**62]
INTS += [2**63 - 1, 2**63, 2**64 - 1, -1, -2, -(2**31), -(2**63)]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, -1e300, 1e18]
FLOATS += [float("inf"), float("-inf"), float("nan")]
PATHS = ["node", "gossip", "gossip/snapshot", "census", "events", "depot", "service", "specs"]
PATHS += ["host", "control", "host/x", "service/redis", "call/1", "call/2", "election/x", "nobody"]
PATHS += ["port/net", "port/launcher", "port/process", "port/files", "port/packages"]
PATHS += ["port/eventlog", "port/control", "", "*", "port/nothing"]
ELECTION = "election/redis.default/topology"
WORDS = ["", "x", "*", "[", "[z-a]", "?" * 40, "*a" * 20, "\x00", "\x1b[2J", "é\u202e" * 20]
WORDS += ["A" * 64, "B" * 256, "C" * 300, "../../etc/passwd", "{0.__class__}", "%s%n", "1.1.0."]
WORDS += ["10.0.0.9:9638", "nowhere:1", "[::1]:9638", ":", "a:b:c", "tcp://*:1", "host:99999"]
WORDS += [
    "service",
    "electorate",
    "leader",
    "config",
    "redis.default",
    "redis.default/e1",
    "core/redis",
    "module:Class",
]
WORDS += ["0" * 16, "f" * 16, "1:1", "sessions", "ending:services", "ring", "departed"]


# What does what it says, whoever is entitled to it: no test of what must not happen.
ORDERS: tuple[type[Message], ...] = (StopSupervisor, KillActor, DepartMember)


class Stranger:
    """Makes frames for the member `me` of the ring `ring`, in the name of `peers` or of nobody."""

    def __init__(self, seed: int, me: str, members: dict[str, str], ring: str) -> None:
        """`members`: the addresses of all, `me` included."""
        self.chance = random.Random(seed)
        self.me = me
        self.members = members
        self.peers = [member for member in members if member != me]
        self.ring = ring
        self.wall_s = 0.0  # the victim's wall clock, for stamps that are nearly credible

    # ── frames ──

    def frame(self, door: Door) -> bytes:
        """One frame: absurd, or an absurd one whose bytes were mutated, or bytes."""
        chance = self.chance
        kind = chance.random()
        if kind < 0.02:
            return chance.randbytes(chance.randrange(200))
        data = self.absurd(door)
        if kind < 0.2:
            return self.mutated(data)
        if kind < 0.22:
            return codec.encode_batch([data, self.absurd(door)])
        return data

    def absurd(self, door: Door) -> bytes:
        """A well-formed frame of any class that the door admits, and now and then of another."""
        chance = self.chance
        while True:
            cls = chance.choice(crossing())
            if door is Door.CONTROL and cls in ORDERS:
                continue
            if RULES[cls.__name__].door <= door or chance.random() < 0.05:
                source = self.source()
                envelope = self.envelope(self.message(cls), source, RULES[cls.__name__])
                ring = self.ring if chance.random() < 0.97 else chance.choice(["", "f" * 16])
                try:
                    return codec.encode(envelope, source, ring)
                except codec.WireError:  # larger than what crosses
                    continue

    def source(self) -> str:
        """Who is said to send it."""
        kind = self.chance.random()
        if kind < 0.6 and self.peers:
            return self.chance.choice(self.peers)
        return self.unknown() if kind < 0.99 else self.me

    def envelope(self, message: Message, source: str, rule: Rule) -> Envelope:
        """An envelope with a false address, ticket, call or history, or with none of these."""
        chance = self.chance
        path = chance.choice(rule.to or PATHS).replace("*", "redis")
        if chance.random() < 0.1 or rule.answer:
            path = chance.choice(PATHS)
        speaker = chance.choice(["gossip", "node", "events", "control", "port/control", "x" * 40])
        if path.startswith("election/") and chance.random() < 0.7:
            # An election hears nobody but its peers of the same name.
            speaker = path = "election/rounds" if path == "election/rounds" else ELECTION
        to = f"/{path}" if rule.joins else f"{self.me}/{path}"
        return Envelope(
            to,
            speaker,
            message,
            id=self.word(0.05),
            cause=self.word(0.2),
            trace=self.word(0.1),
            hlc=chance.choice([0, self.stamp(), abs(chance.choice(INTS)) % 2**64]),
            ticket=self.ticket(source) if chance.random() < 0.5 else None,
            answers=self.call() if rule.answer or chance.random() < 0.1 else "",
            more=chance.random() < 0.2,
        )

    def ticket(self, source: str) -> Ticket:
        """Where the answer is to go: mostly to whom it should not."""
        chance = self.chance
        home = chance.choice([source, source, "", self.me, *self.peers])
        path = chance.choice(PATHS)
        return Ticket(f"{home}/{path}" if home else path, self.call())

    def call(self) -> str:
        """The name of a call, as actors make them."""
        chance = self.chance
        number = chance.choice([0, 1, 2, 7])
        peer = chance.choice([*self.peers, self.me])
        return chance.choice(
            [f"{number}", f"1.{number}.{number}.{peer}", f"sessions:{peer}", self.word(1.0)]
        )

    # ── values ──

    def message(self, cls: type[Any]) -> Any:
        """A message of a class."""
        made = self.struct(cls)
        match made:
            case KillActor():
                return KillActor(self.word(1.0) + "?", made.no_restart)
            case JoinRequest() | JoinReply():
                return msgspec.structs.replace(made, merge=False)
            case CreateActor():
                return msgspec.structs.replace(made, cls=self.chance.choice(["m:C", made.cls]))
            case _:
                return made

    def struct(self, cls: type[Any]) -> Any:
        """A struct; a field with a default is left out now and then."""
        chance = self.chance
        given = {}
        for field in msgspec.structs.fields(cls):
            if field.required or chance.random() < 0.8:
                given[field.name] = self.value(field.type, field.name)
        made = cls(**given)
        if isinstance(made, Claim):
            return self.claim(made)
        return made

    def claim(self, made: Claim) -> Claim:
        """Mostly of members that exist, mostly stamped so that somebody may believe it."""
        chance = self.chance
        who = chance.choice([self.me, *self.peers, self.unknown()])
        stamp = self.stamp() if chance.random() < 0.7 else made.stamp
        made = msgspec.structs.replace(made, id=who, stamp=stamp)
        if who in self.members:
            address = chance.choice(["", self.members[who]])
            return msgspec.structs.replace(made, health=made.health % 3, address=address)
        return made

    def value(self, annotation: Any, name: str = "") -> Any:
        """A value of an annotation."""
        chance = self.chance
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self.constrained(args[0], args[1], name)
        if origin is typing.Literal:
            return chance.choice(args)
        if origin in (typing.Union, types.UnionType):
            return self.value(chance.choice(args), name)
        if origin is tuple and args[-1] is Ellipsis:
            size = chance.choice([0, 0, 1, 2, 3])
            return tuple(self.value(args[0], name) for _ in range(size))
        if origin is tuple:
            return tuple(self.value(arg, name) for arg in args)
        if origin in (list, set, frozenset):
            return origin([self.value(args[0], name) for _ in range(chance.randrange(3))])
        if origin is dict:
            return {self.value(args[0]): self.value(args[1]) for _ in range(chance.randrange(3))}
        return self.plain(annotation, name)

    def plain(self, annotation: Any, name: str) -> Any:
        """A value of a plain type, or a struct."""
        chance = self.chance
        if annotation is str:
            return self.word(1.0)
        if annotation is int:
            return self.stamp() if "hlc" in name and chance.random() < 0.7 else chance.choice(INTS)
        if annotation is float:
            return chance.choice(FLOATS)
        if annotation is bool:
            return chance.random() < 0.5
        if annotation is bytes:
            return self.bytes_of(name)
        if annotation in (None, type(None)):
            return None
        if annotation in (object, Any):
            return chance.choice([None, 1, "x", [1, [2]], {"a": {"b": []}}, b"", 1.5])
        return self.struct(annotation)

    def constrained(self, annotation: Any, meta: msgspec.Meta, name: str) -> Any:
        """The edges of what an annotation allows."""
        chance = self.chance
        if annotation is int:
            low = int(meta.ge) if meta.ge is not None else -(2**63)
            high = 2**64 - 1
            if meta.lt is not None:
                high = int(meta.lt) - 1
            if meta.le is not None:
                high = int(meta.le)
            fits = [n for n in (*INTS, low, high) if low <= n <= high]
            return chance.choice(fits)
        if annotation is str and meta.pattern is not None:
            return chance.choice([self.me, *self.peers, self.unknown()])
        value = self.value(annotation, name)
        if meta.max_length is not None:
            return value[: meta.max_length]
        return value

    def bytes_of(self, name: str) -> bytes:
        """Bytes: rumors where rumors are expected, pairs, vectors, anything."""
        chance = self.chance
        if name == "rumors" and chance.random() < 0.8:
            return self.rumor()
        size = chance.choice([0, 1, 7, 8, 16, 64, 512, 513, 3_000])
        return chance.randbytes(size)

    def rumor(self) -> bytes:
        """A rumor, mostly stamped so that it is believed; its owner may well be the victim."""
        chance = self.chance
        rumor = self.struct(Rumor)
        numbers = [n for n in INTS if 0 <= n < 1 << 63]
        rumor = msgspec.structs.replace(
            rumor,
            kind=chance.choice(["service", "config", "electorate", "leadership", rumor.kind]),
            key=chance.choice(["redis", "redis.default", rumor.key]),
            owner=chance.choice([self.me, *self.peers, self.unknown()]),
            hlc=self.stamp(),
            incarnation=chance.choice(numbers),
        )
        try:
            data = msgspec.msgpack.encode(rumor)
        except (OverflowError, ValueError):
            return b"\xc0"
        return self.mutated(data) if chance.random() < 0.2 else data

    def stamp(self) -> int:
        """A reading of a hybrid clock about now, or at an edge of what is believed."""
        off_s = self.chance.choice([-3 * 86_400, -86_400, -60, -1, 0, 0, 1, 59, 61, 3_600])
        return max(0, int((self.wall_s + off_s) * 1_000)) << 16

    def word(self, likely: float) -> str:
        """A text; empty unless `likely`."""
        chance = self.chance
        if chance.random() >= likely:
            return ""
        if chance.random() < 0.4:
            home = chance.choice(["", f"{self.me}/", *(f"{peer}/" for peer in self.peers)])
            return home + chance.choice(PATHS)
        if chance.random() < 0.02:
            return "L" * 100_000
        return chance.choice([*WORDS, self.me, self.me[:8], *self.peers])

    def unknown(self) -> str:
        """A member id nobody has."""
        return f"{self.chance.getrandbits(128):032x}"

    # ── bytes ──

    def mutated(self, data: bytes) -> bytes:
        """`data` with a few bytes changed, cut, doubled or put in."""
        chance = self.chance
        piece = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(piece)) if piece else 0
            match chance.randrange(5):
                case 0 if piece:
                    piece[at] ^= 1 << chance.randrange(8)
                case 1 if piece:
                    piece[at] = chance.choice(b"\x80\x90\xa0\xc0\xc1\xc4\xc7\xcb\xcf\xd3\xd9\xdf")
                case 2:
                    del piece[at:]
                case 3:
                    piece[at:at] = chance.randbytes(chance.randint(1, 8))
                case _:
                    piece[at:at] = piece[: chance.randrange(len(piece) + 1)][:2_000]
        return bytes(piece)
