"""What a voter must never forget, and the two files it is kept in.

The same bytes go to both slots, one after the other, and only then is a vote told. A crash within a
write harms one slot, which then held a vote that nobody has heard; a slot that rots loses nothing,
because the other says the same. The slot that says less is written first, so that two crashes in a
row do not harm both. With both damaged the votes are lost. Whoever begins without a
readable ballot takes a voter id that was never used, so that whatever the old one has said still
counts once; a seat it had is asked for anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from actors.effects import Effect, Persist
from actors.messages.base import MemberId
from actors.messages.election import Electorate, ProposeElectorate

SLOTS: Final = 2


class Ballot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voter's durable state in one election.

    `voted_for` and `won` belong to `term`; `released`: the greatest term given up as its leader.
    `bound`: the proposal accepted, until its founding is decided or dropped. `open`: one's own
    proposal. `left`: the last records of electorates that were dissolved, never to be joined again.
    `leaving`: its seat is to be given up. `number` orders writes.
    """

    voter: str
    number: int = 0
    term: int = 0
    voted_for: MemberId = ""
    won: bool = False
    released: int = 0
    record: Electorate | None = None
    bound: ProposeElectorate | None = None
    open: ProposeElectorate | None = None
    left: tuple[Electorate, ...] = ()
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A file as it was read: no `data` where it is absent, or `damaged`."""

    data: bytes | None
    damaged: bool = False


_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode: Final = msgspec.msgpack.Decoder(Ballot).decode


def path(place: str, slot: int) -> str:
    """The file of a slot, below the supervisor's directory; `place` as `Place.files` says it."""
    return f"{place}.{slot}"


def slot_of(file: str) -> int:
    """The slot in a file of that name."""
    return int(file[-1])


def writes(place: str, ballot: Ballot, weak: int = 0) -> list[Effect]:
    """Makes a ballot durable; what follows these effects may tell of it.

    Slot `weak` goes first: over the only good slot nothing is written.
    """
    data = _encode(ballot)
    return [Persist(path(place, slot), data) for slot in (weak, 1 - weak)]


def weak_slot(slots: tuple[Slot, ...]) -> int:
    """Which slot says less, or nothing."""
    numbers = []
    for slot in slots:
        found, _ = read((slot,))
        numbers.append(-1 if found is None else found.number)
    return numbers.index(min(numbers))


def read(slots: tuple[Slot, ...]) -> tuple[Ballot | None, bool]:
    """The newest ballot stored, and whether votes were lost (then there is none).

    With one slot absent nothing was lost: a vote is told only when both slots hold it.
    """
    found: list[Ballot] = []
    unreadable = 0
    for slot in slots:
        if slot.data is None:
            unreadable += slot.damaged
            continue
        try:
            found.append(_decode(slot.data))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            unreadable += 1
    if found:
        return max(found, key=lambda ballot: ballot.number), False
    return None, unreadable == len(slots)


def with_record(ballot: Ballot, record: Electorate) -> Ballot:
    """The ballot after learning of a record: its term had a leader, and is over to stand in.

    Who joined after that leader's election has not voted in its term, and could elect another in
    the same.
    """
    return msgspec.structs.replace(raised(ballot, record.stamp.term), record=record)


def has_left(ballot: Ballot, electorate: str) -> Electorate | None:
    """The last record of an electorate that was dissolved, if this member was in it."""
    return next((record for record in ballot.left if record.id == electorate), None)


def raised(ballot: Ballot, term: int) -> Ballot:
    """The ballot after hearing of `term`: no vote is given in it yet."""
    if term <= ballot.term:
        return ballot
    return msgspec.structs.replace(ballot, term=term, voted_for="", won=False)
