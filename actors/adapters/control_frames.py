"""Frames of the control gateway: envelopes by the wire's codec, between those who are no members.

A client has no member id of its own and speaks as `NOBODY`. It names the member whose gateway is to
act by an id or the beginning of one (`a1b2/control`); the codec keeps eight digits of a whole id,
which is a beginning too.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.messages.base import MemberId, split_address
from actors.messages.envelope import Envelope
from actors.wire.codec import MAX_FRAME_BYTES, decode, encode, prepare

__all__ = ["MAX_FRAME_BYTES", "NOBODY", "decode_frame", "encode_frame", "member_prefix", "prepare"]

NOBODY: Final[MemberId] = "0" * 32


def encode_frame(envelope: Envelope, source: MemberId = NOBODY) -> bytes:
    """The bytes of an envelope on the control connection. Raises WireError."""
    return encode(envelope, source)


def decode_frame(data: bytes) -> Envelope:
    """The envelope in `data`, `to` with the beginning of a member id if one was named.

    Raises WireError and nothing else, whatever the bytes.
    """
    frame = decode(data)
    envelope = frame.envelope
    if frame.target and frame.target != NOBODY[: len(frame.target)]:
        return msgspec.structs.replace(envelope, to=f"{frame.target}/{envelope.to}")
    return envelope


def member_prefix(envelope: Envelope) -> tuple[str, str]:
    """`to` of a decoded envelope as (beginning of a member id or "", path)."""
    member, path = split_address(envelope.to)
    if member is not None:
        return member, path
    head, slash, rest = envelope.to.partition("/")
    if slash and rest == "control":
        return head, rest
    return "", envelope.to
