"""Calls of a host's methods and their answers as bytes: a small header instead of an envelope.

These two are sent as often as everything else together, between the two ends of one connection that
need no addresses. A frame begins with 0xC1, the one byte no MessagePack begins with, so that it is
never taken for an envelope: mark, kind, call number (8 bytes, big-endian), length of the name, the
name, then the packed values, which are not looked into here. Anything else is refused.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from actors.errors import WireError
from actors.messages.primitives import HostCall, HostReturn

MARK: Final = 0xC1
_CALL: Final = 1
_VALUE: Final = 2
_ERROR: Final = 3
_HEAD: Final = Struct(">BBQH")
_MAX_TEXT_BYTES: Final = 0xFFFF  # what a length field holds; a longer error is cut


def is_call_frame(data: bytes) -> bool:
    """Whether `data` is a frame of this kind."""
    return data[:1] == b"\xc1"


def encode_call(call: HostCall) -> bytes:
    """The bytes of a call. Raises WireError for a method name nobody has."""
    name = call.method.encode()
    if len(name) > _MAX_TEXT_BYTES:
        raise WireError("oversized", "a method name of more than 65,535 bytes")
    return _HEAD.pack(MARK, _CALL, call.number, len(name)) + name + call.args


def decode_call(data: bytes) -> HostCall:
    """The call in `data`. Raises WireError."""
    kind, number, text, rest = _parts(data)
    if kind != _CALL:
        raise WireError("type", f"kind {kind} where a call was expected")
    return HostCall(number, text, rest)


def encode_return(returned: HostReturn) -> bytes:
    """The bytes of an answer; the text of an error is cut to 65,535 bytes."""
    if not returned.error:
        return _HEAD.pack(MARK, _VALUE, returned.number, 0) + returned.value
    text = returned.error.encode(errors="replace")[:_MAX_TEXT_BYTES]
    head = _HEAD.pack(MARK, _ERROR, returned.number, len(text))
    return head + text + returned.traceback.encode(errors="replace")


def decode_return(data: bytes) -> HostReturn:
    """The answer in `data`. Raises WireError."""
    kind, number, text, rest = _parts(data)
    if kind == _VALUE:
        return HostReturn(number, rest)
    if kind == _ERROR:
        return HostReturn(number, b"", text, rest.decode(errors="replace"))
    raise WireError("type", f"kind {kind} where an answer was expected")


def _parts(data: bytes) -> tuple[int, int, str, bytes]:
    if len(data) < _HEAD.size:
        raise WireError("truncated", "the header is too short")
    mark, kind, number, length = _HEAD.unpack_from(data)
    if mark != MARK:
        raise WireError("format", "not a frame of a call")
    end = _HEAD.size + length
    if len(data) < end:
        raise WireError("truncated", "the name is cut off")
    # A text that was cut in the middle of a character is still worth reading.
    return kind, number, data[_HEAD.size : end].decode(errors="replace"), data[end:]
