"""What is drawn for services beside the faults: more of them, their hooks, what groups are given.

These have generators of their own, so that the faults of a seed stay as they were.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from actors.simulation.plan import Fault, Service, Setup
from actors.simulation.processes import Behaviour

MORE: Final = (0, 0, 1, 3)  # services, on one or two machines each
FILES: Final = ("keys.txt", "motd")
SLOW: Final = Behaviour(runs_s=4.0, spread=0.9)
_HOOKS: Final[dict[str, tuple[Behaviour, ...]]] = {
    "init": (SLOW, Behaviour(runs_s=0.1, fails=0.4, spread=0.5)),
    "health-check": (
        Behaviour(runs_s=0.1, code=2),
        Behaviour(runs_s=0.1, code=77),
        Behaviour(runs_s=7.0, spread=0.3),
    ),
    "post-run": (SLOW, Behaviour(runs_s=0.1, code=1), Behaviour(runs_s=0.1, fails=0.5)),
    "post-stop": (SLOW, Behaviour(runs_s=0.1, code=1)),
    "reconfigure": (SLOW, Behaviour(runs_s=0.1, code=1)),
}


def with_more_work(draw: random.Random, setup: Setup) -> Setup:
    """The setup with more services, and with hooks that are slow or fail."""
    more = [_service(draw, number, setup.supervisors) for number in range(draw.choice(MORE))]
    services = [_with_hooks(draw, service) for service in (*setup.services, *more)]
    return replace(setup, services=tuple(services))


def draw_facts(draw: random.Random, setup: Setup, faults_s: float) -> tuple[Fault, ...]:
    """Configurations and files that are given to groups, at any machine of the ring.

    Versions of a fact grow with time, but now and then two come in the wrong order.
    """
    if not setup.services or draw.random() < 0.4:
        return ()
    times = sorted(draw.uniform(0, faults_s) for _ in range(int(faults_s / draw.uniform(4, 20))))
    versions = list(range(1, len(times) + 1))
    for number in range(1, len(versions)):
        if draw.random() < 0.15:
            versions[number - 1 : number + 1] = versions[number], versions[number - 1]
    given = zip(times, versions, strict=True)
    return tuple(_fact(draw, setup, round(at_s, 3), version) for at_s, version in given)


def _fact(draw: random.Random, setup: Setup, at_s: float, version: int) -> Fault:
    service = draw.choice(setup.services)
    machine = (draw.randrange(setup.supervisors),)
    if draw.random() < 0.6:
        return Fault("apply", at_s, machines=machine, amount=version, detail=service.name)
    detail = f"{service.name} {draw.choice(FILES)}"
    return Fault("upload", at_s, machines=machine, amount=version, detail=detail)


def _service(draw: random.Random, number: int, supervisors: int) -> Service:
    machines = draw.sample(range(supervisors), draw.randint(1, min(2, supervisors)))
    return Service(f"app{number}", tuple(sorted(machines)))


def _with_hooks(draw: random.Random, service: Service) -> Service:
    hooks = [(name, draw.choice(kinds)) for name, kinds in _HOOKS.items() if draw.random() < 0.2]
    return replace(service, hooks=tuple(hooks), reconfigures=draw.random() < 0.5)
