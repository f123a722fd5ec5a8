"""Builder's order, and where it parts from the supervisor's."""

from __future__ import annotations

import pytest

from actors.depot.builder_order import builder_version, newest_in_builder
from actors.depot.ident import PackageIdent, compare_versions, newest

WANTED = PackageIdent("acme", "web")


def of(*versions: str) -> list[PackageIdent]:
    return [PackageIdent("acme", "web", version, "20260101000000") for version in versions]


@pytest.mark.parametrize(
    ("versions", "in_builder", "installed"),
    [
        (("1.0", "1.0.0"), "1.0.0", "1.0"),  # equal for the supervisor: the earlier one stays
        (("1.0.0", "1.0"), "1.0.0", "1.0.0"),
        (("2.0", "2.0-rc1"), "2.0", "2.0"),
        (("beta12", "beta2"), "beta12", "beta12"),  # 12 and 2 are the numbers
        (("1-beta12", "1-beta2"), "1-beta2", "1-beta2"),  # … here they are text
        (("R16B03-1", "R16B02-5", "R16B", "R9Z-9"), "R16B03-1", "R16B03-1"),
        (("1.9", "1.10"), "1.10", "1.10"),
        (("latest", "1"), "1", "latest"),  # by bytes for the supervisor, never for Builder
        (("19.1.0.", "19.1.0"), "19.1.0", "19.1.0."),
    ],
)
def test_the_newest_in_builder_and_the_newest_installed(
    versions: tuple[str, ...], in_builder: str, installed: str
) -> None:
    best = newest_in_builder(WANTED, of(*versions))
    assert best is not None
    assert best.version == in_builder
    found = newest(WANTED, of(*versions))
    assert found is not None
    assert found.version == installed


def test_a_version_without_a_digit_is_never_the_newest_in_builder() -> None:
    assert builder_version("latest") is None
    assert newest_in_builder(WANTED, of("latest", "edge")) is None


def test_the_release_decides_between_equal_versions() -> None:
    old = PackageIdent("acme", "web", "1.0", "20260101000000")
    new = PackageIdent("acme", "web", "1.0", "20260201000000")
    assert newest_in_builder(WANTED, [new, old]) == new
    assert newest_in_builder(PackageIdent("acme", "db"), [new, old]) is None


def test_the_dash_of_an_extension_counts_in_builder_only() -> None:
    assert compare_versions("1-a", "1a") == 0
    assert builder_version("1-a") != builder_version("1a")
