"""What a depot says of a package, and which uploads it takes."""

from __future__ import annotations

import pytest

from actors.depot.artifact import Description, check_upload, describe, search
from actors.depot.channels import Artifact
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import Refused

IDENT = parse_ident("acme/web/1.0/20260101000000")
DEP = "core/glibc/2.34/20260101000000"
FILES = {
    "IDENT": str(IDENT).encode(),
    "TARGET": b"x86_64-linux\n",
    "DEPS": DEP.encode(),
    "TDEPS": DEP.encode(),
    "BUILD_DEPS": b"core/gcc/1/2\nnonsense\n",
    "EXPOSES": b"80 443 http",
    "SVC_USER": b"hab",
    "default.toml": b"port = 80",
    "MANIFEST": b"# acme/web\n",
}


def made(files: dict[str, bytes] = FILES, *, checksum: str = "ab" * 32) -> Description:
    return describe(
        IDENT,
        files,
        runnable=False,
        checksum=checksum,
        size=10,
        uploaded="2026-01-01T00:00:00.000",
        signer="acme-20260101000000",
    )


def test_a_description_holds_what_builder_shows() -> None:
    found = made()
    assert (found.ident, found.target, found.deps, found.tdeps) == (
        str(IDENT),
        "x86_64-linux",
        (DEP,),
        (DEP,),
    )
    assert (found.build_deps, found.exposes, found.service) == (("core/gcc/1/2",), (80, 443), True)
    assert (found.config, found.manifest) == ("port = 80", "# acme/web")
    assert found.artifact == Artifact(IDENT, "x86_64-linux")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("IDENT", b"acme/other/1.0/20260101000000"),
        ("TARGET", b"vax"),
        ("DEPS", b"core/glibc"),
        ("default.toml", b"port ="),
        ("SHUTDOWN_TIMEOUT", b"-1"),
    ],
)
def test_what_no_machine_could_install_is_not_described(name: str, data: bytes) -> None:
    with pytest.raises(Refused, match=name):
        made({**FILES, name: data})


def refusal(
    wanted: Artifact, claimed: str, there: Description | None, *, forced: bool = False
) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        check_upload(wanted, claimed, made(), there, forced=forced)
    return refused.value.code, str(refused.value)[:7]


def test_an_upload_must_be_what_its_request_says() -> None:
    wanted = made().artifact
    check_upload(wanted, "AB" * 32, made(), None, forced=False)
    assert refusal(wanted, "cd" * 32, None) == ("unprocessable", "ds:up:3")
    other = Artifact(parse_ident("acme/web/1.0/20260101000001"), wanted.target)
    assert refusal(other, "ab" * 32, None) == ("unprocessable", "ds:up:6")
    foreign = Artifact(IDENT, "aarch64-linux")
    assert refusal(foreign, "ab" * 32, None) == ("unprocessable", "ds:up:6")


def test_a_released_package_is_never_replaced_by_another() -> None:
    wanted = made().artifact
    assert refusal(wanted, "ab" * 32, made())[0] == "conflict"
    check_upload(wanted, "ab" * 32, made(), made(), forced=True)
    changed = made(checksum="cd" * 32)
    assert refusal(wanted, "ab" * 32, changed, forced=True) == ("unprocessable", "ds:up:4")


def test_a_search_finds_what_begins_with_every_word() -> None:
    there = [
        parse_ident(text) for text in ("core/redis/7.0/1", "core/ruby/3.0/1", "acme/redis/1/1")
    ]
    found = {str(ident) for ident in search("core/re", there)}
    assert found == {"core/redis/7.0/1"}
    assert search("REDIS", there) == [there[0], there[2]]
    assert search("", there) == []
    assert search("edis", there) == []
    assert search("redis 7", [*there, PackageIdent("x", "y")]) == [there[0]]
    dashed = parse_ident("core/native-test_app/1.0/1")
    assert [search(word, [dashed]) for word in ("test", "app", "ative")] == [[dashed]] * 2 + [[]]
