"""A ring of real supervisors under test: machines as of one supervisor's rig, with peers.

Each member is a launcher and a supervisor process with a root, a key cache and ports of its own;
all listen on loopback.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
from supervisor_rig import Machine, eventually

from actors.errors import HabError
from actors.messages.ring import Members, MemberView, QueryMembers

JOINED_S = 40.0  # for what takes a second or two on an idle machine
SUSPECTS = frozenset({"suspect", "confirmed", "departed"})


class Ring:
    """Members below `root`, in the order they were made; `close` ends them all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.machines: list[Machine] = []

    def machine(self, root: str = "") -> Machine:
        """One more machine, on which nothing runs yet."""
        machine = Machine(self.root / (root or f"m{len(self.machines)}"))
        self.machines.append(machine)
        return machine

    def start(self, count: int, *words: str, key: str = "") -> list[Machine]:
        """Start `count` permanent peers that all name each other; wait until they see all alive."""
        new = [self.machine() for _ in range(count)]
        if key:
            share_key(key, new)
            words = (*words, "--ring", key)
        for machine in new:
            machine.start("--permanent-peer", *peers(new), *words, ready=False)
        whole(new)
        return new

    def close(self) -> None:
        """End every member as an operator would; raises if one leaves something behind."""
        with ExitStack() as stack:
            for machine in self.machines:
                if machine.launcher is not None and machine.launcher.poll() is None:
                    machine.launcher.terminate()  # all at once is sooner
                stack.callback(machine.end)


def share_key(name: str, machines: list[Machine]) -> str:
    """A new revision of a ring key, made on the first machine, carried to the others; its text."""
    machines[0].hab("ring", "key", "generate", name)
    text = machines[0].hab("ring", "key", "export", name).out
    for machine in machines[1:]:
        import_key(machine, text)
    return text


def import_key(machine: Machine, text: str) -> None:
    """Carry a ring key to a machine, as a file."""
    file = machine.root / "carried.key"
    file.write_text(text)
    machine.hab("ring", "key", "import", str(file))


def peers(machines: Iterable[Machine]) -> list[str]:
    """The options that name machines as seeds; one's own address is no harm."""
    return [f"--peer=127.0.0.1:{machine.gossip}" for machine in machines]


def members(machine: Machine) -> dict[str, MemberView]:
    """The ring as a member sees it, by id; empty while it does not answer."""
    try:
        seen = machine.ask(QueryMembers(), Members, 3.0)
    except (HabError, OSError):
        return {}
    return {view.member.id: view for view in seen.members}


def health(machine: Machine, member: str) -> str:
    """What a member thinks of another; empty if it does not know it."""
    view = members(machine).get(member)
    return view.health if view is not None else ""


def living(machine: Machine) -> set[str]:
    """The members that one sees alive, itself included."""
    return {one for one, view in members(machine).items() if view.health == "alive"}


def whole(machines: list[Machine], within_s: float = JOINED_S) -> set[str]:
    """Wait until each of the machines sees exactly all of them alive; their ids."""

    def agreed() -> set[str]:
        seen = [living(machine) for machine in machines]
        all_same = all(one == seen[0] for one in seen)
        return seen[0] if all_same and len(seen[0]) == len(machines) else set()

    return eventually(f"a ring of {len(machines)} is whole{told(machines)}", agreed, within_s)


def all_say(
    machines: Iterable[Machine], member: str, wanted: str, within_s: float = JOINED_S
) -> None:
    """Wait until each of the machines thinks so of a member."""
    machines = list(machines)
    eventually(
        f"{member[:8]} is {wanted} everywhere{told(machines)}",
        lambda: all(health(machine, member) == wanted for machine in machines),
        within_s,
    )


def accusations(machine: Machine, member: str = "", since: float = 0.0) -> list[str]:
    """The sentences of a member's log that say another was thought badly of."""
    return [
        event.text
        for event in machine.events(kind="MemberHealthChanged")
        if event.fields["health"] in SUSPECTS
        and event.wall >= since
        and (not member or event.fields["member"] == member)
    ]


def sentence(
    machine: Machine, kind: str, holds: Callable[[str], bool], within_s: float = JOINED_S
) -> str:
    """Wait for an event of a kind whose sentence holds; it."""

    def find() -> str:
        texts = [event.text for event in machine.events(kind=kind)]
        return next((text for text in texts if holds(text)), "")

    return eventually(f"a {kind} is told\n{machine.said()}", find, within_s)


def told(machines: Iterable[Machine]) -> str:
    """What the machines have written, for a failure's text."""
    return "".join(f"\n--- {machine.root.name}\n{machine.said()}" for machine in machines)


def seconds(began: float) -> float:
    """Seconds since `began` of the monotonic clock."""
    return time.monotonic() - began
