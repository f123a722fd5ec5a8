"""Bytes from strangers raise `WireError` and nothing else, whatever they are.

`HABRING_FUZZ_FRAMES` is how many mutated frames to try: 20,000 unless set (about two seconds);
1,000,000 by hand before a release.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import WireError
from actors.messages.envelope import Envelope, Ticket
from actors.messages.runtime import ActorDied, WatchActor
from actors.wire import codec
from actors.wire.vocabulary import crossing

ME = "0123456789abcdef" * 2
PEER = "fedcba9876543210" * 2
RING = "00112233445566ff"
FRAMES = int(os.environ.get("HABRING_FUZZ_FRAMES", "20000"))

VALID = codec.encode(Envelope(f"{PEER}/node", "node", WatchActor("a", "b")), ME, RING)
HEAD, BODY = msgpack.unpackb(VALID)


def reason(data: bytes) -> str:
    """Why `data` is refused; "" if it is not."""
    try:
        for frame in codec.decode_batch(data):
            codec.decode(frame)
    except WireError as error:
        return error.reason
    return ""


@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    assert reason(data)


@given(cut=st.integers(0, len(VALID) - 1))
def test_truncated_bytes_are_refused(cut: int) -> None:
    assert reason(VALID[:cut]) in {"truncated", "type", "format"}


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.binary()
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.binary(), inner),
    )
)
def test_mistyped_values_are_refused(value: Any) -> None:
    assert reason(msgpack.packb(value))
    assert reason(msgpack.packb([HEAD, value]))
    assert reason(msgpack.packb([value, BODY]))
    codec_only = reason(msgpack.packb([HEAD, BODY, "", "", "", value]))
    assert codec_only in {"", "type"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "truncated"),
        (VALID + b"\x00", "format"),
        (b"\x91" * 100_000 + b"\xc0", "format"),
        (b"\xdd\xff\xff\xff\xff", "format"),
        (b"\xdf\xff\xff\xff\xff", "format"),
        (b"\xdb\xff\xff\xff\xff", "truncated"),
        (b"\xc6\xff\xff\xff\xff", "truncated"),
        (b"\xd4\x01\x00", "format"),
        (b"\xc7\x00\x05", "format"),
        (b"\x92\xa1\xff\xc0", "format"),
        (b"\x81\xc0\x01", "format"),
        (b"\xc1", "format"),
        (bytes(codec.MAX_FRAME_BYTES + 1), "oversized"),
        (b"\x81" + bytes(codec.MAX_FRAME_BYTES), "oversized"),
        (msgpack.packb({"b": []}), "type"),
        (msgpack.packb({"b": [1]}), "type"),
        (msgpack.packb({"b": [b""] * 1000}), "type"),
        (msgpack.packb({"b": [msgpack.packb({"b": [VALID]})]}), "type"),
        (msgpack.packb([HEAD[:20], BODY]), "truncated"),
        (msgpack.packb([b"\x02" + HEAD[1:], BODY]), "version"),
        (msgpack.packb([b"\x02" + HEAD[1:], {"t": "Unheard"}]), "version"),
        (msgpack.packb([HEAD, {"t": "Unheard"}]), "tag"),
        (msgpack.packb([HEAD, {"t": "Loaded", "path": "x"}]), "tag"),
        (msgpack.packb([HEAD, {"t": ["list"]}]), "type"),
        (msgpack.packb([HEAD, {"t": "WatchActor", "name": 1, "watcher": "x"}]), "type"),
        (msgpack.packb([HEAD, {"t": "WatchActor"}]), "type"),
        (msgpack.packb([HEAD[:2] + b"\xee" + HEAD[3:], BODY]), "address"),
    ],
)
def test_each_kind_of_hostile_frame_has_its_reason(data: bytes, expected: str) -> None:
    assert reason(data) == expected


@pytest.mark.parametrize("spelled", [f"{ME}/node", "/node"])
def test_a_spelled_path_names_no_member(spelled: str) -> None:
    head = HEAD[:2] + b"\xff" + HEAD[3:]
    parts = [head, BODY, "", "", "", None, "", False, spelled, "x"]
    assert reason(msgpack.packb(parts)) == "address"


def test_mutated_frames_raise_nothing_but_wire_errors(example_message: Any) -> None:
    chance = random.Random(20_260_711)
    ticket = Ticket(f"{ME}/x", "1")
    seeds = [
        codec.encode(
            Envelope(
                f"{PEER}/a/b",
                "c/d",
                example_message(cls),
                "1",
                f"{ME}:1:2",
                "t",
                9,
                ticket,
                "x",
                True,
            ),
            ME,
            RING,
        )
        for cls in crossing()
    ]
    seen: Counter[str] = Counter()
    for _ in range(FRAMES):
        seen[reason(mutated(chance, chance.choice(seeds), seeds))] += 1
    assert seen["type"]
    assert seen["format"] + seen["truncated"]
    assert reason(VALID) == ""


def mutated(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """`data` with a few bits flipped, bytes replaced, cut, doubled, or spliced with another."""
    piece = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(piece)) if piece else 0
        match chance.randrange(6):
            case 0 if piece:
                piece[at] ^= 1 << chance.randrange(8)
            case 1 if piece:
                piece[at] = chance.choice(b"\x80\x90\xa0\xc0\xc1\xc4\xc7\xd9\xdc\xdd\xde\xdf\xff")
            case 2:
                del piece[at:]
            case 3:
                piece[at:at] = chance.randbytes(chance.randint(1, 8))
            case 4:
                other = chance.choice(others)
                piece[at:] = other[chance.randrange(len(other)) :]
            case _:
                piece[at:at] = piece[: chance.randrange(len(piece) + 1)]
    return bytes(piece)


def test_a_valid_frame_is_taken_after_all_that() -> None:
    assert codec.decode(VALID).envelope.message == WatchActor("a", "b")
    died = codec.encode(Envelope(f"{PEER}/node", "node", ActorDied("x", "killed")), ME, RING)
    assert codec.decode(died).envelope.message == ActorDied("x", "killed")
