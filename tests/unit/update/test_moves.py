"""What a conductor does next, case by case; schedules are for the model in `tests/property`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from scenes import GROUP, NOW, A, B, C, decided, scene_of, waits, well

from actors.messages.rollout import Rollout, RolloutReport
from actors.update.moves import Grant, Wait, next_move, ordered
from actors.update.scene import Heard, Peer, Scene

ONE, TWO, THREE = (f"acme/web/{n}/{n}" for n in (1, 2, 3))
ROLLING = Rollout(GROUP, 1, 1, 1, TWO, back=ONE, order=(A, B, C))


def report(release: str = ONE, **fields: Any) -> RolloutReport:
    return well(release, **fields)


def scene(
    reports: dict[str, RolloutReport] | None = None,
    peers: dict[str, Peer] | None = None,
    **fields: Any,
) -> Scene:
    """Three members that run the first release, with the second one offered."""
    said = {m: report() for m in (A, B, C)} | (reports or {})
    return scene_of(said, peers, **{"wanted": TWO, **fields})


def test_a_release_that_is_offered_opens_an_epoch_with_the_topology_leader_last() -> None:
    opened = decided(None, scene(peers={A: Peer(ONE, leads=True)}))
    assert (opened.epoch, opened.target, opened.back) == (1, TWO, ONE)
    assert opened.order == (B, C, A)
    assert waits(None, scene(wanted=ONE)) == f"all members run {ONE}"
    assert "not known" in waits(None, scene(wanted=""))


def test_the_first_turn_is_the_canary_s_and_only_one_is_open() -> None:
    given = decided(ROLLING, scene())
    assert (given.turn, given.turns, given.attempt) == (A, 1, 1)
    assert next_move(given, GROUP, scene()) == Grant(A)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (report(up=False), "bbbbbbbb has not been up and healthy for 10 s"),
        (report(healthy=False), "bbbbbbbb has not been up and healthy for 10 s"),
        (report(well_s=9.0), "bbbbbbbb has not been up and healthy for 10 s"),
        (report(phase="proving"), "bbbbbbbb is still in an earlier turn"),
    ],
)
def test_a_member_that_is_not_well_holds_every_turn_back(said: RolloutReport, reason: str) -> None:
    assert waits(ROLLING, scene({B: said})) == f"the turn of aaaaaaaa waits: {reason}"
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    assert decided(given, scene({B: said})).turn == ""


def test_who_was_not_heard_lately_holds_a_turn_back_and_who_is_dead_or_stopped_does_not() -> None:
    here = scene()
    late = scene(heard={**here.heard, B: Heard(report(), NOW - 5.0, NOW)})
    assert "bbbbbbbb has not been heard" in waits(ROLLING, late)
    dead = scene(peers={B: Peer(ONE, gone=True)})
    assert decided(ROLLING, dead).skipped == (B,)
    assert decided(ROLLING, scene({B: report(stopped=True, up=False)})).skipped == (B,)


def test_a_member_that_has_stopped_its_service_is_let_finish() -> None:
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    said = report(epoch=1, turns=1, phase="restarting", up=False)
    assert waits(given, scene({A: said, B: report(healthy=False)})) == "aaaaaaaa is restarting"
    said = report(epoch=1, turns=1, phase="proving")
    assert waits(given, scene({A: said, B: report()})).startswith("aaaaaaaa is up, and has to stay")


def test_a_failure_is_tried_once_more_then_halts_and_only_an_operator_goes_on() -> None:
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    failed = scene({A: report(TWO, epoch=1, turns=1, phase="failed", reason="exit 3")})
    again = decided(given, failed)
    assert (again.turn, again.turns, again.attempt, again.state) == (A, 2, 2, "rolling")
    failed = scene({A: report(TWO, epoch=1, turns=2, phase="failed", reason="exit 3")})
    halted = decided(again, failed)
    assert (halted.state, halted.turn, halted.refused) == ("halted", "", (TWO,))
    assert "failed twice: exit 3" in waits(halted, scene())
    resumed = ordered(halted, "resume", "")
    assert isinstance(resumed, Rollout)
    assert (resumed.state, resumed.refused) == ("rolling", ())


def test_a_failure_takes_all_back_who_have_gone_the_failed_one_first() -> None:
    given = msgspec.structs.replace(ROLLING, turn=B, turns=2, attempt=2, updated=(A,))
    said = {A: report(TWO), B: report(TWO, epoch=1, turns=2, phase="failed", reason="sick")}
    back = decided(given, scene(said, on_failure="rollback"))
    assert (back.epoch, back.target, back.returns) == (2, ONE, True)
    assert back.order == (B, A)
    assert back.refused == (TWO,)
    over = msgspec.structs.replace(back, state="done", updated=(B, A))
    assert waits(over, scene()) == f"{TWO} is offered, and has failed before"


def test_a_newer_release_takes_the_place_of_one_that_is_under_way() -> None:
    underway = msgspec.structs.replace(ROLLING, updated=(A,), turns=1)
    new = decided(underway, scene({A: report(TWO)}, wanted=THREE))
    assert (new.epoch, new.target, new.back, new.order) == (2, THREE, ONE, (A, B, C))


def test_a_turn_that_has_not_begun_is_taken_back_for_another_release() -> None:
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    mine = report(epoch=1, turns=1, phase="installing")
    assert decided(given, scene({A: mine}, wanted=THREE)).turn == ""
    begun = msgspec.structs.replace(mine, phase="restarting", up=False)
    assert "restarting" in waits(given, scene({A: begun}, wanted=THREE))


def test_what_a_member_waits_for_in_its_turn_is_said() -> None:
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    mine = report(epoch=1, turns=1, phase="installing", reason="the depot is down")
    assert next_move(given, GROUP, scene({A: mine})) == Grant(
        A, "aaaaaaaa waits: the depot is down"
    )


def test_who_was_left_broken_by_another_rollout_is_helped_first_whatever_others_do() -> None:
    new = Rollout(GROUP, 2, 1, 5, THREE, back=ONE, order=(A, B, C))
    said = {B: report(TWO, up=False), C: report(TWO, healthy=False)}
    assert decided(new, scene(said, wanted=THREE)).turn in (B, C)


def test_a_sick_member_on_the_new_release_ends_the_rollout_after_a_while() -> None:
    underway = msgspec.structs.replace(ROLLING, updated=(A,), turns=1)
    sick = {A: report(TWO, healthy=False)}
    assert isinstance(next_move(underway, GROUP, scene(sick, waited_s=5.0)), Wait)
    assert decided(underway, scene(sick, waited_s=31.0)).state == "halted"


def test_a_paused_rollout_lets_its_turn_end_and_gives_no_other() -> None:
    given = msgspec.structs.replace(ROLLING, turn=A, turns=1, attempt=1)
    paused = ordered(given, "pause", "lunch")
    assert isinstance(paused, Rollout)
    assert decided(paused, scene()).turn == ""
    going = scene({A: report(TWO, epoch=1, turns=1, phase="done")})
    done = decided(paused, going)
    assert (done.turn, done.updated, done.state) == ("", (A,), "paused")
    assert waits(done, scene({A: report(TWO)})) == "paused: lunch"


@pytest.mark.parametrize(
    ("state", "order"), [("done", "pause"), ("done", "resume"), ("aborted", "abort")]
)
def test_what_is_over_takes_no_orders(state: Any, order: str) -> None:
    over = msgspec.structs.replace(ROLLING, state=state)
    assert ordered(over, order, "") == "no rollout is under way"
    assert ordered(None, order, "") == "no rollout is under way"
