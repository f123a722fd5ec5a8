"""What a group's configurations mean for a rolling update: where it goes, and when it is over."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from scenes import GROUP, A, B, C, decided, scene_of, waits, well

from actors.effects import Emit, Send
from actors.messages.groups import ConfigApplied, GroupConfig, GroupFacts
from actors.messages.ring import PublishRumor
from actors.messages.rollout import (
    Rollout,
    RolloutReport,
    configuration,
    configuration_of,
)
from actors.update.aims import opened, serves, superseded
from actors.update.configs import Configs, configs_of, find, promotion
from actors.update.moves import ordered
from actors.update.scene import Peer, Scene, runs

ONE, TWO = (f"acme/web/{n}/{n}" for n in (1, 2))
THREE = GroupConfig(GROUP, 3, b"port = 83")
FIVE = GroupConfig(GROUP, 5, b"port = 85", rolling=True)
SIX = GroupConfig(GROUP, 6, b"port = 86", rolling=True)
STAGED = Configs(THREE, FIVE)
ROLLING = Rollout(GROUP, 1, 1, 1, "configuration 5", back="configuration 3", order=(A, B, C))
DONE = msgspec.structs.replace(ROLLING, state="done", updated=(A, B, C))


def report(config: int = 3, **fields: Any) -> RolloutReport:
    return well(ONE, config=config, **fields)


def scene(
    reports: dict[str, RolloutReport] | None = None,
    peers: dict[str, Peer] | None = None,
    **fields: Any,
) -> Scene:
    """Three members that run with configuration 3, with a higher one staged."""
    said = {m: report() for m in (A, B, C)} | (reports or {})
    return scene_of(said, peers, **{"wanted": ONE, "configs": STAGED, **fields})


def changed(rollout: Rollout, **fields: Any) -> Rollout:
    return msgspec.structs.replace(rollout, **fields)


# ── names, and what is known ──


@pytest.mark.parametrize("version", [0, 1, 7, (1 << 62) - 1])
def test_a_configuration_has_a_name_that_no_release_has(version: int) -> None:
    assert configuration_of(configuration(version)) == version


@pytest.mark.parametrize("text", ["", ONE, "configuration", "configuration x", "configuration ²"])
def test_other_names_are_not_those_of_configurations(text: str) -> None:
    assert configuration_of(text) is None


def test_a_member_takes_what_is_in_force_or_staged_and_nothing_else() -> None:
    assert configs_of(GroupFacts({GROUP: THREE}, staged={GROUP: FIVE}), GROUP) == STAGED
    assert find(STAGED, 3) == THREE
    assert find(STAGED, 5) == FIVE
    assert find(Configs(staged=FIVE), 0) == "none"
    assert find(STAGED, 4) == "superseded"
    assert find(STAGED, 2) == "superseded"
    assert find(STAGED, 6) == "unknown"
    assert find(None, 3) == "unknown"


def test_what_all_have_gone_to_is_published_until_the_ring_knows() -> None:
    published = Send("gossip", PublishRumor("config", GROUP, FIVE, version=5))
    assert promotion(DONE, STAGED, said=True) == [published]
    assert promotion(DONE, STAGED, said=False)[0] == Emit(ConfigApplied(GROUP, 5, 9))
    for rollout in (None, ROLLING, changed(DONE, returns=True), changed(DONE, target=TWO)):
        assert promotion(rollout, STAGED, said=True) == []
    for configs in (None, Configs(FIVE), Configs(THREE, SIX)):
        assert promotion(DONE, configs, said=True) == []


def test_who_runs_what_is_asked_of_the_release_or_of_the_configuration() -> None:
    peer = Peer(ONE, config=3)
    assert runs(peer, ONE)
    assert runs(peer, "configuration 3")
    assert not runs(peer, TWO)
    assert not runs(peer, "no configuration")


# ── opening ──


def test_a_staged_configuration_opens_an_epoch_with_the_topology_leader_last() -> None:
    first = decided(None, scene(peers={A: Peer(ONE, leads=True, config=3)}))
    assert (first.epoch, first.target, first.back) == (1, "configuration 5", "configuration 3")
    assert first.order == (B, C, A)
    none = decided(None, scene(configs=Configs(staged=FIVE)))
    assert none.back == "no configuration"


def test_a_release_goes_first_and_a_halted_one_holds_a_configuration_back() -> None:
    assert decided(None, scene(wanted=TWO)).target == TWO
    halted = Rollout(GROUP, 2, 1, 9, TWO, back=ONE, state="halted", refused=(TWO,), reason="sick")
    assert waits(halted, scene(wanted=TWO)) == "halted: sick"
    aborted = changed(halted, state="aborted")
    assert decided(aborted, scene(wanted=TWO)).target == "configuration 5"


def test_a_release_waits_for_the_end_of_a_configuration() -> None:
    assert decided(ROLLING, scene(wanted=TWO)).turn == A
    after = decided(DONE, scene({m: report(5) for m in (A, B, C)}, wanted=TWO))
    assert (after.target, after.back) == (TWO, ONE)


def test_nothing_is_opened_twice_and_a_paused_one_stays() -> None:
    here = scene({m: report(5) for m in (A, B, C)})
    assert waits(DONE, here) == f"all members run {ONE}"  # about to be in force
    assert opened(changed(ROLLING, state="paused"), here) is None
    later = scene(configs=Configs(THREE))  # a conductor that has not heard of it yet
    assert waits(ROLLING, later) == "configuration 5 is not known here yet"
    assert not serves(ROLLING, scene(configs=None))
    assert opened(changed(DONE, target="configuration 9"), scene()) is None


def test_what_all_run_already_only_has_to_be_decided() -> None:
    here = scene({m: report(5) for m in (A, B, C)})
    step = decided(Rollout(GROUP, 4, 1, 9, ONE, state="done"), here)
    assert (step.target, step.order) == ("configuration 5", ())
    assert decided(step, here).state == "done"


# ── while it rolls ──


def test_turns_are_given_one_after_the_other_and_then_it_is_done() -> None:
    given = decided(ROLLING, scene())
    assert (given.turn, given.attempt) == (A, 1)
    gone = {A: report(5, epoch=1, turns=1, phase="done")}
    settled = decided(given, scene(gone))
    assert (settled.turn, settled.updated) == ("", (A,))
    assert decided(settled, scene(gone)).turn == B
    over = {m: report(5) for m in (A, B, C)}
    assert decided(changed(ROLLING, updated=(A, B, C)), scene(over)).state == "done"


def test_who_joins_while_it_rolls_is_to_go_too() -> None:
    joined = decided(ROLLING, scene({"d" * 32: report(3)}))
    assert joined.order == (A, B, C, "d" * 32)


def test_who_has_gone_and_was_loaded_anew_goes_once_more() -> None:
    left = decided(changed(ROLLING, updated=(A, B, C)), scene({B: report(5), C: report(5)}))
    assert (left.updated, left.order) == ((B, C), (B, C, A))


def test_one_that_fails_goes_back_whatever_releases_do_the_last_first() -> None:
    given = changed(ROLLING, turn=C, turns=3, attempt=2, updated=(A, B))
    failed = report(5, epoch=1, turns=3, phase="failed", reason="exit 3")
    here = scene({A: report(5), B: report(5), C: failed})
    back = decided(given, here)
    assert (back.target, back.returns, back.epoch) == ("configuration 3", True, 2)
    assert back.order == (C, B, A)
    assert back.refused == ("configuration 5",)
    over = changed(back, state="done", updated=(C, B, A))
    said = f"all members run {ONE}; configuration 5 is staged, and has failed before"
    assert waits(over, scene()) == said
    again = {C: report(3, epoch=2, turns=9, phase="failed", reason="exit 4")}
    stuck = decided(changed(back, turn=C, turns=9, attempt=2), scene(again))
    assert (stuck.state, stuck.reason) == ("halted", "cccccccc failed twice: exit 4")


def test_a_newer_one_replaces_what_rolls_and_nobody_is_blamed_for_that() -> None:
    newer = scene({A: report(5)}, configs=Configs(THREE, SIX))
    assert decided(changed(ROLLING, updated=(A,)), newer).target == "configuration 6"
    given = changed(ROLLING, turn=A, turns=1, attempt=1)
    failed = {A: report(3, epoch=1, turns=1, phase="failed", reason="it is out of date")}
    left = decided(given, scene(failed, configs=Configs(THREE, SIX)))
    assert (left.turn, left.refused, left.state) == ("", (), "rolling")
    idle = decided(given, scene(configs=Configs(THREE, SIX)))
    assert idle.turn == ""


@pytest.mark.parametrize("state", ["rolling", "paused", "halted"])
def test_what_was_applied_to_all_ends_what_rolls(state: Any) -> None:
    nine = GroupConfig(GROUP, 9, b"port = 89")
    given = changed(ROLLING, turn=A, turns=1, attempt=1, state=state)
    here = scene({m: report(9) for m in (A, B, C)}, configs=Configs(nine))
    over = decided(given, here)
    assert (over.state, over.turn) == ("aborted", "")
    assert over.reason == superseded(given, here) == "configuration 9 is in force"
    assert waits(over, here) == "aborted: configuration 9 is in force"
    back = changed(ROLLING, target="configuration 3", returns=True)
    assert decided(back, here).state == "aborted"


def test_an_aborted_one_stays_where_it_is_and_can_be_resumed() -> None:
    aborted = ordered(changed(ROLLING, updated=(A,)), "abort", "")
    assert isinstance(aborted, Rollout)
    here = scene({A: report(5)})
    assert waits(aborted, here).startswith("aborted: ")
    resumed = ordered(aborted, "resume", "")
    assert isinstance(resumed, Rollout)
    assert decided(resumed, here).turn == B


# ── who was away ──


def test_who_comes_back_with_what_was_taken_back_goes_to_what_is_in_force() -> None:
    over = changed(DONE, target="configuration 3", returns=True, refused=("configuration 5",))
    step = decided(over, scene({C: report(5)}))
    assert (step.target, step.order, step.returns) == ("configuration 3", (C,), True)
    sick = {C: report(5, epoch=2, turns=1, phase="failed", reason="exit 1")}
    given = changed(step, turn=C, turns=1, attempt=2)
    assert decided(given, scene(sick)).state == "halted"


def test_who_comes_back_after_all_others_have_gone_waits_for_its_turn() -> None:
    here = scene({A: report(5), B: report(5)}, configs=Configs(FIVE))
    step = decided(DONE, here)
    assert (step.target, step.order) == ("configuration 5", (C,))
    assert opened(DONE, scene({m: report(5) for m in (A, B, C)}, configs=Configs(FIVE))) is None
    plain = Configs(GroupConfig(GROUP, 5, b"port = 85"))
    assert opened(DONE, scene({A: report(5), B: report(5)}, configs=plain)) is None
