"""What the primitives need of a connection, whichever it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeAlias

from actors.adapters.control_client import error_of
from actors.errors import ActorNameError, ActorTaskError, GetTimeoutError, HabError, Refused
from actors.messages.base import Message
from actors.messages.runtime import CallFailed

Settle: TypeAlias = Callable[[Message], None]
# Takes part in the connection's work until what it is given says yes, at most so many seconds.
Attend: TypeAlias = Callable[[Callable[[], bool], "float | None"], None]

ANSWER_S = 30.0  # for what a node answers without asking anybody


class Connection(Protocol):
    """A way to a node and through it to the ring.

    `attend`, if there is one, is called by who waits for an answer.
    """

    @property
    def attend(self) -> Attend | None:
        """How a waiting thread may help."""
        ...

    def ask(self, message: Message, member: str, settle: Settle | None) -> None:
        """Ask the node, or another `member` of its ring (id or prefix); never blocks.

        `settle` hears the last answer, on any thread; None: no answer is wanted.
        """
        ...

    def close(self) -> None:
        """End it; what is open is answered no more."""
        ...


def raised(failed: CallFailed) -> HabError:
    """The error for a `CallFailed`, as Ray's users expect it."""
    error = error_of(failed)
    if isinstance(error, Refused) and error.code in ("no-actor", "exists"):
        return ActorNameError(str(error), error.code)
    if isinstance(error, ActorTaskError) and error.remote_traceback:
        error.add_note(f"in the actor's process:\n{error.remote_traceback}")
    return error


def answer_of(
    connection: Connection, message: Message, member: str = "", timeout_s: float = ANSWER_S
) -> Message:
    """Ask and wait for the answer. Raises what a `CallFailed` stands for, and GetTimeoutError."""
    answered = threading.Event()
    answers: list[Message] = []

    def settle(answer: Message) -> None:
        answers.append(answer)
        answered.set()

    connection.ask(message, member, settle)
    if not answered.wait(timeout_s):
        raise GetTimeoutError(f"no answer to {type(message).__name__} within {timeout_s} s")
    if isinstance(answers[0], CallFailed):
        raise raised(answers[0])
    return answers[0]
