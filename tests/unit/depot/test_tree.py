"""Names and links of an archive: only what stays within the package, or in what it depends on."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.ident import parse_ident
from actors.depot.tree import ident_of_member, link_stays, member_parts
from actors.errors import Refused

IDENT = parse_ident("acme/web/1.0/20260101000000")
HOME = f"hab/pkgs/{IDENT}"
DEP = "core/glibc/2.34/20260101000000"


def test_members_below_the_package_are_taken_apart() -> None:
    assert member_parts(HOME, IDENT) == ()
    assert member_parts(f"/{HOME}/bin/web", IDENT) == ("bin", "web")
    assert member_parts(f"opt/{HOME}/./bin//web", IDENT) == ("bin", "web")
    assert ident_of_member(f"{HOME}/IDENT") == IDENT
    assert ident_of_member("etc/passwd") is None


@pytest.mark.parametrize(
    "name",
    [
        *("etc/passwd", "hab/pkgs", f"{HOME}/../x", f"{HOME}0/x", "..", f"hab/pkgs/{DEP}/x", "\0"),
        f"{HOME}/" + "a/" * 100,
    ],
)
def test_members_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        member_parts(name, IDENT)


@pytest.mark.parametrize(
    ("at", "target", "stays"),
    [
        (("bin", "a"), "b", True),
        (("bin", "a"), "../lib/b", True),
        (("bin", "a"), "../../x", False),
        (("bin", "a"), f"/{HOME}/lib/b", True),
        (("bin", "a"), f"/hab/pkgs/{DEP}/lib/libc.so", True),
        (("bin", "a"), f"../../../../../../{DEP}/lib", False),
        (("bin", "a"), f"../../../../../{DEP}/lib", True),
        (("bin", "a"), "/hab/pkgs/core/other/1/2/x", False),
        (("bin", "a"), "/etc/passwd", False),
        (("bin", "a"), f"/{HOME}/../../../../../../etc", False),
        (("bin", "a"), "", False),
        (("a",), "../" * 40 + "etc/passwd", False),
    ],
)
def test_a_link_stays_or_does_not(at: tuple[str, ...], target: str, stays: bool) -> None:
    assert link_stays(at, target, IDENT, (DEP,)) is stays


@given(
    st.lists(st.sampled_from(["a", "..", ".", "", "hab", "pkgs", "acme", "web"]), max_size=12),
    st.booleans(),
)
def test_a_relative_link_that_stays_resolves_below_the_package(
    parts: list[str], deep: bool
) -> None:
    target = "/".join(parts)
    at = ("x", "y", "link") if deep else ("link",)
    if target.startswith("/") or not link_stays(at, target, IDENT):
        return
    resolved = posixpath.normpath(posixpath.join("/", HOME, *at[:-1], target))
    assert (resolved + "/").startswith(f"/{HOME}/")
