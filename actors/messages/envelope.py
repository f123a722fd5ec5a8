"""The envelope every message travels in, inside a process and between members alike."""

from __future__ import annotations

import msgspec

from actors.messages.base import Address, Message


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """Where the answer to a message goes: `address` hears it under `call`.

    A stage that forwards a request passes its ticket on; whoever settles it replies to the ticket.
    With an empty address nobody wants an answer, not even the stage it came from.
    """

    address: Address
    call: str


class Envelope(msgspec.Struct, frozen=True):
    """A message with its way and its history.

    `cause` is the id of the event that led to it (`<member>:<boot>:<seq>`), `trace` names the
    outside request it belongs to, `hlc` is the sender's hybrid logical clock (0 inside a process).
    `answers` names the call this message is an answer to; `more` says further answers follow.
    """

    to: Address
    sender: Address
    message: Message
    id: str = ""
    cause: str = ""
    trace: str = ""
    hlc: int = 0
    ticket: Ticket | None = None
    answers: str = ""
    more: bool = False
