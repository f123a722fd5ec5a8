"""The times of an election, in seconds, and why they are what they are.

The proof needs `LEASE_S` * 1.05 / 0.95 < `PROMISE_S`: a lease on a clock that is 5 % slow is over
before a promise on a clock that is 5 % fast ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

ROUND_S: Final = 0.4  # between a leader's rounds: nine may be lost before its lease is over
LEASE_S: Final = 4.0  # from the sending of a round that a quorum acked
PROMISE_S: Final = 4.6  # for which who acked a round refuses everybody but that leader
DEMOTE_S: Final = 2.5  # without an acked round: the leader's service is told to stop leading
SETTLE_S: Final = 3.8  # after the sending of that round the launcher kills the service
THAW_S: Final = 1.2  # between two looks at the clock: the process was paused; it tries one round
SILENT_S: Final = 1.5  # a follower that has not acked for three rounds is no successor
SUCCESSOR_S: Final = 2.0  # for who was handed a term to hold a lease; then the giver stands itself
LAST_RECORD_S: Final = 10.0  # for a majority to store it; then the next leader goes on with it
CRITICAL_S: Final = 20.0  # its service may recover; then the leader looks for a healthy successor
ANSWER_S: Final = 1.0  # for the answers to a pre-vote, a vote, or the question who is ready
READING_S: Final = 2.0  # for hook `role-changed` (1 s at most) and hook `suitability`
SPREAD_S: Final = 0.8  # candidates begin this far apart: several round trips and syncs
RETRY_S: Final = (0.2, 0.9)  # after a vote that nobody won, drawn anew


def spread_s(random: Random) -> float:
    """How long to wait beyond a promise before asking for votes."""
    return random.uniform(0.0, SPREAD_S)


def retry_s(random: Random) -> float:
    """How long to wait after a vote that nobody won."""
    return random.uniform(*RETRY_S)


def next_round_s(now: float) -> float:
    """When the next round is sent: at instants that all elections of a member share.

    So the rounds of many groups travel in one frame. An instant that is too near is left out.
    """
    next_s = (now // ROUND_S + 1) * ROUND_S
    return next_s if next_s - now >= ROUND_S / 4 else next_s + ROUND_S


def lease_until_s(sent_s: float, heard_s: float) -> float:
    """When the lease ends that a round sent at `sent_s` gave; the acks came at `heard_s`.

    It counts from the sending: when the acks were given is not known, only that it was later.
    """
    del heard_s
    return sent_s + LEASE_S


def waits_until_s(began_s: float) -> float:
    """Until when an actor that began at `began_s` refuses: it may have forgotten a promise."""
    return began_s + PROMISE_S
