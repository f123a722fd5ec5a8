"""Supervisors, launchers and both killed, paused, restarted and ended, while services run.

The ring's three members each run a service, whose pid is to stay the same through all of it.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from ring_rig import (
    Machine,
    Ring,
    accusations,
    all_say,
    eventually,
    health,
    members,
    peers,
    seconds,
    sentence,
    whole,
)
from supervisor_rig import alive

BACK_S = 10.0  # a killed supervisor answers again in this


@pytest.fixture(scope="module")
def serving(keyed_ring: Ring) -> list[Machine]:
    """The keyed ring, with a service on each member."""
    for machine in keyed_ring.machines:
        machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    return list(keyed_ring.machines)


@pytest.fixture
def pids(serving: list[Machine]) -> Iterator[list[int]]:
    """The pids of the services, the same before and after a test; the ring whole in both."""
    whole(serving)
    before = [machine.up("web") for machine in serving]
    yield before
    whole(serving)
    assert [machine.up("web") for machine in serving] == before


def again(machine: Machine, words: list[str]) -> None:
    """The next `hab sup run` of a machine whose launcher is gone."""
    machine.wait()
    machine.start("--permanent-peer", "--ring", "acme", *words)


def test_a_killed_supervisor_answers_again_and_its_service_goes_on(
    serving: list[Machine], pids: list[int]
) -> None:
    victim = serving[0]
    before = victim.ready()
    known = members(serving[1])[before.member_id].member
    os.kill(before.supervisor_pid, signal.SIGKILL)
    eventually(
        "another supervisor answers",
        lambda: (info := victim.info()) and info.supervisor_pid != before.supervisor_pid,
        BACK_S,
    )
    after = victim.ready()
    assert (after.member_id, after.launcher_pid) == (before.member_id, before.launcher_pid)
    whole(serving)
    assert members(serving[1])[before.member_id].member.incarnation > known.incarnation


def test_the_next_launcher_adopts_what_a_killed_one_left(
    serving: list[Machine], pids: list[int]
) -> None:
    victim = serving[1]
    before = victim.ready()
    os.kill(before.launcher_pid, signal.SIGKILL)
    eventually("the supervisor ends without it", lambda: not alive(before.supervisor_pid))
    assert alive(pids[1])
    again(victim, peers(serving))
    after = victim.ready()
    assert after.member_id == before.member_id
    assert after.launcher_pid != before.launcher_pid
    assert victim.up("web") == pids[1]


def test_launcher_and_supervisor_killed_together(serving: list[Machine], pids: list[int]) -> None:
    victim = serving[2]
    before = victim.ready()
    os.kill(before.launcher_pid, signal.SIGKILL)
    os.kill(before.supervisor_pid, signal.SIGKILL)
    all_say(serving[:2], before.member_id, "confirmed")
    again(victim, peers(serving))
    assert victim.ready().member_id == before.member_id
    assert victim.up("web") == pids[2]


def test_a_stopped_supervisor_does_not_keep_the_next_launcher_from_its_work(
    serving: list[Machine], pids: list[int]
) -> None:
    victim = serving[1]
    before = victim.ready()
    os.kill(before.supervisor_pid, signal.SIGSTOP)
    os.kill(before.launcher_pid, signal.SIGKILL)
    again(victim, peers(serving))
    assert not alive(before.supervisor_pid)
    assert victim.ready().member_id == before.member_id
    assert victim.up("web") == pids[1]


def test_a_short_pause_confirms_nobody(serving: list[Machine], pids: list[int]) -> None:
    victim, others = serving[0], serving[1:]
    info = victim.ready()
    began = time.time()
    os.kill(info.supervisor_pid, signal.SIGSTOP)
    try:
        all_say(others[:1], info.member_id, "suspect")
        shown = eventually(
            "it is told who suspects it",
            lambda: members(others[0])[info.member_id].suspected_by,
            3.0,
        )
        assert set(shown) <= set(members(others[0])) - {info.member_id}
    finally:
        os.kill(info.supervisor_pid, signal.SIGCONT)
    all_say(serving, info.member_id, "alive")
    for machine in serving:
        assert not [text for text in accusations(machine, since=began) if "confirmed" in text]
    assert victim.ready().supervisor_pid == info.supervisor_pid


def test_a_long_pause_is_confirmed_and_forgiven(serving: list[Machine], pids: list[int]) -> None:
    victim, others = serving[2], serving[:2]
    info = victim.ready()
    began = time.time()
    os.kill(info.supervisor_pid, signal.SIGSTOP)
    try:
        all_say(others, info.member_id, "confirmed", 30.0)
    finally:
        os.kill(info.supervisor_pid, signal.SIGCONT)
    all_say(serving, info.member_id, "alive")
    assert victim.ready().supervisor_pid == info.supervisor_pid
    assert not accusations(victim, since=began), "who was paused accuses nobody"
    sentence(victim, "MemberResumed", lambda text: "stood still" in text)


def test_restart_by_command_and_hup_accuses_nobody(serving: list[Machine], pids: list[int]) -> None:
    victim, others = serving[0], serving[1:]
    before = victim.ready()
    began = time.time()
    after = before
    for _ in range(2):  # as often as one likes, each time at once
        asked = time.monotonic()
        done = victim.hab("sup", "restart")
        assert seconds(asked) < BACK_S / 2
        told, after = after, victim.ready()
        assert f"Supervisor runs as pid {after.supervisor_pid}" in done.out
        assert after.supervisor_pid != told.supervisor_pid
    whole(serving)

    os.kill(after.launcher_pid, signal.SIGHUP)
    eventually(
        "HUP restarts it",
        lambda: (info := victim.info()) and info.supervisor_pid != after.supervisor_pid,
        BACK_S,
    )
    whole(serving)
    for machine in others:
        texts = accusations(machine, before.member_id, began)
        assert not [text for text in texts if "departed" in text or "left" in text], texts


def test_term_ends_all_and_frees_the_ports_at_once(
    serving: list[Machine], pids: list[int], keyed_ring: Ring
) -> None:
    fourth = keyed_ring.machine("fourth")
    key = serving[0].hab("ring", "key", "export", "acme").out
    fourth.environment["HAB_RING_KEY"] = key
    fourth.start(*peers(serving))
    del fourth.environment["HAB_RING_KEY"]
    member = fourth.ready().member_id
    stubborn = "trap '' TERM; while :; do sleep 1; done"
    fourth.package("acme/stubborn", run=stubborn)
    fourth.hab("svc", "load", "acme/stubborn", "--shutdown-timeout", "1")
    pid = fourth.up("stubborn")
    whole([*serving, fourth])
    fourth.launcher.terminate()
    assert fourth.wait(30.0) == 0
    for port in (fourth.gossip, fourth.ctl):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert not alive(pid)
    assert not fourth.processes()
    all_say(serving, member, "confirmed")
    assert members(serving[0])[member].member.left
    assert health(serving[0], member) == "confirmed"
    serving[0].hab("sup", "depart", member)  # else it holds new ring keys back
    all_say(serving, member, "departed")
