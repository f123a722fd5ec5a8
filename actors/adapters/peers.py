"""What the network keeps about each peer: where it is, what waits for it, how it is reached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from actors.adapters.link import Link
    from actors.adapters.outbox import Outbox
    from actors.adapters.sockets import Socket
    from actors.messages.base import MemberId

_RETRY_MIN_S: Final = 0.2
_RETRY_MAX_S: Final = 5.0
_WAYS_LIMIT: Final = 2_048


@dataclass(slots=True, eq=False)
class Peer:
    """A member, or (`is_seed`) whoever answers at a seed's address.

    `address` as gossip says it, `endpoint` once its host is an IP address. `turn` counts the keys
    that were tried, `misses` the vain connects, since a handshake last succeeded.
    """

    name: str
    outbox: Outbox
    address: str = ""
    endpoint: str = ""
    keys: tuple[str, ...] = ()
    is_seed: bool = False
    link: Link | None = None
    turn: int = 0
    misses: int = 0
    failures: int = 0
    retry_s: float = 0.0
    dialled_s: float = 0.0
    reported: bool = False

    def failed(self, now: float) -> None:
        """Every key was refused: leave it alone for a while that doubles."""
        self.turn = 0
        self.retry_s = now + min(_RETRY_MAX_S, _RETRY_MIN_S * 2 ** min(self.failures, 8))
        self.failures += 1

    def reached(self) -> None:
        """A handshake succeeded."""
        self.turn = self.misses = self.failures = 0
        self.retry_s = 0.0
        self.reported = False


class Way(NamedTuple):
    """The connection a member was last heard on; `route` is None for a link of our own."""

    socket: Socket
    route: bytes | None
    heard_s: float


class Ways:
    """The ways back to members, the one least recently heard forgotten first."""

    def __init__(self) -> None:
        self._ways: OrderedDict[MemberId, Way] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ways)

    def heard(self, member: MemberId, way: Way) -> None:
        """`member` spoke on `way`."""
        self._ways[member] = way
        self._ways.move_to_end(member)
        if len(self._ways) > _WAYS_LIMIT:
            self._ways.popitem(last=False)

    def back(self, member: MemberId) -> Way | None:
        """Where `member` was last heard."""
        return self._ways.get(member)

    def forget(self, member: MemberId) -> None:
        """It is not there any more."""
        self._ways.pop(member, None)

    def closed(self, socket: Socket) -> None:
        """A socket is gone, and every way through it."""
        for member in [name for name, way in self._ways.items() if way.socket is socket]:
            del self._ways[member]
