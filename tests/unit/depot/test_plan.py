"""What a plan's variables come to: read from bash, checked, written as metafiles."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.plan import (
    Plan,
    Resolved,
    canonical,
    check_plan,
    last_build,
    manifest,
    metafiles,
    read_plan,
    transitive,
)
from actors.errors import Refused, UsageError

IDENT = PackageIdent("acme", "web", "1.0", "20260101000000")
TOML = b"[server]\nport = 8080\nname = 'x'\nlimit = 70000\n"
TEXTS = {"pkg_origin": "acme", "pkg_name": "web", "pkg_version": "1.0"}


def plan(
    lists: Mapping[str, tuple[str, ...]] | None = None,
    maps: Mapping[str, Mapping[str, str]] | None = None,
    runtime: Mapping[str, str] | None = None,
    **texts: str,
) -> Plan:
    return Plan({**TEXTS, **texts}, lists or {}, maps or {}, runtime or {})


def files(of: Plan, *, service: bool = False, resolved: Resolved | None = None) -> dict[str, str]:
    found = metafiles(
        of,
        IDENT,
        "x86_64-linux",
        resolved or Resolved(),
        run_path=("/hab/pkgs/a/b/1/2/bin",),
        service=service,
        default_toml=TOML,
    )
    return {name: data.decode() for name, data in found.items()}


def test_what_bash_wrote_is_read_whatever_is_in_it() -> None:
    dump = (
        "text\0pkg_name\0001\0web\0"
        "text\0pkg_description\0001\0two\nlines\0"
        "list\0pkg_deps\0002\0core/a\0core/b\0"
        "list\0pkg_exposes\0000\0"
        "map\0pkg_exports\0004\0z\0y.x\0a\0b\0"
        "map\0__runtime_environment\0002\0KEY\0v=1\0"
    )
    found = read_plan(dump.encode())
    assert found.text("pkg_description") == "two\nlines"
    assert found.lists == {"pkg_deps": ("core/a", "core/b"), "pkg_exposes": ()}
    assert list(found.maps["pkg_exports"]) == ["a", "z"]
    assert found.runtime == {"KEY": "v=1"}
    assert found.text("pkg_version") == ""
    with pytest.raises(UsageError, match="UTF-8"):
        read_plan(b"text\0pkg_name\x001\x00\xff\0")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (plan(pkg_name="a/b"), "pkg_name"),
        (plan(pkg_origin=""), "HAB_ORIGIN"),
        (plan(pkg_version="../1"), "pkg_version"),
        (plan({"pkg_deps": ("core",)}), "Invalid package identifier"),
        (plan(pkg_shutdown_signal="BOOM"), "BOOM"),
        (plan(pkg_shutdown_timeout_sec="soon"), "seconds"),
        (plan(maps={"pkg_binds": {"a b": "port"}}), "pkg_binds"),
        (plan(maps={"pkg_exports": {"port": ""}}), "pkg_exports"),
        (plan({"pkg_exposes": ("port",)}), "not in pkg_exports"),
        (plan({"pkg_exposes": ("p",)}, {"pkg_exports": {"p": "server.none"}}), "absent"),
        (plan({"pkg_exposes": ("p",)}, {"pkg_exports": {"p": "server.name"}}), "not a port"),
        (plan({"pkg_exposes": ("p",)}, {"pkg_exports": {"p": "server.limit"}}), "not a port"),
    ],
)
def test_a_plan_that_cannot_become_a_package_is_refused_before_it_is_built(
    broken: Plan, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        check_plan(broken, TOML)


def test_a_default_toml_that_is_not_toml_is_refused() -> None:
    with pytest.raises(Refused, match="TOML"):
        check_plan(plan({"pkg_exposes": ("p",)}, {"pkg_exports": {"p": "x"}}), b"= 1")


def test_a_plan_without_anything_has_only_the_metafiles_it_must_have() -> None:
    assert set(files(plan())) == {"IDENT", "TARGET", "RUNTIME_PATH"}


def test_metafiles_say_what_the_plan_says() -> None:
    rich = plan(
        {
            "pkg_bin_dirs": ("bin", "sbin"),
            "pkg_lib_dirs": ("lib",),
            "pkg_include_dirs": ("include",),
            "pkg_exposes": ("port",),
            "pkg_interpreters": ("bin/sh", "bin/bash"),
        },
        {"pkg_exports": {"port": "server.port"}, "pkg_binds": {"db": "port host"}},
        {"KEY": "value"},
        pkg_svc_user="www",
        pkg_svc_group="data",
        pkg_shutdown_signal="INT",
        pkg_shutdown_timeout_sec="9",
    )
    dep = PackageIdent("core", "lib", "1", "2")
    found = files(rich, service=True, resolved=Resolved((dep,), (dep,), (), ()))
    home = f"/hab/pkgs/{IDENT}"
    assert found == {
        "IDENT": f"{IDENT}\n",
        "TARGET": "x86_64-linux\n",
        "DEPS": "core/lib/1/2\n",
        "TDEPS": "core/lib/1/2\n",
        "EXPORTS": "port=server.port\n",
        "EXPOSES": "8080\n",
        "BINDS": "db=port host\n",
        "PATH": f"{home}/bin:{home}/sbin\n",
        "LD_RUN_PATH": f"{home}/lib\n",
        "LDFLAGS": f"-L{home}/lib\n",
        "CFLAGS": f"-I{home}/include\n",
        "CPPFLAGS": f"-I{home}/include\n",
        "CXXFLAGS": f"-I{home}/include\n",
        "INTERPRETERS": f"{home}/bin/sh\n{home}/bin/bash\n",
        "RUNTIME_PATH": "/hab/pkgs/a/b/1/2/bin\n",
        "RUNTIME_ENVIRONMENT": "KEY=value\n",
        "SHUTDOWN_SIGNAL": "INT\n",
        "SHUTDOWN_TIMEOUT": "9\n",
        "SVC_USER": "www\n",
        "SVC_GROUP": "data\n",
    }
    assert "SVC_USER" not in files(rich, service=False)


def test_what_others_need_comes_after_them_in_tdeps() -> None:
    a, b, c, d = (parse_ident(f"core/{name}/1/2") for name in "abcd")
    assert transitive([a, b], {a: [b, c], b: [c, d]}) == (a, b, c, d)
    assert transitive([b, a], {a: [b], b: [c]}) == (a, c, b)


def test_values_of_the_environment_are_told_below_hab() -> None:
    told = canonical(plan(runtime={"P": "/root/pkgs/a/b:/root/pkgs2"}), "/root/pkgs")
    assert told.runtime == {"P": "/hab/pkgs/a/b:/root/pkgs2"}


def test_manifest_and_last_build_name_what_was_built() -> None:
    text = manifest(plan({"pkg_license": ("MIT",)}), IDENT, "x86_64-linux", "pkg_name=web\n")
    assert text.startswith(b"# acme / web\n")
    assert b"* __License__: MIT\n" in text
    assert text.endswith(b"```bash\npkg_name=web\n```\n")
    assert b"pkg_artifact=acme-web-1.0-20260101000000-x86_64-linux.hart\n" in last_build(
        IDENT, "x86_64-linux", "s", "b"
    )
