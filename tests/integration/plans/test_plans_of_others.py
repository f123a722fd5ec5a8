"""What plans written for Habitat count on, beside what its documentation says."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest
from plan_rig import BASIC, EPOCH, Site

from actors.errors import Refused


def source(site: Site, root: str) -> str:
    """A source below directory `root`, and the lines of a plan that name it."""
    (site.path / "hello.c").write_text("hello\n")
    with tarfile.open(site.path / "src.tar", "w") as tar:
        tar.add(site.path / "hello.c", f"{root}/hello.c")
    digest = hashlib.sha256((site.path / "src.tar").read_bytes()).hexdigest()
    return f"pkg_source=file://{site.path}/src.tar\npkg_shasum={digest}\n"


def other(site: Site, name: str, text: str, **files: str) -> str:
    """Install a package acme/`name` that such a plan makes; its identifier."""
    plan = site.path / name
    plan.mkdir()
    (plan / "plan.sh").write_text(BASIC.replace("=web", f"={name}") + text)
    for file, content in files.items():
        path = plan / file.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    built = site.build(plan)
    site.install(built)
    return str(built.ident)


def test_a_source_that_is_not_unpacked_has_its_empty_directory_all_the_same(site: Site) -> None:
    site.write(
        source(site, "elsewhere-1") + "do_unpack() { :; }\n"
        "do_build() { [[ $PWD == */web-1.2.3 && -z $(ls) && -f ../src.tar ]]; }\n"
    )
    site.build()


def test_a_source_that_unpacks_elsewhere_can_be_reached_from_where_it_should_be(site: Site) -> None:
    site.write(source(site, "elsewhere-1") + "do_build() { cat ../elsewhere-1/hello.c; }\n")
    site.build()


def test_a_dependency_is_found_by_its_name_without_its_origin(site: Site) -> None:
    other(site, "base", "")
    site.write(
        "pkg_deps=(acme/base)\ndo_build() { [[ $(pkg_path_for base) == */acme/base/1.2.3/* ]]\n"
        "  [[ $(pkg_path_for base/1.2.3) == $(pkg_path_for acme/base) ]]; }\n"
    )
    site.build(epoch=EPOCH + 1)


def test_what_is_no_file_has_no_interpreter_to_fix_and_a_link_stays_one(site: Site) -> None:
    other(site, "base", "")
    site.write(
        "pkg_deps=(acme/base)\n"
        "do_after() { cd $pkg_prefix/bin; printf '#!/usr/bin/web\\n' > tool; ln -s tool link\n"
        '  fix_interpreter "$pkg_prefix/bin/none*" acme/base bin/web\n'
        '  fix_interpreter "$pkg_prefix/bin" acme/base bin/web\n'
        '  fix_interpreter "$pkg_prefix/bin/link" acme/base bin/web\n'
        '  [[ -L link && $(<tool) == "#!$(pkg_path_for base)/bin/web" ]]; }\n'
    )
    site.build(epoch=EPOCH + 1)


def test_a_bind_may_ask_for_nothing_but_the_group(site: Site) -> None:
    site.write("pkg_binds=([storage]=)\npkg_binds_optional=([backend]='')\n")
    place = site.install(site.build())
    info = site.store.describe(site.store.installed()[0])
    assert (place / "BINDS").read_text() == "storage=\n"
    assert (info.binds, info.binds_optional) == ({"storage": ()}, {"backend": ()})


SCAFFOLDING = """
do_default_install() { mkdir -p "$pkg_prefix/bin"; web > "$pkg_prefix/made"; }
scaffolding_load() {
  pkg_deps=(acme/runtime "${pkg_deps[@]}")
  loaded=$(basename "$(pkg_path_for "$pkg_scaffolding")")
}
"""


def test_a_scaffolding_brings_its_phases_and_dependencies(site: Site) -> None:
    tool = other(site, "tool", "")
    runtime = other(site, "runtime", "")
    scaffolding = other(
        site,
        "scaffolding",
        "pkg_deps=(acme/tool)\n"
        'do_install() { install -D "$PLAN_CONTEXT/lib/scaffolding.sh" '
        '"$pkg_prefix/lib/scaffolding.sh"; }\n',
        **{"lib__scaffolding.sh": SCAFFOLDING},
    )
    site.write(
        "pkg_scaffolding=acme/scaffolding\nunset -f do_install\n"
        'do_install() { do_default_install; echo "$loaded" > "$pkg_prefix/loaded"; }\n'
    )
    place = site.install(site.build(epoch=EPOCH + 1))
    assert (place / "made").read_text() == "hi\n"  # `web` is in the path by way of acme/tool
    assert (place / "loaded").read_text() == f"{Path(scaffolding).name}\n"
    assert (place / "DEPS").read_text() == f"{runtime}\n"
    assert (place / "BUILD_DEPS").read_text().split() == [scaffolding, tool]


def test_what_is_no_scaffolding_is_said(site: Site) -> None:
    other(site, "tool", "")
    site.write("pkg_scaffolding=acme/tool\n")
    with pytest.raises(Refused, match=r"loading the scaffolding.*no lib/scaffolding\.sh"):
        site.build(epoch=EPOCH + 1)
