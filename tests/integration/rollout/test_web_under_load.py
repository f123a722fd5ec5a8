"""A web group behind Caddy rolls under constant load, and none of its users sees it.

Caddy has the demo's plan, without retries: what is sent to a member that does not serve has failed.
By hand, as it takes minutes: `pytest -m slow -s tests/integration/rollout`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from constant_load import Load
from ring_rig import Ring
from supervisor_rig import eventually
from web_group import WebGroup, goes_from_old_to_new

RATE = 120.0


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebGroup]:
    ring = Ring(tmp_path)
    try:
        yield WebGroup(ring, 5, "--health-grace=3")
    finally:
        ring.close()


@pytest.mark.slow
def test_no_request_fails_in_a_rollout_a_bad_release_and_a_demotion(
    web: WebGroup, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: object) -> None:
        with capsys.disabled():
            print(*words)  # noqa: T201 - what this is run for

    with Load(web.port, RATE) as load, web.watch() as watch:
        began = time.time()
        new = web.release("well")
        rollout = web.rolled(1)
        assert (rollout.target, len(rollout.updated)) == (web.idents[new], 5)
        assert web.runs(web.idents[new])
        web.none_failed(load, began)
        given = web.never_two_down(watch, began)
        assert len(given) == 5
        goes_from_old_to_new(load, began)
        say(f"\nrolled in {time.time() - began:.0f} s: turns", *given)

        for behaviour in ("sick", "ends"):
            began, epoch = time.time(), web.epoch() + 2
            bad = web.release(behaviour)
            back = web.rolled(epoch)
            assert back.returns
            assert back.refused[-1] == web.idents[bad]
            assert web.runs(web.idents[new])
            web.none_failed(load, began)
            assert len({turn.member for turn in web.never_two_down(watch, began)}) == 1
            say(f"{behaviour}: back in {time.time() - began:.0f} s")
            web.demote(bad)

        began, epoch = time.time(), web.epoch() + 1
        web.demote(new)
        web.rolled(epoch)
        assert web.runs(web.idents["1.0"])
        web.none_failed(load, began)
        given = web.never_two_down(watch, began)
        goes_from_old_to_new(load, began)
        say(f"demoted: back in {time.time() - began:.0f} s: turns", *given)
        settled = time.time()
        eventually("it goes on", lambda: load.texts(settled).total() >= RATE)
    say(f"{load}; down, seen from outside:", *watch.down)
    web.none_failed(load, load.began)
    assert {text.split()[0] for text in load.texts(settled)} == {"1.0"}
