"""A group whose leader holds a lock that the kernel guards: two leaders at once cannot hide.

Whoever is started as leader takes an exclusive lock of one file for as long as it lives, and writes
its term behind those before it. If the lock is held it says so in another file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from leader_group import stop_all
from ring_rig import Ring, living, peers
from supervisor_rig import Machine, eventually

from actors.errors import HabError
from actors.messages.election_orders import Elections, ElectionView, QueryElections

GROUP = "lock.default"
ELECTED_S = 60.0  # for what takes ten seconds on an idle machine
KEY = "acme"
_RUN = """
if [ "$HAB_ROLE" = leader ]; then
  exec 9>>{lock}
  flock -n 9 || echo "term $HAB_LEADER_TERM" >> {two}
  echo "$HAB_LEADER_TERM" >> {terms}
fi
exec sleep 100000
"""


class LockGroup:
    """Three members, and what is done to them."""

    def __init__(self, root: Path) -> None:
        self.ring = Ring(root)
        self.two, self.terms = root / "two", root / "terms"
        self.run = _RUN.format(lock=root / "lock", two=self.two, terms=self.terms)
        self.machines = self.ring.start(3, key=KEY)
        for machine in self.machines:
            self.load(machine)

    def load(self, machine: Machine) -> None:
        """Load the service; its process is started anew in each role, by a file that tells it."""
        package = machine.package("acme/lock", self.run)
        (package / "config").mkdir()
        (package / "config" / "role").write_text("{{svc.me.leader}}\n")
        machine.hab("svc", "load", "acme/lock", "--topology", "leader", "--no-wait")

    # ── what is true ──

    def view(self, machine: Machine) -> ElectionView | None:
        """The election as a member sees it; None while it does not answer."""
        try:
            found = machine.ask(QueryElections(GROUP), Elections, 3.0).elections
        except (HabError, OSError):
            return None
        return found[0] if found else None

    def led(self, by: list[Machine] | None = None, above: int = 0) -> tuple[Machine, int]:
        """Wait until all of these agree on a leader among them, of a term above; and it acts."""
        machines = by or self.machines

        def agreed() -> tuple[Machine, int] | None:
            views = [self.view(machine) for machine in machines]
            said = {(v.leader, v.term) for v in views if v is not None and v.leader}
            if None in views or len(said) != 1:
                return None
            (leader, term) = said.pop()
            acts = self.terms.exists() and str(term) in self.terms.read_text().split()
            first = next((m for m in machines if self.member(m) == leader), None)
            return (first, term) if first is not None and term > above and acts else None

        return eventually(f"one leads{self.told()}", agreed, ELECTED_S)

    def member(self, machine: Machine) -> str:
        """The id of a member; empty while its supervisor does not answer."""
        info = machine.info()
        return info.member_id if info is not None else ""

    def others(self, machine: Machine) -> list[Machine]:
        return [one for one in self.machines if one is not machine]

    def why(self, machine: Machine) -> str:
        """The story as a member tells it, on one line."""
        return " ".join(machine.hab("election", "why", GROUP).out.split())

    def told(self) -> str:
        return "".join(f"\n--- {m.root.name}\n{m.said()[-2000:]}" for m in self.machines)

    def judge(self) -> None:
        """There were never two at once, and every later leader had a newer term."""
        assert not self.two.exists(), f"two leaders acted at once: {self.two.read_text()}"
        terms = [int(term) for term in self.terms.read_text().split()]
        assert terms == sorted(terms)

    # ── what is done ──

    def pull_the_plug(self, machine: Machine) -> None:
        """Everything on the machine ends at once."""
        assert machine.launcher is not None
        for pid in stop_all(machine.launcher.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        machine.launcher.wait()

    def start(self, machine: Machine, *, ready: bool = True) -> None:
        words = ("--permanent-peer", *peers(self.machines), "--ring", KEY)
        machine.start(*words, ready=ready)

    def wipe(self, machine: Machine) -> None:
        """A new disk at the same address: all state is gone, the ring key is carried there."""
        text = self.others(machine)[0].hab("ring", "key", "export", KEY).out
        shutil.rmtree(machine.root)
        machine.root.mkdir()
        key = machine.root / "carried.key"
        key.write_text(text)
        machine.hab("ring", "key", "import", str(key))

    def is_whole(self, machine: Machine) -> bool:
        ids = {self.member(one) for one in self.machines}
        return "" not in ids and ids <= living(machine)
