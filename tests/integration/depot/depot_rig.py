"""Packages for the tests of depots: signed HART files, made here byte by byte."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import lzma
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nacl.signing import SigningKey

from actors.adapters.depot_folder import FolderDepot
from actors.adapters.depot_server import ServeLimits, TokenFile, make_server
from actors.adapters.package_store import running_target
from actors.depot.channels import Artifact
from actors.depot.ident import parse_ident

TARGET = running_target()
KEY = SigningKey(b"k" * 32)
REVISION = "20260101000000"
SIGNER = f"acme-{REVISION}"
WEB = f"acme/web/1.0/{REVISION}"
NEWER = "acme/web/1.1/20260201000000"
LIB = f"acme/lib/2.0/{REVISION}"


@dataclass(frozen=True)
class Package:
    """A package to be made into an archive; `tdeps` are all it needs, `padding` random-like.

    `run` and `install` are hooks.
    """

    ident: str = WEB
    tdeps: tuple[str, ...] = ()
    target: str = TARGET
    padding: int = 0
    install: str = ""
    run: str = "exec sleep 1000"

    def hart(self, key: SigningKey = KEY, signer: str = SIGNER) -> bytes:
        payload = self._payload()
        digest = hashlib.blake2b(payload, digest_size=32).hexdigest().encode()
        signed = base64.b64encode(key.sign(digest))
        return b"HART-1\n" + signer.encode() + b"\nBLAKE2b\n" + signed + b"\n\n" + payload

    @property
    def artifact(self) -> Artifact:
        return Artifact(parse_ident(self.ident), self.target)

    def write(self, directory: Path) -> Path:
        """The archive as a file of its proper name."""
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / self.artifact.file_name
        file.write_bytes(self.hart())
        return file

    def _payload(self) -> bytes:
        files = {
            "IDENT": self.ident.encode(),
            "TARGET": self.target.encode(),
            "default.toml": b"port = 80\n",
            "hooks/run": f"#!/bin/sh\n{self.run}\n".encode(),
        }
        if self.tdeps:
            files["DEPS"] = files["TDEPS"] = "\n".join(self.tdeps).encode()
        if self.install:
            files["hooks/install"] = f"#!/bin/sh\n{self.install}\n".encode()
        if self.padding:
            blocks = (hashlib.blake2b(str(n).encode()).digest() for n in range(self.padding // 64))
            files["bulk"] = b"".join(blocks)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            home = tarfile.TarInfo(f"hab/pkgs/{self.ident}")
            home.type, home.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(home)
            for name, data in files.items():
                info = tarfile.TarInfo(f"hab/pkgs/{self.ident}/{name}")
                info.size, info.mode = len(data), 0o755 if name.startswith("hooks/") else 0o644
                tar.addfile(info, io.BytesIO(data))
        return lzma.compress(out.getvalue(), preset=0)


def public_key(key: SigningKey = KEY, signer: str = SIGNER) -> bytes:
    """The signer's public key file."""
    return f"SIG-PUB-1\n{signer}\n\n{base64.b64encode(bytes(key.verify_key)).decode()}".encode()


def checksum(data: bytes) -> str:
    """What Builder calls the checksum of a HART file."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def fill(depot: FolderDepot, *packages: Package, channel: str = "stable") -> None:
    """Put packages and their key into a folder depot, and into a channel."""
    if depot.key("acme", REVISION) is None:
        depot.add_key("acme", REVISION, public_key())
    for package in packages:
        put(depot, package)
        depot.promote(package.artifact, channel)


def put(depot: FolderDepot, package: Package, data: bytes | None = None) -> None:
    """Upload a package to a folder depot, `data` in place of its archive."""
    data = package.hart() if data is None else data
    with depot.incoming_file() as incoming:
        incoming.write_bytes(data)
        depot.upload(incoming, package.artifact, checksum(data))


class Server:
    """`hab depot serve` as a process of its own, on a free port."""

    def __init__(self, folder: Path, tokens: str | None = None, *more: str) -> None:
        self.folder = folder
        command = [sys.executable, "-c", "from cli.main import main; main()"]
        command += ["depot", "serve", str(folder), "--listen", "127.0.0.1:0", *more]
        if tokens is not None:
            file = folder.parent / "tokens"
            file.write_text(tokens)
            command += ["--tokens", str(file)]
        self.log = folder.parent / "depot.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        wait_for(lambda: "Serving" in self.log.read_text())
        said = self.log.read_text()
        self.url = said[said.index("http") :].split()[0]

    def stop(self) -> int:
        """End it, as an operator does; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()


class Here:
    """A depot server in this process, over the same folder object as the test's."""

    def __init__(
        self, depot: FolderDepot, tokens: Path | None, limits: ServeLimits | None = None
    ) -> None:
        self.tokens = tokens
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self._server = make_server(depot, TokenFile(tokens), limits)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listening]))


def wait_for(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"did not come within {within_s} s"
        threading.Event().wait(0.02)


class Hostile:
    """A server that answers each connection with raw bytes, as a script says.

    The script gets the socket, the request's head and the number of the connection.
    """

    def __init__(self, script: Callable[[socket.socket, bytes, int], None]) -> None:
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.heads: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # To close alone leaves the accept under way, which would take one more connection.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listening.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(60)
            head = b""
            while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                head += data
            self.heads.append(head)
            self._script(client, head, len(self.heads))


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer as bytes; `_` in a header's name is a dash, an empty value leaves it out."""
    given = {"content-length": str(len(body)), "connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body
