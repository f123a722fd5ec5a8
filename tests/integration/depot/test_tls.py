"""Depots over TLS: whose certificate is believed, and how to make one believed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from depot_rig import (
    REVISION,
    TARGET,
    Hostile,
    Package,
    Server,
    answer,
    checksum,
    public_key,
)

from actors.adapters.depot_client import Depot, depot_settings, open_depot
from actors.adapters.depot_folder import FolderDepot
from actors.depot.patience import Patience
from actors.errors import Refused, UsageError
from cli.main import hab

TOKEN = "a-token-of-sixteen-letters-and-more"

QUICK = Patience(look_ups=1, unit_s=0.01, connect_s=5.0, answer_s=5.0, window_s=5.0)
# For 127.0.0.1 and localhost, until 2126; made for these tests with openssl, and used nowhere else.
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY1S8bHRjT/5BVPMQ
9s51V8pAZqdIFX3gvlMzv8BoDdWhRANCAAT2W6gmBjhYe5/58g7vVikwUi5l7JVf
UH64HJfmC+TDmdeVHeAhdwZMwWdeYxE0a16d3+tOfjY+oLvUlZn2r9Kb
-----END PRIVATE KEY-----
"""
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUZl2HPbBotglvWoj0paMsR7IOE7YwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDIzMzU0OFoYDzIxMjYxMDMx
MjMzNTQ4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT2W6gmBjhYe5/58g7vVikwUi5l7JVfUH64HJfmC+TDmdeVHeAhdwZM
wWdeYxE0a16d3+tOfjY+oLvUlZn2r9Kbo28wbTAdBgNVHQ4EFgQUTSJIjy+nw2vW
XNntBO8krqgJSg4wHwYDVR0jBBgwFoAUTSJIjy+nw2vWXNntBO8krqgJSg4wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDRwAwRAIgCW9eF1wWyp5vNhX5oJ8VNjFJEcQcOLNJzcOG9gPxHx8CICh5
PgnHi38MCQkJ4K6xwfX8jPLfqupN7oulmN5QMJ3o
-----END CERTIFICATE-----
"""


@pytest.fixture
def server(tmp_path: Path) -> Hostile:
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    class Encrypted(Hostile):
        def _serve(self, client: socket.socket) -> None:
            try:
                super()._serve(context.wrap_socket(client, server_side=True))
            except OSError:
                client.close()  # the client did not believe us

    return Encrypted(lambda client, _, __: client.sendall(answer(b'[{"name": "stable"}]')))


def channels(root: Path, server: Hostile, **environ: str) -> list[str]:
    url = server.url.replace("http://", "https://")
    depot = open_depot(depot_settings(root, environ, url), TARGET, lambda _: None, QUICK)
    return depot.origin_channels("acme")


def test_a_certificate_of_nobody_known_is_refused(tmp_path: Path, server: Hostile) -> None:
    with server, pytest.raises(Refused, match=r"(?i)certificate"):
        channels(tmp_path, server)


def test_an_authority_in_ssl_cert_file_or_in_cache_ssl_is_believed(
    tmp_path: Path, server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server:
        with monkeypatch.context() as patched:
            patched.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
            assert channels(tmp_path / "a", server) == ["stable"]
        directory = tmp_path / "b" / "cache" / "ssl"
        directory.mkdir(parents=True)
        (directory / "ours.pem").write_text(CERTIFICATE)
        assert channels(tmp_path / "b", server) == ["stable"]
        (directory / "bad.crt").write_text("nonsense")
        with pytest.raises(UsageError, match=r"bad\.crt"):
            channels(tmp_path / "b", server)


def test_who_asks_for_no_verification_gets_none(tmp_path: Path, server: Hostile) -> None:
    with server:
        assert channels(tmp_path, server, HAB_SSL_CERT_VERIFY_NONE="1") == ["stable"]


# ── our own server ──


@pytest.fixture
def secure(tmp_path: Path, depot: FolderDepot) -> Iterator[Server]:
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    pem = ("--certs", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    server = Server(depot.folder, f"{TOKEN}\n", *pem)
    yield server
    server.stop()


def believer(root: Path, url: str, **environ: str) -> Depot:
    """A client with the certificate in its `cache/ssl`."""
    directory = root / "cache" / "ssl"
    directory.mkdir(parents=True)
    (directory / "ours.crt").write_text(CERTIFICATE)
    return open_depot(depot_settings(root, environ, url), TARGET, lambda _: None, QUICK)


def test_packages_go_up_and_come_down_over_tls(tmp_path: Path, secure: Server) -> None:
    assert secure.url.startswith("https://")
    package = Package(padding=200_000)
    file = package.write(tmp_path / "made")
    client = believer(tmp_path / "root", secure.url, HAB_AUTH_TOKEN=TOKEN)
    assert client.add_key("acme", REVISION, public_key())
    client.upload(file, package.artifact, checksum(package.hart()), forced=False)
    client.promote(package.artifact, "stable")
    part = tmp_path / "part"
    client.download(package.artifact, part)
    assert part.read_bytes() == package.hart()


def test_who_does_not_believe_the_server_or_speaks_no_tls_gets_an_error(
    tmp_path: Path, secure: Server
) -> None:
    doubter = open_depot(depot_settings(tmp_path, {}, secure.url), TARGET, lambda _: None, QUICK)
    with pytest.raises(Refused, match=r"(?i)certificate"):
        doubter.origin_channels("acme")
    plain = secure.url.replace("https", "http")
    with pytest.raises(Refused, match=r"failed .* Is it up, and is it a depot"):
        believer(tmp_path / "root", plain).origin_channels("acme")
    believer(tmp_path / "other", secure.url).origin_channels("acme")


def test_bytes_that_are_no_tls_harm_nobody(tmp_path: Path, secure: Server) -> None:
    port = int(secure.url.rpartition(":")[2])
    silent = socket.create_connection(("127.0.0.1", port))
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 4096):
        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.sendall(data)
    assert believer(tmp_path / "root", secure.url).origin_channels("acme") == []
    silent.close()


def test_half_of_a_tls_or_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "bad.pem").write_text("nonsense")
    half = CliRunner().invoke(hab, ["depot", "serve", str(tmp_path / "d"), "--certs", "x"])
    assert (half.exit_code, "belong together" in half.output) == (2, True)
    words = ["--certs", str(tmp_path / "bad.pem"), "--key", str(tmp_path / "key.pem")]
    bad = CliRunner().invoke(hab, ["depot", "serve", str(tmp_path / "d"), *words])
    assert (bad.exit_code, "cannot be used for TLS" in bad.output) == (1, True)
