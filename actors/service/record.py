"""What of a service is durable: how its process was started and how far it came."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from actors.messages.base import MemberId
from actors.messages.depot import PackageInfo
from actors.messages.election import Role
from actors.messages.groups import GroupConfig
from actors.messages.service import ServiceSpec

DIRECTORY = "services"
SUFFIX = ".state"


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """A role in a term, and who leads then (empty: nobody does)."""

    role: Role = "none"
    term: int = 0
    leader: MemberId = ""


NOWHERE: Final = Position()


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service's file. `spec` and `package` are what the process runs (or last ran) with.

    `init_done`: a start was or is about to be asked for, so a process may live, and `post-stop` is
    due once none does. `pid` is for people; who lives is the launcher's to say. `restarts` counts
    starts after an end nobody asked for. `user`/`group` empty: the supervisor's own. `target` is
    the release its update strategy chose, for strategies that hold on to it. `unproven`: it was
    taken out of the census for another release, and has not been healthy in it yet. `exports` is
    what the ring was told of its configuration, `config` what was applied to its group when its
    files were made, as it travels: what is encrypted stays so.

    `stands` is the group in whose election the service has a seat, or asks for one. `acts` is what
    the process acts as: a leader from before it is told, until it has ended or has been told
    otherwise; `acted`: it has been told. `shown` is the position that its files tell. It never
    leads again in term `over`, or one before.
    """

    spec: ServiceSpec
    package: PackageInfo | None = None
    path: str = ""
    hooks: tuple[str, ...] = ()
    user: str = ""
    group: str = ""
    init_done: bool = False
    post_run_done: bool = False
    pid: int | None = None
    restarts: int = 0
    target: str = ""
    stands: str = ""
    acts: Position = Position()
    acted: bool = False
    shown: Position = Position()
    over: int = 0
    unproven: bool = False
    exports: dict[str, Any] = {}
    config: GroupConfig | None = None


def record_path(service: str) -> str:
    """The file of a service, below the supervisor's directory."""
    return f"{DIRECTORY}/{service}{SUFFIX}"


def encode(record: Record) -> bytes:
    """A record as JSON, for people too."""
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def decode(data: bytes | None) -> Record | None:
    """The record, or None where there is none that can be read: then the launcher's word counts."""
    if not data:
        return None
    try:
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
