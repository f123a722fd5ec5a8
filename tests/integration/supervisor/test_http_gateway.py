"""The HTTP gateway of a real supervisor: who is told what, and what no request can do.

The certificates in `tls` were made for these tests alone, by a CA whose key is gone.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from supervisor_rig import Machine, eventually

TLS = Path(__file__).parent / "tls"
TOKEN = "a token of this test"


def get(
    machine: Machine,
    path: str,
    method: str = "GET",
    tls: ssl.SSLContext | None = None,
    **headers: str,
) -> tuple[int, Any]:
    """Status and body (JSON where it is JSON) of one request."""
    host = headers.pop("Host", f"127.0.0.1:{machine.http}")
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", machine.http, timeout=20)
    else:
        connection = http.client.HTTPSConnection("localhost", machine.http, timeout=20, context=tls)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": host, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    is_json = "json" in (response.getheader("content-type") or "")
    return response.status, json.loads(body) if is_json and body else body.decode()


def listens(machine: Machine) -> bool:
    return bool(machine.events("HttpOpened"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("http") / "hab")
    machine.package(
        "acme/probe",
        hooks={"health-check": 'echo "is fine"; echo "but hot" >&2; exit 1'},
        **{"default.toml": "port = 7000\n", "EXPORTS": "port=port"},
    )
    machine.start()
    machine.hab("svc", "load", "acme/probe", "--health-check-interval", "1")
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    eventually("the gateway listens", lambda: listens(machine))
    yield machine
    machine.end()


def test_every_endpoint_answers_in_its_form(served: Machine) -> None:
    status, page = get(served, "/")
    assert (status, "/census" in page) == (200, True)
    status, services = get(served, "/services")
    assert (status, [one["service_group"] for one in services]) == (
        200,
        ["probe.default", "web.default"],
    )
    status, web = get(served, "/services/web/default")
    assert (status, web["process"]["state"], web["process"]["pid"]) == (200, "up", served.up("web"))
    status, census = get(served, "/census")
    assert status == 200
    assert set(census["census_groups"]) == {"probe.default", "web.default"}
    status, butterfly = get(served, "/butterfly")
    assert (status, list(butterfly["member"]["health"].values())) == (200, ["Alive"])
    status, metrics = get(served, "/metrics")
    assert status == 200
    assert 'habring_services{stage="up"} 2.0' in metrics
    assert 'hab_sup_http_gateway_requests_total{path="/services"}' in metrics


def test_health_tells_what_the_hook_said_and_its_code(served: Machine) -> None:
    _, health = eventually(
        "it was checked",
        lambda: (answer := get(served, "/services/probe/default/health"))[0] == 200 and answer,
    )
    assert health == {"status": "Warning", "stdout": "is fine\n", "stderr": "but hot\n"}
    assert get(served, "/services/web/default/health")[1]["status"] == "Ok"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/services/gone/default", 404),
        ("/services/gone/default/health", 404),
        ("/services/web/default/acme", 404),
        ("/services/web", 400),
        ("/services/w%20b/default/health", 400),
        ("/nothing", 404),
        ("/" + "x" * 2000, 414),
    ],
)
def test_what_is_not_there_is_404_and_what_is_no_group_400(
    served: Machine, path: str, status: int
) -> None:
    assert get(served, path)[0] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_without_a_token_anything_but_get_is_forbidden(served: Machine, method: str) -> None:
    assert get(served, "/services", method)[0] == 403


def test_only_names_of_this_machine_are_answered(served: Machine) -> None:
    for host in ("127.0.0.1", "localhost:80", "[::1]:9631", socket.gethostname()):
        assert get(served, "/services", Host=host)[0] == 200, host
    for host in ("evil.example", "evil.example:9631", "127.0.0.1.evil.example", ""):
        assert get(served, "/services", Host=host)[0] == 403, host


def test_slow_huge_and_malformed_requests_harm_nobody(served: Machine) -> None:
    with open_connections(served, 60) as slow:
        for each in slow:
            each.sendall(b"GET /services HTTP/1.1\r\nHost: local")
        for garbage in (
            b"\x00" * 100,
            b"GET " + b"/" * 100_000,
            b"\x16\x03\x01" * 50,
            b"X\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", served.http), 10) as one:
                one.sendall(garbage)
                assert b"200" not in one.recv(100)
        assert get(served, "/services")[0] == 200
        for each in slow:
            assert is_cut_off(each)


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, sooner or later."""
    connection.settimeout(30)
    try:
        return b"200 OK" not in connection.recv(1000)
    except ConnectionResetError:
        return True


class open_connections:  # noqa: N801 - reads as a verb
    """Some connections, all closed at the end."""

    def __init__(self, machine: Machine, count: int) -> None:
        address = ("127.0.0.1", machine.http)
        self._sockets = [socket.create_connection(address, 10) for _ in range(count)]

    def __enter__(self) -> list[socket.socket]:
        return self._sockets

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()


def start_with(machine: Machine, *words: str, **environment: str) -> None:
    machine.environment.update(environment)
    machine.start(*words)
    eventually("the gateway listens", lambda: listens(machine))


def test_with_a_token_every_path_needs_it(machine: Machine) -> None:
    start_with(machine, HAB_SUP_GATEWAY_AUTH_TOKEN=TOKEN)
    for path in ("/", "/services", "/census", "/nothing", "/metrics"):
        assert get(machine, path) == (401, "")
        assert get(machine, path, Authorization="Bearer another")[0] == 401
    assert get(machine, "/services", Authorization=f"Bearer {TOKEN}") == (200, [])
    assert get(machine, "/services", "POST", Authorization=f"Bearer {TOKEN}")[0] == 405
    environment = Path(f"/proc/{machine.supervisor()}/cmdline").read_text()
    assert TOKEN not in environment


def test_beyond_loopback_strangers_are_told_no_secret(machine: Machine) -> None:
    machine.package("acme/web", **{"default.toml": 'password = "hunter2"\n'})
    machine.listen_http = f"0.0.0.0:{machine.http}"
    start_with(machine, "--http-host", "web.example")
    machine.hab("svc", "load", "acme/web")
    machine.up("web")
    for path in ("/services", "/services/web/default", "/services/web/default/config", "/census"):
        status, body = get(machine, path, Host="web.example")
        assert status == 200
        assert "hunter2" not in json.dumps(body)
    assert get(machine, "/services/web/default")[1]["cfg"] is None
    assert get(machine, "/services/web/default/config") == (200, None)


def test_tls_asks_for_a_certificate_of_the_clients_ca(machine: Machine) -> None:
    files = {"--certs": "server.pem", "--key": "server.key", "--ca-certs": "ca.pem"}
    start_with(machine, *(word for flag, name in files.items() for word in (flag, str(TLS / name))))
    known = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.BadStatusLine)):
        get(machine, "/services", tls=known)
    known.load_cert_chain(TLS / "client.pem", TLS / "client.key")
    assert get(machine, "/services", tls=known) == (200, [])
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        get(machine, "/services")


def test_certificates_without_a_key_are_refused_at_the_start(machine: Machine) -> None:
    refused = machine.hab("sup", "run", "--certs", str(TLS / "server.pem"), check=False)
    assert refused.code == 2
    assert "--certs and --key belong together" in refused.err


def test_a_taken_port_is_said_and_taken_once_it_is_free(
    machine: Machine, machines: Callable[..., Machine]
) -> None:
    with socket.create_server(("127.0.0.1", machine.http)):
        machine.start()
        (said,) = eventually("it is said", lambda: machine.events("HttpUnavailable"))
        assert str(machine.http) in said.text
    eventually("the gateway listens", lambda: listens(machine))
    assert get(machine, "/services") == (200, [])


def test_disabled_there_is_no_port(machine: Machine) -> None:
    machine.start("--http-disable")
    assert "disabled" in machine.hab("sup", "status").out
    with pytest.raises(ConnectionRefusedError):
        get(machine, "/services")
