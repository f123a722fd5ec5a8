"""How a service in a role stops, how suitable it is, and what the election is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from electing import GROUP, follow, lead, load, roles, settled, told

from actors.messages.depot import PackageResolved
from actors.messages.election_orders import ReadSuitability, RoleChanged
from actors.messages.service import (
    LoadService,
    RestartService,
    ServiceSpec,
    StopService,
    SuitabilityMeasured,
    UnloadService,
    UpdateService,
)
from actors.messages.update import ReleaseTaken, TakeRelease
from actors.service import fitness, leaving
from actors.service.life import Life
from actors.service.suitability import last_numbers
from actors.simulation.processes import Behaviour

# ── stops ──


def test_a_leader_hands_over_before_it_is_stopped(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = lead(rig)
    heard = rig.send(StopService("web"))
    rig.until(lambda: not rig.office.leads)
    assert rig.pid("web") == pid
    assert "hands over the lead first" in rig.status("web").reason
    rig.until(lambda: bool(heard) and not heard[-1].more)
    assert heard[-1].message.outcome == "down"
    assert told(rig) == [("none", "1")]
    assert rig.office.stands.leads is False
    assert rig.office.withdrawn == []  # it keeps its seat


def test_who_cannot_hand_over_in_time_stays_in_the_release_that_it_runs(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    pid = lead(rig)
    newer = make_package(version="3.0", hooks=("run", "init"))
    rig.shelf.add(newer)
    since_s, rig.office.since_s = rig.office.since_s, 1e9  # it finds no successor
    clock = rig.machine.clock
    rig.command(TakeRelease(PackageResolved(newer), clock.now() + 2.0), to="service/web")
    rig.run(1.0)
    assert "hands over the lead first" in rig.status("web").reason
    rig.run(30.0)
    assert rig.pid("web") == pid
    assert rig.status("web").reason == ""
    assert rig.events(ReleaseTaken) == []
    rig.office.since_s = since_s
    rig.command(TakeRelease(PackageResolved(newer), clock.now() + 60.0), to="service/web")
    rig.until(lambda: rig.events(ReleaseTaken) != [])
    assert [taken.taken for taken in rig.events(ReleaseTaken)] == [newer.ident]


def test_a_stop_does_not_wait_for_ever_for_a_successor(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    lead(rig)
    rig.kill("election")
    rig.office.since_s = 1e9  # the election looks for a successor, and finds none
    assert rig.command(StopService("web"), within_s=12.0)[-1].outcome == "down"


def test_a_restart_hands_over_too(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    lead(rig)
    rig.send(RestartService("web"))
    rig.until(lambda: rig.office.role == "none")
    rig.run(15.0)
    follow(rig)
    assert rig.starts[-1].env["HAB_ROLE"] == "follower"


def test_a_restarted_service_would_lead_while_it_waits_for_its_role(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    lead(rig)
    rig.send(RestartService("web"))
    rig.until(lambda: rig.office.role == "none" and rig.status("web").stage == "waiting", 15.0)
    rig.run(6.0)
    assert rig.office.stands.leads is True


def test_an_unload_gives_up_the_seat(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    lead(rig)
    assert rig.command(UnloadService("web"))[-1].outcome == "gone"
    assert rig.office.withdrawn == [GROUP]


def test_an_unload_hands_over_at_once(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = lead(rig)
    rig.send(UnloadService("web"))
    rig.until(lambda: bool(rig.office.fitness) and not rig.office.fitness[-1].leads, 1.0)
    rig.until(lambda: rig.office.role == "none", 4.0)  # its limit for a hand-over is 5 s
    assert rig.pid("web") == pid  # it is told before it is stopped
    rig.until(lambda: rig.office.withdrawn == [GROUP])


def test_an_unload_says_that_it_leads_no_more_before_it_asks_to_be_let_go(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)  # no hook tells its process: it is stopped
    lead(rig)
    rig.send(UnloadService("web"))
    rig.until(lambda: rig.office.withdrawn == [GROUP])
    assert [one.role for one in rig.office.settled][-1] == "none"
    assert not rig.office.holds


def test_another_group_means_another_election(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    lead(rig)
    rig.office.broken.clear()
    rig.command(UpdateService("web", ServiceSpec("", group="two"), ("group",)))
    rig.until(lambda: rig.office.withdrawn == [GROUP])
    rig.until(lambda: rig.office.stands.service_group == "web.two")
    assert rig.pid("web") is None


def test_a_group_that_needs_no_leader_any_more_leaves_its_election(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    lead(rig)
    rig.command(UpdateService("web", ServiceSpec("", topology="standalone"), ("topology",)))
    rig.until(lambda: rig.office.withdrawn == [GROUP])
    rig.until(lambda: rig.status("web").stage == "up")
    assert "HAB_ROLE" not in rig.starts[-1].env


def test_the_end_of_the_supervisor_demotes_the_leader_first(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    lead(rig)
    rig.stop_all()
    assert told(rig) == [("none", "1")]
    assert rig.pid("web") is None


# ── suitability ──


def ask_suitability(rig: Any, term: int) -> None:
    rig.tell("election", ReadSuitability(GROUP, "topology", term))


def test_suitability_is_read_before_the_first_start_and_after(rig: Any, make_package: Any) -> None:
    rig.shelf.printed["web:suitability"] = "offset:\n42\n"
    load(rig, make_package, "suitability")
    rig.until(lambda: rig.office.stands.suitability_hook)
    ask_suitability(rig, 1)
    rig.until(lambda: [(r.term, r.value) for r in rig.office.read] == [(1, 42)])
    follow(rig)
    rig.shelf.printed["web:suitability"] = "43"
    ask_suitability(rig, 5)
    rig.until(lambda: [(r.term, r.value) for r in rig.office.read][1:] == [(5, 43)])
    assert [event.value for event in rig.events(SuitabilityMeasured)] == [42, 43]


def test_suitability_waits_for_the_hook_that_detaches_from_the_old_leader(
    rig: Any, make_package: Any
) -> None:
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=0.5)
    load(rig, make_package, "suitability", "role-changed")
    follow(rig)
    rig.elect("none")
    ask_suitability(rig, 2)
    rig.run(0.3)
    assert rig.hooks("web", "suitability") == []
    rig.until(lambda: bool(rig.office.read), 1.5)
    assert settled(rig) == ("none", 2)


@pytest.mark.parametrize(
    ("bad", "value"),
    [
        (Behaviour(runs_s=0.1, code=1), 0),
        (Behaviour(unrunnable="x"), 0),
        (Behaviour(runs_s=0.1, code=75), -1),
        (Behaviour(), -1),
    ],
    ids=["fails", "cannot be run", "cannot say", "hangs"],
)
def test_a_suitability_hook_that_fails_is_0_and_one_that_cannot_say_is_no_number(
    rig: Any, make_package: Any, bad: Behaviour, value: int
) -> None:
    rig.programs["hook:web:suitability"] = bad
    rig.shelf.printed["web:suitability"] = "7"
    load(rig, make_package, "suitability")
    ask_suitability(rig, 3)
    rig.until(lambda: [(r.term, r.value) for r in rig.office.read] == [(3, value)], 1.5)


def test_a_term_is_read_once_however_often_it_is_asked_for(rig: Any, make_package: Any) -> None:
    rig.shelf.printed["web:suitability"] = "7"
    load(rig, make_package, "suitability")
    for pause_s in (0.01, 1.0, 0.0):
        ask_suitability(rig, 3)
        rig.run(pause_s)
    rig.shelf.printed["web:suitability"] = "8"
    ask_suitability(rig, 3)
    rig.run(1.0)
    assert {(r.term, r.value) for r in rig.office.read} == {(3, 7)}
    assert len(rig.hooks("web", "suitability")) == 1


def test_who_could_not_say_is_asked_again(rig: Any, make_package: Any) -> None:
    rig.programs["hook:web:suitability"] = Behaviour(runs_s=0.1, code=75)
    rig.shelf.printed["web:suitability"] = "7"
    load(rig, make_package, "suitability")
    ask_suitability(rig, 3)
    rig.run(1.0)
    rig.programs["hook:web:suitability"] = Behaviour(runs_s=0.1)
    ask_suitability(rig, 3)
    rig.run(1.0)
    assert [r.value for r in rig.office.read] == [-1, 7]


def test_a_stopped_member_still_says_how_suitable_it_is(rig: Any, make_package: Any) -> None:
    rig.shelf.printed["web:suitability"] = "7"
    load(rig, make_package, "suitability")
    follow(rig)
    rig.command(StopService("web"))
    rig.run(6.0)
    assert (rig.office.stands.leads, rig.office.stands.suitability_hook) == (False, True)
    ask_suitability(rig, 3)
    rig.until(lambda: [(r.term, r.value) for r in rig.office.read] == [(3, 7)])


def test_a_package_without_the_hook_is_as_suitable_as_any(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    assert not rig.office.stands.suitability_hook
    ask_suitability(rig, 3)
    rig.until(lambda: [(r.term, r.value) for r in rig.office.read] == [(3, 0)])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7\n", (7, None)),
        ("offset:\n 7 \n\n", (7, None)),
        ("1\n2\n", (2, None)),
        ("7 9\n", (7, 9)),
        ("1\n 9\t7 \nthat is all\n", (9, 7)),
        ("7 9 11\n", None),
        ("7 x\n", None),
        ("-7", None),
        ("7.5", None),
        ("", None),
        (str(2**63 - 1), (2**63 - 1, None)),
        (str(2**63), None),
        (f"1 {2**63}", None),
        ("1" * 10_000, None),
        ("٣", None),
    ],
)
def test_the_last_one_or_two_numbers_count(text: str, found: tuple[int, int | None] | None) -> None:
    assert last_numbers(text) == found


# ── what the election is told ──


def test_who_cannot_start_does_not_stand(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "init"), binds={"db": ()}))
    spec = ServiceSpec(ident="acme/web", topology="leader", binds=("db:db.default",))
    rig.command(LoadService(spec))
    rig.run(6.0)
    assert rig.office.stands is not None
    assert not rig.office.leads


def test_the_word_of_another_group_or_kind_is_not_for_it(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    for group, kind in (("web.other", "topology"), (GROUP, "update")):
        rig.tell("service/web", RoleChanged(group, kind, "leader", 1, "", 1e9))  # type: ignore[arg-type]
    rig.run(2.0)
    assert rig.pid("web") is None


def test_a_role_for_which_there_is_no_lease_left_is_not_taken(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    follow(rig)
    late = RoleChanged(GROUP, "topology", "leader", 9, rig.machine.member, 0.1)
    rig.tell("service/web", late)
    rig.run(2.0)
    assert told(rig) == []
    assert roles(rig) == ["follower"]


def test_a_service_that_was_never_loaded_has_nothing_to_stand_for_or_to_leave() -> None:
    assert fitness.standing_of(Life("web")) is None
    assert not fitness.leads(Life("web"))
    assert not leaving.owes(Life("web"))
