"""The public primitives from a driver of one supervisor to actors on another, by real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from primitives_rig import MODULE, Ring, start, whole
from supervisor_rig import Machine, alive, eventually

import actors
from actors.driver.connection import answer_of
from actors.driver.session import current
from actors.errors import (
    ActorDiedError,
    ActorNameError,
    ActorTaskError,
    ActorUnavailableError,
    GetTimeoutError,
    HabError,
    Refused,
)
from actors.messages.primitives import CallMethod


def once_back(call: Callable[[], Any], within_s: float = 20.0) -> Any:
    """The value of a call, once its actor, or its member, is back."""

    def ask() -> list[Any]:
        try:
            return [actors.get(call(), timeout=5)]
        except (ActorUnavailableError, GetTimeoutError):
            return []

    return eventually("the actor answers again", ask, within_s)[0]


def test_an_actor_is_placed_by_the_name_of_its_member_and_called_in_order(
    driver: Ring, tally: Any
) -> None:
    one = tally.options(node="two").remote(10)
    assert one.member == driver["two"].ready().member_id
    assert actors.get([one.add.remote() for _ in range(200)]) == list(range(11, 211))
    assert actors.get(one.pid.remote()) in driver["two"].processes()
    by_id = tally.options(node=driver["three"].ready().member_id[:10]).remote()
    assert by_id.member == driver["three"].ready().member_id


def test_an_actor_on_one_member_calls_one_on_another(driver: Ring, tally: Any) -> None:
    near, far = tally.options(node="two").remote(), tally.options(node="three").remote(1)
    assert actors.get(near.ask.remote(far, 41)) == 42


def test_wait_says_what_is_ready_and_get_gives_up_in_time(
    driver: Ring, tally: Any, tmp_path: Path
) -> None:
    slow, quick = tally.options(node="two").remote(), tally.options(node="three").remote()
    refs = [slow.wait_for.remote(str(tmp_path / "go")), quick.add.remote()]
    assert actors.wait(refs, num_returns=1, timeout=10) == ([refs[1]], [refs[0]])
    with pytest.raises(GetTimeoutError):
        actors.get(refs[0], timeout=0.1)
    (tmp_path / "go").touch()
    assert actors.get(refs) == ["seen", 1]


def test_what_a_method_raises_comes_with_the_traceback_from_over_there(
    driver: Ring, tally: Any
) -> None:
    one = tally.options(node="two").remote()
    with pytest.raises(ActorTaskError, match="KeyError: 'by design'") as raised:
        actors.get(one.fail.remote())
    assert "in fail" in raised.value.remote_traceback
    assert actors.get(one.add.remote()) == 1
    broken = tally.options(node="two").remote(-1)
    with pytest.raises(ActorDiedError, match="no counting down"):
        actors.get(broken.add.remote())


def test_only_public_methods_and_values_pass(driver: Ring, tally: Any) -> None:
    one = tally.options(node="two").remote()
    with pytest.raises(AttributeError, match="not a public method"):
        one._private  # noqa: B018
    with pytest.raises(TypeError, match="ObjectRef"):
        one.add.remote(one.add.remote())
    # A client that was tampered with is refused over there.
    with pytest.raises(Refused, match="not a public method"):
        answer_of(current(), CallMethod(one.path, "_private", b"\x92\x90\x80"), one.member)


def test_a_named_actor_is_found_on_its_member_and_named_once(driver: Ring, tally: Any) -> None:
    one = tally.options(name="tally", node="two").remote(1)
    assert actors.get_actor("tally", node="two") == one
    assert actors.get_actor(one.address) == one
    assert actors.get_actor(f"{one.member[:8]}/host/tally") == one
    with pytest.raises(ActorNameError, match="no actor named tally"):
        actors.get_actor("tally")
    with pytest.raises(ValueError, match="already"):
        tally.options(name="tally", node="two").remote()
    again = tally.options(name="tally", node="two", get_if_exists=True).remote()
    assert actors.get(again.add.remote()) == 2
    with pytest.raises(Refused, match="no member of the ring has the name"):
        actors.get_actor("tally", node="four")


def test_what_a_driver_made_elsewhere_ends_with_it_unless_detached(
    driver: Ring, tally: Any, connect: Callable[[Machine], None]
) -> None:
    mine = tally.options(name="mine", node="two").remote()
    stays = tally.options(name="stays", node="two", lifetime="detached").remote(5)
    pids = actors.get([mine.pid.remote(), stays.pid.remote()])
    actors.shutdown()
    eventually("what was mine ends", lambda: not alive(pids[0]))
    connect(driver["three"])
    found = actors.get_actor("stays", node="two")
    assert actors.get(found.add.remote()) == 6
    assert actors.get(found.pid.remote()) == pids[1]
    with pytest.raises(ActorDiedError, match="driver"):
        actors.get(mine.add.remote())
    actors.kill(found)
    eventually("killed for good", lambda: not alive(pids[1]))


def test_kill_reaches_a_process_elsewhere_even_in_an_endless_loop(
    driver: Ring, tally: Any, tmp_path: Path
) -> None:
    one = tally.options(node="two", max_restarts=-1).remote(5)
    pid = actors.get(one.pid.remote())
    stuck = one.wait_for.remote(str(tmp_path / "never"))
    actors.kill(one, no_restart=False)
    with pytest.raises(ActorUnavailableError, match="may have been executed"):
        actors.get(stuck)
    eventually("its process is gone", lambda: not alive(pid))
    assert once_back(one.add.remote) == 6  # its memory is gone, its arguments are not
    stuck = one.wait_for.remote(str(tmp_path / "never"))
    actors.kill(one)
    with pytest.raises(ActorDiedError, match="killed by request"):
        actors.get(stuck)
    with pytest.raises(ActorDiedError):
        actors.get(one.add.remote())


def test_restarts_are_counted_over_there_and_then_it_is_dead(driver: Ring, tally: Any) -> None:
    one = tally.options(node="two", max_restarts=1).remote(5)
    with pytest.raises(ActorUnavailableError, match="code 3"):
        actors.get(one.exit.remote(3))
    assert once_back(one.add.remote) == 6
    with pytest.raises(ActorDiedError, match="after 1 restarts"):
        actors.get(one.exit.remote(3))


def test_a_member_s_own_actors_are_killed_from_afar_but_not_for_good(driver: Ring) -> None:
    census = actors.get_actor("census", node="three")
    with pytest.raises(Refused, match="always restarted"):
        actors.kill(census)
    actors.kill(census, no_restart=False)

    def restarted() -> bool:
        [row] = actors.list_actors([("name", "=", "census")], node="three")
        return bool(row["restarts"]) and row["state"] == "ALIVE"

    eventually("census is back", restarted)


def test_actors_of_another_member_are_listed_with_class_process_and_owner(
    driver: Ring, tally: Any
) -> None:
    one = tally.options(name="listed", node="two").remote()
    pid = actors.get(one.pid.remote())
    [row] = actors.list_actors([("name", "=", "host/listed")], node="two")
    assert (row["cls"], row["pid"], row["state"]) == ("tallying:Tally", pid, "ALIVE")
    assert row["owner"].startswith(driver["one"].ready().member_id)
    assert [r for r in actors.list_actors() if r["name"] == "host/listed"] == []


def test_a_module_that_a_member_does_not_allow_is_refused_by_it(driver: Ring, tally: Any) -> None:
    with pytest.raises(Refused, match="--allow-actors tallying") as refused:
        tally.options(node="one").remote()
    assert refused.value.code == "not-allowed"


def test_a_call_whose_member_dies_is_answered_and_its_actor_comes_back(
    driver: Ring, tally: Any, tmp_path: Path
) -> None:
    one = tally.options(name="survivor", node="two", lifetime="detached").remote(5)
    actors.get(one.add.remote())
    waiting = one.wait_for.remote(str(tmp_path / "never"))
    with pytest.raises(GetTimeoutError):
        actors.get(waiting, timeout=0.1)
    os.kill(driver["two"].supervisor(), signal.SIGKILL)
    with pytest.raises(ActorUnavailableError, match="may have been executed"):
        actors.get(waiting, timeout=20)
    assert once_back(one.add.remote) == 6
    actors.kill(one)


def test_what_a_driver_made_elsewhere_ends_when_its_own_member_comes_back_without_it(
    driver: Ring, tally: Any
) -> None:
    mine = tally.options(node="two").remote()
    pid = actors.get(mine.pid.remote())
    os.kill(driver["one"].supervisor(), signal.SIGKILL)  # and with it all its sessions
    eventually("what nobody owns any more has ended", lambda: not alive(pid), 60)
    deaths = driver["two"].events("UserActorEnded")
    assert any(event.fields["name"] == mine.path for event in deaths)


def test_a_call_whose_member_freezes_is_answered_once_the_ring_has_lost_it(
    driver: Ring, tally: Any, tmp_path: Path
) -> None:
    one = tally.options(node="two").remote()
    actors.get(one.add.remote())
    frozen = driver["two"].supervisor()
    os.kill(frozen, signal.SIGSTOP)
    try:
        with pytest.raises(ActorUnavailableError, match="out of reach"):
            actors.get(one.add.remote(), timeout=60)
        with pytest.raises(HabError):
            actors.get(one.add.remote(), timeout=10)
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert once_back(one.add.remote, 30) > 1


def test_without_a_ring_key_nothing_is_started_called_or_killed_elsewhere(
    tally: Any, tmp_path: Path, connect: Callable[[Machine], None]
) -> None:
    machines = [Machine(tmp_path / name, name) for name in ("open", "plain")]
    try:
        for machine in machines:
            start(machine, machines, "--allow-actors", MODULE, keyed=False)
        whole(machines)
        connect(machines[0])
        for refused in (
            lambda: tally.options(node="plain").remote(),
            lambda: actors.get_actor("gossip", node="plain"),
            lambda: actors.list_actors(node="plain"),
        ):
            with pytest.raises(Refused, match="only in a ring with a ring key") as raised:
                refused()
            assert raised.value.code == "no-ring-key"
        here = tally.remote(1)
        assert actors.get(here.add.remote()) == 2
    finally:
        for machine in machines:
            machine.end()
