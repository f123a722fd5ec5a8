"""A member's turn, case by case; schedules are for the model in `tests/property`."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import Ask, Effect, Emit
from actors.messages.depot import PackageInfo, PackageResolved, ResolvePackage
from actors.messages.rollout import Rollout, TurnEnded, UpdateTurn
from actors.messages.runtime import CallFailed
from actors.messages.service import ServiceSpec, ServiceStatus
from actors.update import turn
from actors.update.turn import Grounds, Turn

GROUP = "web.default"
ME = "a" * 32
ONE, TWO = "acme/web/1/1", "acme/web/2/2"
GIVEN = Rollout(GROUP, 1, 1, 1, TWO, back=ONE, order=(ME,), turn=ME, turns=1, attempt=1)
ON = Grounds(
    ME, "1", ServiceStatus(ServiceSpec("acme/web"), ONE, "up", health="ok"), False, 2.0, 10.0, 100.0
)


def installing() -> tuple[Turn, list[Effect]]:
    return turn.granted(Turn(), UpdateTurn(GIVEN, "1", 104.0), ON)


def restarting() -> Turn:
    mine, _ = installing()
    here = PackageResolved(PackageInfo(TWO, "/hab/pkgs/" + TWO, "x86_64-linux"))
    draining, _ = turn.answered(mine, here, mine.call, ON)
    stops, effects = turn.look(draining, replace(ON, now=102.5))
    assert any(isinstance(e, Ask) for e in effects)
    return stops


def asked(effects: list[Effect]) -> bool:
    return any(isinstance(e, Ask) and isinstance(e.message, ResolvePackage) for e in effects)


def test_a_depot_that_is_away_is_asked_again_after_a_while_and_the_turn_goes_on() -> None:
    mine, effects = installing()
    assert asked(effects)
    away = CallFailed("Refused", "the depot is down", "depot-unavailable")
    waits, effects = turn.answered(mine, away, mine.call, ON)
    told = turn.report(waits, GROUP, 1, ON)
    assert (told.phase, told.reason) == ("installing", "the depot is down")
    assert told.progress > mine.progress  # it is alive, and its time does not run out
    assert turn.look(waits, replace(ON, now=104.9)) == (waits, [])
    again, effects = turn.look(waits, replace(ON, now=105.0))
    assert asked(effects)
    assert again.phase == "installing"


def test_a_package_that_cannot_be_installed_fails_the_turn() -> None:
    mine, _ = installing()
    no = CallFailed("Refused", "it needs what is nowhere", "bad-package")
    failed, _ = turn.answered(mine, no, mine.call, ON)
    assert (failed.phase, failed.reason) == ("failed", "it needs what is nowhere")


def test_a_service_that_does_not_go_at_once_is_asked_again_once_a_second() -> None:
    stops = restarting()
    told, effects = turn.answered(stops, None, stops.call, replace(ON, now=102.6))
    assert effects == []
    assert turn.look(told, replace(ON, now=103.5))[1] == []
    assert len(turn.look(told, replace(ON, now=103.7))[1]) == 1


def test_who_does_not_lead_after_all_is_asked_to_step_down_again_once_a_second() -> None:
    mine, _ = installing()
    here = PackageResolved(PackageInfo(TWO, "/hab/pkgs/" + TWO, "x86_64-linux"))
    leads = replace(ON, leads=True)
    handing, _ = turn.answered(mine, here, mine.call, leads)
    handing, effects = turn.look(handing, leads)
    assert len(effects) == 1
    no = CallFailed("Refused", "it does not lead", "not-leader")
    told, _ = turn.answered(handing, no, handing.call, leads)
    assert turn.look(told, replace(leads, now=100.5))[1] == []
    assert len(turn.look(told, replace(leads, now=101.1))[1]) == 1


def test_a_turn_whose_service_was_not_stopped_in_time_begins_again_and_says_so() -> None:
    stops = restarting()
    at = replace(ON, now=104.5)  # leave to stop ended at 104; a stop may not have been heard of
    assert turn.look(stops, at)[0].phase == "restarting"
    back, effects = turn.look(stops, replace(ON, now=105.1))
    assert back.phase == "installing"
    (said,) = [e.event for e in effects if isinstance(e, Emit)]
    assert isinstance(said, TurnEnded)
    assert said.reason == "it was not stopped in time"


def test_a_turn_that_another_takes_the_place_of_is_said_to_be_over() -> None:
    stops = restarting()
    other = msgspec.structs.replace(GIVEN, epoch=2, turns=1, step=5)
    mine, effects = turn.granted(stops, UpdateTurn(other, "1", 106.0), replace(ON, now=103.0))
    assert (mine.phase, mine.rollout) == ("installing", other)
    assert [e.event.epoch for e in effects if isinstance(e, Emit)] == [1]  # type: ignore[attr-defined]
