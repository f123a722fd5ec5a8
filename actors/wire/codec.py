"""Envelopes as bytes: MessagePack with explicit limits, converted into the class of their tag.

A frame is the array `[head, message, id, cause, trace, ticket, answers, more, to, sender]`, cut
off after its last field that says something. `head` is 39 bytes, big-endian: version, flags, the
two actors if they are well known (a nibble each), ring id, sender's member id, first four bytes
of the addressee's, hybrid logical clock (with the sender it names the message; `id` is for those
who number requests themselves). Members leave out their own id in `cause` and `ticket`. A batch
is the map `{"b": [frame, …]}`.

Within a release's wire version fields may only be added, at the end of the array and to messages:
older releases ignore them.
"""

from __future__ import annotations

import contextlib
from functools import lru_cache
from struct import Struct
from struct import error as struct_error
from typing import Annotated, Any, Final, TypeAlias

import msgpack  # type: ignore[import-untyped]  # it ships no types
import msgspec

from actors.errors import WireError
from actors.messages.base import MemberId, Message, is_member_id, split_address
from actors.messages.envelope import Envelope, Ticket
from actors.wire.vocabulary import RULES, class_of, crossing, rule_of

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 1 << 20  # a page of a thousand events; a store digest exchange is less
MAX_BATCH_BYTES: Final = 1 << 16  # coalescing stops paying long before this
MAX_BATCH_FRAMES: Final = 256
MAX_TEXT_BYTES: Final = 1 << 18  # the longest text is a traceback or a rendered file
MAX_ITEMS: Final = 1 << 16  # of an array: the rumors of the largest ring, one record each
MAX_KEYS: Final = 1 << 12  # of a map: exports of a service
MAX_WORD: Final = 512  # characters of an id or address of the envelope; events keep them
RING_ID_DIGITS: Final = 16

_HEAD: Final = Struct(">BBB8s16s4sQ")
_NO_RING: Final = bytes(8)
_NOBODY: Final = bytes(4)
_TO_ANYONE: Final = 0x01  # flag: the sender does not know whom it reaches (a join)
_SPELLED: Final = 15  # nibble: the actor's path stands at the end of the frame
# Append only: a position is the actor's number on the wire.
_ACTORS: Final = ("", "gossip", "node", "census", "specs", "service", "depot", "control", "events")
_NUMBER: Final = {path: number for number, path in enumerate(_ACTORS)}
_BYTES: Final = (bytes,)
_FIRST_OF_BATCH: Final = 0x81  # a map of one pair; frames are arrays

_Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_WORD)]
_Parts: Final[Any] = msgspec.defstruct(
    "_Parts",
    [
        ("head", bytes),
        ("message", Any),  # converted by its tag, see `_message`
        ("id", _Word, ""),
        ("cause", _Word, ""),
        ("trace", _Word, ""),
        ("ticket", Ticket | None, None),
        ("answers", _Word, ""),
        ("more", bool, False),
        ("to", _Word, ""),
        ("sender", _Word, ""),
    ],
    array_like=True,
    frozen=True,
)

# One packer for all threads: it gives back finished bytes and never releases the GIL in between.
_pack: Final = msgpack.Packer().pack
_split: Final = lru_cache(maxsize=4_096)(split_address)  # few addresses make most of the traffic
_to_builtins: Final = msgspec.to_builtins
_convert: Final = msgspec.convert


class Frame(msgspec.Struct, frozen=True):
    """A decoded frame, not yet admitted.

    `ring` is the sender's ring id or empty; `source` its member id; `target` the first 8 digits
    of the addressee's, empty when the sender did not know it. `envelope.to` is the actor's path
    alone, `envelope.sender` and the ticket are complete addresses.
    """

    ring: str
    source: MemberId
    target: str
    envelope: Envelope


def prepare() -> None:
    """Import and look at every message that may cross.

    A server pays for it when it starts, not at its first frames; a command, which asks one question
    and reads one answer, need not pay for all the others.
    """
    for cls in crossing():
        with contextlib.suppress(msgspec.ValidationError):
            _convert({}, cls, builtin_types=_BYTES)


def encode(envelope: Envelope, source: MemberId, ring: str = "") -> bytes:
    """The bytes of an envelope that `source` sends to another process.

    `envelope.to` is `<member>/<path>`, or `/<path>` for whoever answers. Raises `WireError`
    (`local`: the message never crosses; `sender`: another member's; `encode`; `oversized`).
    """
    if rule_of(type(envelope.message)) is None:
        name = type(envelope.message).__name__
        raise WireError("local", f"{name} is not listed among the messages that cross")
    try:
        data: bytes = _pack(_parts(envelope, source, ring))
    except (TypeError, ValueError, OverflowError, RecursionError, struct_error) as error:
        raise WireError("encode", f"{type(envelope.message).__name__}: {error}") from error
    if len(data) > MAX_FRAME_BYTES:
        raise WireError("oversized", f"{len(data)} bytes; at most {MAX_FRAME_BYTES} cross")
    return data


def _parts(envelope: Envelope, source: MemberId, ring: str) -> list[Any]:
    member, path = _split(envelope.to)
    flags, target = 0, _NOBODY
    if member is not None:
        target = bytes.fromhex(member[:8])
    elif path.startswith("/"):
        flags, path = _TO_ANYONE, path[1:]
    else:
        target = bytes.fromhex(source[:8])
    origin, sender = _split(envelope.sender)
    if origin is not None and origin != source:
        raise WireError("sender", f"{origin} does not send through {source}")
    to_number = _NUMBER.get(path, _SPELLED)
    sender_number = _NUMBER.get(sender, _SPELLED)
    head = _HEAD.pack(
        VERSION,
        flags,
        to_number << 4 | sender_number,
        bytes.fromhex(ring) if ring else _NO_RING,
        bytes.fromhex(source),
        target,
        envelope.hlc,
    )
    message = _to_builtins(envelope.message, builtin_types=_BYTES, order="deterministic")
    ticket = envelope.ticket
    parts = [
        head,
        message,
        envelope.id,
        _shortened(envelope.cause, source, ":"),
        envelope.trace,
        ticket and [_shortened(ticket.address, source, "/"), ticket.call],
        envelope.answers,
        envelope.more,
        path if to_number == _SPELLED else "",
        sender if sender_number == _SPELLED else "",
    ]
    while not parts[-1]:
        parts.pop()
    return parts


def decode(data: bytes) -> Frame:
    """The frame in `data`. Whatever the bytes, raises nothing but `WireError`."""
    if len(data) > MAX_FRAME_BYTES:
        raise WireError("oversized", f"{len(data)} bytes; at most {MAX_FRAME_BYTES} are taken")
    values = _unpacked(data)
    try:
        parts = _convert(values, _Parts, builtin_types=_BYTES)
        message = _message(parts.message)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _refusal(values, str(error)) from error
    try:
        version, flags, numbers, ring, origin, target, hlc = _HEAD.unpack(parts.head[: _HEAD.size])
    except struct_error as error:
        raise WireError("truncated", "the header is too short") from error
    if version != VERSION:
        raise WireError("version", f"wire version {version}; this release speaks {VERSION}")
    source = origin.hex()
    sender = _actor(numbers & 0x0F, parts.sender)
    ticket = parts.ticket
    if ticket is not None:
        if len(ticket.address) > MAX_WORD or len(ticket.call) > MAX_WORD:
            raise WireError("type", "a ticket of more than 512 characters")
        if ticket.address.startswith("/"):
            ticket = Ticket(source + ticket.address, ticket.call)
    cause = parts.cause
    return Frame(
        "" if ring == _NO_RING else ring.hex(),
        source,
        "" if flags & _TO_ANYONE else target.hex(),
        Envelope(
            _actor(numbers >> 4, parts.to),
            f"{source}/{sender}",
            message,
            parts.id,
            source + cause if cause.startswith(":") else cause,
            parts.trace,
            hlc,
            ticket,
            parts.answers,
            parts.more,
        ),
    )


def encode_batch(frames: list[bytes]) -> bytes:
    """Several frames for one member as one piece; one frame stays as it is."""
    if len(frames) == 1:
        return frames[0]
    data: bytes = _pack({"b": frames})
    return data


def decode_batch(data: bytes) -> list[bytes]:
    """The frames in a piece, one or more; nothing is known about them yet. Raises `WireError`."""
    if not data or data[0] != _FIRST_OF_BATCH:
        return [data]
    if len(data) > MAX_FRAME_BYTES:
        raise WireError("oversized", f"{len(data)} bytes; at most {MAX_FRAME_BYTES} are taken")
    match _unpacked(data):
        case {"b": [_, *_] as frames} if len(frames) <= MAX_BATCH_FRAMES:
            inner: list[bytes] = frames
            if all(isinstance(frame, bytes) for frame in inner):
                return inner
    raise WireError("type", "a batch of something else than frames")


def _unpacked(data: bytes) -> Any:
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            ext_hook=_no_extension,
            max_str_len=MAX_TEXT_BYTES,
            max_bin_len=MAX_FRAME_BYTES,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_KEYS,
            max_ext_len=0,
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(
            "truncated" if "incomplete" in str(error) else "format", str(error)
        ) from error


def _message(values: Any) -> Message:
    match values:
        case {"t": str() as tag} if (cls := class_of(tag)) is not None:
            return _convert(values, cls, builtin_types=_BYTES)
        case _:
            raise msgspec.ValidationError("no message that crosses")


def _no_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"extension type {code}")


def _refusal(values: Any, text: str) -> WireError:
    """Why values do not convert: a version, or a message, of another release; or just wrong."""
    match values:
        case [bytes() as head, *_] if head and head[0] != VERSION:
            return WireError("version", f"wire version {head[0]}; this release speaks {VERSION}")
        case [_, {"t": str() as tag}, *_] if tag not in RULES:
            return WireError("tag", f"no message {tag[:40]!r} crosses here")
        case _:
            return WireError("type", text)


def _actor(number: int, spelled: str) -> str:
    if number == _SPELLED:
        if is_member_id(spelled.partition("/")[0]) or spelled.startswith("/"):
            raise WireError("address", "an actor's path names a member")
        return spelled
    if number >= len(_ACTORS):
        raise WireError("address", f"no actor has the number {number}")
    return _ACTORS[number]


def _shortened(text: str, source: MemberId, mark: str) -> str:
    """`<source><mark>…` without the sender's own id, which the header has."""
    return text[len(source) :] if text.startswith(source + mark) else text
