import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.launcher import protocol
from actors.launcher.protocol import (
    FRAME_BYTES_MAX,
    Exited,
    Frame,
    Listing,
    ProtocolError,
    Rejected,
    Running,
    Splitter,
    Start,
    decode,
    encode,
)
from actors.messages.process import StartProcess

FRAMES = st.one_of(*(st.from_type(kind) for kind in get_args(Frame)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(FRAMES)
def test_every_frame_survives_the_way(frame: Frame) -> None:
    try:
        line = encode(frame)
    except ValueError:
        return
    try:
        assert decode(line.rstrip(b"\n")) == frame
    except ProtocolError:
        assert _has_large_numbers(json.loads(line))


def _has_large_numbers(value: Any) -> bool:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return any(map(_has_large_numbers, items))
    return isinstance(value, int | float) and not abs(value) < 1 << 62


@given(st.binary())
def test_random_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


@given(st.sampled_from(sorted(protocol._FRAMES)), st.dictionaries(st.text(), JSON), JSON)
def test_mistyped_objects_are_frames_or_refused(tag: str, body: dict[str, Any], value: Any) -> None:
    fields = dict.fromkeys(protocol._FRAMES[tag].__dataclass_fields__, value)
    try:
        frame = decode(json.dumps({**body, **fields, "t": tag}).encode())
    except ProtocolError:
        return
    encode(frame)


def test_unknown_fields_are_ignored_and_unknown_tags_are_not() -> None:
    assert decode(b'{"t":"List","ask":"1","news":[1]}') == protocol.List("1")
    with pytest.raises(ProtocolError, match="unknown tag"):
        decode(b'{"t":"Listen"}')


@pytest.mark.parametrize(
    "line",
    [b"[" * 100_000, b'{"t":"List","ask":' + b"9" * 5000 + b"}", b"{}", b'{"t":{}}', b"null"],
)
def test_bombs_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


def test_nested_values_are_frames_again() -> None:
    running = Running("service:a", 5, 6, 7.0)
    listing = Listing("l", (running,), (Exited("service:b", 8, asks=("x",)),))
    assert decode(encode(listing)) == listing


def test_lines_are_cut_wherever_the_bytes_were() -> None:
    frames: list[Frame] = [protocol.List(str(n)) for n in range(20)] + [Rejected("ü\n")]
    data = b"".join(map(encode, frames))
    for size in (1, 7, 1000):
        splitter = Splitter()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        lines = [line for piece in pieces for line in splitter.feed(piece)]
        assert list(map(decode, lines)) == frames


def test_a_line_without_end_is_refused() -> None:
    splitter = Splitter()
    splitter.feed(b"x" * FRAME_BYTES_MAX)
    with pytest.raises(ProtocolError):
        splitter.feed(b"x")
    with pytest.raises(ProtocolError):
        encode(Rejected("x" * FRAME_BYTES_MAX))


def test_surrogates_of_file_names_survive() -> None:
    start = Start("a", "k", ("/bin/\udcff",), {})
    assert decode(encode(start)) == start


def test_a_start_has_the_fields_of_its_message() -> None:
    fields = list(Start.__dataclass_fields__)
    assert ["ask", *StartProcess.__struct_fields__] == fields
