"""CURVE for the ring: key pairs from ring key revisions, who serves with which, who is let in.

All members of a ring share the pair of a revision: holding the ring key is being a member, and any
member can speak for any other (ZMTP's CURVE proves the key, ZAP (RFC 27) checks whose it is).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import zmq
from zmq.utils import z85

from actors.wire.ringkey import RingKey, curve_secret

ZAP_ENDPOINT: Final = "inproc://zeromq.zap.01"
ZAP_DOMAIN: Final = b"habring"
ACCEPTED_REVISIONS: Final = 2  # so that members may turn one after the other


@dataclass(frozen=True, slots=True)
class CurvePair:
    """A revision's key pair: Z85 for socket options, `raw` public key as ZAP shows it."""

    revision: str
    public: bytes
    secret: bytes
    raw: bytes


@lru_cache(maxsize=64)
def pair_of(key: RingKey) -> CurvePair:
    """The pair every holder of this revision derives."""
    secret = z85.encode(curve_secret(key))
    public = zmq.curve_public(secret)
    return CurvePair(key.full_name, public, secret, z85.decode(public))


def serving(held: Sequence[RingKey], others: Iterable[Sequence[str]]) -> RingKey:
    """The key to serve with: the newest held one that every other member holds.

    `held` is newest first, `others` the revisions each other member says it holds; a member that
    says nothing does not hold the ring back. With none in common: the newest.
    """
    known = [frozenset(names) for names in others if names]
    for key in held:
        if all(key.full_name in names for names in known):
            return key
    return held[0]


def candidates(held: Sequence[RingKey], served: RingKey) -> list[RingKey]:
    """The keys to try on a peer, most likely first: what is served, then the newest two."""
    return [served, *(key for key in held[:ACCEPTED_REVISIONS] if key != served)]


class Zap:
    """Answers libzmq's question whether a client may enter, on the thread that polls `socket`."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(ZAP_ENDPOINT)
        self.accepted: frozenset[bytes] = frozenset()
        self.keyed = False

    def accept(self, pairs: Iterable[CurvePair]) -> None:
        """From now on only clients with one of these keys enter."""
        self.keyed = True
        self.accepted = frozenset(pair.raw for pair in pairs)

    def answer(self, has_room: Callable[[], bool], refused: Callable[[str, str], None]) -> None:
        """Answer every waiting question; `refused(reason, address)` for each no."""
        while True:
            try:
                frames = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(frames) < 8:
                continue
            route, _, version, request, _domain, address, _identity, mechanism, *rest = frames
            reason = self._refusal(mechanism, rest, has_room)
            if reason:
                refused(reason, address.decode("ascii", "replace"))
            status = (b"400", reason.encode()) if reason else (b"200", b"OK")
            self.socket.send_multipart([route, b"", version, request, *status, b"", b""])

    def _refusal(
        self, mechanism: bytes, credentials: list[bytes], has_room: Callable[[], bool]
    ) -> str:
        if not has_room():
            return "full"
        if not self.keyed:
            return "" if mechanism == b"NULL" else "key"
        return (
            ""
            if mechanism == b"CURVE" and credentials[:1] and credentials[0] in self.accepted
            else "key"
        )
