"""Arguments and results of user-written actors as bytes: MessagePack, with handles as an extension.

What may travel: None, booleans, integers of 64 bits, floats, strings, bytes, lists and dictionaries
of these, and handles of actors; a tuple arrives as a list. Only the two ends look inside; the
supervisors between them pass the bytes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgpack  # type: ignore[import-untyped]

MAX_VALUE_BYTES: Final = 900_000  # with its envelope it must fit into one frame
_HANDLE: Final = 1
# What a handle is made of: the actor's address and its class (`module:Class`).
HANDLE_ATTRIBUTE: Final = "__actor_handle__"
REF_ATTRIBUTE: Final = "__object_ref__"

MakeHandle: TypeAlias = Callable[[str, str], Any]


def pack(value: object) -> bytes:
    """The bytes of a value. Raises TypeError for what cannot travel, ValueError if too large."""
    data: bytes = msgpack.packb(value, default=_extended)
    if len(data) > MAX_VALUE_BYTES:
        raise ValueError(
            f"{len(data)} bytes of values; at most {MAX_VALUE_BYTES} travel in one call"
        )
    return data


def pack_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """The bytes of positional and keyword arguments."""
    return pack([args, kwargs])


def unpack(data: bytes, make_handle: MakeHandle) -> Any:
    """The value in `data`; `make_handle(address, class)` makes the handles in it.

    Raises ValueError for bytes that are no value.
    """

    def extension(code: int, body: bytes) -> Any:
        if code != _HANDLE:
            raise ValueError(f"extension type {code}")
        address, cls = msgpack.unpackb(body)
        return make_handle(str(address), str(cls))

    try:
        return msgpack.unpackb(data, ext_hook=extension, strict_map_key=False)
    except (msgpack.UnpackException, TypeError, ValueError) as error:
        raise ValueError(f"not a packed value: {error}") from error


def unpack_arguments(data: bytes, make_handle: MakeHandle) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments. Raises ValueError for anything else."""
    match unpack(data, make_handle):
        case [list() as args, dict() as kwargs] if all(isinstance(name, str) for name in kwargs):
            return args, kwargs
        case _:
            raise ValueError("not packed arguments")


def _extended(value: object) -> msgpack.ExtType:
    parts = getattr(type(value), HANDLE_ATTRIBUTE, None)
    if parts is not None:
        return msgpack.ExtType(_HANDLE, msgpack.packb(list(parts(value))))
    if hasattr(type(value), REF_ATTRIBUTE):
        raise TypeError("an ObjectRef is no argument: get() its value first, and pass that")
    if isinstance(value, int):
        raise ValueError(f"{value:.3e} is an integer of more than 64 bits")  # noqa: TRY004
    raise TypeError(
        f"a {type(value).__name__} cannot travel to an actor; what can: None, bool, int, float, "
        "str, bytes, list, dict, and handles of actors"
    )
