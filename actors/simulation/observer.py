"""Looking at a ring from outside, as `hab ring members` would: what is seen becomes events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from actors.messages.envelope import Envelope
from actors.messages.ring import Members, QueryMembers, RumorsChanged, Subscribe
from actors.messages.simulation import MembersSeen, RumorsSeen

if TYPE_CHECKING:
    from actors.simulation.machine import Machine
    from actors.simulation.ring import Ring

PORT: Final = "port/observer"
PATIENCE_S: Final = 2.0  # an answer takes a turn; a paused process gives none
KINDS: Final = ("service",)

_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode


class Observer:
    """Asks every running supervisor for its view; an unchanged one is not said again."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._said: dict[int, MembersSeen] = {}
        self._rumors: dict[int, RumorsSeen] = {}

    def look(self) -> None:
        """Ask for all views and let time pass until they are there."""
        waiting: set[int] = set()
        for machine in self._ring.machines:
            supervisor = machine.supervisor
            if supervisor is not None and supervisor.is_up:
                waiting.add(machine.number)
                heard = partial(self._members, machine, waiting)
                supervisor.world.call("gossip", QueryMembers(), heard)
        self._ring.run_until(lambda: not waiting, PATIENCE_S)

    def look_at_rumors(self) -> None:
        """Ask for all rumors and let time pass until they are there."""
        waiting: set[int] = set()
        for machine in self._ring.machines:
            supervisor = machine.supervisor
            if supervisor is not None and supervisor.is_up:
                waiting.add(machine.number)
                heard = partial(self._rumors_changed, machine, waiting)
                supervisor.world.register_port(PORT, heard)
                supervisor.world.tell("gossip", Subscribe(KINDS), sender=PORT)
        self._ring.run_until(lambda: not waiting, PATIENCE_S)
        for machine in self._ring.machines:
            if machine.supervisor is not None:
                machine.supervisor.world.register_port(PORT, _ignore)

    def agree(self, expected: Callable[[Machine], bool]) -> bool:
        """Whether the last views of all `expected` machines show exactly these alive, one ring."""
        alive = {m.member for m in self._ring.machines if expected(m)}
        rings = set()
        for machine in self._ring.machines:
            if not expected(machine):
                continue
            seen = self._said.get(machine.number)
            if seen is None or seen.member != machine.member:
                return False
            if {m for m, (health, _) in seen.members.items() if health == "alive"} != alive:
                return False
            rings.add(seen.ring_id)
        return len(rings) <= 1

    def same_rumors(self, expected: Callable[[Machine], bool]) -> bool:
        """Whether all `expected` machines hold the same rumors."""
        digests = {
            seen.digest if (seen := self._rumors.get(m.number)) is not None else "nothing"
            for m in self._ring.machines
            if expected(m)
        }
        return len(digests) <= 1

    def _members(self, machine: Machine, waiting: set[int], envelope: Envelope) -> None:
        waiting.discard(machine.number)
        if isinstance(envelope.message, Members):
            answer = envelope.message
            views = {v.member.id: (v.health, v.member.incarnation) for v in answer.members}
            seen = MembersSeen(
                machine.number,
                answer.me,
                answer.ring_id,
                dict(sorted(views.items())),
                answer.settled,
            )
            if self._said.get(machine.number) != seen:
                self._said[machine.number] = seen
                self._ring.log.note(seen)

    def _rumors_changed(self, machine: Machine, waiting: set[int], envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, RumorsChanged) and message.complete:
            waiting.discard(machine.number)
            rumors = sorted(message.rumors, key=lambda r: (r.kind, r.key, r.owner))
            digest = hashlib.blake2b(_encode(rumors), digest_size=8).hexdigest()
            seen = RumorsSeen(machine.number, len(rumors), digest)
            if self._rumors.get(machine.number) != seen:
                self._rumors[machine.number] = seen
                self._ring.log.note(seen)


def _ignore(_envelope: Envelope) -> None:
    """What comes after the look is over."""
