import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import actors
from actors.driver import session
from actors.driver.gateway import GatewayConnection
from actors.errors import (
    ActorDiedError,
    ActorNameError,
    ActorTaskError,
    ActorUnavailableError,
    GetTimeoutError,
    Refused,
    UsageError,
)
from actors.messages.ring import Member, MembersChanged, MemberView
from actors.messages.runtime import ActorList, ListActors


@pytest.fixture
def counter(counting: str) -> Iterator[Any]:
    """The actor class, in a node inside the test."""
    actors.init()
    yield importlib.import_module(counting).Counter
    actors.shutdown()


def runs(pid: int) -> bool:
    """Whether a process of that pid exists."""
    return Path("/proc", str(pid)).exists()


def until_it_answers(call: Callable[[], Any]) -> Any:
    """The value of a call, once its actor is back."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return actors.get(call())
        except ActorUnavailableError:
            assert time.monotonic() < deadline


def test_calls_of_one_caller_are_handled_in_order(counter: Any) -> None:
    one = counter.remote(10)
    assert actors.get([one.add.remote() for _ in range(500)]) == list(range(11, 511))


def test_the_state_lives_in_another_process(counter: Any) -> None:
    one, two = counter.remote(), counter.remote()
    pids = actors.get([one.pid.remote(), two.pid.remote()])
    assert len({*pids, os.getpid()}) == 3
    assert actors.get(one.add.remote(by=5)) == 5
    assert actors.get(two.add.remote()) == 1


def test_an_exception_comes_with_its_traceback_and_the_actor_lives(counter: Any) -> None:
    one = counter.remote()
    with pytest.raises(ActorTaskError, match="ValueError: by design") as raised:
        actors.get(one.fail.remote())
    assert "in fail" in raised.value.remote_traceback
    assert actors.get(one.add.remote()) == 1


def test_a_result_that_cannot_travel_is_an_error_of_the_call(counter: Any) -> None:
    one = counter.remote()
    with pytest.raises(ActorTaskError, match="cannot travel"):
        actors.get(one.unpackable.remote())
    with pytest.raises(ActorTaskError, match="900000"):
        actors.get(one.big.remote())
    assert actors.get(one.add.remote()) == 1


def test_only_public_methods_are_called(counter: Any) -> None:
    one = counter.remote()
    with pytest.raises(AttributeError):
        one._private  # noqa: B018
    with pytest.raises(ActorTaskError, match="no public method"):
        actors.get(one.nothing.remote())
    with pytest.raises(ActorTaskError, match="no public method"):
        actors.get(one.count.remote())


def test_an_object_ref_is_no_argument(counter: Any) -> None:
    one = counter.remote()
    with pytest.raises(TypeError, match="ObjectRef"):
        one.add.remote(one.add.remote())


def test_a_slow_call_times_out_and_answers_later(counter: Any, tmp_path: Path) -> None:
    one = counter.remote()
    actors.get(one.add.remote())
    slow = one.wait_for.remote(str(tmp_path / "go"))
    with pytest.raises(GetTimeoutError):
        actors.get(slow, timeout=0.1)
    later = one.add.remote()
    assert actors.wait([slow, later], num_returns=1, timeout=0.05) == ([], [slow, later])
    (tmp_path / "go").touch()
    assert actors.get(slow) == "seen"
    assert actors.get(later) == 2


def test_an_actor_calls_another_by_the_handle_it_was_given(counter: Any) -> None:
    one, two = counter.remote(1), counter.remote(2)
    assert actors.get(one.ask.remote(two, 40)) == 42


def test_an_actor_makes_actors_of_its_own_node_and_they_end_with_it(
    counter: Any, soon: Any
) -> None:
    one = counter.remote()
    assert actors.get(one.make.remote("inner")) == 42
    inner = actors.get_actor("inner")
    pid = actors.get(inner.pid.remote())
    actors.kill(one)
    soon(lambda: not runs(pid))


def test_tell_wants_no_answer_and_keeps_its_place(counter: Any) -> None:
    one = counter.remote()
    for _ in range(300):
        one.add.tell()
    assert actors.get(one.add.remote()) == 301


def test_a_constructor_that_raises_is_said_by_the_first_call(counter: Any) -> None:
    one = counter.remote(-1)
    with pytest.raises(ActorDiedError, match="no counting down"):
        actors.get(one.add.remote())
    with pytest.raises(ActorDiedError, match="ValueError"):
        actors.get(one.add.remote())


def test_an_actor_without_restarts_is_dead_after_its_process(counter: Any) -> None:
    one = counter.remote()
    with pytest.raises(ActorDiedError, match="code 3"):
        actors.get(one.exit.remote(3))
    with pytest.raises(ActorDiedError):
        actors.get(one.add.remote())


def test_restarts_are_counted_and_the_poison_call_is_never_replayed(counter: Any) -> None:
    one = counter.options(max_restarts=1).remote(5)
    actors.get(one.add.remote())
    pid = actors.get(one.pid.remote())
    with pytest.raises(ActorUnavailableError, match="signal 9"):
        actors.get(one.kill.remote())
    assert until_it_answers(one.add.remote) == 6
    assert actors.get(one.pid.remote()) != pid
    with pytest.raises(ActorDiedError, match="after 1 restarts"):
        actors.get(one.kill.remote())


def test_calls_behind_a_deadly_one_are_told_too(counter: Any, tmp_path: Path) -> None:
    one = counter.remote()
    actors.get(one.add.remote())
    refs = [one.exit_after.remote(str(tmp_path / "go"), 0), one.add.remote(), one.add.remote()]
    (tmp_path / "go").touch()
    for ref in refs:
        with pytest.raises(ActorDiedError):
            actors.get(ref)


def test_kill_is_for_good_even_in_an_endless_loop(counter: Any, tmp_path: Path, soon: Any) -> None:
    one = counter.options(max_restarts=-1).remote()
    pid = actors.get(one.pid.remote())
    stuck = one.wait_for.remote(str(tmp_path / "never"))
    actors.kill(one)
    with pytest.raises(ActorDiedError, match="killed"):
        actors.get(stuck)
    soon(lambda: not runs(pid))
    with pytest.raises(ActorNameError):
        actors.kill(one)


def test_kill_with_restart_gives_the_next_life(counter: Any) -> None:
    one = counter.options(max_restarts=1).remote(5)
    pid = actors.get(one.pid.remote())
    actors.get(one.add.remote())
    actors.kill(one, no_restart=False)
    assert until_it_answers(one.pid.remote) != pid
    assert actors.get(one.add.remote()) == 6


def test_names_are_found_and_given_once(counter: Any) -> None:
    one = counter.options(name="c").remote()
    found = actors.get_actor("c")
    assert found == one
    assert actors.get_actor(one.address) == one
    assert actors.get_actor("host/c") == one
    with pytest.raises(ValueError, match="already"):
        counter.options(name="c").remote()
    assert counter.options(name="c", get_if_exists=True).remote() == one
    with pytest.raises(ValueError, match="no"):
        actors.get_actor("d")
    actors.kill(one)
    again = counter.options(name="c").remote(7)
    assert actors.get(again.add.remote()) == 8


def test_the_node_s_own_actors_are_killed_but_not_for_good(counter: Any, soon: Any) -> None:
    control = actors.get_actor("control")
    with pytest.raises(Refused, match="always restarted"):
        actors.kill(control)
    actors.kill(control, no_restart=False)
    soon(lambda: _row("control")["restarts"] == 1)
    one = counter.remote()
    assert actors.get(one.add.remote()) == 1
    with pytest.raises(ActorDiedError):
        actors.get(control.anything.remote())


def _row(name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while True:
        try:
            return next(row for row in actors.list_actors() if row["name"] == name)
        except ActorUnavailableError:
            assert time.monotonic() < deadline


def test_killing_host_starts_its_actors_anew(counter: Any, soon: Any) -> None:
    one = counter.options(name="c").remote(5)
    pid = actors.get(one.pid.remote())
    actors.kill(actors.get_actor("host"), no_restart=False)
    soon(lambda: not runs(pid))

    def answers() -> bool:
        try:
            return actors.get(one.add.remote()) == 6
        except (ActorUnavailableError, ActorDiedError):
            return False

    soon(answers)


def test_actors_are_listed_with_their_class_and_filtered(counter: Any, counting: str) -> None:
    one = counter.options(name="c", max_restarts=2).remote()
    pid = actors.get(one.pid.remote())
    [row] = actors.list_actors(filters=[("cls", "=", f"{counting}:Counter")])
    assert (row["name"], row["state"], row["pid"]) == ("host/c", "ALIVE", pid)
    assert "host/c" not in [r["name"] for r in actors.list_actors([("pid", "!=", pid)])]
    with pytest.raises(UsageError, match="no colour"):
        actors.list_actors([("colour", "=", "red")])
    with pytest.raises(UsageError, match="= or !="):
        actors.list_actors([("name", ">", "a")])


def test_shutdown_leaves_no_process_and_no_file(counting: str) -> None:
    actors.init()
    counter = importlib.import_module(counting).Counter
    pids = actors.get([counter.remote().pid.remote() for _ in range(3)])
    node: Any = session.current()
    directory = Path(node.endpoint).parent
    actors.shutdown()
    assert not any(runs(pid) for pid in pids)
    assert not directory.exists()
    actors.shutdown()


def test_hosts_end_when_the_program_is_killed(counting: str, soon: Any, tmp_path: Path) -> None:
    script = (
        f"import actors, time; from {counting} import Counter\n"
        "if __name__ == '__main__':\n"
        "    actors.init(); c = Counter.remote()\n"
        "    print(actors.get(c.pid.remote()), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    soon(lambda: not runs(pid))


def test_init_twice_is_a_mistake(counter: Any) -> None:
    with pytest.raises(UsageError, match="already connected"):
        actors.init()


def test_a_class_that_is_not_remote_or_not_there_is_refused_by_its_host(
    counter: Any, counting: str
) -> None:
    module = importlib.import_module(counting)
    plain = actors.remote(module.Plain).remote()
    with pytest.raises(ActorDiedError, match=r"@actors\.remote"):
        actors.get(plain.x.remote())


# ── against another node's gateway ──


@pytest.fixture
def gateway(make_node: Any, counting: str, secret: str) -> Iterator[tuple[Any, Any]]:
    """A node that allows the module, and its class; this program is a driver of it."""
    node = make_node(allow=(counting,))
    actors.init(node.endpoint, secret=secret)
    yield node, importlib.import_module(counting).Counter
    actors.shutdown()


def test_a_driver_starts_and_calls_actors_over_the_gateway(gateway: Any) -> None:
    node, counter = gateway
    one = counter.options(name="c").remote(1)
    assert one.member == node.member
    assert actors.get([one.add.remote() for _ in range(200)]) == list(range(2, 202))
    with pytest.raises(ActorTaskError):
        actors.get(one.fail.remote())
    for _ in range(100):
        one.add.tell()
    assert actors.get(one.add.remote()) == 302


def test_a_module_that_is_not_allowed_is_refused(gateway: Any) -> None:
    from actors.driver.connection import answer_of
    from actors.messages.primitives import CreateActor

    with pytest.raises(Refused, match="--allow-actors subprocess") as refused:
        answer_of(session.current(), CreateActor("subprocess:Popen", b"\x92\x90\x80"))
    assert refused.value.code == "not-allowed"


def test_what_a_driver_made_ends_with_it_unless_detached(
    gateway: Any, secret: str, soon: Any
) -> None:
    node, counter = gateway
    mine = counter.remote()
    stays = counter.options(name="stays", lifetime="detached").remote()
    pids = actors.get([mine.pid.remote(), stays.pid.remote()])
    actors.shutdown()
    soon(lambda: not runs(pids[0]))
    actors.init(node.endpoint, secret=secret)
    assert actors.get(actors.get_actor("stays").pid.remote()) == pids[1]
    with pytest.raises(ActorDiedError, match="driver"):
        actors.get(mine.add.remote())


def test_a_host_that_was_stopped_leaves_no_call_open_and_goes_on(gateway: Any) -> None:
    _, counter = gateway
    one = counter.remote()
    pid = actors.get(one.pid.remote())
    os.kill(pid, signal.SIGSTOP)
    before = one.add.remote()
    with pytest.raises(GetTimeoutError):
        actors.get(before, timeout=4.5)  # longer than its heartbeats may be missed for
    during = one.add.remote()
    os.kill(pid, signal.SIGCONT)
    try:
        counted = actors.get(before, timeout=40)
    except ActorUnavailableError:
        counted = 0
    assert actors.get(during, timeout=40) in (counted + 1, 2)
    assert actors.get(one.pid.remote()) == pid


def test_a_detached_actor_is_started_again_by_the_next_life_of_its_node(
    gateway: Any, soon: Any
) -> None:
    node, counter = gateway
    one = counter.options(name="stays", lifetime="detached").remote(5)
    pid = actors.get(one.pid.remote())
    actors.kill(actors.get_actor("host"), no_restart=False)
    soon(lambda: not runs(pid))
    soon(lambda: "host/stays" in node.world.cells)
    assert until_it_answers(one.add.remote) == 6


def test_a_lost_gateway_fails_open_calls_and_says_they_may_have_run(
    gateway: Any, tmp_path: Path
) -> None:
    node, counter = gateway
    one = counter.remote()
    actors.get(one.add.remote())
    waiting = one.wait_for.remote(str(tmp_path / "never"))
    with pytest.raises(GetTimeoutError):
        actors.get(waiting, timeout=0.1)
    node.server.close()
    with pytest.raises(ActorUnavailableError, match="may have been executed"):
        actors.get(waiting, timeout=10)


def test_an_actor_is_placed_on_another_member_and_called_there(
    make_node: Any, peers: Any, counting: str, secret: str, soon: Any
) -> None:
    here = make_node(peers=peers, allow=(counting,))
    there = make_node(peers=peers, allow=(counting,))
    view = MemberView(Member(there.member, 1, "127.0.0.1:9638"), "alive")
    here.world.tell("control", MembersChanged((view,)))
    actors.init(here.endpoint, secret=secret)
    counter = importlib.import_module(counting).Counter
    one = counter.options(name="far", node=there.member[:6]).remote(1)
    assert one.member == there.member
    assert actors.get([one.add.remote() for _ in range(50)])[-1] == 51
    assert actors.get_actor("far", node=there.member[:6]) == one
    assert "host/far" in [r["name"] for r in actors.list_actors(node=there.member[:6])]
    pid = actors.get(one.pid.remote())
    actors.shutdown()
    soon(lambda: not runs(pid))


def test_a_request_to_a_member_waits_until_the_ring_has_said_who_is_there(
    make_node: Any, peers: Any, secret: str, soon: Any
) -> None:
    here, there = make_node(peers=peers), make_node(peers=peers)
    actors.init(here.endpoint, secret=secret)
    answers: list[Any] = []
    session.current().ask(ListActors(), there.member[:6], answers.append)
    assert actors.list_actors()  # asked later and answered, so the first was looked at
    assert answers == []
    view = MemberView(Member(there.member, 1, "127.0.0.1:9638"), "alive")
    here.world.tell("control", MembersChanged((view,)))
    soon(lambda: answers)
    assert isinstance(answers[0], ActorList)
    actors.shutdown()


def test_a_node_of_one_s_own_has_no_other_members(counter: Any) -> None:
    with pytest.raises(Refused, match="no member of the ring"):
        counter.options(node="beta").remote()


def test_a_wrong_secret_is_an_error_of_init(node: Any) -> None:
    with pytest.raises(actors.SecretRefusedError):
        actors.init(node.endpoint, secret="wrong")
    with pytest.raises(actors.NoSupervisorError):
        GatewayConnection("/nowhere/ctl.sock", "x", 1.0)
