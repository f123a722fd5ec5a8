"""What is encoded comes back the same, for every message that may cross."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.errors import WireError
from actors.messages.envelope import Envelope, Ticket
from actors.messages.runtime import CallFailed, ListActors, Loaded, WatchActor
from actors.wire import codec
from actors.wire.vocabulary import RULES, class_of

ME = "0123456789abcdef" * 2
PEER = "fedcba9876543210" * 2
RING = "00112233445566ff"

members = st.binary(min_size=16, max_size=16).map(bytes.hex)
paths = st.sampled_from(
    ["gossip", "node", "census", "service/redis", "call/17", "election/a.b", ""]
)
words = st.text(max_size=12).filter(lambda text: not text.startswith((":", "/")))
addresses = st.builds(lambda member, path: f"{member}/{path}", members, paths)


@pytest.mark.parametrize("tag", sorted(RULES))
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(
    tag: str, messages_of: Any, data: st.DataObject
) -> None:
    message = data.draw(messages_of(class_of(tag)))
    frame = codec.decode(codec.encode(Envelope(f"{PEER}/gossip", "gossip", message), ME, RING))
    assert frame.envelope.message == message
    assert (frame.ring, frame.source, frame.target) == (RING, ME, PEER[:8])


envelopes = st.builds(
    Envelope,
    to=addresses,
    sender=paths,
    message=st.just(ListActors()),
    id=words,
    cause=words | st.just(f"{ME}:3:44"),
    trace=words,
    hlc=st.integers(0, 2**64 - 1),
    ticket=st.none() | st.builds(Ticket, addresses, words),
    answers=words,
    more=st.booleans(),
)


@given(source=members, sent=envelopes)
def test_the_whole_envelope_comes_back(source: str, sent: Envelope) -> None:
    got = codec.decode(codec.encode(sent, source, RING)).envelope
    sender = f"{source}/{sent.sender}"
    assert got == msgspec.structs.replace(sent, to=sent.to[33:], sender=sender)


def test_own_ids_are_left_out_and_put_back() -> None:
    ticket = Ticket(f"{ME}/control", "9")
    cause = f"{ME}:1:2"
    envelope = Envelope(f"{PEER}/node", "control", ListActors(), cause=cause, ticket=ticket)
    data = codec.encode(envelope, ME, RING)
    assert data.count(bytes.fromhex(ME)) == 1
    assert ME.encode() not in data
    got = codec.decode(data).envelope
    assert (got.cause, got.ticket) == (cause, ticket)


def test_a_probe_sized_frame_has_42_bytes_around_its_message() -> None:
    message = WatchActor("x", "y")
    data = codec.encode(Envelope(f"{PEER}/gossip", "gossip", message, hlc=1 << 60), ME, RING)
    body = msgpack.packb({"t": "WatchActor", "name": "x", "watcher": "y"})
    assert len(data) - len(body) == 42


def test_a_join_reaches_whoever_answers() -> None:
    frame = codec.decode(codec.encode(Envelope("/gossip", "gossip", ListActors()), ME))
    assert (frame.ring, frame.target, frame.envelope.to) == ("", "", "gossip")


def test_no_one_sends_in_anothers_name() -> None:
    with pytest.raises(WireError) as caught:
        codec.encode(Envelope(f"{PEER}/node", f"{PEER}/node", ListActors()), ME)
    assert caught.value.reason == "sender"


def test_what_stays_inside_is_not_encoded() -> None:
    with pytest.raises(WireError) as caught:
        codec.encode(Envelope(f"{PEER}/gossip", "", Loaded("path")), ME)
    assert caught.value.reason == "local"


@pytest.mark.parametrize(
    "message",
    [
        WatchActor("\ud800", "x"),  # half a surrogate pair
        WatchActor(2**80, "x"),  # type: ignore[arg-type]
        WatchActor(object(), "x"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_encoded_is_a_wire_error(message: WatchActor) -> None:
    with pytest.raises(WireError) as caught:
        codec.encode(Envelope(f"{PEER}/gossip", "", message), ME)
    assert caught.value.reason == "encode"


def test_what_is_too_large_is_not_encoded() -> None:
    parts = tuple("x" * 200_000 for _ in range(6))
    message = CallFailed("Refused", *parts[:3])
    assert (
        codec.decode(codec.encode(Envelope(f"{PEER}/x", "", message), ME)).envelope.message
        == message
    )
    with pytest.raises(WireError) as caught:
        codec.encode(Envelope(f"{PEER}/x", "", CallFailed("Refused", "".join(parts))), ME)
    assert caught.value.reason == "oversized"


def test_unknown_fields_are_ignored_so_that_neighbouring_releases_share_a_ring() -> None:
    data = codec.encode(Envelope(f"{PEER}/gossip", "gossip", WatchActor("a", "b")), ME, RING)
    head, message = msgpack.unpackb(data)
    newer = msgpack.packb(
        [head + b"more", {**message, "later": {"x": [1]}}, "", "", "", None, "", False, "", "", 99]
    )
    assert codec.decode(newer).envelope.message == WatchActor("a", "b")


def test_many_frames_travel_in_one_piece() -> None:
    frames = [
        codec.encode(Envelope(f"{PEER}/gossip", "gossip", WatchActor(str(n), "b")), ME, RING)
        for n in range(50)
    ]
    assert codec.decode_batch(codec.encode_batch(frames)) == frames
    assert codec.encode_batch(frames[:1]) == frames[0]
    assert codec.decode_batch(frames[0]) == frames[:1]
