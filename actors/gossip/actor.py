"""The shells of gossip: `gossip`, and the writer of its image, `gossip/snapshot`."""

from __future__ import annotations

from actors.effects import Effect, Persist, Reply, Spawn
from actors.gossip.core import Moment, RingOption
from actors.gossip.persistence import IMAGE
from actors.gossip.protocol import SNAPSHOT, Ring
from actors.messages.base import Message
from actors.messages.gossip import SaveSnapshot
from actors.messages.runtime import CallFailed, Ok, PersistFailed
from actors.runtime.actor import Actor, Context


class GossipActor(Actor):
    """`gossip`: this member's part in the ring."""

    lane = "urgent"

    def __init__(self, context: Context, option: RingOption) -> None:
        super().__init__(context)
        self.ring = Ring(context.member, option)

    def started(self) -> list[Effect]:
        """Start the writer, read the disk."""
        return [Spawn(SNAPSHOT, SnapshotActor), *self.ring.started()]

    def step(self, message: Message) -> list[Effect]:
        """Hand the message, and the time, to the machine."""
        context, envelope = self.context, self.envelope
        moment = Moment(
            context.now(), context.wall(), envelope.sender, context.random, envelope.ticket
        )
        return self.ring.step(moment, message)


class SnapshotActor(Actor):
    """`gossip/snapshot`: writes the image of the ring; on a slow disk the next one waits."""

    def step(self, message: Message) -> list[Effect]:
        """Write, and say so to who wants to know; a failed write is made good by the next image."""
        match message:
            case SaveSnapshot(data):
                answer = [Reply(Ok())] if self.envelope.ticket is not None else []
                return [Persist(IMAGE, data), *answer]
            case PersistFailed(reason=reason):
                failed = CallFailed("Refused", f"it cannot be written: {reason}", "disk")
                return [Reply(failed)] if self.envelope.ticket is not None else []
            case _:
                return super().step(message)
