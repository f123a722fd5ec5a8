"""What depots offered of each service, and how far it has come: for the run, and for checkers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from actors.messages.rollout import RolloutStep
from actors.messages.simulation import FaultBegan, FaultEnded, ServicesSeen
from actors.messages.update import ReleaseTaken
from actors.simulation.eventlog import Logged
from actors.simulation.packages_port import RELEASE
from actors.simulation.plan import Service
from actors.simulation.roles import GROUP

ARRIVES_S: Final = 150.0  # from the offer, and from the end of all faults, to the last member


@dataclass(slots=True)
class Arrivals:
    """A fold over an event log; releases are without their package, `2.0.0/20260201000000` say.

    `offered` is the last release of a service, `ever` all of them; `unsound` ones cannot be
    installed, `ailing` ones do not work. `runs` and `stages` are by machine and service, `states`
    those of groups' rollouts, with the release each goes to.
    """

    offered: dict[str, str] = field(default_factory=dict)
    ever: dict[str, set[str]] = field(default_factory=dict)
    unsound: set[tuple[str, str]] = field(default_factory=set)
    ailing: set[tuple[str, str]] = field(default_factory=set)
    runs: dict[tuple[int, str], str] = field(default_factory=dict)
    stages: dict[tuple[int, str], str] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)

    def see(self, logged: Logged) -> None:
        """One more event."""
        match logged.event:
            case FaultBegan("release", detail=detail):
                service, release = detail.split(" ")
                self.offered[service] = release
                self.ever.setdefault(service, set()).add(release)
            case FaultBegan("no-install", detail=detail):
                service, release = detail.split(" ")
                self.unsound.add((service, release))
            case FaultBegan("bad-release", detail=detail):
                service, release, _ = detail.split(" ")
                self.ailing.add((service, release))
            case FaultEnded("wipe", machines):
                self.runs = {k: release for k, release in self.runs.items() if k[0] not in machines}
            case ReleaseTaken(service, taken=taken):
                self.runs[logged.machine, service] = taken.split("/", 2)[2]
            case RolloutStep(group, state=state, target=target):
                self.states[group] = state, target.split("/", 2)[2]
            case ServicesSeen(machine) as seen:
                self.stages = {k: stage for k, stage in self.stages.items() if k[0] != machine}
                self.stages |= {(machine, s): stage for s, (stage, _) in seen.services.items()}
            case _:
                pass

    def missing(self, service: Service, machines: Iterable[int]) -> list[str]:
        """What is not as it has to become, in words, on these machines.

        All run the release offered last. What cannot be installed is run by nobody. What does not
        work is run by one member of a group that rolls, where it has halted, and by none where it
        goes back. A group that halted goes on once an operator says so. Who is stopped stays.
        """
        name, wanted = service.name, self.offered.get(service.name)
        if service.strategy == "none" or service.pinned or wanted is None:
            return []
        keys = [
            (m, name)
            for m in machines
            if m in service.machines and self.stages.get((m, name)) not in (None, "down")
        ]
        runs = {machine: self.runs.get((machine, name), RELEASE) for machine, _ in keys}
        state, target = self.states.get(f"{name}.{GROUP}", ("", ""))
        if service.strategy == "rolling" and state == "rolling":
            return [f"the rollout to {wanted} is under way"] if runs else []
        if (name, wanted) in self.ailing and service.strategy == "rolling":
            many = [machine for machine, release in runs.items() if release == wanted]
            most = 0 if service.on_failure == "rollback" else 1
            return [f"{wanted} does not work, and runs on {many}"] if len(many) > most else []
        if (name, wanted) in self.unsound:
            return [f"{m} runs {wanted}" for m, found in runs.items() if found == wanted]
        if (state, target) == ("halted", wanted):
            return []
        fine = {wanted}
        if service.condition == "latest":  # what is newer and installed here stays
            fine |= {release for release in self.ever[name] if release > wanted}
        return [f"{m} runs {found}, not {wanted}" for m, found in runs.items() if found not in fine]

    def unready(self, service: Service, machines: Iterable[int]) -> list[str]:
        """Who is not up, of those that were updated to what works; in words."""
        name, wanted = service.name, self.offered.get(service.name)
        halted = self.states.get(f"{name}.{GROUP}") == ("halted", wanted)
        if service.strategy == "none" or wanted is None or halted or (name, wanted) in self.ailing:
            return []
        stages = {m: self.stages.get((m, name), "down") for m in machines}
        return [f"{m} is {stage}" for m, stage in stages.items() if stage not in ("up", "down")]
