"""What a member has on disk of its group's rollouts: the newest step, and whom it listens to.

Safety (single-decree Paxos per step, Lamport 2001, with the election's terms as ballots): a step is
decided when a majority holds it. Who answered a conductor of term t takes no step of an earlier
term, and both are durable before they are told. Two majorities share a member, so a conductor that
has asked a majority knows every step that was, or still can be, decided before it; it begins from
the one put forward last (by term, then step). Epochs count rollouts, and a step put forward last
may have a lesser one than a step that was never decided: a member that has such a step refuses,
tells its epoch, and the conductor raises its own. So on no member does an epoch ever decrease.

A member whose file is lost begins with an empty memory: if a majority loses it at once, the group
forgets its rollout, and the next one begins anew. The runtime says when a file was damaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from actors.effects import Effect, Emit, Persist
from actors.messages.rollout import (
    AskRollout,
    Rollout,
    RolloutKept,
    RolloutStored,
    RolloutTold,
    Seated,
    StoreRollout,
)

DIRECTORY = "rollouts"
HISTORY = 20  # finished rollouts that are kept


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file. `promised` is the greatest term of a conductor that was answered."""

    promised: int = 0
    rollout: Rollout | None = None
    history: tuple[Rollout, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """A member's memory of one group; `durable`: the disk has it as it is here."""

    service_group: str
    content: Content = field(default_factory=Content)
    durable: bool = True

    @property
    def rollout(self) -> Rollout | None:
        """The newest step known."""
        return self.content.rollout


def path(service_group: str) -> str:
    """The file of a group, below the supervisor's directory."""
    return f"{DIRECTORY}/{service_group}.rollout"


def decode(service_group: str, data: bytes | None) -> Memory:
    """The memory in a file; an empty one where there is none, or none that can be read."""
    if not data:
        return Memory(service_group)
    try:
        content = msgspec.json.decode(data, type=Content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Memory(service_group)
    return Memory(service_group, content)


def told(memory: Memory, question: AskRollout) -> tuple[Memory, list[Effect], RolloutTold]:
    """A conductor asks for the newest step, and is listened to from now on; the answer."""
    promised = max(memory.content.promised, question.term)
    content = msgspec.structs.replace(memory.content, promised=promised)
    memory, effects = _keep(memory, content)
    answer = RolloutTold(
        memory.service_group, question.term, content.promised, memory.content.rollout
    )
    return memory, effects, answer


def store(memory: Memory, order: StoreRollout) -> tuple[Memory, list[Effect], RolloutStored]:
    """A conductor wants a step on disk; the answer, true once the effects are done."""
    rollout = order.rollout
    memory, stored, effects = take(memory, rollout)
    known = memory.content.rollout
    answer = RolloutStored(
        memory.service_group,
        *rollout.place,
        stored,
        memory.content.promised,
        known.epoch if known is not None else 0,
    )
    return memory, effects, answer


def take(memory: Memory, rollout: Rollout) -> tuple[Memory, bool, list[Effect]]:
    """Make a step durable, unless a later one, or a later conductor, is known; whether it is."""
    content, known = memory.content, memory.content.rollout
    if rollout.term < content.promised:
        return memory, False, []
    if known is not None and (rollout.ballot < known.ballot or rollout.epoch < known.epoch):
        return memory, False, []
    history = content.history
    if known is not None and known.epoch < rollout.epoch:
        history = (known, *history)[:HISTORY]
    content = Content(rollout.term, rollout, history)
    memory, effects = _keep(memory, content)
    if effects:
        effects = [*effects, Emit(RolloutKept(memory.service_group, *rollout.place))]
    return memory, True, effects


def not_kept(memory: Memory) -> Memory:
    """The disk refused: what is known is not durable, whoever asks next waits for another try."""
    return replace(memory, durable=False)


def is_majority(members: set[str], seated: Seated) -> bool:
    """Whether these are more than half of each set of voters."""
    sets = [seated.voters, *([seated.previous] if seated.previous else [])]
    return all(2 * len(members & set(voters)) > len(set(voters)) > 0 for voters in sets)


def _keep(memory: Memory, content: Content) -> tuple[Memory, list[Effect]]:
    if content == memory.content and memory.durable:
        return memory, []
    data = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    kept = replace(memory, content=content, durable=True)
    return kept, [Persist(path(memory.service_group), data)]
