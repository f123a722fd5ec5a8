"""Packages for the tests of depots: signed HART files, made here byte by byte."""

from __future__ import annotations

import base64
import hashlib
import io
import lzma
import tarfile
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from actors.adapters.depot_folder import FolderDepot
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
    """A package to be made into an archive; `tdeps` are all it needs, `padding` random-like."""

    ident: str = WEB
    tdeps: tuple[str, ...] = ()
    target: str = TARGET
    padding: int = 0

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
            "hooks/run": b"#!/bin/sh\nexec sleep 1000\n",
        }
        if self.tdeps:
            files["DEPS"] = files["TDEPS"] = "\n".join(self.tdeps).encode()
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
                info.size, info.mode = len(data), 0o755 if name == "hooks/run" else 0o644
                tar.addfile(info, io.BytesIO(data))
        return lzma.compress(out.getvalue())


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
