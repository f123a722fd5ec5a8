import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import WireError
from actors.messages.primitives import HostCall, HostReturn
from actors.wire.calls import (
    decode_call,
    decode_return,
    encode_call,
    encode_return,
    is_call_frame,
)
from actors.wire.codec import decode

NUMBERS = st.integers(0, 2**64 - 1)
GOLDEN_CALL = bytes.fromhex("c101000000000000000700036164640102")
GOLDEN_VALUE = bytes.fromhex("c10200000000000000070000c0")
GOLDEN_ERROR = bytes.fromhex("c103000000000000000700026e6f7472")


def test_the_bytes_are_what_they_were_in_the_first_release() -> None:
    assert encode_call(HostCall(7, "add", b"\x01\x02")) == GOLDEN_CALL
    assert encode_return(HostReturn(7, b"\xc0")) == GOLDEN_VALUE
    assert encode_return(HostReturn(7, b"", "no", "tr")) == GOLDEN_ERROR


@given(NUMBERS, st.text(max_size=30), st.binary())
def test_a_call_comes_back_as_it_was(number: int, method: str, args: bytes) -> None:
    call = HostCall(number, method, args)
    assert decode_call(encode_call(call)) == call
    assert is_call_frame(encode_call(call))


@given(NUMBERS, st.binary())
def test_a_value_comes_back_as_it_was(number: int, value: bytes) -> None:
    assert decode_return(encode_return(HostReturn(number, value))) == HostReturn(number, value)


@given(NUMBERS, st.text(min_size=1), st.text())
def test_an_error_comes_back_as_it_was(number: int, error: str, trace: str) -> None:
    returned = HostReturn(number, b"", error, trace)
    assert decode_return(encode_return(returned)) == returned


def test_a_longer_error_is_cut() -> None:
    returned = decode_return(encode_return(HostReturn(1, b"", "é" * 50_000)))
    assert 32_000 < len(returned.error) < 50_000


@given(st.binary(max_size=60))
def test_whatever_the_bytes_only_a_wire_error_comes_of_them(data: bytes) -> None:
    for decoder in (decode_call, decode_return):
        with contextlib.suppress(WireError):
            decoder(data)
        with contextlib.suppress(WireError):
            decoder(b"\xc1" + data)


def test_a_call_frame_is_no_envelope_and_no_answer() -> None:
    with pytest.raises(WireError):
        decode(GOLDEN_CALL)
    with pytest.raises(WireError):
        decode_return(GOLDEN_CALL)
    with pytest.raises(WireError):
        decode_call(GOLDEN_VALUE)
