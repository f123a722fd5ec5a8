"""The process of a user actor: how it is started, and what its end is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.messages.primitives import CreateActor
from actors.messages.process import ProcessExited, StartProcess


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How this node starts actor hosts.

    `argv` begins the command (`python -m actors.host`), `env` is the whole environment. `endpoint`
    is this node's control gateway as the host reaches it, `secret_file` where its secret lies.
    `log_dir` empty: the host writes where its launcher does. `allow` None: any module. `connect_s`
    is how long a host may take until its first word.
    """

    argv: tuple[str, ...]
    endpoint: str
    secret_file: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    log_dir: str = ""
    allow: tuple[str, ...] | None = ()
    connect_s: float = 30.0


def key_of(name: str, instance: int) -> str:
    """The launcher's key: each life has its own, since the last may still be dying."""
    return f"host:{name}:{instance}"


def start_process(spec: CreateActor, instance: int, options: HostOptions) -> StartProcess:
    """What the launcher is asked for."""
    log = f"{options.log_dir}/{spec.name}.log" if options.log_dir else ""
    return StartProcess(
        key=key_of(spec.name, instance),
        argv=(*options.argv, spec.name, str(instance), options.endpoint, options.secret_file),
        env=dict(options.env),
        cwd=options.cwd,
        stdout=log,
        stderr=log,
        prefix=spec.name if log else "",
        owner=f"host/{spec.name}",
        ends_with_owner=True,
    )


def end_in_words(exited: ProcessExited) -> str:
    """How a host process ended."""
    if exited.signal is not None:
        return f"its process was ended by signal {exited.signal}"
    if exited.code is not None:
        return f"its process exited with code {exited.code}"
    return "its process ended, nobody knows how"
