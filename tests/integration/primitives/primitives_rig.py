"""Starting rings for the tests of the primitives, and the module of actors they use."""

from __future__ import annotations

import os
import sys

from supervisor_rig import Machine, eventually

MODULE = "tallying"
SOURCE = """
import os, time
from pathlib import Path
import actors

@actors.remote
class Tally:
    def __init__(self, start=0):
        if start < 0:
            raise ValueError("no counting down")
        self.count = start
    def add(self, by=1):
        self.count += by
        return self.count
    def pid(self):
        return os.getpid()
    def fail(self):
        raise KeyError("by design")
    def exit(self, code):
        os._exit(code)
    def wait_for(self, path):
        while not Path(path).exists():
            time.sleep(0.01)
        return "seen"
    def ask(self, other, by):
        return actors.get(other.add.remote(by))
    def _private(self):
        return "secret"
"""
NAMES = ("one", "two", "three")
Ring = dict[str, Machine]


def start(machine: Machine, ring: list[Machine], *words: str, keyed: bool = True) -> None:
    """Start a permanent peer of the ring."""
    machine.environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    key = ("--ring", "prod") if keyed else ()
    peers = [f"--peer=127.0.0.1:{other.gossip}" for other in ring if other is not machine]
    machine.start("--permanent-peer", *key, *peers, *words)


def whole(machines: list[Machine]) -> None:
    """Wait until each sees all alive, and its actors have been told."""

    def sees_all(machine: Machine) -> bool:
        seen = machine.hab("ring", "members", "--json").json
        alive = sum(member["health"] == "alive" for member in seen["members"])
        return bool(seen["settled"]) and alive == len(machines)

    for machine in machines:
        eventually(f"{machine.layout.name} sees all", lambda m=machine: sees_all(m), 30)
