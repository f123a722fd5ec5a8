"""The frames of the ring's own protocol, between the gossip actors of two members.

Probes and acks cross each second between all members for ever: their fields have one-letter names
on the wire and defaults are left out. Rumors travel as the bytes their owner made (MessagePack of a
`Rumor`): a member passes on what it does not understand, and never encodes again what it was told.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec

from actors.messages.base import Event, MemberId, Message
from actors.messages.ring import MemberHealth

# A claim's health on the wire is its place here.
HEALTHS: Final[tuple[MemberHealth, ...]] = ("alive", "suspect", "confirmed", "departed")

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Reading: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Digest: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]  # msgspec checks no bound beyond 63 bits
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
Key: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What somebody says of a member. `by`: who accuses it (first eight digits of their ids).

    Brief claims leave out everything from `address` on: they change nothing of a known record but
    its incarnation.
    """

    id: Id
    health: Annotated[int, msgspec.Meta(ge=0, le=3)]
    incarnation: Count
    epoch: Count
    by: Annotated[tuple[Key, ...], msgspec.Meta(max_length=8)] = ()
    address: Text = ""
    permanent: bool = False
    name: Text = ""
    keys: Annotated[tuple[Key, ...], msgspec.Meta(max_length=16)] = ()
    left: bool = False
    stamp: Reading = 0


Claims: TypeAlias = tuple[Claim, ...]
Rumors: TypeAlias = tuple[bytes, ...]


class Ping(Message, frozen=True, rename={"seq": "n", "digest": "d", "claims": "c", "rumors": "r"}):
    """Are you there? `digest` is the sender's store in eight bytes, 0 for none told."""

    seq: Count
    digest: Digest = 0
    claims: Claims = ()
    rumors: Rumors = ()


class Ack(Message, frozen=True, rename={"seq": "n", "digest": "d", "claims": "c", "rumors": "r"}):
    """I am (or, relayed by a helper and without a digest: it is)."""

    seq: Count
    digest: Digest = 0
    claims: Claims = ()
    rumors: Rumors = ()


class PingReq(Message, frozen=True, rename={"seq": "n", "target": "m"}):
    """Please ping `target` for me, and answer `Ack` if it answers, or else `Nack`."""

    seq: Count
    target: Id


class Nack(Message, frozen=True, rename={"seq": "n"}):
    """I live, but the member you asked me to ping has not answered me (Lifeguard)."""

    seq: Count


class News(Message, frozen=True, rename={"claims": "c", "rumors": "r", "offers": "o"}):
    """Hot news, pushed to a few. `offers` are keys and versions (8 bytes each) of big rumors."""

    claims: Claims = ()
    rumors: Rumors = ()
    offers: bytes = b""


class SyncBuckets(Message, frozen=True, rename={"buckets": "b"}):
    """Our stores differ: this is mine by bucket, 8 bytes each. Answered by `SyncEntries`."""

    buckets: bytes


class SyncEntries(Message, frozen=True, rename={"mask": "m", "entries": "e"}):
    """All I have in the differing buckets of `mask`: keys and versions, 8 bytes each."""

    mask: Digest
    entries: bytes = b""


class SyncPush(
    Message, frozen=True, rename={"claims": "c", "rumors": "r", "want": "w", "last": "l"}
):
    """Entries you lack; `want`: keys of entries I lack. `last` ends an answer to a `want`."""

    claims: Claims = ()
    rumors: Rumors = ()
    want: bytes = b""
    last: bool = False


class LeaveForGood(Message, frozen=True):
    """An operator wants you out: give up your seats in elections, then depart.

    `epoch` is that of the life that is meant: a stray or repeated frame ends no other.
    """

    epoch: Count


class JoinRequest(Message, frozen=True):
    """Here I am: let me into the ring, or back into it; answered by `JoinReply`.

    `ring_id` is empty for who has met nobody. `came_from`: the ring the sender belonged to until it
    merged into this one, so that the rest of that ring follows. `merge`: the operator wants two
    rings to become one. `seed` is the address that was dialled.
    """

    claim: Claim
    ring_id: Key = ""
    came_from: Key = ""
    merge: bool = False
    seed: Text = ""
    digest: Digest = 0


class JoinReply(Message, frozen=True):
    """Welcome, or why not. `more`: the store does not fit into this frame, synchronise.

    `refused`: `ring` (another ring), `departed` (that id is out for good), or empty. `about` says
    what is thought of the newcomer, if that is not good.
    """

    claim: Claim
    ring_id: Key = ""
    seed: Text = ""
    refused: Key = ""
    merge: bool = False
    digest: Digest = 0
    claims: Claims = ()
    rumors: Rumors = ()
    more: bool = False


GossipFrame: TypeAlias = (
    Ping
    | Ack
    | PingReq
    | Nack
    | News
    | SyncBuckets
    | SyncEntries
    | SyncPush
    | LeaveForGood
    | JoinRequest
    | JoinReply
)


class RingTick(Message, frozen=True):
    """Gossip's reminder to itself: something is due."""


class IncarnationDurable(Message, frozen=True):
    """Gossip to itself: the ledger up to (`epoch`, `ceiling`) is on disk and may be used."""

    epoch: int
    ceiling: int


class SaveSnapshot(Message, frozen=True):
    """gossip → `gossip/snapshot`: keep this image of the ring for the next start."""

    data: bytes


class SeedUnreachable(Event, frozen=True):
    """A seed could not be reached; it is tried again for ever."""

    seed: str
    reason: str
    attempts: int
    sentence: ClassVar[str] = "seed {seed} not reached after {attempts} attempts: {reason}"


class RingIdChosen(Event, frozen=True):
    """This member belongs to a ring from now on; `how`: minted, adopted or merged."""

    ring_id: str
    how: str
    sentence: ClassVar[str] = "ring {ring_id} {how}"


class OtherRingMet(Event, frozen=True):
    """A member of another ring answered; the rings stay apart unless `--merge` is given."""

    ring_id: str
    peer: str
    sentence: ClassVar[str] = "{peer} is in another ring ({ring_id}); use --merge to make them one"


class IdentityConflict(Event, frozen=True):
    """Another process lives under this member's id; the newer one stays."""

    member: MemberId
    address: str
    sentence: ClassVar[str] = "member id {member} is also used by the process at {address}"


class ClaimRefused(Event, frozen=True):
    """Something a peer claimed was not taken: forged, too old, or over a limit; counted."""

    reason: str
    peer: str
    count: int
    sentence: ClassVar[str] = "{count} claims from {peer} not taken: {reason}"


class MemberAnnounced(Event, frozen=True):
    """This member made its own record anew; (`epoch`, `incarnation`) never decrease."""

    epoch: int
    incarnation: int
    sentence: ClassVar[str] = "announced as incarnation {incarnation} of epoch {epoch}"


class MemberResumed(Event, frozen=True):
    """This member did not run for a while; its suspicions start anew."""

    gap_s: float
    sentence: ClassVar[str] = "gossip stood still for {gap_s:.1f} s"
