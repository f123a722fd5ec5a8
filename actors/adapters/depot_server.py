"""`hab depot serve`: the HTTP server around the routes, and what keeps hostile clients harmless.

Bounds: connections, the time a request may take to arrive, the time one piece of an answer may take
to leave, the pace and size of an upload. Whoever exceeds one loses his own connection only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.adapters.depot_folder import FolderDepot
from actors.adapters.depot_routes import application
from actors.adapters.http_protocol import ServeLimits, server_config
from actors.depot.patience import SIZE_LIMIT
from actors.depot.tokens import Tokens, parse_tokens
from actors.errors import HostError, UsageError

CONNECTIONS: Final = 256
STOP_S: Final = 10  # what is under way may finish
_log = logging.getLogger("hab-depot")


class TokenFile:
    """The tokens file, read again at each request, so that a token can be withdrawn at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> Tokens:
        """The tokens now. Raises UsageError for a line that is none, HostError."""
        if self._path is None:
            return Tokens(none=True)
        try:
            return parse_tokens(self._path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise HostError(f"the tokens file {self._path} cannot be read: {error}") from error
        except UsageError as error:
            raise UsageError(f"{self._path}, {error}") from error


class Bounded:
    """ASGI middleware: a body that does not move ends its request; a log line for each.

    Who is refused before his body was read is heard out first, within the time for one piece: a
    connection that is closed on unread bytes is reset, and a reset may overtake the answer.
    """

    def __init__(self, app: ASGIApp, stall_s: float) -> None:
        self._app = app
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, sent, more = time.monotonic(), 0, 0, True

        async def bounded_receive() -> Message:
            nonlocal more
            if not more:  # waiting for the client to go away takes as long as it takes
                return await receive()
            message = await asyncio.wait_for(receive(), self._stall_s)
            more = bool(message.get("more_body", False))
            return message

        async def hear_out() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._stall_s):
                    while more and (await bounded_receive())["type"] == "http.request":
                        pass

        async def counting_send(message: Message) -> None:
            nonlocal status, sent
            if more and message["type"] == "http.response.start" and _comes_by_itself(scope):
                await hear_out()
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, bounded_receive, counting_send)
        finally:
            client = (scope.get("client") or ("?",))[0]
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            took_s = time.monotonic() - began
            text = f"{client} {scope['method']} {path}: {status or 500}, {sent} bytes"
            _log.info("%s, %.3f s", text, took_s)


def _comes_by_itself(scope: Scope) -> bool:
    """Whether the client sends a body, of a size it may have, without being told to go on."""
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"")
    wanted = int(declared) <= SIZE_LIMIT if declared else b"transfer-encoding" in headers
    return wanted and b"expect" not in headers


def make_server(
    depot: FolderDepot,
    tokens: TokenFile,
    limits: ServeLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> uvicorn.Server:
    """A server, not yet listening; it ends when its `should_exit` is set."""
    limits = limits or ServeLimits()
    app = Bounded(application(depot, tokens.read), limits.stall_s)
    config = server_config(app, connections=CONNECTIONS, limits=limits, stop_s=STOP_S)
    config.load()
    config.ssl = tls
    return uvicorn.Server(config)


def serve(
    depot: FolderDepot,
    listening: socket.socket,
    tokens: TokenFile,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; what is under way then has `STOP_S` seconds to finish."""
    server = make_server(depot, tokens, tls=tls)
    # uvicorn raises the signal again when it has ended; ending well is code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    asyncio.run(_serve(server, listening, ready))


async def _serve(
    server: uvicorn.Server, listening: socket.socket, ready: Callable[[], None]
) -> None:
    ready()
    await server.serve(sockets=[listening])
