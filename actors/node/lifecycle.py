"""How a supervisor ends: services first, then the ring is told, then the process; pure.

Each stage has a deadline, because an ending must end: the launcher kills what is left.
Exit codes are Habitat's (launcher): 84 done, 86 departed, 0 to be started again at once, anything
else is started again after a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from actors.effects import After, Ask, Cancel, Effect, Emit, Send
from actors.messages.base import MemberId
from actors.messages.election_orders import GiveUpSeats
from actors.messages.node import Ending as How
from actors.messages.node import (
    EndingOverdue,
    EndProcess,
    SeatsOverdue,
    StopAllServices,
    SupervisorEnded,
    SupervisorEnding,
)
from actors.messages.ring import DepartMember, LeaveRing

SERVICES_S = 20.0  # TERM must end everything within 30 s; the launcher needs the rest for leftovers
RING_S = 1.0  # goodbyes are best effort
FAREWELL_S = 0.5  # for the word that it has departed to reach a few
SEATS_S = 11.0  # elections answer within 10 s
SEATS = "departing:seats"

Stage: TypeAlias = Literal["running", "services", "ring", "ended"]
CODES: dict[How, int] = {"terminate": 84, "restart": 0, "departed": 86}


@dataclass(frozen=True, slots=True)
class Ending:
    """Where the ending stands; `running` while there is none."""

    stage: Stage = "running"
    how: How = "terminate"
    reason: str = ""


Decision: TypeAlias = tuple[Ending, list[Effect]]


def begin(ending: Ending, how: How, reason: str = "") -> Decision:
    """End; a second request changes nothing, except that a restart may become a termination."""
    if ending.stage != "running":
        return ending, []
    said: Effect = Emit(SupervisorEnding(how, reason))
    ending = Ending("services", how, reason)
    if how == "restart":
        ended, effects = _end(ending)
        return ended, [said, *effects]
    return ending, [
        said,
        Ask("service", StopAllServices(), call="ending:services"),
        After(SERVICES_S, EndingOverdue("services"), name="ending"),
    ]


def go_on(ending: Ending, stage: str) -> Decision:
    """`stage` is over (done, or out of time)."""
    if ending.stage != stage:
        return ending, []
    if stage == "services" and ending.how == "terminate":
        return replace(ending, stage="ring"), [
            Ask("gossip", LeaveRing(), call="ending:ring"),
            After(RING_S, EndingOverdue("ring"), name="ending"),
        ]
    if stage == "services" and ending.how == "departed":
        # What gossip has said of it has still to leave the process.
        farewell = After(FAREWELL_S, EndingOverdue("ring"), name="ending")
        return replace(ending, stage="ring"), [farewell]
    return _end(ending)


def depart() -> list[Effect]:
    """This member is to depart: it gives up its seats first, while others still listen to it."""
    return [
        Ask("election", GiveUpSeats(), call=SEATS),
        After(SEATS_S, SeatsOverdue(), name="seats"),
    ]


def departed(me: MemberId) -> list[Effect]:
    """The seats are given up, or will not be: the ring is told."""
    return [Cancel("seats"), Send("gossip", DepartMember(me, force=True))]


def _end(ending: Ending) -> Decision:
    code = CODES[ending.how]
    return replace(ending, stage="ended"), [
        Cancel("ending"),
        Emit(SupervisorEnded(code)),
        Send("port/process", EndProcess(code, ending.reason or ending.how)),
    ]
