"""Any story of roles, commands, hooks, crashes and kills, on virtual time, with a leader to elect.

Never: a process that acts as leader (it was started so, or told so by its hook) without the role in
force, or after the election was told that it does not; `init` under a live process. In the end,
when nothing is killed any more: the election's last word is done, and answered.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.messages.election_orders import ReadSuitability
from actors.messages.ring import Census, GroupMember, ServiceInfo
from actors.messages.service import (
    LoadService,
    RestartService,
    ServiceSpec,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.simulation.processes import Behaviour

_PATH = Path(__file__).parents[1] / "unit" / "service" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("service_rig", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
rigs = importlib.util.module_from_spec(_SPEC)
sys.modules["service_rig"] = rigs
_SPEC.loader.exec_module(rigs)

WEB = ServiceSpec(ident="acme/web", topology="leader")
GROUP = "web.default"
OTHER = rigs.electing.OTHER
ACTORS = ("specs", "service", "service/web", "depot", "census", "election")
CONFIG = {
    "nothing": {},
    "role": {"app.conf": b"{{#if svc.me.leader}}leads {{svc.leader_term}}{{/if}}"},
    "leader": {"app.conf": b"{{svc.leader.member_id}}{{svc.election_is_running}}"},
}

commands = st.sampled_from(
    (
        LoadService(WEB),
        StopService("web", shutdown_timeout=1),
        StartService("acme/web"),
        RestartService("web"),
        UnloadService("web"),
        UpdateService("web", ServiceSpec("", channel="x"), ("channel",)),
        UpdateService("web", ServiceSpec("", shutdown_timeout=2), ("shutdown_timeout",)),
        UpdateService("web", ServiceSpec("", topology="standalone"), ("topology",)),
        UpdateService("web", ServiceSpec("", topology="leader"), ("topology",)),
    )
)
roles = st.sampled_from(("leader", "leader", "leader", "none", "follower"))
programs = st.sampled_from(
    (Behaviour(), Behaviour(runs_s=3.0, code=1), Behaviour(deaf=True), Behaviour(stop_s=2.0))
)
hooks = st.sampled_from(
    (
        Behaviour(runs_s=0.02),
        Behaviour(runs_s=0.5, code=1),
        Behaviour(runs_s=2.0),
        Behaviour(),
        Behaviour(unrunnable="no such file"),
    )
)
names = st.sampled_from(("init", "role-changed", "role-changed", "suitability", "reconfigure"))
steps = st.one_of(
    st.tuples(st.just("elect"), roles),
    st.tuples(st.just("elect"), roles),
    st.tuples(st.just("command"), commands),
    st.tuples(st.just("kill"), st.sampled_from(ACTORS)),
    st.tuples(st.just("program"), programs),
    st.tuples(st.just("hook"), st.tuples(names, hooks)),
    st.tuples(st.just("acks"), st.booleans()),
    st.tuples(st.just("census"), st.booleans()),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.just("suitability"), st.none()),
    st.tuples(st.just("supervisor"), st.none()),
    st.tuples(st.just("crash"), st.none()),
)
pauses = st.sampled_from((0.0, 0.001, 0.003, 0.01, 0.05, 0.3, 1.0, 2.0, 4.5))


def listed(*, other: bool) -> Census:
    info = ServiceInfo(OTHER, GROUP, "acme/web/1.0/20260101000000", topology="leader")
    return Census(1 + other, {GROUP: (GroupMember(info, "alive"),)} if other else {})


def perform(rig: Any, verb: str, what: Any) -> None:
    match verb:
        case "elect":
            rig.elect(what)
        case "command":
            rig.send(what)
        case "kill":
            rig.kill(what)
        case "program":
            rig.programs["service:web"] = what
        case "hook":
            rig.programs[f"hook:web:{what[0]}"] = what[1]
        case "acks":
            rig.office.acked = what
        case "census":
            rig.census = listed(other=what)
        case "disk":
            rig.machine.disk.faults.failing = "" if what else "no space left"
        case "suitability":
            rig.tell("election", ReadSuitability(GROUP, "topology", rig.office.term + 1))
        case "supervisor":
            rig.machine.kill_supervisor()
        case "crash":
            rig.machine.table.kill("service:web")
        case _:
            pass


@pytest.mark.parametrize("config", CONFIG)
@pytest.mark.parametrize("has", [("role-changed", "suitability"), ("reconfigure",), ()])
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@example(
    # A hook that was asked for while the process lived starts when it is dead.
    story=[(("elect", "follower"), 0.3), (("elect", "leader"), 0.001), (("crash", None), 0.0)],
    last="leader",
    seed=2,
)
@given(
    story=st.lists(st.tuples(steps, pauses), max_size=30),
    last=st.sampled_from(("leader", "follower")),
    seed=st.integers(0, 10**6),
)
def test_whatever_happens_nobody_acts_as_leader_without_the_role(
    has: tuple[str, ...],
    config: str,
    story: list[tuple[tuple[str, Any], float]],
    last: str,
    seed: int,
) -> None:
    rig = rigs.Rig(str(seed))
    rig.shelf.add(rigs.package(hooks=("run", "init", *has)), config=CONFIG[config])
    rig.shelf.printed["web:suitability"] = "1"
    rig.census = listed(other=True)
    rig.send(LoadService(WEB))
    for (verb, what), pause_s in story:
        perform(rig, verb, what)
        rig.run(pause_s)
    rig.programs = {"hook:": Behaviour(runs_s=0.02)}
    rig.office.acked = True
    rig.machine.disk.faults.failing = ""
    rig.census = listed(other=True)
    for pid in [p.pid for p in rig.live() if p.start.key.startswith("hook:")]:
        rig.machine.table.end(rig.machine.table.processes[pid], 0, None)
    rig.run(150.0)
    rig.send(LoadService(WEB, given=("topology",), force=True))
    rig.send(StartService("acme/web"))
    rig.run(60.0)
    office = rig.office
    if last != office.role:
        rig.elect(last)
        rig.run(20.0)  # a leader is demoted first
    if last != office.role:
        rig.elect(last)
        rig.run(20.0)
    assert rig.broken == []
    assert office.broken == []
    failures = [e for e in rig.ring.log.events if type(e.event).__name__ == "ActorFailed"]
    assert failures == []
    assert (office.role, office.stands.leads) == (last, True)
    said = office.settled[-1]
    assert (said.role, said.term) == (last, office.term)
    assert rig.pid("web") is not None
    assert not (office.acting and last == "follower")
    assert office.acting or last == "follower" or "role-changed" not in has
    status = rig.status("web")
    assert (status.stage, status.role, status.term) == ("up", last, office.term)
    if config == "role" and last == "leader":
        made = rig.shelf.written["web"]["config/app.conf"]
        assert made == b"leads %d" % office.term
