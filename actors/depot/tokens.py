"""Who may write to a depot server: a file of tokens, each for some origins or for all; pure.

A line is `TOKEN [ORIGIN...]`; empty lines and those that begin with `#` are skipped.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.errors import Refused, UsageError

_TOKEN = re.compile(r"[A-Za-z0-9+/=._~-]{8,1024}", re.ASCII)  # what a Bearer header may carry


@dataclass(frozen=True, slots=True)
class Tokens:
    """`writers`: digest of a token → the origins it may write, empty for all.

    `none`: no file was given, so nobody may write and tokens are not looked at.
    """

    writers: Mapping[bytes, frozenset[str]] = field(default_factory=dict)
    none: bool = False

    def check(self, authorization: str | None) -> frozenset[str] | None:
        """The origins this header may write (empty: all), None for an anonymous one.

        Raises Refused (`unauthorized`) for a header that is malformed or unknown, on every route,
        as Builder does: a mistyped token should not look like a missing package.
        """
        if authorization is None or self.none:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused("the Authorization header is not `Bearer TOKEN`", "unauthorized")
        given = _digest(token.strip())
        for known, origins in self.writers.items():
            if hmac.compare_digest(known, given):
                return origins
        raise Refused("this token is not known here", "unauthorized")

    def require(self, authorization: str | None, origin: str, another: str = "forbidden") -> None:
        """Refuse who may not write to `origin`: 401 without a token, `another` with another's."""
        if self.none:
            raise Refused("this depot was started without --tokens: it takes nothing", "forbidden")
        origins = self.check(authorization)
        if origins is None:
            raise Refused("a token is needed to write: set HAB_AUTH_TOKEN", "unauthorized")
        if origins and origin not in origins:
            raise Refused(f"this token may not write to origin {origin[:100]}", another)


def parse_tokens(text: str) -> Tokens:
    """The tokens in a file. Raises UsageError that names the line, never the token."""
    writers: dict[bytes, frozenset[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not _TOKEN.fullmatch(words[0]):
            raise UsageError(
                f"line {number}: a token has 8 to 1024 letters, digits and + / = . _ ~ -"
            )
        writers[_digest(words[0])] = frozenset(words[1:])
    return Tokens(writers)


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), digest_size=32).digest()
