"""`depot`: what is installed on this machine, and how more of it comes here."""

from __future__ import annotations

from actors.effects import Ask, Effect, Emit, Reply, Send
from actors.messages.base import Message
from actors.messages.depot import (
    InstallPackage,
    PackageInstalled,
    PackageResolved,
    ResolvePackage,
)
from actors.messages.envelope import Ticket
from actors.messages.runtime import CallFailed
from actors.messages.service import Progress
from actors.messages.update import FindRelease
from actors.runtime.actor import Actor, Context


class DepotActor(Actor):
    """Passes questions about packages to the disk; relays installs, so that they leave an event."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._installs: dict[str, tuple[str, Ticket | None]] = {}  # call → (source, who waits)
        self._calls = 0

    def step(self, message: Message) -> list[Effect]:
        """Answer for packages."""
        match message:
            case ResolvePackage(install=False) | FindRelease():
                return [Send("port/packages", message, self._ticket())]
            case ResolvePackage(ident=source) | InstallPackage(source=source):
                self._calls += 1
                call = f"{self.context.instance_id}:{self._calls}"
                self._installs[call] = (source, self._ticket())
                return [Ask("port/packages", message, call)]
            case Progress() | PackageResolved() | CallFailed():
                return self._relay(message)
            case _:
                return super().step(message)

    def _ticket(self) -> Ticket:
        return self.envelope.ticket or Ticket(self.envelope.sender, "")

    def _relay(self, message: Progress | PackageResolved | CallFailed) -> list[Effect]:
        call, more = self.envelope.answers, self.envelope.more
        source, ticket = self._installs.get(call, ("", None))
        if ticket is None:
            return []  # asked by an instance that is no more
        if not more:
            del self._installs[call]
        effects: list[Effect] = []
        if isinstance(message, PackageResolved) and message.installed:
            effects.append(Emit(PackageInstalled(message.package.ident, source)))
        return [*effects, Reply(message, ticket, more=more)]
