"""Who conducts a rollout, or takes its turn in it, dies in the middle: it goes on, one at a time.

The whole supervisor of the conductor is killed, the actors of the conductor and of the member whose
turn it is; services run on, and no user sees any of it. By hand, as it takes minutes:
`pytest -m slow -s tests/integration/rollout`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from constant_load import Load
from ring_rig import Ring
from web_group import WebGroup

from actors.messages.rollout import TurnPhase

RATE = 60.0


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebGroup]:
    ring = Ring(tmp_path_factory.mktemp("dies"))
    try:
        yield WebGroup(ring, 3, "--health-grace=3")
    finally:
        ring.close()


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["draining", "proving"])
def test_a_rollout_outlives_the_actors_of_who_conducts_and_of_whose_turn_it_is(
    web: WebGroup, phase: TurnPhase, capsys: pytest.CaptureFixture[str]
) -> None:
    with Load(web.port, RATE) as load, web.watch() as watch:
        began, epoch = time.time(), web.epoch() + 1
        new = web.release("well")
        conducts = web.conducts()
        mine = web.taking(phase)
        mine.kill_actor("service/web")
        for machine in {mine, conducts}:
            machine.kill_actor("update/web")
        rollout = web.rolled(epoch)
        ended = time.time()
        assert (rollout.target, rollout.state) == (web.idents[new], "done")
        assert web.runs(web.idents[new])
    given = web.never_two_down(watch, began)
    with capsys.disabled():
        print(f"\nactors killed while {phase}: {ended - began:.0f} s; {load}; turns", *given)  # noqa: T201 - what this is run for
    web.none_failed(load, began)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["draining", "proving"])
def test_a_rollout_outlives_the_supervisor_of_who_conducts(
    web: WebGroup, phase: TurnPhase, capsys: pytest.CaptureFixture[str]
) -> None:
    with Load(web.port, RATE) as load, web.watch() as watch:
        began, epoch = time.time(), web.epoch() + 1
        new = web.release("well")
        conducts = web.conducts()
        mine = web.taking(phase)
        os.kill(conducts.supervisor(), signal.SIGKILL)
        rollout = web.rolled(epoch)
        ended = time.time()
        assert (rollout.target, rollout.state) == (web.idents[new], "done")
        assert web.runs(web.idents[new])
    given = web.never_two_down(watch, began)
    whose = "its own" if mine is conducts else "another's"
    with capsys.disabled():
        print(  # noqa: T201 - what this is run for
            f"\nconductor killed in {whose} turn, {phase}: {ended - began:.0f} s; {load}; turns",
            *given,
        )
    web.none_failed(load, began)
