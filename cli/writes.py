"""Commands that change something: what is shown while they run, and how they end."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from actors.errors import GetTimeoutError
from actors.messages.base import Message
from actors.messages.runtime import Ok
from actors.messages.service import Accepted, Progress, Settled
from cli.client import ANSWER_S, Session, asks, json_option
from cli.output import emit_json, on_terminal, say
from cli.problem import TIMED_OUT, Failure
from cli.values import Duration

WAIT_S = 60.0  # long enough for a slow init hook; --timeout says otherwise


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long to wait for the outcome of a command, and how to write it."""

    wait: bool = True
    timeout_s: float = WAIT_S
    as_json: bool = False


def writes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a write: it gets them as `asked` and `waiting`."""

    @functools.wraps(command)
    def run(*args: Any, no_wait: bool, timeout: float, as_json: bool, **kwargs: Any) -> object:
        return command(*args, waiting=Waiting(not no_wait, timeout, as_json), **kwargs)

    options = (
        json_option,
        click.option(
            "--timeout",
            type=Duration(),
            default=WAIT_S,
            metavar="TIME",
            help="Stop waiting after this long, with exit code 7.  [default: 60s]",
        ),
        click.option(
            "--no-wait",
            is_flag=True,
            help="End when the command is on record, not when it is done.",
        ),
    )
    return asks(functools.reduce(lambda inner, option: option(inner), options, run))


class Line:
    """One line of progress on stderr; on a terminal the next takes its place."""

    def __init__(self) -> None:
        self._shown = ""
        self._rewrites = on_terminal(sys.stderr)

    def show(self, progress: Progress) -> None:
        """Show a stage of the command."""
        text = progress.text
        if progress.total > 0 and self._rewrites:
            text += f" {100 * progress.done // progress.total} %"
        if text == self._shown:
            return
        if self._rewrites:
            click.echo(f"\r{text.ljust(len(self._shown))}", err=True, nl=False)
        else:
            say(text)
        self._shown = text

    def end(self) -> None:
        """Leave the line; what is written next begins a new one."""
        if self._shown and self._rewrites:
            click.echo("", err=True)
        self._shown = ""


def carry_out(session: Session, message: Message, waiting: Waiting, verb: str) -> Settled | None:
    """Send a command to the services, show how it goes, and return the outcome if one came.

    Up, down, gone and waiting for something outside this supervisor are success. Raises Failure
    with code 1 when it failed, 7 when the outcome did not come in time.
    """
    line = Line()
    accepted: Accepted | None = None
    settled: Settled | None = None
    stage = ""
    try:
        timeout_s = waiting.timeout_s if waiting.wait else max(ANSWER_S, waiting.timeout_s)
        for answer in session.stream(message, timeout_s):
            match answer:
                case Progress(stage):
                    line.show(answer)
                case Accepted():
                    line.end()
                    accepted = answer
                    _tell_accepted(accepted, waiting)
                    if not waiting.wait:
                        break
                case Ok(text, event_id):
                    accepted = Accepted(text, event_id)
                    _tell_accepted(accepted, waiting)
                case Settled():
                    settled = answer
                    break
                case _:
                    continue
    except GetTimeoutError as error:
        raise _overdue(accepted, stage, waiting.timeout_s) from error
    finally:
        line.end()
    if accepted is None and settled is None:
        raise Failure(
            "The connection was unexpectedly closed before the command was accepted.",
            "It may have happened: look with `hab svc status`. Asking again is safe.",
        )
    if waiting.as_json:
        _write_json(verb, accepted, settled)
    elif settled is not None:
        _tell_settled(settled)
    if settled is not None and settled.outcome == "failed":
        raise Failure(
            f"{settled.service} failed: {settled.reason}",
            f"`hab svc logs {settled.service}` shows its output, `hab events` what led to it.",
        )
    return settled


def _tell_accepted(accepted: Accepted, waiting: Waiting) -> None:
    if waiting.as_json:
        return
    mark = " (unchanged)" if accepted.unchanged and "unchanged" not in accepted.text else ""
    click.echo(accepted.text + mark + event_words(accepted.event_id))


def _tell_settled(settled: Settled) -> None:
    match settled.outcome:
        case "failed":
            return  # told as the failure
        case "waiting":
            click.echo(
                f"{settled.service} waits for something outside this supervisor: {settled.reason}"
                + event_words(settled.event_id)
            )
        case _:
            click.echo(f"{settled.service} is {settled.outcome}" + event_words(settled.event_id))


def event_words(event_id: str) -> str:
    """Name an event behind a sentence, if there is one."""
    return f" (event {event_id})" if event_id else ""


def _write_json(verb: str, accepted: Accepted | None, settled: Settled | None) -> None:
    emit_json(
        f"{verb}/1",
        {
            "text": accepted.text if accepted else "",
            "unchanged": bool(accepted and accepted.unchanged),
            "event_id": accepted.event_id if accepted else "",
            "service": settled.service if settled else "",
            "outcome": settled.outcome if settled else "",
            "reason": settled.reason if settled else "",
            "outcome_event_id": settled.event_id if settled else "",
        },
    )


def _overdue(accepted: Accepted | None, stage: str, timeout_s: float) -> Failure:
    if accepted is None and stage:
        return Failure(
            f"Not done within {timeout_s:g} s. It came as far as: {stage}",
            "The supervisor goes on with it; asking again joins in, and --timeout waits longer.",
            TIMED_OUT,
        )
    if accepted is None:
        return Failure(
            f"No answer within {timeout_s:g} s: whether the command was accepted is not known.",
            "Look with `hab svc status`; asking again is safe.",
            TIMED_OUT,
        )
    return Failure(
        f"Accepted{event_words(accepted.event_id)}, but no outcome came within {timeout_s:g} s.",
        "It goes on: `hab svc status` shows where it stands; --timeout waits longer.",
        TIMED_OUT,
    )
