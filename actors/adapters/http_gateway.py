"""`port/http`: the HTTP gateway's socket, on a thread of its own.

It checks who asks, hands the path to the actor `gateway`, and writes its answer as JSON (or, for
`/metrics`, as Prometheus text). Whatever cannot be read, is too big or too slow harms its own
connection only. A port that is taken is tried again: no supervisor fails for its HTTP gateway.

It is a plain ASGI application: with one route and bodies of known length, starlette would do
nothing for it but take 2 MB of every supervisor.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import ipaddress
import logging
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from actors.adapters.http_metrics import MEDIA_TYPE, RequestMeter
from actors.adapters.tls import server_context
from actors.messages.gateway import HttpAnswered, HttpAsked, HttpOpened, HttpUnavailable
from actors.messages.runtime import CallFailed

if TYPE_CHECKING:
    import ssl

    import uvicorn
    from starlette.types import Receive, Scope, Send

    from actors.messages.envelope import Envelope
    from actors.runtime.world import World

SENDER: Final = "gateway"
CONNECTIONS: Final = 512
AT_ONCE: Final = 32  # requests that ask actors; the others wait
ANSWER_S: Final = 10.0
RETRY_S: Final = 5.0
PATH_LIMIT: Final = 1024
PATHS: Final = (
    ("/services", "the services loaded here"),
    ("/services/NAME/GROUP", "one service; /ORG behind it for an organization"),
    ("/services/NAME/GROUP/config", "its configuration, as it is in force"),
    ("/services/NAME/GROUP/health", "its health: 200 ok or warning, 503 critical, 500 unknown"),
    ("/census", "the service groups of the ring"),
    ("/butterfly", "the members of the ring, and what they have told"),
    ("/metrics", "measurements, for Prometheus"),
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Where the gateway listens (`IP:PORT`) and whom it answers.

    `token` empty: nobody needs one. `hosts` are names it answers to beside addresses, localhost and
    this machine's own name. `certificate` and `key` are PEM files (both or none); with
    `client_ca`, clients need a certificate of it.
    """

    listen: str
    token: str = ""
    hosts: frozenset[str] = frozenset()
    certificate: str = ""
    key: str = ""
    client_ca: str = ""

    @property
    def trusted(self) -> bool:
        """Whether whoever gets an answer may see secrets: it has the token, or is on this host."""
        host = self.listen.rpartition(":")[0].strip("[]")
        return bool(self.token) or ipaddress.ip_address(host).is_loopback

    @property
    def guarded(self) -> str:
        """How it is guarded, in words."""
        words = ["TLS"] if self.certificate else []
        words += ["client certificates"] if self.client_ca else []
        words += ["bearer token"] if self.token else []
        if not self.trusted:
            words.append("read only, secrets left out")
        return ", ".join(words) or "loopback only"


@dataclass(frozen=True, slots=True)
class _Response:
    """What a client gets; `media_type` is empty where there is no body."""

    status: int
    media_type: str = ""
    body: bytes = b""


class HttpGateway:
    """The server on its thread; it listens as soon as it can."""

    def __init__(self, world: World, options: HttpOptions) -> None:
        self._world = world
        self._options = options
        self._ends = threading.Event()
        self._server: uvicorn.Server | None = None
        self._meter = RequestMeter()
        self._gate: asyncio.Semaphore | None = None
        self.address = ""  # where it listens, once it does
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more; what is being answered has a second."""
        self._ends.set()
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(3)

    # ── listening ──

    def _run(self) -> None:
        said = ""
        while not self._ends.is_set():
            try:
                listening = self._listen()
                asked = self._options
                tls = server_context(asked.certificate, asked.key, asked.client_ca)
            except OSError as error:
                reason = error.strerror or str(error)
                if reason != said:
                    self._world.emit(SENDER, HttpUnavailable(self._options.listen, reason))
                    _log.warning("no HTTP gateway on %s: %s", self._options.listen, reason)
                said = reason
                self._ends.wait(RETRY_S)
                continue
            self._world.emit(SENDER, HttpOpened(self.address, self._options.guarded))
            self._serve(listening, tls)
            return

    def _listen(self) -> socket.socket:
        host, _, port = self._options.listen.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, int(port)), family=family, backlog=256)
        self.address = "{}:{}".format(*listening.getsockname()[:2])
        return listening

    def _serve(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        import uvicorn

        from actors.adapters.http_protocol import ServeLimits, server_config

        config = server_config(
            self._respond, connections=CONNECTIONS, limits=ServeLimits(), stop_s=1
        )
        config.load()
        config.ssl = tls
        self._server = server = uvicorn.Server(config)
        if self._ends.is_set():
            server.should_exit = True
        with listening:
            asyncio.run(server.serve(sockets=[listening]))

    # ── one request ──

    async def _respond(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Be the ASGI application; bodies of requests are not read."""
        response = await self._answer(scope)
        headers = [(b"content-length", b"%d" % len(response.body))]
        if response.media_type:
            headers.append((b"content-type", response.media_type.encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope) -> _Response:
        began = time.monotonic()
        path = scope["path"]
        refused = self._refuse(scope, path)
        if refused is not None:
            response = refused
        elif path == "/":
            response = _Response(200, "text/html; charset=utf-8", _page().encode())
        else:
            response = await self._ask(path)
        self._meter.count(path, time.monotonic() - began)
        return response

    def _refuse(self, scope: Scope, path: str) -> _Response | None:
        options, method = self._options, scope["method"]
        if not self._is_ours(_header(scope, b"host").decode("latin-1")):
            return _text(403, "this name is not ours: see --http-host")
        if options.token:
            if not hmac.compare_digest(
                _header(scope, b"authorization"), f"Bearer {options.token}".encode()
            ):
                return _Response(401)
            if method not in ("GET", "HEAD"):
                return _text(405, "only GET is answered here")
        elif method not in ("GET", "HEAD"):
            return _text(403, "only GET is answered here")
        return _text(414, "the path is too long") if len(path) > PATH_LIMIT else None

    def _is_ours(self, host: str) -> bool:
        name = host.strip().lower()
        name = (
            name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
        )
        if name in ("localhost", socket.gethostname().lower()) or name in self._options.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _ask(self, path: str) -> _Response:
        if self._gate is None:
            self._gate = asyncio.Semaphore(AT_ONCE)
        async with self._gate:
            answer = await self._call(HttpAsked(path, self._options.trusted))
        if path.strip("/") == "metrics" and answer.status == 200:
            return _Response(200, MEDIA_TYPE, self._meter.text(answer.document))
        return _json(answer.status, answer.document)

    async def _call(self, asked: HttpAsked) -> HttpAnswered:
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[HttpAnswered] = loop.create_future()

        def settle(answer: HttpAnswered) -> None:
            if not heard.done():
                heard.set_result(answer)

        def hear(envelope: Envelope) -> None:
            match envelope.message:
                case HttpAnswered() as answer:
                    loop.call_soon_threadsafe(settle, answer)
                case CallFailed(text=text):
                    loop.call_soon_threadsafe(settle, HttpAnswered(503, {"error": text}))
                case _:
                    pass  # nothing else answers this question

        self._world.call("gateway", asked, hear)
        try:
            return await asyncio.wait_for(heard, ANSWER_S)
        except TimeoutError:
            return HttpAnswered(503, {"error": "the supervisor did not answer in time; try again"})


def _page() -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(path)}</code></td><td>{html.escape(what)}</td></tr>"
        for path, what in PATHS
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>habring: HTTP gateway</title>"
        f"<h1>HTTP gateway of this supervisor</h1><table>{rows}</table></html>"
    )


def _header(scope: Scope, name: bytes) -> bytes:
    """The first header of that name, in lower case; empty if there is none."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), b"")


def _json(status: int, document: Any) -> _Response:
    return _Response(status, "application/json", msgspec.json.encode(document))


def _text(status: int, text: str) -> _Response:
    return _json(status, {"error": text})
