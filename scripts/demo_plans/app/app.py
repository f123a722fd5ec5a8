"""Says hello over HTTP, and how often it did: counted in a Redis where it has one, else here."""

from __future__ import annotations

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETTINGS = json.loads(Path(sys.argv[1]).read_text())


def count(visits: list[int]) -> int:
    """One more visit; how many there were."""
    if SETTINGS["store"]:
        host, port = SETTINGS["store"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=2) as store:
            store.sendall(b"INCR visits\r\n")
            return int(store.recv(64).strip().lstrip(b":"))
    visits[0] += 1
    return visits[0]


class Hello(BaseHTTPRequestHandler):
    """Answers every GET with the greeting."""

    visits = [0]

    def do_GET(self) -> None:
        """Answer."""
        try:
            text, status = f"{SETTINGS['greeting']}: visit {count(self.visits)}\n", 200
        except (OSError, ValueError) as error:
            text, status = f"the store does not answer: {error}\n", 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: object) -> None:
        """Health checks would fill the log."""


ThreadingHTTPServer(("127.0.0.1", SETTINGS["port"]), Hello).serve_forever()
