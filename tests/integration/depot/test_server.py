"""`hab depot serve`: Builder's routes as a client sees them, and clients that mean harm."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from depot_rig import (
    LIB,
    NEWER,
    REVISION,
    SIGNER,
    TARGET,
    WEB,
    Here,
    Package,
    Server,
    checksum,
    fill,
    public_key,
    put,
    wait_for,
)

from actors.adapters.depot_folder import FolderDepot
from cli.main import hab

ALL = {"authorization": "Bearer for-all-origins"}
ACME = {"authorization": "Bearer for-acme-only"}


def upload(client: httpx.Client, package: Package, **more: Any) -> httpx.Response:
    data = more.pop("data", None) or package.hart()
    params = {"checksum": checksum(data), "target": package.target, **more.pop("params", {})}
    return client.post(
        f"/depot/pkgs/{package.ident}", params=params, content=data, **{"headers": ACME, **more}
    )


def test_a_package_goes_up_is_promoted_and_comes_down_again(client: httpx.Client) -> None:
    assert client.get("/status").status_code == 200
    posted = client.post(f"/depot/origins/acme/keys/{REVISION}", content=public_key(), headers=ACME)
    assert (posted.status_code, posted.text) == (201, f"/origins/acme/keys/{REVISION}")
    taken = upload(client, Package(tdeps=(LIB,)))
    assert (taken.status_code, taken.text) == (201, f"/pkgs/{WEB}/download")
    stable = "/depot/channels/acme/stable/pkgs/web"
    assert client.get(f"{stable}/latest").status_code == 404
    promoted = client.put(f"{stable}/1.0/{REVISION}/promote", headers=ACME)
    assert (promoted.status_code, promoted.text) == (200, "")
    for path in ("latest", "1.0/latest", f"1.0/{REVISION}"):
        found = client.get(f"{stable}/{path}", params={"target": TARGET})
        assert found.headers["cache-control"] == "private, no-cache, no-store"
        shown = found.json()
        assert shown["ident"]["release"] == REVISION
        assert shown["tdeps"][0]["name"] == "lib"
        assert shown["channels"] == ["stable", "unstable"]
    down = client.get(f"/depot/pkgs/{WEB}/download", params={"target": TARGET})
    assert down.content == Package(tdeps=(LIB,)).hart()
    assert down.headers["x-filename"] == Package().artifact.file_name
    assert checksum(down.content) == shown["checksum"]
    key = client.get("/depot/origins/acme/keys/latest")
    assert (key.content, key.headers["x-filename"]) == (public_key(), f"{SIGNER}.pub")
    channels = client.get(f"/depot/pkgs/{WEB}/channels").json()
    assert [channel["name"] for channel in channels] == ["unstable", "stable"]
    assert client.put(f"{stable}/1.0/{REVISION}/demote", headers=ACME).status_code == 200
    assert client.put(f"{stable}/1.0/{REVISION}/demote", headers=ACME).status_code == 400


def test_a_range_of_a_package_is_that_range(client: httpx.Client, depot: FolderDepot) -> None:
    put(depot, Package(padding=200_000))
    whole = Package(padding=200_000).hart()
    got = client.get(f"/depot/pkgs/{WEB}/download", headers={"range": "bytes=1000-"})
    assert (got.status_code, got.content) == (206, whole[1000:])
    assert got.headers["content-range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    assert got.headers["x-filename"] == Package().artifact.file_name
    beyond = client.get(f"/depot/pkgs/{WEB}/download", headers={"range": "bytes=999999999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer nobody-knows"}, 401),
        ({"authorization": "Basic eDp5"}, 401),
        ({"authorization": "Bearer"}, 401),
        (ACME, 403),
    ],
)
def test_only_a_token_for_the_origin_writes(
    client: httpx.Client, depot: FolderDepot, headers: dict[str, str], status: int
) -> None:
    other = Package(f"other/web/1.0/{REVISION}")
    assert upload(client, other, headers=headers).status_code == status
    channel = "/depot/channels/other/stable/pkgs/web/1.0"
    for method, path, expected in (
        ("POST", "/depot/channels/other/lab", 401),  # Builder's answer to whoever may not
        ("DELETE", "/depot/channels/other/lab", 401),
        ("POST", f"/depot/origins/other/keys/{REVISION}", status),
        ("PUT", f"{channel}/{REVISION}/promote", 401),
        ("PUT", f"{channel}/{REVISION}/demote", 401),
        ("DELETE", f"/depot/pkgs/{other.ident}", status),
    ):
        assert client.request(method, path, headers=headers).status_code == expected, path
    assert depot.all() == []
    assert upload(client, other, headers=ALL).status_code == 201


def test_a_token_that_is_not_known_is_refused_on_every_route(client: httpx.Client) -> None:
    for path in ("/status", "/depot/pkgs/acme", "/depot/origins/acme/keys"):
        assert client.get(path, headers={"authorization": "Bearer x"}).status_code == 401
        assert client.get(path, headers=ACME).status_code == 200


def test_a_token_counts_from_the_moment_the_file_names_it(
    client: httpx.Client, server: Here
) -> None:
    later = {"authorization": "Bearer a-later-token"}
    assert upload(client, Package(), headers=later).status_code == 401
    assert server.tokens is not None
    server.tokens.write_text("a-later-token\n")
    assert upload(client, Package(), headers=later).status_code == 201
    assert upload(client, Package(NEWER), headers=ACME).status_code == 401


def test_who_is_refused_reads_why_however_late_his_body_comes(server: Here) -> None:
    data = Package().hart()
    head = (
        f"POST /v1/depot/pkgs/{WEB}?checksum={checksum(data)} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer nobody-knows-it\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(server.address) as late:
        late.sendall(head.encode() + data[:10])
        select.select([late], [], [], 0.3)  # an answer that did not wait would be here now
        late.sendall(data[10:])
        late.settimeout(30)
        answer = b"".join(iter(lambda: late.recv(65536), b""))  # a reset would be an error
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"token" in answer


def test_an_upload_is_what_it_says_or_is_refused(client: httpx.Client, depot: FolderDepot) -> None:
    whole = Package().hart()
    flipped = bytearray(whole)
    flipped[-9] ^= 4
    for more, status, text in (
        ({"params": {"checksum": "00" * 32}}, 422, "ds:up:3"),
        ({"params": {"target": "vax"}}, 422, "not a target"),
        ({"params": {"target": "aarch64-darwin"}}, 422, "ds:up:6"),
        ({"params": {"checksum": ""}}, 400, "checksum"),
        ({"data": Package(NEWER).hart()}, 422, "ds:up:6"),
        ({"data": bytes(flipped)}, 422, "ds:up:1"),
        ({"data": whole[:-20]}, 422, "ds:up:1"),
        ({"data": b"<html></html>"}, 422, "ds:up:1"),
        ({"data": b"HART-1\n" * 100}, 422, "ds:up:1"),
    ):
        answer = upload(client, Package(), **more)  # type: ignore[arg-type]
        assert (answer.status_code, text in answer.text) == (status, True), answer.text
    assert depot.all() == []
    assert upload(client, Package()).status_code == 201
    assert upload(client, Package()).status_code == 409
    assert upload(client, Package(), params={"forced": "true"}).status_code == 201
    again = upload(client, Package(padding=640), params={"forced": "true"})
    assert (again.status_code, again.text[:7]) == (422, "ds:up:4")
    assert list((depot.folder / "incoming").iterdir()) == []


def test_an_upload_that_names_no_target_is_for_the_archive_s(
    client: httpx.Client, depot: FolderDepot
) -> None:
    package = Package(target="x86_64-windows")
    data = package.hart()
    path = f"/depot/pkgs/{package.ident}"
    sent = client.post(path, params={"checksum": checksum(data)}, content=data, headers=ACME)
    assert sent.status_code == 201
    assert [d.artifact for d in depot.all()] == [package.artifact]


def test_distinct_packages_come_by_name(client: httpx.Client, depot: FolderDepot) -> None:
    for ident in ("xmen/app", "acme/app", "acme/app-two"):
        Package(f"{ident}/1.0/{REVISION}").write(depot.harts)
    found = client.get("/depot/pkgs/search/app", params={"distinct": "true"}).json()["data"]
    assert [(item["origin"], item["name"]) for item in found] == [
        ("acme", "app"),
        ("xmen", "app"),
        ("acme", "app-two"),
    ]


def test_versions_come_in_builder_s_order(client: httpx.Client, depot: FolderDepot) -> None:
    for version in ("1.9", "1.10", "1.10-beta", "none", "0.5"):
        Package(f"acme/web/{version}/{REVISION}").write(depot.harts)
    found = client.get("/depot/pkgs/acme/web/versions").json()
    assert [item["version"] for item in found] == ["1.10", "1.10-beta", "1.9", "0.5", "none"]


def test_what_another_package_depends_on_is_not_deleted(
    client: httpx.Client, depot: FolderDepot
) -> None:
    for package in (Package(LIB), Package(tdeps=(LIB,))):
        package.write(depot.harts)
    kept = client.delete(f"/depot/pkgs/{LIB}", headers=ACME)
    assert (kept.status_code, kept.text) == (422, f"{WEB} depends on {LIB}")
    for ident in (WEB, LIB):
        assert client.delete(f"/depot/pkgs/{ident}", headers=ACME).status_code == 204


def test_lists_come_in_pages_of_fifty(client: httpx.Client, depot: FolderDepot) -> None:
    for number in range(60):
        Package(f"acme/web/1.{number}/{REVISION}").write(depot.harts)
    Package(f"core/other/1/{REVISION}").write(depot.harts)
    for path in (
        "/depot/pkgs/acme",
        "/depot/pkgs/acme/web",
        "/depot/channels/acme/unstable/pkgs",
        "/depot/pkgs/search/acme",
    ):
        first = client.get(path)
        assert first.status_code == 206, path
        page = first.json()
        assert (page["range_start"], page["range_end"], page["total_count"]) == (0, 49, 60)
        rest = client.get(path, params={"range": 50})
        assert rest.status_code == 200
        versions = [item["version"] for item in page["data"] + rest.json()["data"]]
        assert len(set(versions)) == 60
        assert versions == sorted(versions, reverse="search" not in path)
    assert page["data"][0]["platforms"] == [TARGET]
    assert client.get("/depot/pkgs/acme", params={"range": -1}).status_code == 200
    assert client.get("/depot/pkgs/acme", params={"range": "x"}).status_code == 400
    distinct = client.get("/depot/pkgs/acme", params={"distinct": "true"}).json()
    assert [(one["name"], one["version"]) for one in distinct["data"]] == [("web", None)]
    assert len(client.get("/depot/pkgs/acme/web/versions").json()) == 60
    assert client.get("/depot/pkgs/acme/web/1.7").json()["total_count"] == 1
    latest = client.get("/depot/pkgs/acme/web/latest").json()
    assert (latest["ident"]["version"], latest["size"] > 0) == ("1.59", True)


def test_channels_are_made_listed_and_removed(client: httpx.Client, depot: FolderDepot) -> None:
    assert client.get("/depot/channels/acme").json() == []
    made = client.post("/depot/channels/acme/lab", headers=ACME)
    assert (made.status_code, made.json()["name"]) == (201, "lab")
    assert client.post("/depot/channels/acme/lab", headers=ACME).status_code == 409
    names = [channel["name"] for channel in client.get("/depot/channels/acme").json()]
    assert names == ["lab", "stable", "unstable"]
    fill(depot, Package(), channel="lab")
    shown = client.get("/depot/channels/acme/lab/pkgs").json()
    assert [item["name"] for item in shown["data"]] == ["web"]
    newest = client.get("/depot/channels/acme/lab/pkgs/_latest", params={"target": TARGET}).json()
    assert newest["data"][0]["version"] == "1.0"
    assert client.get("/depot/channels/acme/lab/pkgs/_latest").status_code == 400
    assert client.delete("/depot/channels/acme/stable", headers=ACME).status_code == 403
    assert client.delete("/depot/channels/acme/lab", headers=ACME).status_code == 200
    assert client.get("/depot/channels/acme/lab/pkgs").status_code == 404


def test_origins_are_made_and_shown(client: httpx.Client) -> None:
    assert client.get("/depot/origins/acme").status_code == 404
    for body, status in (
        (b'{"name": "acme"}', 201),
        (b'{"name": "acme"}', 409),
        (b'{"name": "../x"}', 417),
        (b"{}", 400),
        (b"[" * 10_000, 400),
        (b"\xff", 400),
    ):
        assert client.post("/depot/origins", content=body, headers=ALL).status_code == status, body
    assert client.get("/depot/origins/acme").json()["name"] == "acme"
    names = [channel["name"] for channel in client.get("/depot/channels/acme").json()]
    assert names == ["stable", "unstable"]


def test_a_key_is_taken_under_its_own_name_only(client: httpx.Client) -> None:
    path = f"/depot/origins/acme/keys/{REVISION}"
    assert client.post(path, content=b"x" * 5000, headers=ACME).status_code == 413
    assert client.post(path, content=b"nonsense", headers=ACME).status_code == 422
    wrong = public_key(signer=f"core-{REVISION}")
    assert client.post(path, content=wrong, headers=ACME).status_code == 422
    taken = client.post(path, content=public_key(), headers=ACME)
    assert (taken.status_code, taken.headers["location"]) == (201, f"/v1{path}")
    assert client.post(path, content=public_key(), headers=ACME).status_code == 409
    assert client.get("/depot/origins/acme/keys").json() == [
        {"origin": "acme", "revision": REVISION, "location": f"/origins/acme/keys/{REVISION}"}
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/depot/pkgs/..%2f..%2fetc/passwd/1/2/download",
        "/depot/pkgs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/download",
        "/depot/pkgs/a%00/b/1/2/download",
        "/depot/pkgs/acme/web/1.0/%0d%0ax-evil:1/download",
        "/depot/origins/..%2f/keys/latest",
        "/depot/origins/acme/keys/..%2f..%2fchannels",
        "/depot/channels/%f0%9f%92%a9/stable/pkgs/x/latest",
        "/nothing",
        "/",
    ],
)
def test_a_path_that_means_harm_is_answered_with_a_refusal(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "x-evil" not in answer.headers
    assert client.get("/status").status_code == 200


def test_an_empty_depot_answers(client: httpx.Client) -> None:
    assert client.get("/depot/pkgs/acme").json()["data"] == []
    assert client.get("/depot/pkgs/acme/web/latest").status_code == 404
    assert client.get("/depot/pkgs/acme/web/versions").status_code == 404
    assert client.get(f"/depot/pkgs/{WEB}/channels").status_code == 404
    assert client.get("/depot/origins/acme/keys/latest").status_code == 404
    assert client.put("/status").status_code == 405


def test_a_served_folder_without_tokens_takes_nothing(depot: FolderDepot) -> None:
    server = Server(depot.folder)
    try:
        with httpx.Client(base_url=f"{server.url}/v1", trust_env=False) as client:
            answer = upload(client, Package())
            assert (answer.status_code, "--tokens" in answer.text) == (403, True)
            assert client.get("/status", headers=ACME).status_code == 200
    finally:
        assert server.stop() == 0
    assert "GET /v1/status: 200" in server.log.read_text()


def closed(connection: socket.socket) -> bytes:
    """What comes until the server has closed."""
    connection.settimeout(30)
    got = bytearray()
    try:
        while data := connection.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return bytes(got)


@pytest.mark.parametrize(
    "start", [b"", b"GET /v1/sta", b"GET /v1/status HTTP/1.1\r\nHost: x\r\nA: b"]
)
def test_a_request_that_does_not_come_is_not_waited_for(
    impatient: tuple[str, int], start: bytes
) -> None:
    with socket.create_connection(impatient) as slow:
        slow.sendall(start)
        assert closed(slow) == b""
    assert httpx.get(f"http://{impatient[0]}:{impatient[1]}/v1/status").status_code == 200


def test_a_head_that_trickles_has_one_span_of_time(impatient: tuple[str, int]) -> None:
    with socket.create_connection(impatient) as slow:
        slow.settimeout(30)

        def trickle() -> None:
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    slow.sendall(b"G")
                    threading.Event().wait(0.1)

        sender = threading.Thread(target=trickle)
        sender.start()
        closed(slow)
        sender.join(60)


def test_a_body_that_stalls_is_answered_with_408_and_leaves_nothing(
    impatient: tuple[str, int], depot: FolderDepot
) -> None:
    head = (
        f"POST /v1/depot/pkgs/{WEB}?checksum=00&target={TARGET} HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer for-acme-only\r\nContent-Length: 1000\r\n\r\nHART-1"
    )
    with socket.create_connection(impatient) as slow:
        slow.sendall(head.encode())
        assert closed(slow).startswith(b"HTTP/1.1 408")
    assert list((depot.folder / "incoming").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(
    impatient: tuple[str, int], depot: FolderDepot
) -> None:
    head = (
        f"POST /v1/depot/pkgs/{WEB}?checksum=00&target={TARGET} HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer for-acme-only\r\nContent-Length: 1000\r\n\r\nHART-1"
    )
    incoming = depot.folder / "incoming"
    with socket.create_connection(impatient) as torn:
        torn.sendall(head.encode())
        wait_for(lambda: incoming.is_dir() and bool(list(incoming.iterdir())))
    wait_for(lambda: not list(incoming.iterdir()))


def test_who_does_not_read_what_he_asked_for_is_cut_off(
    impatient: tuple[str, int], depot: FolderDepot
) -> None:
    put(depot, Package(padding=12_000_000))
    request = f"GET /v1/depot/pkgs/{WEB}/download HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(impatient)
        lazy.sendall(request.encode())
        # Nothing is read; the server gives up by itself, and says so with a reset.
        poller = select.poll()
        poller.register(lazy, select.POLLERR | select.POLLHUP)
        assert poller.poll(30_000)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"POST /v1/depot/origins HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/depot/origins HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HART-1\n" * 1000,
    ],
)
def test_bytes_that_are_no_request_harm_nothing(impatient: tuple[str, int], data: bytes) -> None:
    with socket.create_connection(impatient) as hostile:
        with contextlib.suppress(OSError):
            hostile.sendall(data)
        answer = closed(hostile)
    assert answer == b"" or answer.split()[1][:1] == b"4"
    assert httpx.get(f"http://{impatient[0]}:{impatient[1]}/v1/status").status_code == 200


def test_a_package_larger_than_the_limit_is_refused_before_it_is_sent(
    impatient: tuple[str, int],
) -> None:
    head = (
        f"POST /v1/depot/pkgs/{WEB}?checksum=00&target={TARGET} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer for-acme-only\r\nContent-Length: {2**40}\r\n\r\n"
    )
    with socket.create_connection(impatient) as huge:
        huge.sendall(head.encode())
        assert closed(huge).startswith(b"HTTP/1.1 413")


def test_the_server_ends_when_told_and_its_port_is_free_at_once(depot: FolderDepot) -> None:
    server = Server(depot.folder)
    port = int(server.url.rpartition(":")[2])
    assert server.stop() == 0
    socket.create_server(("127.0.0.1", port)).close()
    assert "has ended" in server.log.read_text()


def test_a_port_that_is_taken_and_a_tokens_file_that_is_none_are_said(
    depot: FolderDepot, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = CliRunner().invoke(hab, ["depot", "serve", str(depot.folder), "--listen", address])
        assert (told.exit_code, "Cannot listen" in told.output) == (1, True)
    bad = tmp_path / "bad"
    bad.write_text("short\n")
    told = CliRunner().invoke(hab, ["depot", "serve", str(depot.folder), "--tokens", str(bad)])
    assert (told.exit_code, "line 1" in told.output) == (2, True)
