"""The scenarios of rolling updates show what they are for, under more seeds than one.

That nothing breaks in them is judged by the checkers; here it is seen that the faults come at the
moment that is meant.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from simulation_rig import SCENARIOS

from actors.messages.election_events import LeaderElected
from actors.messages.rollout import RolloutKept, RolloutStep, RolloutWaits, TurnBegan, TurnEnded
from actors.messages.simulation import FaultBegan, FaultEnded
from actors.messages.update import ReleaseTaken
from actors.simulation.eventlog import Logged
from actors.simulation.run import SimulationOptions, run_simulation

SEEDS = (2, 3)
TWO, THREE, FOUR = (f"/{n}.0.0/20260{n}01000000" for n in (2, 3, 4))


@cache
def events(name: str, seed: int) -> list[Logged]:
    """What happened, seen to by the checkers."""
    text = (SCENARIOS / f"{name}.toml").read_text()
    result = run_simulation(SimulationOptions(seed, scenario=text))
    assert result.judgement.violations == [], result.report
    return result.events


def steps(log: list[Logged]) -> list[tuple[float, RolloutStep]]:
    return [(e.at_s, e.event) for e in log if isinstance(e.event, RolloutStep)]


def ends(log: list[Logged]) -> list[str]:
    """How each rollout ended: its target's version, and its state."""
    last = {}
    for _, step in steps(log):
        last[step.epoch] = f"{step.target.split('/')[2]} {step.state}"
    return [last[epoch] for epoch in sorted(last)]


def began(log: list[Logged], what: str) -> list[tuple[float, tuple[int, ...]]]:
    """When faults of a kind began, and at which machines."""
    found = [(e.at_s, e.event) for e in log if isinstance(e.event, FaultBegan)]
    return [(at_s, fault.machines) for at_s, fault in found if fault.what == what]


def conductor(log: list[Logged], at_s: float) -> int:
    """The machine that decided the last step before an instant."""
    return [e.machine for e in log if isinstance(e.event, RolloutStep) and e.at_s < at_s][-1]


def turn_is_open(log: list[Logged], at_s: float) -> bool:
    return bool([step.turn for when_s, step in steps(log) if when_s < at_s][-1])


def bad_releases_go_back(log: list[Logged]) -> None:
    assert ends(log) == [
        *("2.0.0 rolling", "1.0.0 done", "3.0.0 rolling", "1.0.0 done", "4.0.0 done"),
    ]
    for bad in (TWO, THREE):
        taken = [e for e in log if isinstance(e.event, ReleaseTaken) and bad in e.event.taken]
        assert len(taken) == 1, "it reached more than the canary"


def bad_releases_halt(log: list[Logged]) -> None:
    assert ends(log) == ["2.0.0 halted", "3.0.0 halted", "4.0.0 done"]
    for bad in (TWO, THREE):
        taken = [e for e in log if isinstance(e.event, ReleaseTaken) and bad in e.event.taken]
        assert len(taken) == 1, "it reached more than the canary"


def what_cannot_be_installed_stops_nobody(log: list[Logged]) -> None:
    assert ends(log) == ["2.0.0 halted"]
    assert not [e for e in log if isinstance(e.event, TurnBegan)]


def a_demotion_takes_all_back(log: list[Logged]) -> None:
    assert ends(log)[-1] == "1.0.0 done"
    went = {e.machine for e in log if isinstance(e.event, ReleaseTaken) and TWO in e.event.taken}
    assert 0 < len(went) < 4
    back = {
        e.machine for e in log if isinstance(e.event, ReleaseTaken) and "/1.0.0/" in e.event.taken
    }
    assert back == went


def a_depot_that_is_gone_is_waited_for(log: list[Logged]) -> None:
    assert ends(log) == ["2.0.0 done", "3.0.0 done"]
    waits = [e.event.reason for e in log if isinstance(e.event, RolloutWaits)]
    assert any("the depot cannot be reached" in reason for reason in waits)
    gone_s, back_s = began(log, "no-depot")[0][0], _ended_s(log, "no-depot")
    taken = [e.at_s for e in log if isinstance(e.event, ReleaseTaken)]
    assert not [at_s for at_s in taken if gone_s < at_s < back_s]


def a_conductor_is_killed_in_a_turn(log: list[Logged]) -> None:
    for what in ("crash", "power"):
        ((at_s, machines),) = began(log, what)
        assert machines == (conductor(log, at_s),)
        assert turn_is_open(log, at_s)
    assert ends(log)[-1] == "3.0.0 done"
    elected = [e.machine for e in log if isinstance(e.event, LeaderElected)]
    assert len(set(elected)) > 1, "nobody else conducted"


def a_conductor_stands_still_in_a_turn(log: list[Logged]) -> None:
    for what in ("pause", "freeze"):
        ((at_s, machines),) = began(log, what)
        assert machines == (conductor(log, at_s),)
        assert turn_is_open(log, at_s)
        thawed_s = _ended_s(log, what)
        before = max(step.term for when_s, step in steps(log) if when_s < at_s)
        after = {
            e.event.term
            for e in log
            if isinstance(e.event, RolloutStep)
            and (e.machine, e.at_s > thawed_s) == (machines[0], True)
        }
        assert all(term > before for term in after), "it went on in its old term"
    assert ends(log)[-1] == "3.0.0 done"


def the_leader_goes_last(log: list[Logged]) -> None:
    second_s = began(log, "release")[1][0]
    led = [e for e in log if isinstance(e.event, LeaderElected) and e.event.kind == "topology"]
    turns = [e.machine for e in log if isinstance(e.event, TurnBegan) and e.at_s < second_s]
    assert len(turns) == 3
    assert turns[-1] == led[0].machine
    handed = [e for e in led if e.at_s < second_s][-1]
    assert handed.machine != turns[-1]
    ended = [e.at_s for e in log if isinstance(e.event, TurnEnded) and e.machine == turns[-1]]
    assert handed.at_s < ended[0], "it handed over after its turn"
    assert {e.machine for e in log if isinstance(e.event, ReleaseTaken)} == {0, 1, 2}


def what_is_undecided_stays_on_one_disk(log: list[Logged]) -> None:
    said = {(step.term, step.step) for _, step in steps(log)}
    kept = [
        (e.machine, (e.event.term, e.event.step), e.event.epoch)
        for e in log
        if isinstance(e.event, RolloutKept)
    ]
    undecided = [one for one in kept if one[1] not in said]
    assert len(undecided) >= 2
    machine, _, epoch = undecided[-1]
    after = kept[kept.index(undecided[-1]) + 1 :]
    assert any(other != machine and lesser < epoch for other, _, lesser in after)


def a_group_is_founded_anew(log: list[Logged]) -> None:
    firsts = [at_s for at_s, step in steps(log) if (step.epoch, step.term, step.step) == (1, 1, 1)]
    assert len(firsts) == 2
    assert ends(log)[-1] == "3.0.0 done"


def _ended_s(log: list[Logged], what: str) -> float:
    over = (e.at_s for e in log if isinstance(e.event, FaultEnded) and e.event.what == what)
    return next(over)


SHOWN: dict[str, Callable[[list[Logged]], None]] = {
    "rolling-bad-release": bad_releases_go_back,
    "rolling-halted": bad_releases_halt,
    "rolling-no-install": what_cannot_be_installed_stops_nobody,
    "rolling-demoted": a_demotion_takes_all_back,
    "rolling-no-depot": a_depot_that_is_gone_is_waited_for,
    "rolling-conductor-killed": a_conductor_is_killed_in_a_turn,
    "rolling-conductor-paused": a_conductor_stands_still_in_a_turn,
    "rolling-leader-last": the_leader_goes_last,
    "rolling-undecided": what_is_undecided_stays_on_one_disk,
    "rolling-founded-anew": a_group_is_founded_anew,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SHOWN)
def test_a_scenario_shows_what_it_is_for(name: str, seed: int) -> None:
    SHOWN[name](events(name, seed))
