"""Requests to a supervisor's control gateway, and what can go wrong on the way.

The only module here that knows the control adapter; zmq is loaded with the first request.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from actors.errors import NoSupervisorError
from actors.messages.base import Message
from cli.problem import Failure
from cli.settings import Place, control_secret, locate, lock_holder

CONNECT_S = 2.0  # a supervisor on the far side of the world still answers a handshake in this
ANSWER_S = 10.0  # for questions; they are answered at once or not at all

Answer = TypeVar("Answer", bound=Message)


class NoSupervisor(Failure):
    """Nothing answers as a supervisor; nothing was asked."""


class Session:
    """Requests to the supervisor at `place`, or through it to another `member` of its ring.

    `member` is a member's name, its id or an unambiguous prefix of it.
    """

    def __init__(self, place: Place, member: str = "") -> None:
        self.place = place
        self.member = member

    def through(self, member: str) -> Session:
        """Ask another member, through the same gateway; an empty `member` is the gateway's own."""
        return Session(self.place, member) if member else self

    def stream(self, message: Message, timeout_s: float | None) -> Iterator[Message]:
        """Ask, and hear the answers as they come. Raises NoSupervisor, Failure and HabError.

        `timeout_s` bounds the time to the last answer; None: no bound.
        """
        from actors.adapters.control_client import ControlClient

        place = self.place
        secret = self._secret()
        try:
            with ControlClient(place.endpoint, secret, connect_timeout_s=CONNECT_S) as client:
                yield from client.request(message, member=self.member, timeout_s=timeout_s)
        except NoSupervisorError as error:
            raise self.nobody(str(error)) from error

    def ask(self, message: Message, kind: type[Answer], timeout_s: float = ANSWER_S) -> Answer:
        """Ask a question that has one answer of a known kind."""
        for answer in self.stream(message, timeout_s):
            if isinstance(answer, kind):
                return answer
        raise Failure(
            f"The supervisor did not answer {type(message).__name__}.",
            "Is it of the same release? `hab sup status` shows its version.",
        )

    def nobody(self, text: str) -> NoSupervisor:
        """Say that nobody answers, where the address came from, and what can be done."""
        place = self.place
        text = f"{text} (The address is {place.asked}.)"
        if place.local and (pid := lock_holder(place.layout)) is not None:
            return NoSupervisor(
                text,
                f"A launcher{f' (pid {pid})' if pid else ''} holds {place.layout.lock}: it may "
                "still be starting, or listen elsewhere; set HAB_LISTEN_CTL to its --listen-ctl.",
            )
        return NoSupervisor(
            text,
            "Start one with `hab sup run`, or name one with --remote-sup HOST[:9632]."
            if place.local
            else "Is it running, and does its --listen-ctl reach beyond its own machine?",
        )

    def _secret(self) -> str:
        try:
            return control_secret(self.place, os.environ)
        except Failure:
            if not self.place.local or lock_holder(self.place.layout) is not None:
                raise
            supervisor = self.place.layout.supervisor
            try:
                os.stat(supervisor / "CTL_SECRET")  # noqa: PTH116 - the reason counts, not a bool
            except (FileNotFoundError, NotADirectoryError):
                text = f"Tried {self.place.endpoint}: no supervisor has run with {supervisor} yet."
                raise self.nobody(f"Unable to contact the Supervisor. {text}") from None
            except OSError:
                pass
            raise


def override_name_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--override-name`."""
    return click.option(
        "--override-name",
        metavar="NAME",
        help="The supervisor of this name on this machine, whatever HAB_LISTEN_CTL says.  "
        "[default: default; env: HAB_OVERRIDE_NAME]",
    )(command)


def asks(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose a supervisor; it gets them as the session `asked`."""

    @functools.wraps(command)
    def run(*args: Any, override_name: str | None, remote_sup: str | None, **kwargs: Any) -> object:
        return command(
            *args, asked=Session(locate(override_name, remote_sup, os.environ)), **kwargs
        )

    remote = click.option(
        "-r",
        "--remote-sup",
        metavar="HOST[:PORT]",
        help="Control gateway of the supervisor to ask; the port defaults to 9632.  "
        "[env: HAB_LISTEN_CTL]",
    )
    return override_name_option(remote(run))


member_option = click.option(
    "--member",
    default="",
    metavar="MEMBER",
    help="Another member of the ring, by its name or the beginning of its id.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON with a schema.")
