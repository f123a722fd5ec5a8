"""Says hello over HTTP, and how often it did: counted in the Redis that it is bound to.

SIGHUP makes it read its settings again; another port is opened before the old one is closed.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Settings:
    """What app.json says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read()

    def read(self) -> None:
        """Read the file."""
        said = json.loads(self.path.read_text())
        self.port, self.greeting, self.store = said["port"], said["greeting"], said["store"]


class Hello(BaseHTTPRequestHandler):
    """Answers every GET with the greeting and the number of the visit."""

    settings: Settings

    def do_GET(self) -> None:
        """Answer; 503 while the store does not. /health is no visit."""
        try:
            if self.path == "/health":
                text = ask(self.settings.store, "PING")
            else:
                visits = ask(self.settings.store, "INCR visits").lstrip(":")
                text = f"{self.settings.greeting}: visit {visits}"
            status = 200
        except OSError as error:
            text, status = f"the store does not answer: {error}", 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())

    def log_message(self, *words: object) -> None:
        """Health checks would fill the log."""


def ask(store: str | None, command: str) -> str:
    """What Redis answers, without its line's end. Raises OSError, also where there is none."""
    if store is None:
        raise ConnectionError("none is up")
    host, port = store.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=2) as redis:
        redis.sendall(command.encode() + b"\r\n")
        answer = redis.recv(64).decode().strip()
    if not answer.startswith((":", "+")):
        raise ConnectionError(answer or "it hung up")
    return answer


def main() -> None:
    """Serve for ever."""
    told = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: told.set())
    Hello.settings = settings = Settings(Path(sys.argv[1]))
    server = serve(settings.port)
    while told.wait():
        told.clear()
        port = settings.port
        settings.read()
        if settings.port != port:
            old, server = server, serve(settings.port)
            old.shutdown()
            old.server_close()


def serve(port: int) -> ThreadingHTTPServer:
    """A server that listens already."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on port {port}", flush=True)
    return server


if __name__ == "__main__":
    main()
