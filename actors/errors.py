"""Every error the product raises, as one tree that says whose fault it is.

HabError
├── UsageError            the person: exit 2
├── RemoteError           the peer: drop, count, event
│   └── WireError         bytes that are not a frame we accept
├── Refused               definite: nothing happened (exit 1, or 8 for a safety guard)
│   ├── NoSupervisorError     nothing answers at the control endpoint
│   ├── SecretRefusedError    a supervisor is there, but not for this secret
│   └── ActorNameError        no actor of that name, or one already; also a ValueError
├── OutcomeUnknown        it may have happened
│   └── GetTimeoutError   no answer in time (exit 7); also a TimeoutError
├── HostError             disk, exec, sockets of this machine
├── ActorError            Ray's split of what can go wrong with a call
│   ├── ActorDiedError            will never answer
│   ├── ActorUnavailableError     may answer later; may have executed
│   └── ActorTaskError            the method raised; the actor lives; carries the remote traceback
├── TemplateError         a template that cannot be read or rendered: file, line, column
└── CryptoError           keys, signatures, ciphertexts
"""

from __future__ import annotations


class HabError(Exception):
    """Base of every error raised on purpose. `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(HabError):
    """The person asked for something that cannot be; the text names the next step."""

    exit_code = 2


class RemoteError(HabError):
    """A peer broke the protocol: drop what it sent, count it, say so in an event."""


class WireError(RemoteError):
    """Bytes from outside that are not a frame this release accepts.

    `reason` is a short stable word (`truncated`, `oversized`, `tag`, `type`, `version` …) for
    counters; the text is for people.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class Refused(HabError):  # noqa: N818 - the field's word for a definite no
    """Definitely not done. `code` is a stable word a program can branch on."""

    def __init__(self, text: str, code: str = "refused", exit_code: int = 1) -> None:
        super().__init__(text)
        self.code = code
        self.exit_code = exit_code


class NoSupervisorError(Refused):
    """No supervisor listens at `endpoint`; Habitat's text comes first."""

    def __init__(self, endpoint: str, why: str = "nothing listens there") -> None:
        super().__init__(
            f"Unable to contact the Supervisor. Tried {endpoint}: {why}.", "no-supervisor"
        )
        self.endpoint = endpoint


class SecretRefusedError(Refused):
    """What listens at `endpoint` does not know our control secret."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"The Supervisor at {endpoint} refused the control secret. "
            "Set HAB_CTL_SECRET, or ctl_secret in cli.toml, to that Supervisor's CTL_SECRET.",
            "secret-refused",
        )
        self.endpoint = endpoint


class ActorNameError(Refused, ValueError):
    """There is no actor of that name, or there is one already (Ray raises ValueError)."""


class OutcomeUnknown(HabError):  # noqa: N818 - may have happened, may not
    """The request may or may not have taken effect; asking again is safe."""


class GetTimeoutError(OutcomeUnknown, TimeoutError):
    """No answer within the time given (Ray's name)."""

    exit_code = 7


class HostError(HabError):
    """This machine failed us: disk, exec, sockets, users."""


class ActorError(HabError):
    """Base of what can go wrong with a call to an actor (Ray's family)."""


class ActorDiedError(ActorError):
    """The actor is dead for good; it will never answer."""


class ActorUnavailableError(ActorError):
    """The actor cannot answer now (restarting, unreachable, dropped); it may have executed."""


class ActorTaskError(ActorError):
    """The method raised; the actor lives. `remote_traceback` is the text from over there."""

    def __init__(self, text: str, remote_traceback: str = "") -> None:
        super().__init__(text)
        self.remote_traceback = remote_traceback


class CryptoError(HabError):
    """A key, signature or ciphertext is missing, malformed or wrong."""


class TemplateError(HabError):
    """A template cannot be read or rendered. `line` and `column` count characters, from 1.

    Without a place (`line` 0) it is a reason that the renderer has still to give one.
    """

    def __init__(self, reason: str, template: str = "", line: int = 0, column: int = 0) -> None:
        place = f"{template}:{line}:{column}: " if line else ""
        super().__init__(f"{place}{reason}")
        self.reason = reason
        self.template = template
        self.line = line
        self.column = column
