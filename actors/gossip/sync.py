"""Anti-entropy: two members whose digests differ find out where, and become equal.

Three frames: my bucket sums; all your entries in the buckets that differ; what you lack, and what I
want of you (and its delivery). Pages are bounded; what does not fit is found by the next exchange.
A pull follows a mismatch on two probes running, at most one a period; a pull that could not help
(a peer whose facts are refused here) is not repeated soon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.gossip.core import Core
from actors.gossip.digest import BUCKETS, pack_keys, read_keys, read_pairs
from actors.gossip.dissemination import size_bytes
from actors.messages.base import MemberId
from actors.messages.gossip import Claim, SyncBuckets, SyncEntries, SyncPush

MISMATCH_PERIODS: Final = 0.5  # and all probes between differ: news on its way is not lost news
PAGE_BYTES: Final = 48 * 1024  # of entries in one frame
MAX_PAGES: Final = 8  # frames in one answer
_MAX_PAIRS_BYTES: Final = 24 * 1024
_MAX_WANTED: Final = 3_000
_FUTILE_PERIODS: Final = 30.0  # the same two digests again: no use to try sooner
_MAX_FUTILE: Final = 256


class Page:
    """Entries collected for one frame."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.rumors: list[bytes] = []
        self.size = 0

    def __bool__(self) -> bool:
        return self.size > 0

    def has_room(self, size: int) -> bool:
        """Whether an entry of `size` bytes still fits; a single one always does."""
        return not self.size or self.size + size <= PAGE_BYTES


class Sync:
    """Paces and conducts the exchanges. `done` is called when one brought both stores together."""

    def __init__(self, core: Core, done: Callable[[MemberId], None]) -> None:
        self._core = core
        self._done = done
        self.equal: set[MemberId] = set()  # whose store was seen to equal ours, in this life
        self._differs_since_s: float | None = None
        self._next_s = 0.0
        self._tried: dict[MemberId, tuple[int, int, float]] = {}  # own, theirs, until

    def compare(self, peer: MemberId, theirs: int) -> None:
        """A probe or ack told a peer's digest."""
        core = self._core
        if not theirs:
            return
        if theirs == core.digest.total:
            self._differs_since_s = None
            if core.members.get(peer) is not None:
                self.equal.add(peer)
            return
        if self._differs_since_s is None:
            self._differs_since_s = core.now
            return
        lasting = core.now - self._differs_since_s >= MISMATCH_PERIODS * core.period_s
        if lasting and core.now >= self._next_s:
            tried = self._tried.get(peer)
            own = core.digest.total
            if tried is not None and tried[:2] == (own, theirs) and core.now < tried[2]:
                return
            if len(self._tried) >= _MAX_FUTILE:
                self._tried.clear()
            self._tried[peer] = (own, theirs, core.now + _FUTILE_PERIODS * core.period_s)
            self.pull(peer)

    def pull(self, peer: MemberId) -> None:
        """Begin an exchange."""
        core = self._core
        self._differs_since_s = None
        self._next_s = core.now + core.period_s
        core.send(peer, SyncBuckets(core.digest.vector()))

    def buckets(self, peer: MemberId, frame: SyncBuckets) -> None:
        """Show what is in the buckets that differ, as many as fit, beginning anywhere."""
        core = self._core
        differing = core.digest.differing(frame.buckets)
        if differing:
            first = int(core.random.random() * len(differing))
            differing = differing[first:] + differing[:first]
        mask, entries = 0, b""
        for bucket in differing:
            pairs = core.digest.pairs(bucket)
            if entries and len(entries) + len(pairs) > _MAX_PAIRS_BYTES:
                break
            mask |= 1 << bucket
            entries += pairs
        core.send(peer, SyncEntries(mask, entries))

    def entries(self, peer: MemberId, frame: SyncEntries) -> None:
        """Send what the peer lacks and ask for what is lacking here.

        What is kept but not told any more goes to a peer that still tells it: perhaps a tombstone.
        """
        core = self._core
        theirs = dict(read_pairs(frame.entries))
        send: list[int] = []
        for bucket in range(BUCKETS):
            if frame.mask >> bucket & 1:
                mine = core.digest.entries(bucket)
                send += [key for key in sorted(mine) if theirs.get(key) != mine[key]]
        want = []
        for key in sorted(theirs):
            version = core.digest.version(key)
            if version != theirs[key]:
                want.append(key)
                if not version and (key in core.members.by_key or key in core.rumors.by_key):
                    send.append(key)
        if not send and not want:
            self._done(peer)
            return
        pages = self._pages(send) or [Page()]
        for page in pages[:-1]:
            core.send(peer, SyncPush(tuple(page.claims), tuple(page.rumors)))
        last, wanted = pages[-1], pack_keys(want[:_MAX_WANTED])
        core.send(peer, SyncPush(tuple(last.claims), tuple(last.rumors), wanted))
        if not want:
            self._done(peer)

    def deliver(self, peer: MemberId, want: bytes) -> None:
        """Send the entries a peer asked for."""
        pages = self._pages(read_keys(want)[:_MAX_WANTED]) or [Page()]
        for page in pages[:-1]:
            self._core.send(peer, SyncPush(tuple(page.claims), tuple(page.rumors)))
        last = pages[-1]
        self._core.send(peer, SyncPush(tuple(last.claims), tuple(last.rumors), b"", last=True))

    def finish(self, peer: MemberId) -> None:
        """Everything wanted was delivered, and has been merged."""
        self._done(peer)

    def missing(self, offers: bytes) -> bytes:
        """Of big rumors offered (the hashes of ids, and versions), those to be fetched."""
        core = self._core
        keys = [key for key, version in read_pairs(offers) if core.digest.version(key) != version]
        return pack_keys(keys[:_MAX_WANTED])

    def first_page(self) -> tuple[Page, bool]:
        """The store for a newcomer, as far as it fits a frame; whether there is more."""
        core = self._core
        page, more = Page(), False
        for key in (*core.members.by_key, *core.rumors.by_key):
            if core.digest.version(key):
                more |= not self._put(page, key)
        return page, more

    def _pages(self, keys: list[int]) -> list[Page]:
        pages: list[Page] = []
        for key in keys:
            if pages and self._put(pages[-1], key):
                continue
            if len(pages) == MAX_PAGES:
                break
            page = Page()
            if self._put(page, key) and page:
                pages.append(page)
        return pages

    def _put(self, page: Page, key: int) -> bool:
        """Put an entry into a page; False if it has no room. An unknown key takes none."""
        core = self._core
        member = core.members.by_key.get(key)
        if member is not None:
            claim = core.members.claim(member)
            size = size_bytes(claim)
            if not page.has_room(size):
                return False
            page.claims.append(claim)
            page.size += size
            return True
        held = core.rumors.by_hash(key)
        if held is not None:
            size = size_bytes(held.data)
            if not page.has_room(size):
                return False
            page.rumors.append(held.data)
            page.size += size
        return True
