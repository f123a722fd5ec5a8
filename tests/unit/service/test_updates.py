"""`at-once`: services that go to what their depot offers, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.depot import PackageResolved
from actors.messages.ring import Census
from actors.messages.runtime import CallFailed
from actors.messages.service import (
    LoadService,
    RestartService,
    ServiceSpec,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.messages.update import (
    DepotChanged,
    DepotUnasked,
    ReleaseTaken,
    TakeRelease,
    UpdateFound,
    UpdateHeld,
    WithdrawService,
)
from actors.simulation.processes import Behaviour

AT_ONCE = ServiceSpec(ident="acme/web", update_strategy="at-once")
TRACKING = ServiceSpec(
    ident="acme/web", update_strategy="at-once", update_condition="track-channel"
)
ONE = "acme/web/1.0/20260101000000"
TWO = "acme/web/2.0/20260101000000"
THREE = "acme/web/3.0/20260101000000"
PERIOD_S = 60.0


def changed(rig: Any) -> None:
    """The depot's folder is another: the supervisor sees it."""
    rig.tell("update", DepotChanged(""))


def runs(rig: Any) -> str:
    status = rig.status("web")
    return str(status.package) if status.stage == "up" else ""


def test_a_service_goes_to_a_newer_release_within_a_period(rig: Any, make_package: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    pid = rig.pid("web")
    rig.run(PERIOD_S)
    assert rig.status("web").update.state == "current"
    assert rig.pid("web") == pid
    rig.shelf.offer(make_package(version="2.0"))
    rig.run(PERIOD_S + 5.0)
    assert runs(rig) == TWO
    assert rig.pid("web") not in (None, pid)
    assert rig.events(UpdateFound) == [
        UpdateFound("web", ONE, TWO, "file:///hab/depot", "web.default")
    ]
    assert rig.events(ReleaseTaken) == [ReleaseTaken("web", ONE, TWO, "web.default")]
    update = rig.status("web").update
    assert (update.state, update.offered, update.reason) == ("current", TWO, "")
    assert 0 < update.next_poll_s <= PERIOD_S


def test_the_first_poll_comes_at_a_time_of_its_own_within_a_period(make_rig: Any) -> None:
    firsts = []
    for seed in "123456":
        rig = make_rig(seed)
        rig.shelf.offer(_package("1.0"))
        rig.shelf.add(_package("1.0"))
        rig.command(LoadService(AT_ONCE))
        firsts.append(rig.status("web").update.next_poll_s)
    assert all(0 < first <= PERIOD_S for first in firsts)
    assert max(firsts) - min(firsts) > PERIOD_S / 4


def _package(version: str) -> Any:
    from actors.messages.depot import PackageInfo

    ident = f"acme/web/{version}/20260101000000"
    return PackageInfo(ident, f"/hab/pkgs/{ident}", "x86_64-linux", hooks=("run",))


def test_a_change_of_the_local_depot_is_followed_at_once(rig: Any, make_package: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(PERIOD_S)
    assert rig.shelf.followed == ("",)
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(5.0)
    assert runs(rig) == TWO


def test_latest_never_goes_back_and_track_channel_does(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0"))
    rig.shelf.offer(make_package())
    rig.command(LoadService(AT_ONCE))
    assert runs(rig) == TWO
    changed(rig)
    rig.run(5.0)
    assert runs(rig) == TWO
    rig.command(UpdateService("web", TRACKING, ("update_condition",)))
    rig.run(5.0)
    assert runs(rig) == ONE  # the newer one stays installed


def test_a_start_takes_the_release_again_that_the_channel_has(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0"))
    rig.shelf.offer(make_package())
    rig.command(LoadService(TRACKING))
    changed(rig)
    rig.run(5.0)
    assert runs(rig) == ONE
    rig.shelf.down = "nobody answers"
    rig.command(RestartService("web"))
    assert runs(rig) == ONE
    rig.command(StopService("web"))
    rig.machine.kill_supervisor()
    rig.run(5.0)
    rig.command(StartService("web"))
    assert runs(rig) == ONE
    none = ServiceSpec(ident="", update_strategy="none")
    rig.command(UpdateService("web", none, ("update_strategy",)))
    rig.command(RestartService("web"))
    assert runs(rig) == TWO  # nobody holds on to a release any more


def test_what_cannot_be_installed_keeps_the_service_and_is_tried_again_ever_more_seldom(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(AT_ONCE))
    pid = rig.pid("web")
    rig.shelf.broken[TWO] = "it needs acme/lib, which is nowhere"
    rig.shelf.offer(make_package(version="2.0"))
    rig.run(30 * PERIOD_S)
    update = rig.status("web").update
    assert (update.state, update.offered) == ("held", TWO)
    assert "acme/lib" in update.reason
    assert 5 < rig.shelf.polls < 12
    held = rig.events(UpdateHeld)
    assert [(e.running, e.offered) for e in held] == [(ONE, TWO)]  # said once
    assert rig.pid("web") == pid
    rig.shelf.broken.clear()
    changed(rig)
    rig.run(5.0)
    assert runs(rig) == TWO


def test_what_the_service_could_not_run_costs_it_no_downtime(rig: Any, make_package: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    pid = rig.pid("web")
    rig.shelf.offer(make_package(version="2.0", binds={"db": ("port",)}))
    changed(rig)
    rig.run(5.0)
    update = rig.status("web").update
    assert (update.state, update.reason) == ("held", "Missing required bind(s), db")
    rig.shelf.offer(make_package(version="3.0", hooks=("init",)))
    changed(rig)
    rig.run(5.0)
    update = rig.status("web").update
    assert (update.state, update.offered) == ("held", THREE)
    assert "hooks/run" in update.reason
    assert rig.pid("web") == pid


def test_a_release_that_fails_after_its_start_is_left_for_the_next_one(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(1.0)
    rig.programs["service:web"] = Behaviour(runs_s=1.0, code=1)
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(60.0)
    status = rig.status("web")
    assert status.package == TWO
    assert status.restarts > 0
    rig.until(lambda: rig.status("web").stage == "backoff")
    del rig.programs["service:web"]
    rig.shelf.offer(make_package(version="3.0"))
    changed(rig)
    rig.run(3.0)
    assert runs(rig) == THREE


def test_a_depot_that_is_down_is_said_and_asked_again(rig: Any, make_package: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.shelf.down = "http://depot does not answer"
    rig.run(3 * PERIOD_S)
    update = rig.status("web").update
    assert (update.state, update.reason) == ("unasked", "http://depot does not answer")
    assert len(rig.events(DepotUnasked)) == 1
    rig.shelf.down = ""
    rig.shelf.offer(make_package(version="2.0"))
    rig.run(PERIOD_S + 5.0)
    assert runs(rig) == TWO


def test_a_pinned_service_is_never_asked_about(rig: Any, make_package: Any) -> None:
    pinned = ServiceSpec(ident=ONE, update_strategy="at-once")
    rig.command(LoadService(pinned))
    rig.run(5.0)
    rumors, pid = len(rig.rumors()), rig.pid("web")
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(100 * PERIOD_S)
    assert rig.shelf.polls == 0
    assert (rig.pid("web"), len(rig.rumors())) == (pid, rumors)
    assert rig.status("web").update.state == "pinned"


def test_a_stopped_service_is_not_asked_about_and_a_start_asks_at_once(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.command(StopService("web"))
    polls = rig.shelf.polls
    rig.run(3 * PERIOD_S)
    assert rig.shelf.polls == polls
    assert rig.status("web").update.state == "stopped"
    rig.shelf.offer(make_package(version="2.0"))
    rig.command(StartService("web"))
    rig.run(5.0)
    assert runs(rig) == TWO


def test_the_strategy_comes_and_goes_without_a_restart(rig: Any, make_package: Any) -> None:
    rig.shelf.offer(make_package(version="2.0"))
    rig.command(LoadService(ServiceSpec(ident="acme/web")))
    pid = rig.pid("web")
    assert rig.status("web").update is None
    rig.command(UpdateService("web", AT_ONCE, ("update_strategy",)))
    assert rig.pid("web") == pid
    none = ServiceSpec(ident="", update_strategy="none")
    rig.command(UpdateService("web", none, ("update_strategy",)))
    changed(rig)
    rig.run(2 * PERIOD_S)
    assert (rig.pid("web"), rig.status("web").update) == (pid, None)
    assert "update/web" not in rig.world.cells
    assert rig.shelf.followed == ()


def test_an_unloaded_service_leaves_no_actor_behind(rig: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(1.0)
    assert "update/web" in rig.world.cells
    rig.command(UnloadService("web"))
    rig.run(1.0)
    assert "update/web" not in rig.world.cells


def test_an_update_waits_for_a_start_that_is_under_way(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(hooks=("run", "init")))
    rig.programs["hook:web:init:"] = Behaviour(runs_s=20.0)
    rig.send(LoadService(AT_ONCE))
    rig.run(2.0)
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(2.0)
    status = rig.status("web")
    assert (status.stage, status.update.state) == ("initializing", "taking")
    assert "initializing" in status.update.reason
    rig.run(20.0)
    assert runs(rig) == TWO


def test_a_waiting_service_goes_to_the_newer_release_before_it_starts(
    rig: Any, make_package: Any
) -> None:
    rig.census = Census(1, {})
    bound = ServiceSpec(ident="acme/web", update_strategy="at-once", binds=("db:db.default",))
    rig.shelf.add(make_package(binds={"db": ()}))
    rig.command(LoadService(bound))
    assert rig.status("web").stage == "waiting"
    rig.shelf.offer(make_package(version="2.0", binds={"db": ()}))
    changed(rig)
    rig.run(5.0)
    status = rig.status("web")
    assert (status.stage, status.package) == ("waiting", TWO)


@pytest.mark.parametrize("name", ["update", "update/web", "service/web", "depot", "specs"])
@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02, 0.05, 0.1, 0.3])
def test_the_death_of_any_actor_only_delays_an_update(
    rig: Any, make_package: Any, name: str, after_s: float
) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(PERIOD_S)
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(after_s)
    rig.kill(name)
    rig.run(3 * PERIOD_S)
    assert runs(rig) == TWO
    assert rig.status("web").update.state == "current"


@pytest.mark.parametrize("after_s", [0.01, 0.03, 0.06, 0.2, 0.5])
def test_the_death_of_the_supervisor_only_delays_an_update(
    rig: Any, make_package: Any, after_s: float
) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(PERIOD_S)
    rig.shelf.offer(make_package(version="2.0"))
    changed(rig)
    rig.run(after_s)
    rig.machine.kill_supervisor()
    rig.run(3 * PERIOD_S)
    assert runs(rig) == TWO


def test_a_service_takes_no_release_that_its_spec_does_not_name(
    rig: Any, make_package: Any
) -> None:
    pinned = ServiceSpec(ident=ONE, update_strategy="rolling")
    rig.command(LoadService(pinned))
    pid = rig.pid("web")
    other = make_package(version="2.0")
    answer = rig.command(TakeRelease(PackageResolved(other)), to="service/web")[-1]
    assert isinstance(answer, CallFailed)
    assert "names acme/web/1.0" in answer.text
    assert rig.pid("web") == pid


def test_an_order_that_is_too_late_is_not_followed(rig: Any, make_package: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    pid = rig.pid("web")
    late = TakeRelease(PackageResolved(make_package(version="2.0")), not_after_s=0.001)
    rig.command(late, to="service/web")
    rig.run(3.0)
    assert rig.pid("web") == pid


def test_a_service_that_is_withdrawn_runs_on_and_comes_back_by_itself(rig: Any) -> None:
    rig.command(LoadService(AT_ONCE))
    rig.run(1.0)
    pid = rig.pid("web")
    rig.tell("service/web", WithdrawService(3.0))
    rig.run(0.5)
    assert not rig.rumors()[-1].body.up
    rig.run(4.0)
    assert rig.rumors()[-1].body.up
    assert rig.pid("web") == pid


def goes(rig: Any, make_package: Any, code: int) -> tuple[int, Any]:
    """A service that is withdrawn, and told to go to a release whose health check says `code`.

    How many rumors there were before, and the order.
    """
    rig.shelf.add(make_package(hooks=("run", "health-check"), release="20260102000000"))
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1)
    rig.command(LoadService(ServiceSpec(ident="acme/web", update_strategy="rolling")))
    rig.until(lambda: rig.rumors()[-1].body.up)
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1, code=code)
    rig.tell("service/web", WithdrawService(5.0))
    rig.run(0.5)
    before = len(rig.rumors())
    newer = make_package(version="2.0", hooks=("run", "health-check"))
    rig.shelf.add(newer)
    order = TakeRelease(PackageResolved(newer), not_after_s=1e6)
    rig.command(order, to="service/web")
    rig.until(lambda: runs(rig) == TWO)
    return before, order


def test_who_went_to_a_release_while_withdrawn_is_back_only_once_it_is_healthy(
    rig: Any, make_package: Any
) -> None:
    before, _ = goes(rig, make_package, code=2)
    rig.run(20.0)
    assert not any(rumor.body.up for rumor in rig.rumors()[before:])
    assert rig.status("web").reason == "it is left out of binds until it is healthy"
    rig.kill("service/web")
    rig.run(20.0)
    assert not any(rumor.body.up for rumor in rig.rumors()[before:])  # it is durable
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1)
    rig.until(lambda: rig.rumors()[-1].body.up)
    assert rig.rumors()[-1].body.health == "ok"
    assert rig.status("web").reason == ""
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1, code=2)
    rig.until(lambda: rig.status("web").health == "critical", 120.0)
    assert rig.rumors()[-1].body.up  # a check that fails later takes nobody out


def test_a_release_that_ends_again_and_again_is_never_discoverable(
    rig: Any, make_package: Any
) -> None:
    rig.programs["service:web"] = Behaviour(runs_s=1.0, code=1)
    before, _ = goes(rig, make_package, code=2)
    rig.run(30.0)
    assert not any(rumor.body.up for rumor in rig.rumors()[before:])
    rig.programs["service:web"] = Behaviour()
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1)
    older = make_package(hooks=("run", "health-check"), release="20260102000000")
    back = TakeRelease(PackageResolved(older), not_after_s=1e6)
    rig.until(lambda: rig.status("web").stage == "backoff" or rig.pid("web") is None, 60.0)
    rig.command(back, to="service/web")
    rig.until(lambda: rig.rumors()[-1].body.up, 60.0)
    assert rig.rumors()[-1].body.package == older.ident


def test_a_turn_ends_an_init_hook_that_hangs_and_takes_the_service_out_of_it(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(ServiceSpec(ident="acme/web", update_strategy="rolling")))
    rig.until(lambda: runs(rig) == ONE)
    rig.programs["hook:web:init:"] = Behaviour(deaf=True)
    stuck = make_package(version="2.0", hooks=("run", "init"))
    newer = make_package(version="3.0", hooks=("run",))
    rig.shelf.add(stuck)
    rig.shelf.add(newer)
    rig.command(TakeRelease(PackageResolved(stuck), not_after_s=1e6), to="service/web")
    rig.until(lambda: rig.status("web").reason == "the init hook runs")
    rig.command(TakeRelease(PackageResolved(newer)), to="service/web")
    rig.run(30.0)  # which follows its channel by itself lets the hook take its time
    assert rig.status("web").reason == "the init hook runs"
    rig.command(TakeRelease(PackageResolved(newer), not_after_s=1e6), to="service/web")
    rig.until(lambda: runs(rig) == newer.ident, 60.0)


def test_a_service_that_is_stopped_while_it_leaves_an_init_hook_stays_down(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(ServiceSpec(ident="acme/web", update_strategy="rolling")))
    rig.until(lambda: runs(rig) == ONE)
    rig.programs["hook:web:init:"] = Behaviour(deaf=True)
    for version in ("2.0", "3.0"):
        package = make_package(version=version, hooks=("run", "init"))
        rig.shelf.add(package)
        rig.command(TakeRelease(PackageResolved(package), not_after_s=1e6), to="service/web")
        rig.until(lambda: "init hook" in rig.status("web").reason)
    rig.command(StopService("web", wait=False))
    rig.run(30.0)
    assert rig.status("web").stage == "down"
    rig.programs["hook:web:init:"] = Behaviour(runs_s=0.1)
    rig.command(StartService("web", wait=False))
    rig.until(lambda: rig.status("web").stage == "up", 60.0)
