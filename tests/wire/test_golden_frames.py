"""The bytes of every message that crosses are on record, so that releases can share a ring.

After adding a message, or a field, write the records anew and look at the difference:

    HABRING_WRITE_GOLDEN=1 python -m pytest tests/wire/test_golden_frames.py
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors import messages
from actors.errors import WireError
from actors.messages.base import Event, Message
from actors.messages.envelope import Envelope, Ticket
from actors.wire import codec
from actors.wire.vocabulary import MODULE_OF, RULES, Door, class_of, crossing

GOLDEN = Path(__file__).parent / "golden.json"
ME = "0123456789abcdef" * 2
PEER = "fedcba9876543210" * 2
RING = "00112233445566ff"


def envelope_for(message: Any) -> Envelope:
    """The envelope that golden frames hold: every field says something."""
    return Envelope(
        f"{PEER}/service/redis",
        f"{ME}/gossip",
        message,
        "req-1",
        f"{ME}:2:345",
        "trace-1",
        0x0123456789ABCDEF,
        Ticket(f"{ME}/call/6", "6"),
        "5",
        True,
    )


@pytest.fixture(scope="module", autouse=True)
def _write(example_message: Any) -> None:
    if os.environ.get("HABRING_WRITE_GOLDEN"):
        frames = {
            cls.__name__: codec.encode(envelope_for(example_message(cls)), ME, RING).hex()
            for cls in crossing()
        }
        GOLDEN.write_text(json.dumps(frames, indent=0) + "\n")


def message_classes() -> Iterator[type[Message]]:
    """Every concrete message class that is no event, of every module of the vocabulary, by name."""
    for module in sorted(info.name for info in pkgutil.iter_modules(messages.__path__)):
        importlib.import_module(f"{messages.__name__}.{module}")
    found: set[type[Message]] = set()
    waiting: list[type[Message]] = [Message]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            if not issubclass(cls, Event) and cls.__module__.startswith(f"{messages.__name__}."):
                found.add(cls)
    return iter(sorted(found, key=lambda cls: cls.__name__))


def golden() -> dict[str, str]:
    """The record: tag → frame in hexadecimal."""
    return dict(json.loads(GOLDEN.read_text()))


def test_every_wire_message_has_a_golden_frame_and_no_other_has() -> None:
    assert sorted(golden()) == sorted(RULES)


@pytest.mark.parametrize("tag", sorted(RULES))
def test_the_golden_frame_is_what_this_release_writes_and_reads(
    tag: str, example_message: Any
) -> None:
    data = bytes.fromhex(golden()[tag])
    message = example_message(class_of(tag))
    assert codec.encode(envelope_for(message), ME, RING) == data
    frame = codec.decode(data)
    assert frame.envelope.message == message
    assert frame.envelope.ticket == Ticket(f"{ME}/call/6", "6")


def test_every_rule_names_a_message_of_its_module_by_its_tag() -> None:
    found = {cls.__name__: cls for cls in message_classes()}
    assert {name: found[name].__module__ for name in RULES} == MODULE_OF
    assert all(found[name].__struct_config__.tag == name for name in RULES)


def test_a_class_of_the_same_name_elsewhere_never_crosses() -> None:
    class Ping(Message, frozen=True):
        pass

    with pytest.raises(WireError, match="not listed"):
        codec.encode(Envelope(f"{ME}/gossip", "gossip", Ping()), ME, RING)


def test_every_rule_says_who_it_is_for() -> None:
    for name, rule in RULES.items():
        assert rule.answer != bool(rule.to), name
        assert not rule.joins or rule.door is Door.OPEN, name
