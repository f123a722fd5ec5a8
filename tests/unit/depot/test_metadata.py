"""Metafiles: what they mean, and that no content of them does harm."""

from __future__ import annotations

import contextlib

import pytest

from actors.depot.ident import parse_ident
from actors.depot.metadata import METAFILES, check_ident, package_info, read_ident
from actors.errors import Refused
from actors.messages.depot import PackageInfo

IDENT = parse_ident("acme/web/1.0/20260101000000")
TARGET = {"TARGET": b"x86_64-linux\n"}


def info(hooks: tuple[str, ...] = ("run",), **files: bytes) -> PackageInfo:
    named = {name.replace("default_toml", "default.toml"): data for name, data in files.items()}
    return package_info(IDENT, "/p", {**TARGET, **named}, hooks)


def test_a_package_with_only_a_target_has_habitats_defaults() -> None:
    found = info()
    assert (found.shutdown_signal, found.shutdown_timeout) == ("TERM", None)
    assert (found.svc_user, found.runnable, found.native) == ("", True, False)
    assert not info(hooks=()).runnable


def test_every_metafile_is_read() -> None:
    found = info(
        SVC_USER=b"hab\n",
        SVC_GROUP=b" hab ",
        EXPORTS=b"port=server.port\nhost=server.host\nnone=server.other\n",
        EXPOSES=b"80 443",
        BINDS=b"db=port host\n",
        BINDS_OPTIONAL=b"cache=port\n",
        RUNTIME_PATH=b"/a/bin:/b/bin:/a/bin",
        RUNTIME_ENVIRONMENT=b"A=1\nB=x=y\nPATH=/never\n",
        RUNTIME_ENVIRONMENT_PATHS=b"A=2\n",
        SHUTDOWN_SIGNAL=b"QUIT\n",
        SHUTDOWN_TIMEOUT=b"30\n",
        TDEPS=b"core/glibc/2.34/20260101000000\n",
        PACKAGE_TYPE=b"native",
        default_toml=b'[server]\nport = 80\nhost = "h"\n',
    )
    assert found.exported == {"port": 80, "host": "h"}
    assert found.binds == {"db": ("port", "host")}
    assert found.binds_optional == {"cache": ("port",)}
    assert found.run_path == ("/a/bin", "/b/bin")
    assert found.environment == {"A": "2", "B": "x=y"}
    assert (found.shutdown_signal, found.shutdown_timeout) == ("QUIT", 30)
    assert found.native


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("TARGET", b"pdp11-unix"),
        ("EXPORTS", b"a line without equals"),
        ("SHUTDOWN_SIGNAL", b"term"),
        ("SHUTDOWN_TIMEOUT", b"-1"),
        ("SHUTDOWN_TIMEOUT", b"99999999999"),
        ("SHUTDOWN_TIMEOUT", "٣".encode()),
        ("SVC_USER", b"root; rm"),
        ("PACKAGE_TYPE", b"odd"),
        ("TDEPS", b"core/glibc"),
        ("TDEPS", b"../../../../x"),
        ("default.toml", b"a = "),
        ("default.toml", b"\xff"),
        ("RUNTIME_ENVIRONMENT", b"A=\0"),
        ("SVC_USER", b"\xff\xfe"),
        ("BINDS", b"x" * 2_000_000),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_files_name(name: str, data: bytes) -> None:
    with pytest.raises(Refused, match=name.replace(".", r"\.")):
        package_info(IDENT, "/p", {**TARGET, name: data}, ("run",))


@pytest.mark.parametrize("name", METAFILES)
@pytest.mark.parametrize("data", [b"", b"\n\n", b"=", b"a=b\n=c", bytes(range(256)), b"[" * 5000])
def test_no_content_raises_anything_but_a_refusal(name: str, data: bytes) -> None:
    with contextlib.suppress(Refused):
        package_info(IDENT, "/p", {**TARGET, name: data}, ("run",))


def test_an_ident_file_must_name_the_package_fully() -> None:
    assert read_ident(b"acme/web/1.0/20260101000000\n") == IDENT
    for data in (b"acme/web", b"", b"\xff", b"a/b/c/d/e"):
        with pytest.raises(Refused):
            read_ident(data)
    check_ident(IDENT, b"acme/web/1.0/20260101000000\n")
    for other in (None, b"acme/web/1.0/20260101000001"):
        with pytest.raises(Refused):
            check_ident(IDENT, other)
