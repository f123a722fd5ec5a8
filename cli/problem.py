"""What a person sees when a command fails: what was tried, what went wrong, what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import IO, Any

import click

from actors.errors import HabError, Refused

TIMED_OUT = 7  # --timeout passed; the outcome is not known
GUARDED = 8  # a safety guard said no
INVARIANT_BROKE = 9  # a simulation found a broken promise


class Failure(click.ClickException):
    """A failed command: `message` says what happened, `next_step` what to do about it."""

    def __init__(self, message: str, next_step: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the failure to standard error."""
        mark = click.style("✗", fg="red")
        click.echo(f"{mark} {self.format_message()}", file=file, err=True)
        if self.next_step:
            click.echo(f"  {self.next_step}", file=file, err=True)


def suggestion(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?` for the nearest known word, or nothing."""
    import difflib

    words = sorted(known)
    swapped = [each for each in words if sorted(each) == sorted(word)]  # the commonest slip
    near = swapped or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""


def of_error(error: HabError | OSError) -> Failure:
    """Turn an error of the product or of this machine into what the person sees."""
    next_step = getattr(error, "next_step", "") or _NEXT_STEPS.get(type(error).__name__, "")
    if isinstance(error, Refused):
        next_step = next_step or NEXT_BY_CODE.get(error.code, "")
    if isinstance(error, HabError):
        return Failure(str(error), next_step, error.exit_code)
    where = f"{error.filename}: " if error.filename else ""
    if isinstance(error, PermissionError):
        return Failure(
            f"{where}permission denied",
            "Run as the owner of the state directory (often root), or choose another "
            "with HAB_ROOT.",
        )
    if isinstance(error, FileExistsError | NotADirectoryError):
        next_step = "State is kept in directories there: move it, or choose a root with HAB_ROOT."
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        next_step = "Make room on that disk and ask again; nothing was changed."
    else:
        next_step = "`hab doctor` looks for what stands in the way."
    return Failure(f"{where}{error.strerror or error}", next_step)


# What a supervisor refuses, by its code; texts that name the next step themselves are not here.
NEXT_BY_CODE = {
    "not-loaded": "`hab svc status` lists what is loaded; `hab svc load` loads it.",
    "not-runnable": "Only a package with a run hook is a service; `hab pkg list` shows others.",
    "binds": "--bind NAME:SERVICE.GROUP gives one; the package's files BINDS and BINDS_OPTIONAL "
    "name them.",
    "not-leader": "`hab election list` shows who leads; it may just have changed: ask again.",
    "no-election": "`hab election list` shows a member's elections; --remote-sup asks another.",
    "no-successor": "`hab election why GROUP` says what hinders the others; it leads on meanwhile.",
    "host": "Make room, or the directory writable, and ask again.",
}
_NEXT_STEPS = {
    "ActorDiedError": "`hab actor list` shows which actors there are.",
    "ActorUnavailableError": "It may be restarting: `hab actor list` shows its state; try again.",
    "GetTimeoutError": "Ask again with a longer --timeout; asking again is safe.",
    "OutcomeUnknown": "`hab svc status` tells what became of it; asking again is safe.",
}
