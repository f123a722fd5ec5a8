"""Any story of commands, crashes and kills, on virtual time: what must never be, what must come.

Never: two live processes of one service; `init` or `post-stop` under a live process; a failing
actor. In the end, when nothing is killed any more: each service is as its spec file says, and the
spec files are what the accepted commands made them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.messages.service import (
    Accepted,
    LoadService,
    RestartService,
    ServiceSpec,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.simulation.processes import Behaviour
from actors.specs.spec_file import parse

_PATH = Path(__file__).parents[1] / "unit" / "service" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("service_rig", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
rigs = importlib.util.module_from_spec(_SPEC)
import sys  # noqa: E402

sys.modules["service_rig"] = rigs
_SPEC.loader.exec_module(rigs)

SERVICES = ("a", "b")
ACTORS = ("specs", "service", "service/a", "service/b", "depot", "census", "gossip")
HOOKS = ("run", "init", "post-run", "health-check", "post-stop")

services = st.sampled_from(SERVICES)
commands = st.one_of(
    services.map(lambda s: LoadService(ServiceSpec(ident=f"acme/{s}"))),
    services.map(
        lambda s: LoadService(
            ServiceSpec(ident=f"acme/{s}", group="g"), given=("group",), force=True
        )
    ),
    services.map(StopService),
    services.map(lambda s: StartService(f"acme/{s}")),
    services.map(RestartService),
    services.map(lambda s: UnloadService(s, shutdown_timeout=1)),
    services.map(lambda s: UpdateService(s, ServiceSpec("", channel="x"), ("channel",))),
    services.map(
        lambda s: UpdateService(s, ServiceSpec("", shutdown_timeout=2), ("shutdown_timeout",))
    ),
)
behaviours = st.sampled_from(
    (
        Behaviour(),
        Behaviour(runs_s=0.05, code=1),
        Behaviour(runs_s=3.0, code=1),
        Behaviour(deaf=True),
        Behaviour(stop_s=2.0),
        Behaviour(unrunnable="no such file"),
    )
)
hook_behaviours = st.sampled_from(
    (Behaviour(runs_s=0.02), Behaviour(runs_s=0.5, code=1), Behaviour(), Behaviour(deaf=True))
)
steps = st.one_of(
    st.tuples(st.just("command"), commands),
    st.tuples(st.just("command"), commands),
    st.tuples(st.just("kill"), st.sampled_from(ACTORS)),
    st.tuples(st.just("program"), st.tuples(services, behaviours)),
    st.tuples(st.just("hook"), st.tuples(services, st.sampled_from(HOOKS[1:]), hook_behaviours)),
    st.tuples(st.just("supervisor"), st.none()),
    st.tuples(st.just("crash"), services),
    st.tuples(st.just("power"), st.none()),
)
pauses = st.sampled_from((0.0, 0.001, 0.003, 0.01, 0.05, 0.3, 2.0))


def perform(rig: Any, verb: str, what: Any, heard: list[Any]) -> None:
    match verb:
        case "command":
            heard.append((what, rig.numbered(what)))
        case "kill":
            rig.kill(what)
        case "program":
            rig.programs[f"service:{what[0]}"] = what[1]
        case "hook":
            rig.programs[f"hook:{what[0]}:{what[1]}"] = what[2]
        case "supervisor":
            rig.machine.kill_supervisor()
        case "crash" if (pid := rig.pid(what)) is not None:
            rig.machine.table.end(rig.machine.table.processes[pid], 9, None)
        case "power":
            rig.machine.power_off()
            rig.machine.start()
        case _:
            pass


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(steps, pauses), max_size=25), st.integers(0, 10**6))
def test_whatever_happens_services_end_as_their_specs_say(
    story: list[tuple[tuple[str, Any], float]], seed: int
) -> None:
    rig = rigs.Rig(str(seed))
    for name in SERVICES:
        rig.shelf.add(rigs.package(name=name, hooks=HOOKS))
    heard: list[Any] = []
    for (verb, what), pause_s in story:
        perform(rig, verb, what, heard)
        rig.run(pause_s)
    rig.programs = {"hook:": Behaviour(runs_s=0.02)}
    for pid in [p.pid for p in rig.live() if p.start.key.startswith("hook:")]:
        rig.machine.table.end(rig.machine.table.processes[pid], 0, None)
    rig.run(200.0)
    assert rig.broken == []
    failures = [e for e in rig.ring.log.events if type(e.event).__name__ == "ActorFailed"]
    assert failures == []
    specs = {
        spec.service: spec
        for path, data in rig.spec_files().items()
        for spec in [parse(path.removeprefix("specs/"), data)]
    }
    told = rig.statuses()
    assert set(told) == set(specs)
    for name in SERVICES:
        wanted = name in specs and specs[name].desired_state == "up"
        assert (rig.pid(name) is not None) == wanted, (name, told.get(name))
        if wanted:  # what runs was started from the spec that is wanted
            start = next(p.start for p in rig.live() if p.start.key == f"service:{name}")
            assert start.env["HAB_SERVICE_GROUP"] == specs[name].service_group
            assert start.stop_timeout_s == (specs[name].shutdown_timeout or 8)
        if name in specs:
            assert told[name].stage == ("up" if wanted else "down")
            assert told[name].pid == rig.pid(name)
        else:
            assert f"services/{name}.state" not in rig.machine.disk.files
            assert f"service/{name}" not in rig.world.cells
    check_last_accepted(heard, specs)


def check_last_accepted(heard: list[Any], specs: dict[str, ServiceSpec]) -> None:
    """Each service is as the command accepted last left it, if none is without an answer."""
    unknown = {_service(command) for command, answers in heard if not any(map(_definite, answers))}
    accepted: dict[str, tuple[int, Any]] = {}
    for command, answers in heard:
        for number, envelope in answers:
            name = _service(command)
            if isinstance(envelope.message, Accepted) and accepted.get(name, (0,))[0] < number:
                accepted[name] = (number, command)
    for name, (_, command) in accepted.items():
        if name in unknown:
            continue
        match command:
            case UnloadService():
                assert name not in specs
            case StopService():
                assert specs[name].desired_state == "down"
            case StartService() | RestartService():
                assert specs[name].desired_state == "up"
            case _:
                assert name in specs


def _definite(answer: tuple[int, Any]) -> bool:
    """Whether an answer says that a command was accepted, or that it definitely was not."""
    message = answer[1].message
    return isinstance(message, Accepted) or getattr(message, "kind", "") == "Refused"


def _service(command: Any) -> str:
    return command.spec.service if isinstance(command, LoadService) else command.service[-1]
