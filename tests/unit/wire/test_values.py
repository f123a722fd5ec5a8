"""Values of user-written actors as bytes: what travels, what is refused, whatever the bytes."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.wire import values


class Handle:
    """A handle, as the driver makes them."""

    def __init__(self, address: str, cls: str) -> None:
        self.parts = (address, cls)

    def __actor_handle__(self) -> tuple[str, str]:
        return self.parts


class Ref:
    """What an `ObjectRef` looks like from here."""

    __object_ref__ = True


def no_handle(address: str, cls: str) -> Any:
    return Handle(address, cls)


TRAVELS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=TRAVELS)
def test_what_may_travel_arrives_as_it_was(value: Any) -> None:
    assert values.unpack(values.pack(value), no_handle) == value


def test_a_handle_arrives_as_a_handle_also_deep_inside() -> None:
    arrived = values.unpack(values.pack({"a": [Handle("m/host/x", "m:C")]}), no_handle)
    assert arrived["a"][0].parts == ("m/host/x", "m:C")


@pytest.mark.parametrize("value", [object(), {1, 2}, Ref(), [Ref()]])
def test_what_cannot_travel_is_named(value: Any) -> None:
    with pytest.raises(TypeError):
        values.pack(value)


@pytest.mark.parametrize("value", [2**64, [-(2**63) - 1], b"x" * values.MAX_VALUE_BYTES])
def test_what_is_too_large_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        values.pack(value)


@given(data=st.binary(max_size=100))
def test_bytes_that_are_no_value_raise_nothing_but_value_errors(data: bytes) -> None:
    for read in (values.unpack, values.unpack_arguments):
        try:
            read(data, no_handle)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91" * 100_000 + b"\xc0",
        msgpack.packb(msgpack.ExtType(2, b"")),
        msgpack.packb(msgpack.ExtType(1, b"\xc0")),
        msgpack.packb(msgpack.ExtType(1, b"\x93\x01\x02\x03")),
        msgpack.packb([[], {1: 2}]),
        msgpack.packb([1, {}]),
        msgpack.packb([[]]),
    ],
)
def test_what_is_no_pair_of_arguments_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not packed|not a packed|extension"):
        values.unpack_arguments(data, no_handle)


@given(args=st.lists(TRAVELS, max_size=3), kwargs=st.dictionaries(st.text(), TRAVELS, max_size=3))
def test_arguments_arrive_by_position_and_by_name(args: list[Any], kwargs: Any) -> None:
    data = values.pack_arguments(tuple(args), kwargs)
    assert values.unpack_arguments(data, no_handle) == (args, kwargs)
