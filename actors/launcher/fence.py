"""Which groups act as leader, as a supervisor sees it: what it kills when its launcher dies.

The launcher ends a leader whose lease runs out. Once it is gone nobody would, so the supervisor
ends all leaders before it ends itself; other processes live on. A new supervisor is told at its
start which groups lead, so that one whose launcher dies while it boots ends them once it is up. A
process that the launcher did not live to report is left to the next one, which finds in its table
that it was to lead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.launcher.protocol import Exited, Renew, Report, Request, Start, Started


@dataclass(slots=True)
class Leaders:
    """The groups in the leader role; `alive` has pid and start time of whatever was reported."""

    leading: set[str] = field(default_factory=set)
    alive: dict[str, tuple[int, int]] = field(default_factory=dict)

    def asked(self, request: Request) -> None:
        """A request goes to the launcher."""
        match request:
            case Start(key=key, leader_until_s=until_s):
                self._lead(key, leads=until_s > 0)
            case Renew(key, until_s):
                self._lead(key, leads=until_s > 0)
            case _:
                pass

    def told(self, report: Report) -> None:
        """A report of the launcher's arrived."""
        match report:
            case Started(_, key, pid, ticks, leads=leads):
                self.alive[key] = pid, ticks
                if leads:  # by the word of an earlier supervisor
                    self.leading.add(key)
            case Exited(key=key, pid=pid) if key in self.alive and self.alive[key][0] == pid:
                del self.alive[key]
                self.leading.discard(key)
            case _:
                pass

    def to_kill(self) -> list[tuple[int, int]]:
        """Pid and start time of the first process of each group that acts as leader."""
        return [self.alive[key] for key in sorted(self.leading) if key in self.alive]

    def _lead(self, key: str, *, leads: bool) -> None:
        if leads:
            self.leading.add(key)
        else:
            self.leading.discard(key)
