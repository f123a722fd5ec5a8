import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from actors.adapters.control import (
    ControlClient,
    read_or_create_secret,
)
from actors.adapters.control_client import client_socket
from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_server import ControlOptions, ControlServer
from actors.driver.gateway import GatewayConnection
from actors.errors import (
    GetTimeoutError,
    HostError,
    NoSupervisorError,
    Refused,
    SecretRefusedError,
    UsageError,
)
from actors.messages.control import (
    ControlRefused,
    QuerySupervisor,
    RequestAdmitted,
    RequestRefused,
    SessionDropped,
    StopSupervisor,
)
from actors.messages.events import EventPage, QueryEvents
from actors.messages.ring import Member, MembersChanged, MemberView
from actors.messages.runtime import (
    ActorList,
    CallFailed,
    KillActor,
    ListActors,
    Ok,
    StateFileDamaged,
)
from actors.messages.service import (
    Accepted,
    LoadService,
    Progress,
    QueryServices,
    Services,
    ServiceSpec,
    Settled,
)

LOAD = LoadService(ServiceSpec("core/redis", name="redis"))


def ask(client: ControlClient, message: Any, **more: Any) -> list[Any]:
    return list(client.request(message, **more))


def test_answers_come_one_by_one_until_the_last(node: Any, secret: str) -> None:
    with ControlClient(node.endpoint, secret) as client:
        assert ask(client, LOAD) == [
            Accepted("on record", "event:" + str(_position(node, "ServiceUnloaded"))),
            Progress("on its way", 1, 2),
            Settled("redis", "up", event_id="event:" + str(_position(node, "ServiceUnloaded"))),
        ]
        assert ask(client, QueryServices()) == [Services()]
        assert ask(client, QuerySupervisor()) == [Ok("supervisor")]


def _position(node: Any, kind: str) -> int:
    kinds = [type(event).__name__ for _, event, _, _ in node.events.kept]
    return kinds.index(kind) + 1


def test_it_works_over_tcp_and_tells_its_port(make_node: Any, secret: str) -> None:
    node = make_node(endpoint="127.0.0.1:0")
    assert not node.endpoint.endswith(":0")
    with ControlClient(node.endpoint, secret) as client:
        assert ask(client, QueryServices()) == [Services()]


def test_a_socket_deep_in_the_tree_is_reached_all_the_same(
    make_node: Any, secret: str, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    node = make_node(endpoint=str(deep / "ctl.sock"))
    with ControlClient(str(deep / "ctl.sock"), secret) as client:
        assert ask(client, QueryServices()) == [Services()]
    assert stat.S_IMODE((deep / "ctl.sock").stat().st_mode) == 0o600
    node.server.close()
    assert not (deep / "ctl.sock").exists()


def test_a_wrong_secret_is_refused_and_said_on_both_sides(node: Any, soon: Any) -> None:
    with (
        ControlClient(node.endpoint, "another secret") as client,
        pytest.raises(SecretRefusedError, match="secret") as refused,
    ):
        ask(client, QueryServices())
    assert node.endpoint in str(refused.value)
    soon(lambda: node.events.of(ControlRefused))


def test_a_refused_client_keeps_nobody_else_out(node: Any, secret: str) -> None:
    with (
        ControlClient(node.endpoint, "wrong") as wrong,
        ControlClient(node.endpoint, secret) as right,
    ):
        with pytest.raises(SecretRefusedError):
            ask(wrong, QueryServices())
        assert ask(right, QueryServices()) == [Services()]


def test_no_supervisor_is_said_at_once_with_the_endpoint(tmp_path: Path, secret: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    for endpoint in (nobody, str(tmp_path / "ctl.sock"), str(tmp_path / "no" / "ctl.sock")):
        began = time.monotonic()
        with (
            ControlClient(endpoint, secret) as client,
            pytest.raises(NoSupervisorError, match="Unable to contact the Supervisor") as error,
        ):
            ask(client, QueryServices())
        assert endpoint in str(error.value)
        assert time.monotonic() - began < 1.5


def test_something_else_that_listens_there_is_no_supervisor(secret: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            ControlClient(endpoint, secret, connect_timeout_s=0.3) as client,
            pytest.raises(NoSupervisorError),
        ):
            ask(client, QueryServices())


def test_no_answer_in_time_is_a_timeout(node: Any, secret: str) -> None:
    with (
        ControlClient(node.endpoint, secret) as client,
        pytest.raises(GetTimeoutError, match="in time"),
    ):
        ask(client, QueryServices("never"), timeout_s=0.2)


def test_an_empty_secret_is_a_mistake_of_the_person(node: Any) -> None:
    with pytest.raises(UsageError, match="empty"):
        ControlClient(node.endpoint, " \n")


def test_a_refusal_raises_with_its_code(node: Any, secret: str) -> None:
    with ControlClient(node.endpoint, secret) as client:
        with pytest.raises(Refused) as refused:
            ask(client, KillActor("nobody"))
        assert refused.value.code == "no-actor"
        alone = MemberView(Member(node.member, 1, "127.0.0.1:9638"), "alive")
        node.world.tell("control", MembersChanged((alone,)))
        with pytest.raises(Refused, match="no member") as refused:
            ask(client, ListActors(), member="ee")
        assert refused.value.code == "no-member"
    assert node.events.of(RequestRefused)


def test_the_same_request_id_is_carried_out_once(node: Any, secret: str, loads: Any) -> None:
    with ControlClient(node.endpoint, secret) as one, ControlClient(node.endpoint, secret) as other:
        first = ask(one, LOAD, request_id="r-1")
        again = ask(other, LOAD, request_id="r-1")
        assert again == first[-1:]
        assert loads() == 1
        ask(other, LOAD, request_id="r-2")
        assert loads() == 2


def test_a_command_whose_client_is_gone_is_answered_to_who_asks_again(
    node: Any, secret: str, loads: Any
) -> None:
    held = LoadService(ServiceSpec("core/redis", name="held"))
    with ControlClient(node.endpoint, secret) as client, pytest.raises(GetTimeoutError):
        ask(client, held, request_id="r-7", timeout_s=0.2)
    with ControlClient(node.endpoint, secret) as client:
        timer = threading.Timer(0.1, node.world.tell, ["specs", Ok("let go")])
        timer.start()
        assert ask(client, held, request_id="r-7", timeout_s=5) == [Settled("held", "up")]
        timer.join()
    assert loads() == 1


def test_a_write_leaves_an_event_with_its_session_and_trace(node: Any, secret: str) -> None:
    with ControlClient(node.endpoint, secret) as client:
        ask(client, LOAD, request_id="r-9")
        ask(client, QueryServices())
    [(actor, event, _, trace)] = [e for e in node.events.kept if isinstance(e[1], RequestAdmitted)]
    assert actor == "control"
    assert event.session.startswith("session-")
    assert (event.message, event.target, event.request) == ("LoadService", "specs", "r-9")
    assert trace == "r-9"


def test_what_a_command_causes_names_the_command_as_its_cause(node: Any, secret: str) -> None:
    with ControlClient(node.endpoint, secret) as client:
        ask(client, LOAD)
    kinds = [type(event).__name__ for _, event, _, _ in node.events.kept]
    admitted = kinds.index("RequestAdmitted")
    _, _, cause, trace = node.events.kept[kinds.index("ServiceUnloaded")]
    assert cause == f"event:{admitted + 1}"
    assert trace == node.events.kept[admitted][3]


def test_killing_control_loses_no_request(node: Any, secret: str, soon: Any) -> None:
    with ControlClient(node.endpoint, secret) as client:
        ask(client, QueryServices())
        for _ in range(5):
            node.ask("node", KillActor("control"))
            assert ask(client, QueryServices(), timeout_s=10) == [Services()]
            soon(lambda: "control" in node.world.cells)


def test_a_following_query_goes_on_until_its_client_is_gone(
    node: Any, secret: str, soon: Any
) -> None:
    def following() -> str:
        return node.ask("events", Ok("count")).text

    client = ControlClient(node.endpoint, secret)
    pages = client.request(QueryEvents(follow=True), timeout_s=None)
    assert isinstance(next(pages), EventPage)
    node.world.tell("events", Ok("tick"))
    assert isinstance(next(pages), EventPage)
    assert following() == "1"
    pages.close()
    soon(lambda: following() == "0")
    again = client.request(QueryEvents(follow=True), timeout_s=None)
    next(again)
    assert following() == "1"
    client.close()
    soon(lambda: following() == "0")


def test_a_connection_lost_and_back_before_one_looks_is_asked_again(
    make_node: Any, secret: str, soon: Any
) -> None:
    """A client that stands still misses both; without a deadline it would wait for ever."""
    node = make_node(endpoint="127.0.0.1:0")
    with ControlClient(node.endpoint, secret) as client:
        answers = client.request(QueryEvents(follow=True), timeout_s=None)
        next(answers)
        losses = client._watch.losses
        node.server.close()
        node.server = ControlServer(node.world, node.endpoint, secret)
        back = zmq.EVENT_HANDSHAKE_SUCCEEDED
        events: list[int] = []
        deadline = time.monotonic() + 20
        while back not in events:
            assert time.monotonic() < deadline
            if client._watch.monitor.poll(100):
                event, value = struct.unpack("=HI", client._watch.monitor.recv_multipart()[0])
                events.append(event)
                client._watch._note(event, value)
        assert client._watch.connected
        assert client._watch.losses > losses
        assert next(answers)


def test_a_killed_client_is_noticed(node: Any, soon: Any, secret: str) -> None:
    script = (
        "import sys; from actors.adapters.control import ControlClient\n"
        "from actors.messages.events import QueryEvents\n"
        "for page in ControlClient(sys.argv[1], sys.argv[2])"
        ".request(QueryEvents(follow=True), timeout_s=None): print('page', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, node.endpoint, secret], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"page\n"
        process.kill()
        process.wait()
    soon(lambda: node.ask("events", Ok("count")).text == "0")


def test_the_oldest_session_goes_when_there_are_too_many(
    make_node: Any, secret: str, soon: Any
) -> None:
    node = make_node(options=ControlOptions(max_sessions=2))
    clients = [ControlClient(node.endpoint, secret) for _ in range(3)]
    for client in clients:
        ask(client, QueryServices())
    [dropped] = node.events.of(SessionDropped)
    assert dropped.what == "sessions"
    assert ask(clients[0], QueryServices()) == [Services()]
    for client in clients:
        client.close()


def test_the_oldest_open_request_is_told_when_there_are_too_many(
    make_node: Any, secret: str, soon: Any
) -> None:
    node = make_node(options=ControlOptions(max_open=1))
    connection = GatewayConnection(node.endpoint, secret, 2.0)
    answers: list[Any] = []
    connection.ask(QueryServices("never"), "", answers.append)
    connection.ask(QueryServices(), "", answers.append)
    soon(lambda: len(answers) == 2)
    assert isinstance(answers[0], CallFailed)
    assert answers[0].kind == "ActorUnavailableError"
    assert answers[1] == Services()
    connection.close()


def test_garbage_and_oversized_frames_harm_nobody(node: Any, secret: str, soon: Any) -> None:
    context: zmq.Context[Any] = zmq.Context()
    hostile = client_socket(context, Endpoint(node.endpoint), secret, 2.0)
    hostile.connect(f"ipc://{node.endpoint}")
    for size in range(200):
        hostile.send(os.urandom(size))
        hostile.send(b"\xc1" + os.urandom(size % 20))
    hostile.send(b"x" * (2 << 20))
    with ControlClient(node.endpoint, secret) as client:
        assert ask(client, QueryServices()) == [Services()]
    soon(lambda: node.events.of(ControlRefused))
    assert all(actor in node.world.cells for actor in ("control", "host", "specs"))
    hostile.close(0)
    context.term()


def test_two_gateways_do_not_share_an_address(node: Any, secret: str, make_node: Any) -> None:
    taken = make_node(endpoint="127.0.0.1:0")
    with pytest.raises(HostError, match="cannot listen"):
        ControlServer(node.world, taken.endpoint, secret)


def test_the_secret_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "sup" / "default" / "CTL_SECRET"
    made = read_or_create_secret(path)
    assert len(made) == 88
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create_secret(path) == made
    path.write_text("")
    damaged: list[StateFileDamaged] = []
    assert read_or_create_secret(path, damaged.append) not in ("", made)
    assert {file.name for file in path.parent.iterdir()} == {path.name, damaged[0].aside}


def test_threads_with_clients_of_their_own_do_not_disturb_one_another(
    node: Any, secret: str
) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with ControlClient(node.endpoint, secret) as client:
                for _ in range(20):
                    assert ask(client, QueryServices()) == [Services()]
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_another_member_is_asked_by_the_beginning_of_its_id(
    make_node: Callable[..., Any], peers: Any, secret: str, soon: Any
) -> None:
    here, there = make_node(peers=peers), make_node(peers=peers)
    view = MemberView(Member(there.member, 1, "127.0.0.1:9638"), "alive")
    here.world.tell("control", MembersChanged((view,)))
    with ControlClient(here.endpoint, secret) as client:
        [listed] = ask(client, ListActors(), member=there.member[:8])
        assert isinstance(listed, ActorList)
        before = there.ask("node", ListActors())
        assert isinstance(before, ActorList)
        assert [a.name for a in listed.actors] == [a.name for a in before.actors]
        ask(client, KillActor("specs"), member=there.member)
        soon(lambda: "killed" in _last_error(there, "specs"))
        assert not _last_error(here, "specs")
        with pytest.raises(Refused) as refused:
            ask(client, StopSupervisor("terminate"), member=there.member[:6])
        assert refused.value.code == "not-relayed"


def _last_error(node: Any, name: str) -> str:
    listed = node.ask("node", ListActors())
    assert isinstance(listed, ActorList)
    return next(a.last_error for a in listed.actors if a.name == name)
