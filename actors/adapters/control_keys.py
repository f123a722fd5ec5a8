"""The control secret: where it is kept, and the key pairs that knowing it gives.

Server and client key pairs are both derived from the secret, each under a label of its own, so that
knowing the secret is being allowed and the secret itself never travels (CURVE, RFC 26/ZMTP-CURVE).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import zmq
from zmq.utils import z85

from actors.errors import HostError, UsageError
from actors.messages.runtime import StateFileDamaged

SECRET_BYTES: Final = 64  # as Habitat's CTL_SECRET: 64 random bytes in base64


class KeyPair(NamedTuple):
    """A CURVE key pair, Z85."""

    public: bytes
    secret: bytes


class ControlKeys(NamedTuple):
    """What the secret gives: the gateway's key pair and the one its clients share."""

    server: KeyPair
    client: KeyPair


def control_keys(secret: str) -> ControlKeys:
    """Both key pairs of `secret`, white space around it left out. Raises UsageError if empty."""
    text = secret.strip()
    if not text:
        raise UsageError("the control secret is empty; `hab sup secret generate` prints a new one")
    return ControlKeys(_pair(text, b"hab ctl server"), _pair(text, b"hab ctl client"))


def _pair(secret: str, label: bytes) -> KeyPair:
    from hashlib import blake2b

    digest = blake2b(secret.encode(), digest_size=32, person=label).digest()
    encoded = z85.encode(digest)
    return KeyPair(zmq.curve_public(encoded), encoded)


def new_secret() -> str:
    """A fresh control secret: 64 random bytes in base64."""
    from base64 import b64encode

    return b64encode(os.urandom(SECRET_BYTES)).decode()


def read_or_create_secret(
    path: Path, damaged: Callable[[StateFileDamaged], None] | None = None
) -> str:
    """The secret in `path`; made there, readable for its owner only, if there is none.

    A file that is empty or no text is set aside, and `damaged` hears of it. Raises HostError.
    """
    try:
        try:
            text = path.read_bytes().decode("ascii", "replace").strip()
            if text and text.isascii() and text.isprintable():
                return text
            from actors.adapters.sealed import set_aside  # loads what no command needs

            aside = set_aside(path)
            if damaged is not None:
                damaged(aside)
        except FileNotFoundError:
            pass
        return _create(path)
    except OSError as error:
        raise HostError(f"cannot read or write the control secret {path}: {error}") from error


def _create(path: Path) -> str:
    secret = new_secret()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return secret
