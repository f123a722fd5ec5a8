"""The web group under load as CI has it: three members, one rollout, no failed request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from constant_load import Load
from ring_rig import Ring
from web_group import WebGroup, goes_from_old_to_new

RATE = 50.0


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebGroup]:
    ring = Ring(tmp_path)
    try:
        yield WebGroup(ring, 3, "--health-grace=1")
    finally:
        ring.close()


def test_three_web_servers_behind_caddy_roll_one_by_one_and_no_request_fails(web: WebGroup) -> None:
    with Load(web.port, RATE) as load, web.watch() as watch:
        began = time.time()
        new = web.release("well")
        rollout = web.rolled(1)
        assert (rollout.target, len(rollout.updated)) == (web.idents[new], 3)
        assert web.runs(web.idents[new])
    web.none_failed(load, began)
    assert len(web.never_two_down(watch, began)) == 3
    goes_from_old_to_new(load, began)
