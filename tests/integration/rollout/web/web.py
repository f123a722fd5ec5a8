"""Answers every GET with its version and its port, a moment after it was started.

The file named first says the version, and below it how it behaves: `well`; `sick`: it answers 500;
`ends`: it ends with 3 before it serves. As most servers it ends at a TERM without looking at what
is under way.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START_S = 0.5  # longer than a supervisor takes a process for started


class Answers(BaseHTTPRequestHandler):
    """One version's answers."""

    protocol_version = "HTTP/1.1"  # connections are kept, as a proxy likes to
    wbufsize = -1  # an answer is one packet
    text = b""
    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *words: object) -> None:
        """A line for each of thousands of requests would only fill the log."""


class Server(ThreadingHTTPServer):
    """Connections wait here while threads start."""

    request_queue_size = 128


def main() -> None:
    """Serve for ever."""
    version, behaviour = Path(sys.argv[1]).read_text().split()
    port = int(sys.argv[2])
    time.sleep(START_S)
    if behaviour == "ends":
        sys.exit(3)
    Answers.text = f"{version} {port}".encode()
    Answers.status = 500 if behaviour == "sick" else 200
    Server(("127.0.0.1", port), Answers).serve_forever()


if __name__ == "__main__":
    main()
