"""The client of depots against servers that are down, slow, lying, torn, or something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from depot_rig import (
    LIB,
    NEWER,
    REVISION,
    TARGET,
    WEB,
    Here,
    Hostile,
    Package,
    answer,
    checksum,
    fill,
    public_key,
    put,
)

from actors.adapters.depot_client import (
    UNAVAILABLE,
    Depot,
    DepotSettings,
    depot_settings,
    open_depot,
    patience_of,
)
from actors.adapters.depot_folder import FolderDepot
from actors.depot.ident import parse_ident
from actors.depot.patience import Patience
from actors.errors import Refused, UsageError
from actors.messages.service import Progress

QUICK = Patience(unit_s=0.02, connect_s=2.0, answer_s=1.0, window_s=1.0)
ASKED = parse_ident("acme/web")
Script = Callable[[socket.socket, bytes, int], None]


class Asker:
    """A client with little patience, and what it told."""

    def __init__(self, url: str, token: str = "", patience: Patience = QUICK) -> None:
        self.told: list[Progress] = []
        settings = DepotSettings(url, token)
        self.depot: Depot = open_depot(settings, TARGET, self.told.append, patience)

    @property
    def texts(self) -> list[str]:
        return [progress.text for progress in self.told]


@pytest.fixture(params=["file", "http"])
def both(request: pytest.FixtureRequest, depot: FolderDepot, server: Here) -> Asker:
    """The same depot as a folder and over HTTP."""
    url = f"file://{depot.folder}" if request.param == "file" else server.url
    return Asker(url, "for-all-origins")


def test_a_folder_and_a_server_are_used_alike(both: Asker, tmp_path: Path) -> None:
    depot, package = both.depot, Package()
    file = package.write(tmp_path / "mine")
    assert depot.latest(ASKED, TARGET, "stable") is None
    assert depot.channels(package.artifact) is None
    assert depot.origin_channels("acme") == []
    assert depot.add_key("acme", REVISION, public_key())
    assert not depot.add_key("acme", REVISION, public_key())
    depot.upload(file, package.artifact, checksum(file.read_bytes()), forced=False)
    with pytest.raises(Refused) as refused:
        depot.upload(file, package.artifact, checksum(file.read_bytes()), forced=False)
    assert refused.value.code == "conflict"
    depot.create_channel("acme", "lab")
    depot.create_channel("acme", "lab")
    depot.promote(package.artifact, "lab")
    assert depot.channels(package.artifact) == ["lab", "unstable"]
    assert depot.origin_channels("acme") == ["lab", "stable", "unstable"]
    found = depot.latest(ASKED, TARGET, "lab")
    assert found is not None
    assert (str(found.artifact.ident), found.checksum) == (WEB, checksum(package.hart()))
    assert depot.latest(parse_ident(WEB), TARGET, "lab") == found
    depot.download(found.artifact, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == package.hart()
    assert depot.key("acme", REVISION) == public_key()
    assert depot.key("acme", "20200101000000") is None
    assert depot.search("acme/we", 10) == ([parse_ident(WEB)], 1)
    depot.demote(package.artifact, "lab")
    with pytest.raises(Refused):
        depot.demote(package.artifact, "lab")
    with pytest.raises(Refused) as gone:
        depot.download(Package(NEWER).artifact, tmp_path / "none")
    assert gone.value.code == "not-found"


def test_a_search_goes_through_all_pages(server: Here, depot: FolderDepot) -> None:
    for number in range(60):
        Package(f"acme/web/1.{number}/{REVISION}").write(depot.harts)
    found, total = Asker(server.url).depot.search("acme", 55)
    assert (len(set(found)), total) == (55, 60)


def test_a_wrong_token_is_final_at_once(server: Here, tmp_path: Path) -> None:
    asker = Asker(server.url, "a-wrong-token")
    with pytest.raises(Refused, match="401") as refused:
        asker.depot.latest(ASKED, TARGET, "stable")
    assert (refused.value.code, asker.told) == ("unauthorized", [])
    read_only = Asker(server.url)
    file = Package().write(tmp_path)
    with pytest.raises(Refused, match="HAB_AUTH_TOKEN"):
        read_only.depot.upload(file, Package().artifact, checksum(Package().hart()), forced=False)


def test_a_depot_that_is_down_is_tried_again_visibly_and_then_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    asker = Asker(url)
    with pytest.raises(Refused, match="refused") as refused:
        asker.depot.latest(ASKED, TARGET, "stable")
    assert refused.value.code == UNAVAILABLE
    assert url in str(refused.value)
    assert "acme/web" in str(refused.value)
    assert ["attempt 2 of 3" in asker.texts[0], "attempt 3 of 3" in asker.texts[1]] == [True, True]


def sends(data: bytes) -> Script:
    return lambda client, _, __: client.sendall(data)


def drips(data: bytes, lead: int = 0) -> Script:
    """A byte each tenth of a second, after `lead` bytes at once."""

    def script(client: socket.socket, head: bytes, number: int) -> None:
        del head, number
        client.sendall(data[:lead])
        for at in range(lead, len(data)):
            client.sendall(data[at : at + 1])
            threading.Event().wait(0.1)

    return script


HTML = answer(b"<html>Welcome to the hotel</html>", content_type="text/html")
BAD: dict[str, tuple[Script, str]] = {
    "500": (sends(answer(b"oops", "500 Internal Server Error")), "500"),
    "503": (sends(answer(b"", "503 Service Unavailable")), "503"),
    "html": (sends(HTML), "web page"),
    "not json": (sends(answer(b"OK")), "not Builder's JSON"),
    "other json": (sends(answer(b'{"ident": []}')), "not Builder's JSON"),
    "silence": (lambda *_: threading.Event().wait(5) and None, "in time|within"),
    "closes": (lambda *_: None, "disconnected"),
    "garbage": (sends(b"\x00\xffSSH-2.0-hello\r\n\r\n"), "illegal|malformed|disconnected"),
    "torn": (sends(answer(b"{}", content_length="500")), "without sending complete"),
    "dripping head": (drips(answer(b"{}")), "no whole answer"),
    "dripping body": (drips(answer(b"{" + b" " * 300), 100), "too slow"),
    "endless head": (sends(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000), "."),
    "loop": (sends(answer(b"", "302 Found", location="/v1/loop")), "redirect"),
    "another package": (
        sends(
            answer(
                b'{"ident": {"origin": "evil", "name": "x", "version": "1", "release": "1"}, '
                b'"checksum": ""}'
            )
        ),
        "where acme/web was asked",
    ),
    "a path": (
        sends(
            answer(
                b'{"ident": {"origin": "acme", "name": "web", "version": "..", "release": "../x"},'
                b' "checksum": ""}'
            )
        ),
        "cannot be",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_answer_is_a_clear_error_in_bounded_time(name: str) -> None:
    script, words = BAD[name]
    began = time.monotonic()
    with Hostile(script) as hostile:
        asker = Asker(hostile.url)
        with pytest.raises(Refused, match=words) as refused:
            asker.depot.latest(ASKED, TARGET, "stable")
        assert refused.value.code == UNAVAILABLE
        assert hostile.url in str(refused.value)
    assert len(asker.told) == 2  # each failure but the last is told as it happens
    assert time.monotonic() - began < 60


def test_a_definite_no_is_not_repeated_and_its_text_is_shown_harmlessly() -> None:
    text = b"licence \x1b[31mneeded\n" + b"x" * 10_000
    with Hostile(sends(answer(text, "403 Forbidden"))) as hostile:
        asker = Asker(hostile.url)
        with pytest.raises(Refused, match="licence") as refused:
            asker.depot.latest(ASKED, TARGET, "stable")
    assert (len(hostile.heads), asker.told) == (1, [])
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 1000


WHOLE = Package(padding=100_000).hart()
FILE = Package().artifact.file_name


def piece(start: int, end: int) -> bytes:
    """A part of the file, as an answer to a range."""
    span = f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}"
    length = str(len(WHOLE) - start)
    headers = {"content_range": span, "content_length": length, "x_filename": FILE}
    return answer(WHOLE[start:end], "206 Partial Content", **headers)


def test_a_download_that_breaks_off_goes_on_where_it_ended(tmp_path: Path) -> None:
    def script(client: socket.socket, head: bytes, number: int) -> None:
        if number == 1:
            whole = answer(WHOLE, x_filename=FILE)
            client.sendall(whole[: len(whole) - 60_000])
        else:
            start = int(head.partition(b"bytes=")[2].partition(b"-")[0])
            client.sendall(piece(start, start + 30_000 if number == 2 else len(WHOLE)))

    with Hostile(script) as hostile:
        asker = Asker(hostile.url)
        asker.depot.download(Package().artifact, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == WHOLE
    starts = [head.partition(b"bytes=")[2].partition(b"-")[0] for head in hostile.heads]
    assert starts[0] == b""
    assert 0 < int(starts[1]) < int(starts[2])
    assert any("attempt 2 of 6" in text for text in asker.texts)


def test_a_server_that_ignores_the_range_is_taken_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"old" * 100)
    with Hostile(sends(answer(WHOLE, x_filename=FILE))) as hostile:
        Asker(hostile.url).depot.download(Package().artifact, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == WHOLE


@pytest.mark.parametrize(
    "first", [answer(b"", "416 Range Not Satisfiable"), piece(0, len(WHOLE)), piece(999, 2000)]
)
def test_a_range_that_does_not_fit_is_given_up(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "part").write_bytes(b"old" * 100)

    def script(client: socket.socket, head: bytes, number: int) -> None:
        del head
        client.sendall(first if number == 1 else answer(WHOLE, x_filename=FILE))

    with Hostile(script) as hostile:
        Asker(hostile.url).depot.download(Package().artifact, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == WHOLE
    assert b"range:" not in hostile.heads[1].lower()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (sends(HTML), "web page"),
        (sends(answer(WHOLE)), "x-filename"),
        (sends(answer(WHOLE, x_filename="../../../etc/cron.d/x")), "where .* was asked for"),
        (sends(answer(WHOLE, x_filename="/etc/passwd")), "where .* was asked for"),
        (sends(answer(WHOLE, x_filename=FILE, content_length=str(10**9))), "complete|closed"),
        (sends(answer(WHOLE, x_filename=FILE, content_encoding="gzip")), "compressed"),
        (drips(answer(WHOLE, x_filename=FILE), 300), "too slow"),
        (sends(answer(b"", "500 Internal Server Error")), "500"),
    ],
)
def test_a_bad_download_is_a_clear_error_in_bounded_time(
    tmp_path: Path, script: Script, words: str
) -> None:
    with Hostile(script) as hostile:
        asker = Asker(hostile.url, patience=Patience(2, 2, 0.02, 2.0, 1.0, 1.0))
        with pytest.raises(Refused, match=words) as refused:
            asker.depot.download(Package().artifact, tmp_path / "part")
    assert refused.value.code == UNAVAILABLE
    assert [path.name for path in tmp_path.iterdir()] in ([], ["part"])


def test_a_download_tells_how_far_it_is(server: Here, depot: FolderDepot, tmp_path: Path) -> None:
    put(depot, Package(padding=2_000_000))
    asker = Asker(server.url)
    asker.depot.download(Package().artifact, tmp_path / "part")
    last = asker.told[-1]
    assert last.done == last.total == (tmp_path / "part").stat().st_size
    assert last.text == f"Downloading {WEB}"


def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hostile(sends(answer(b"[]"))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        asker = Asker("http://depot.invalid:1234")
        assert asker.depot.origin_channels("acme") == []
    assert proxy.heads[0].startswith(b"GET http://depot.invalid:1234/v1/depot/channels/acme ")


def test_the_token_is_sent_except_for_keys_and_the_agent_names_the_target() -> None:
    with Hostile(sends(answer(b"[]", x_filename=f"acme-{REVISION}.pub"))) as hostile:
        asker = Asker(hostile.url, "my-secret-token")
        asker.depot.origin_channels("acme")
        asker.depot.key("acme", REVISION)
    first, second = hostile.heads
    assert b"bearer my-secret-token" in first.lower()
    assert b"my-secret-token" not in second
    assert f"({TARGET};".encode() in first
    assert b"connection: close" in first.lower()


def test_a_path_in_the_url_is_kept_and_v1_is_added_where_there_is_none() -> None:
    with Hostile(sends(answer(b"[]"))) as hostile:
        Asker(f"{hostile.url}/").depot.origin_channels("acme")
        Asker(f"{hostile.url}/bldr/v1").depot.origin_channels("acme")
    assert hostile.heads[0].startswith(b"GET /v1/depot/channels/acme ")
    assert hostile.heads[1].startswith(b"GET /bldr/v1/depot/channels/acme ")


@pytest.mark.parametrize("url", ["", "ftp://x", "file://host/x", "file:x", "http://", "stable"])
def test_what_is_no_depot_is_said(url: str) -> None:
    with pytest.raises(UsageError, match="is no depot"):
        Asker(url)


def test_the_depot_meant_is_named_by_option_environment_file_or_is_below_the_root(
    tmp_path: Path,
) -> None:
    assert depot_settings(tmp_path, {}).url == f"file://{tmp_path}/depot"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "cli.toml").write_text('bldr_url = "http://file"\nauth_token = "t1"\n')
    named = depot_settings(tmp_path, {})
    assert (named.url, named.token) == ("http://file", "t1")
    environ = {"HAB_DEPOT_URL": "http://old", "HAB_AUTH_TOKEN": "t2"}
    named = depot_settings(tmp_path, environ)
    assert (named.url, named.token) == ("http://old", "t2")
    assert depot_settings(tmp_path, {**environ, "HAB_BLDR_URL": "http://new"}).url == "http://new"
    assert depot_settings(tmp_path, environ, "http://option").url == "http://option"
    (tmp_path / "etc" / "cli.toml").write_text("bldr_url =")
    with pytest.raises(UsageError, match="not valid TOML"):
        depot_settings(tmp_path, {})


def test_patience_follows_habitats_variable() -> None:
    assert patience_of({}) == Patience()
    assert patience_of({"HAB_CLIENT_SOCKET_TIMEOUT": "5"}).window_s == 5.0
    assert patience_of({"HAB_CLIENT_SOCKET_TIMEOUT": "600"}).answer_s == 600.0
    for bad in ("x", "-1", "0", "9" * 20):
        with pytest.raises(UsageError):
            patience_of({"HAB_CLIENT_SOCKET_TIMEOUT": bad})


def test_dependencies_and_releases_are_found_by_their_full_name(
    both: Asker, depot: FolderDepot
) -> None:
    fill(depot, Package(LIB), Package(NEWER))
    put(depot, Package())
    newest = both.depot.latest(ASKED, TARGET, "stable")
    assert newest is not None
    assert str(newest.artifact.ident) == NEWER
    assert both.depot.latest(parse_ident(WEB), TARGET, "stable") is None
    assert both.depot.latest(parse_ident("acme/web/1.0"), TARGET, "unstable") is not None
    assert both.depot.latest(ASKED, "aarch64-darwin", "stable") is None
