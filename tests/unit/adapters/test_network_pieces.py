"""The network's pieces that need no socket: outbox, refusals, addresses, keys to serve with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.curve import candidates, pair_of, serving
from actors.adapters.outbox import Outbox, Waiting
from actors.adapters.peers import Peer
from actors.adapters.refusals import SAY_EVERY_S, Refusals
from actors.adapters.resolver import literal, split
from actors.messages.ring import FrameRefused
from actors.wire.ringkey import RingKey

KEYS = [RingKey("r", f"2026010{day}000000", bytes([day]) * 32) for day in (3, 2, 1)]
NAMES = [key.full_name for key in KEYS]


def frame(size: int = 10, deadline_s: float = 1.0) -> Waiting:
    return Waiting(deadline_s, bytes(size), None)


def test_a_full_outbox_drops_the_oldest() -> None:
    box = Outbox(3, 1_000)
    frames = [frame(deadline_s=number) for number in range(5)]
    dropped = [lost for one in frames for lost in box.put(one)]
    assert dropped == frames[:2]
    assert box.clear() == frames[2:]


def test_an_outbox_is_bounded_in_bytes_but_takes_one_large_frame() -> None:
    box = Outbox(100, 1_000)
    assert not box.put(frame(5_000))
    assert box.put(frame(10)) == [frame(5_000)]
    assert (len(box), box.size_bytes) == (1, 10)


def test_late_frames_leave_and_the_others_keep_their_order() -> None:
    box = Outbox(100, 10_000)
    for deadline in (5.0, 1.0, 4.0, 2.0):
        box.put(frame(deadline_s=deadline))
    assert [one.deadline_s for one in box.late(2.0)] == [1.0, 2.0]
    assert [one.deadline_s for one in box.clear()] == [5.0, 4.0]


@given(sizes=st.lists(st.integers(1, 40_000), max_size=60))
def test_batches_carry_everything_once_and_in_order(sizes: list[int]) -> None:
    box = Outbox(1_000, 1 << 30)
    for size in sizes:
        box.put(frame(size))
    sent: list[int] = []
    while box:
        batch = box.batch()
        assert len(batch) == 1 or sum(map(len, batch)) <= 1 << 16
        sent += map(len, batch)
        box.sent(len(batch))
    assert sent == sizes
    assert box.size_bytes == 0


def test_a_refusal_is_said_at_once_and_then_in_sums() -> None:
    refusals = Refusals()
    assert refusals.add("tag", "10.0.0.9", 100.0) == [FrameRefused("tag", "10.0.0.9", 1)]
    for _ in range(50):
        assert not refusals.add("tag", "10.0.0.9", 101.0)
    assert refusals.add("ring", "10.0.0.9", 101.0) == [FrameRefused("ring", "10.0.0.9", 1)]
    assert not refusals.due(102.0)
    assert refusals.due(100.0 + SAY_EVERY_S) == [FrameRefused("tag", "10.0.0.9", 50)]
    assert refusals.counts == {"tag": 51, "ring": 1}


def test_a_flood_of_made_up_peers_is_said_together() -> None:
    refusals = Refusals()
    said = [refusals.add("tag", f"10.0.{n // 256}.{n % 256}", 100.0) for n in range(2_000)]
    assert sum(map(len, said)) < 300
    later = refusals.due(200.0)
    assert any(event.peer == "many" for event in later)
    assert sum(event.count for event in [*later, *(one for few in said for one in few)]) == 2_000


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1:1", "10.0.0.1:1"),
        ("10.0.0.1", "10.0.0.1:9638"),
        ("[::1]:5", "[::1]:5"),
        ("[::1]", "[::1]:9638"),
        ("fe80::1", "[fe80::1]:9638"),
        ("example.org:77", None),
        ("example.org", None),
    ],
)
def test_addresses_are_read_with_the_default_port(address: str, expected: str | None) -> None:
    assert literal(address) == expected


@pytest.mark.parametrize(
    "address", ["", ":1", "h:", "h:x", "h:0", "h:65536", "[::1", "[::1]x", "h:-1"]
)
def test_what_is_no_address_is_an_error(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        split(address)


def test_a_ring_serves_with_the_newest_key_that_all_hold() -> None:
    assert serving(KEYS, []) == KEYS[0]
    assert serving(KEYS, [NAMES, NAMES[1:]]) == KEYS[1]
    assert serving(KEYS, [NAMES[:2], NAMES[1:]]) == KEYS[1]
    assert serving(KEYS, [NAMES[2:], ()]) == KEYS[2]
    assert serving(KEYS, [["s-20260101000000"]]) == KEYS[0]


def test_the_served_key_is_tried_first_and_then_the_newest_two() -> None:
    assert candidates(KEYS, KEYS[0]) == KEYS[:2]
    assert candidates(KEYS, KEYS[1]) == [KEYS[1], KEYS[0]]
    assert candidates(KEYS, KEYS[2]) == [KEYS[2], *KEYS[:2]]
    assert candidates(KEYS[:1], KEYS[0]) == KEYS[:1]


def test_every_holder_derives_the_same_pair_and_revisions_differ() -> None:
    pairs = [pair_of(RingKey(key.name, key.revision, key.secret)) for key in KEYS]
    assert pairs == [pair_of(key) for key in KEYS]
    assert len({pair.raw for pair in pairs}) == 3
    assert all(len(pair.public) == len(pair.secret) == 40 for pair in pairs)


def test_a_peer_that_refuses_every_key_is_left_alone_for_longer_each_time() -> None:
    peer = Peer("m", Outbox(1, 1))
    waits = []
    for _ in range(8):
        peer.failed(100.0)
        waits.append(round(peer.retry_s - 100.0, 3))
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    peer.reached()
    assert peer.retry_s == 0.0
