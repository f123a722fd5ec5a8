"""The rumors of this member's own, and those of others as they arrive."""

from __future__ import annotations

from msgspec.structs import replace

from actors.gossip.core import Core
from actors.gossip.rumors import (
    LASTING,
    MAX_RUMOR_BYTES,
    SHARED,
    Held,
    RumorId,
    above,
    body_bytes,
    encode,
    read,
    rumor_id,
)
from actors.gossip.stamps import is_ahead
from actors.messages.base import MemberId
from actors.messages.ring import UNCHANGED, PublishRumor, Rumor
from actors.messages.runtime import CallFailed, Ok


class Facts:
    """Owns the rumor store's changes. `mine` is what features of this life have published."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._mine: dict[RumorId, PublishRumor] = {}
        self._is_open = False

    def open(self) -> None:
        """The member is announced: what was published before counts from now on."""
        self._is_open = True
        for publication in list(self._mine.values()):
            self._publish(publication)

    def publish(self, publication: PublishRumor) -> CallFailed | Ok | None:
        """Take a feature's fact; the same again changes nothing. Returns why it was not taken."""
        size = len(body_bytes(publication.body, gone=publication.gone)) + 256
        if size > MAX_RUMOR_BYTES:
            text = f"{size} bytes; a rumor has at most {MAX_RUMOR_BYTES}"
            return CallFailed("Refused", text, "too-big")
        rumor = rumor_id(publication.kind, publication.key, self._core.me)
        if publication.version:
            return self._put_version(rumor, publication)
        self._mine[rumor] = publication
        if self._is_open:
            self._publish(publication)
        return None

    def _put_version(self, rumor: RumorId, new: PublishRumor) -> CallFailed | Ok | None:
        """Take a fact whose version is given, if it is above the known one, or is the known one."""
        core = self._core
        known = core.rumors.get(rumor)
        current = known.head.incarnation if known is not None else 0
        said = known.rumor() if known is not None else None
        if new.version == current and said is not None and said.body == new.body:
            return Ok(UNCHANGED)
        if new.version <= current:
            text = f"version {new.version} is not above the current one, {current}"
            return CallFailed("Refused", text, "stale")
        stamp = core.stamps.next(core.wall)
        self._put(Rumor(new.kind, new.key, core.me, new.version, stamp, new.body, new.gone))
        return None

    def hear_all(self, rumors: tuple[bytes, ...], source: MemberId, *, fresh: bool = True) -> None:
        """Take rumors from a peer; `fresh` ones are passed on."""
        for data in rumors:
            self._hear(data, source, fresh=fresh)

    def recall(self, held: Held) -> None:
        """Take a rumor out of the own image."""
        core = self._core
        if core.rumors.put(held):
            core.stamps.seen(held.head.hlc, core.wall)
            core.note_rumor(held.id)

    def house(self) -> None:
        """About once a minute: renew own stamps, forget what is too old."""
        core = self._core
        for held in core.rumors.due(core.me, core.wall):
            rumor = held.rumor()
            if rumor is not None:
                number = rumor.incarnation
                if is_ahead(rumor.hlc, core.wall):
                    if rumor.kind in SHARED:
                        # Its number is the version somebody gave: the stamp has to go down instead.
                        core.rumors.forget(held.id)
                    else:
                        number = above(number)
                self._put(replace(rumor, incarnation=number, hlc=core.stamps.next(core.wall)))
        for held in core.rumors.age(core.wall):
            core.hot.drop(("r", held.id))
            core.note_rumor(held.id)

    def forget_owner(self, member: MemberId) -> None:
        """Drop what a departed member owned, except the facts of its groups.

        All do so when they hear of it: the last facts of the departed are taken by nobody then, so
        whoever kept them would differ from the others as long as they are remembered.
        """
        core = self._core
        for held in list(core.rumors.held.values()):
            if held.head.owner == member and held.head.kind not in LASTING:
                core.rumors.forget(held.id)
                core.hot.drop(("r", held.id))
                core.note_rumor(held.id)

    def _hear(self, data: bytes, source: MemberId, *, fresh: bool) -> None:
        core = self._core
        held = read(data)
        if held is None:
            core.refuse("a rumor that cannot be read", source)
            return
        refusal = core.rumors.refusal(held, core.wall)
        if refusal:
            core.refuse(f"rumor of {held.head.kind} not taken: {refusal}", source)
            return
        owner = core.members.get(held.head.owner)
        if owner is not None and owner.health == "departed" and held.head.kind not in LASTING:
            return
        if not core.rumors.put(held):
            return
        core.stamps.seen(held.head.hlc, core.wall)
        core.note_rumor(held.id)
        if fresh:
            core.spread_rumor(held)
        if held.head.owner == core.me:
            self._reclaim(held)

    def _reclaim(self, held: Held) -> None:
        """The ring remembers an earlier life's fact: what is published in this life outdoes it."""
        publication = self._mine.get(held.id)
        if publication is not None and self._is_open:
            self._publish(publication)

    def _publish(self, publication: PublishRumor) -> None:
        core = self._core
        kind, key, body, gone = (
            publication.kind,
            publication.key,
            publication.body,
            publication.gone,
        )
        known = core.rumors.get(rumor_id(kind, key, core.me))
        if known is None and gone:
            return  # should the ring remember it, the tombstone follows then
        if known is not None and known.head.owner == core.me:
            said = known.rumor()
            is_same = said is not None and (said.body, said.gone) == (body, gone)
            if is_same and not is_ahead(known.head.hlc, core.wall):
                return
        incarnation = above(known.head.incarnation) if known is not None else 1
        stamp = core.stamps.next(core.wall)
        self._put(
            Rumor(
                kind=kind,
                key=key,
                owner=core.me,
                incarnation=incarnation,
                hlc=stamp,
                body=None if gone else body,
                gone=gone,
            )
        )

    def _put(self, rumor: Rumor) -> None:
        core = self._core
        held = read(encode(rumor))
        assert held is not None, f"a rumor of our own cannot be read: {rumor.kind} {rumor.key}"
        if core.rumors.put(held):
            core.note_rumor(held.id)
            core.spread_rumor(held)
