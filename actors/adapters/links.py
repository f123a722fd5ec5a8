"""The outgoing connections: dialled on demand, bounded, dialled again when a key turned."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import zmq

from actors.adapters.link import Link

if TYPE_CHECKING:
    from actors.adapters.keychain import Keychain
    from actors.adapters.peers import Peer, Ways
    from actors.adapters.sockets import Context

REDIAL_S: Final = 2.5  # TCP and handshake may take 2 s; who wants the link later dials anew
IDLE_S: Final = 300.0  # a link nobody used is closed
TURNED_AWAY: Final = "turned away: it has no ring key, or another one"


class Links:
    """At most `limit` links, each with its peer; owned by the I/O thread."""

    def __init__(
        self,
        *,
        context: Context,
        poller: zmq.Poller,
        keychain: Keychain,
        ways: Ways,
        limit: int,
        counts: Counter[str],
    ) -> None:
        self._context = context
        self._poller = poller
        self._keychain = keychain
        self._ways = ways
        self._limit = limit
        self._counts = counts
        self._random = Random()  # noqa: S311 - picks a connection to close, no secret
        self._peers: dict[Any, Peer] = {}  # by socket and by monitor

    def __len__(self) -> int:
        return len(self._peers) // 2

    def peer_of(self, source: Any) -> Peer | None:
        """Whose socket or monitor this is; None if it has been closed."""
        return self._peers.get(source)

    def want(self, peer: Peer, now: float) -> None:
        """Dial, unless a link is up or may still come up, or the peer is left alone for now."""
        link = peer.link
        if link is not None and (link.up or now - peer.dialled_s < REDIAL_S):
            return
        if peer.endpoint and now >= peer.retry_s:
            self._dial(peer, now)

    def drop(self, peer: Peer) -> None:
        """Close the link, if there is one."""
        link, peer.link = peer.link, None
        if link is not None:
            for source in (link.socket, link.monitor):
                del self._peers[source]
                self._poller.unregister(source)
            self._ways.closed(link.socket)
            link.close()

    def watch(self, peer: Peer, now: float) -> str:
        """Act on what the link's monitor says; why the peer is out of reach, or empty.

        A link that broke is dialled at once: the peer may only have turned its key, or restarted.
        One that was turned away is dialled with the other key.
        """
        assert peer.link is not None
        for news in peer.link.news():
            match news:
                case "up":
                    peer.reached()
                case "broke" if peer.is_seed:
                    return "the connection broke"
                case "broke":
                    self._counts["broken"] += 1
                    self._dial(peer, now)
                    return ""
                case "turned away":
                    return self._turned_away(peer, now)
                case "nobody":
                    # Once is what a peer shows that is just turning its key, or starting again.
                    peer.misses += 1
                    if peer.is_seed or peer.misses > 1:
                        return f"nobody answers at {peer.address}"
        return ""

    def close_idle(self, peer: Peer, now: float, patience_s: float) -> bool:
        """Close a link that was not used for long, or not in `patience_s` if it is not up."""
        link = peer.link
        if link is None or peer.outbox:
            return False
        patience_s = IDLE_S if link.up and not peer.is_seed else patience_s
        if now - max(link.used_s, peer.dialled_s) <= patience_s:
            return False
        self.drop(peer)
        return True

    def _dial(self, peer: Peer, now: float) -> None:
        self.drop(peer)
        if len(self) >= self._limit:
            self._evict()
        peer.dialled_s = now
        pairs = self._keychain.to_try()
        pair = pairs[peer.turn % len(pairs)]
        peer.link = link = Link(self._context, peer.endpoint, pair, now)
        for source in (link.socket, link.monitor):
            self._peers[source] = peer
            self._poller.register(source, zmq.POLLIN)
        self._counts["dialled"] += 1

    def _turned_away(self, peer: Peer, now: float) -> str:
        self._counts["turned_away"] += 1
        peer.turn += 1
        if peer.turn < len(self._keychain.to_try()):
            self._dial(peer, now)
            return ""
        self.drop(peer)
        peer.failed(now)
        return TURNED_AWAY

    def _evict(self) -> None:
        """Close a link at random, rather one nobody waits for."""
        linked = list({id(peer): peer for peer in self._peers.values()}.values())
        quiet = [peer for peer in linked if not peer.outbox]
        self.drop(self._random.choice(quiet or linked))
        self._counts["evicted"] += 1
