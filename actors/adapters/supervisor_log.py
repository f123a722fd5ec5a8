"""What the supervisor process says on standard output, in lines of the form its launcher uses.

The events an operator follows are said when they have been written (at most 0.1 s later), `verbose`
says all of them; the adapters' own log lines go the same way. Lines that a slow reader has no room
for are dropped and counted, as the launcher's are: nobody waits for a terminal.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from actors.eventlog.render import one_line
from actors.launcher.console import Console

if TYPE_CHECKING:
    from actors.messages.events import EventRecord

OWN: Final = "hab-sup"
MANAGER: Final = "MR"
TRACED: Final = "MessageHandled"  # asked for by `hab actor trace`, and read with `hab events`
PASSING: Final = frozenset({"initializing", "starting"})  # a start that goes well is said as `up`
# Event → Habitat's key for what speaks: MR manager, SR service, HK hook, SD spec directory,
# CE census, CF configuration, AG control gateway.
KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ServiceStageChanged", "HealthChanged", "ProcessAdopted"), "SR"),
    "AccountMissing": "SR",
    "RoleTaken": "SR",
    "HookFailed": "HK",
    **dict.fromkeys(("RenderingFailed", "ServiceFilesChanged", "TemplateSaid", "SealedKept"), "CF"),
    **dict.fromkeys(("ConfigApplied", "FileUploaded"), "CF"),
    **dict.fromkeys(("ServiceLoaded", "ServiceUnloaded", "SpecUpdated", "SpecRefused"), "SD"),
    **dict.fromkeys(("MemberHealthChanged", "RingJoined", "RingIdChosen", "OtherRingMet"), "CE"),
    **dict.fromkeys(("SeedUnreachable", "IdentityConflict", "FrameRefused", "ClaimRefused"), "CE"),
    **dict.fromkeys(("LeaderElected", "LeaseLost", "LeaderFollowed", "RivalElectorate"), "CE"),
    **dict.fromkeys(("RequestRefused", "SessionDropped", "ControlRefused"), "AG"),
    **dict.fromkeys(("SupervisorStarted", "NodeEscalated"), MANAGER),
    **dict.fromkeys(("ActorFailed", "ActorKilled", "ActorParked", "StateFileDamaged"), MANAGER),
    **dict.fromkeys(("EventLogStalled", "EventLogResumed", "PackageInstalled"), MANAGER),
}


class SupervisorLog(logging.Handler):
    """Says log records, events and single lines through `console`; any thread may."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        super().__init__(logging.INFO if verbose else logging.WARNING)
        self._console = console
        self._verbose = verbose
        self._turn = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Say a log record, a traceback line by line."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - a log line that cannot be formatted is no reason to fail
            text = str(record.msg)
        self.say(text)

    def say(self, text: str) -> None:
        """Say something in the supervisor's own name."""
        self._lines([(OWN, MANAGER, line) for line in text.splitlines() or [""]])

    def events(self, records: tuple[EventRecord, ...]) -> None:
        """Say those of the records that are for an operator."""
        said = [line for record in records if (line := self._line(record)) is not None]
        if said:
            self._lines(said)

    def _line(self, record: EventRecord) -> tuple[str, str, str] | None:
        key = KEYS.get(record.kind, "")
        passing = record.fields.get("stage") in PASSING
        if record.kind == TRACED or ((not key or passing) and not self._verbose):
            return None
        group = record.fields.get("service_group")
        who = group if isinstance(group, str) and group else OWN
        return who, key or MANAGER, one_line(record.text)

    def _lines(self, lines: list[tuple[str, str, str]]) -> None:
        with self._turn:
            for who, key, text in lines:
                self._console.line(who, key, text)
            self._console.flush()
