"""Facts of a group whose versions people choose: accepted only above what is known."""

from __future__ import annotations

from typing import Any

import pytest

from actors.effects import Send
from actors.gossip.persistence import SAVE_S
from actors.gossip.protocol import HOUSE_S
from actors.messages.envelope import Ticket
from actors.messages.gossip import SaveSnapshot
from actors.messages.groups import GroupConfig
from actors.messages.ring import UNCHANGED, PublishRumor
from actors.messages.runtime import CallFailed, Ok

GROUP = "redis.default"
ASKER = Ticket("census", "1")


def apply(node: Any, version: int, data: bytes = b"") -> None:
    body = GroupConfig(GROUP, version, data or b"port = %d" % version)
    node.hear(PublishRumor("config", GROUP, body, version=version), ticket=ASKER)


def held(node: Any) -> GroupConfig | None:
    found = node.ring.core.rumors.get(("config", GROUP, ""))
    return found.rumor().body if found else None


def test_a_version_not_above_the_current_one_is_refused_and_the_current_one_told(
    ring_world: Any,
) -> None:
    world = ring_world(1)
    world.ring(3)
    apply(world.nodes[0], 5)
    world.run(10, world.equal)
    for version in (4, 5):
        apply(world.nodes[2], version, b"other = 1")
        refused = world.nodes[2].replies[-1]
        assert isinstance(refused, CallFailed)
        assert (refused.code, "current one, 5" in refused.text) == ("stale", True)
    assert {held(node).version for node in world.nodes} == {5}


def test_the_same_again_is_unchanged(ring_world: Any) -> None:
    world = ring_world(2)
    world.ring(2)
    apply(world.nodes[0], 5)
    world.run(10, world.equal)
    apply(world.nodes[1], 5)
    assert world.nodes[1].replies[-1] == Ok(UNCHANGED)


def test_it_is_answered_by_who_writes_the_image(
    ring_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ring_world(3)
    world.ring(2)
    node = world.nodes[0]
    performed: list[Any] = []
    perform = node.perform
    monkeypatch.setattr(
        node, "perform", lambda effects: (performed.extend(effects), perform(effects))
    )
    apply(node, 1)
    saves = [e for e in performed if isinstance(e, Send) and isinstance(e.message, SaveSnapshot)]
    assert [save.ticket for save in saves] == [ASKER]
    assert not node.replies


def test_what_was_applied_outlives_a_restart_of_all_and_its_publisher_s_end(
    ring_world: Any,
) -> None:
    world = ring_world(4)
    world.ring(3)
    apply(world.nodes[0], 7)
    world.run(SAVE_S + 10)
    for node in world.nodes:
        node.kill()
    for node in world.nodes[1:]:
        node.start()
    world.run(20, lambda: all(held(node) for node in world.nodes[1:]))
    assert [held(node).version for node in world.nodes[1:]] == [7, 7]


def test_before_the_ring_is_known_nothing_is_accepted(ring_world: Any) -> None:
    world = ring_world(5)
    node = world.add(seeds=("nowhere:1",))
    apply(node, 1)
    refused = node.replies[-1]
    assert isinstance(refused, CallFailed)
    assert refused.code == "not-settled"
    assert held(node) is None


@pytest.mark.parametrize("ahead", [1, 2])
def test_what_was_given_by_a_clock_ahead_keeps_its_version_once_the_clock_is_right(
    ring_world: Any, ahead: int
) -> None:
    world = ring_world(6)
    world.ring(4)
    wrong = [node.member for node in world.nodes[:ahead]]
    world.skew.update(dict.fromkeys(wrong, 3600.0))
    apply(world.nodes[0], 5)
    world.run(10)
    assert [held(node) is not None for node in world.nodes] == [n < ahead for n in range(4)]
    for member in wrong:
        del world.skew[member]
    world.run(HOUSE_S + 20, lambda: all(held(node) is not None for node in world.nodes))
    world.run(HOUSE_S)
    rumors = [node.ring.core.rumors.get(("config", GROUP, "")).rumor() for node in world.nodes]
    assert [(rumor.incarnation, rumor.body.version) for rumor in rumors] == [(5, 5)] * 4
    assert world.equal()
