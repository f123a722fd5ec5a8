"""Which release a strategy goes to."""

from __future__ import annotations

import pytest

from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.offer import wanted_release
from actors.messages.update import Condition

ONE, TWO, THREE = (parse_ident(f"acme/web/{n}.0/2026010{n}000000") for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("condition", "running", "head", "installed", "wanted"),
    [
        ("latest", ONE, TWO, ONE, TWO),
        ("latest", ONE, TWO, THREE, THREE),
        ("latest", TWO, ONE, TWO, TWO),
        ("latest", TWO, None, TWO, TWO),
        ("latest", THREE, ONE, TWO, THREE),  # never older than what runs
        ("latest", None, None, None, None),
        ("track-channel", TWO, ONE, THREE, ONE),
        ("track-channel", TWO, None, THREE, TWO),
        ("track-channel", None, None, THREE, None),
    ],
)
def test_latest_never_goes_back_and_track_channel_goes_where_the_channel_goes(
    condition: Condition,
    running: PackageIdent | None,
    head: PackageIdent | None,
    installed: PackageIdent | None,
    wanted: PackageIdent | None,
) -> None:
    assert wanted_release(condition, running, head, installed) == wanted


def test_what_is_of_equal_order_is_no_reason_to_restart() -> None:
    same = parse_ident("acme/web/1.0.0/20260101000000")
    assert wanted_release("latest", ONE, same, None) == ONE
