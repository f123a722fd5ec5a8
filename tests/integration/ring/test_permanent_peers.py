"""Three permanent peers that run nothing, what they tell of each other, and who joins them how."""

from __future__ import annotations

import os
import random
import signal

import pytest
from ring_rig import (
    Machine,
    Ring,
    accusations,
    all_say,
    eventually,
    health,
    living,
    members,
    peers,
    sentence,
    whole,
)

from actors.messages.ring import Members, QueryMembers


def own_id(machine: Machine) -> str:
    return machine.ready().member_id


def settled(machine: Machine) -> bool:
    return machine.ask(QueryMembers(), Members).settled


@pytest.mark.parametrize("kind", ["open_ring", "keyed_ring"])
def test_members_are_told_in_a_table_and_as_json(kind: str, request: pytest.FixtureRequest) -> None:
    ring: Ring = request.getfixturevalue(kind)
    first = ring.machines[0]
    ids = whole(ring.machines[:3])
    eventually("the first exchange is done", lambda: settled(first))
    said = first.hab("ring", "members", "--json").json
    assert said["schema"] == "ring.members/1"
    assert said["me"] == own_id(first)
    assert said["ring_id"]
    assert said["settled"] is True
    told = {one["id"]: one for one in said["members"] if one["health"] == "alive"}
    assert set(told) == ids
    addresses = {f"127.0.0.1:{machine.gossip}" for machine in ring.machines[:3]}
    assert {one["address"] for one in told.values()} == addresses
    for one in told.values():
        assert one["permanent"] is True
        assert one["incarnation"] >= 1
        assert one["suspected_by"] == []
        assert one["self"] == (one["id"] == said["me"])
        assert one["self"] or 0 <= one["heard_s"] < 60
        assert len(one["keys"]) == (kind == "keyed_ring")
    assert said["members"][0]["id"] == said["me"]

    table = first.hab("ring", "members").out.splitlines()
    columns = "id health incarnation permanent address heard suspected-by name"
    assert table[0].split() == columns.split()
    rows = [line.split() for line in table[1:]]
    assert {row[0] for row in rows} == {one["id"][:8] for one in said["members"]}
    assert rows[0][0] == said["me"][:8]
    assert rows[0][5] == "self"
    assert all(len(row) == 8 for row in rows)
    assert {row[3] for row in rows if row[1] == "alive"} == {"yes"}
    if kind == "open_ring":  # peers that run nothing
        assert first.hab("svc", "status").out == "No services loaded.\n"


def test_a_fourth_joins_by_a_host_name_and_is_told_as_gone_and_back(open_ring: Ring) -> None:
    three = open_ring.machines[:3]
    fourth = open_ring.machine("fourth")
    fourth.start(f"--peer=localhost:{three[0].gossip}", f"--peer=127.0.0.1:{fourth.gossip}")
    member = own_id(fourth)
    whole([*three, fourth])
    assert members(three[2])[member].member.permanent is False
    before = members(three[2])[member].member.incarnation

    fourth.hab("sup", "term")
    assert fourth.wait() == 0
    all_say(three, member, "confirmed")
    assert members(three[1])[member].member.left
    row = next(
        line.split()
        for line in three[1].hab("ring", "members").out.splitlines()
        if line.startswith(member[:8])
    )
    assert row[1] == "left"

    fourth.start(f"--peer=localhost:{three[1].gossip}")
    assert own_id(fourth) == member, "a stop keeps the seat"
    whole([*three, fourth])
    assert members(three[2])[member].member.incarnation > before

    fourth.hab("sup", "depart", member[:12])
    assert fourth.wait() == 86
    all_say(three, member, "departed")
    fourth.start(*peers(three), ready=False)
    assert fourth.wait() == 86, "a departed member does not come back under its id"
    assert "departed" in fourth.said()
    all_say(three, member, "departed")


def test_the_peer_watch_file_may_be_written_later_and_names_be_wrong(open_ring: Ring) -> None:
    three = open_ring.machines[:3]
    file = open_ring.root / "peers"
    watching = open_ring.machine("watching")
    watching.start(f"--peer-watch-file={file}")
    member = own_id(watching)
    assert living(watching) == {member}
    file.write_text(
        f"# seeds\n\nno-such-host.invalid\n127.0.0.1:{watching.gossip}\n"
        f"not an address\n127.0.0.1:{three[0].gossip}  # the first\n"
    )
    whole([*three, watching])
    watching.hab("sup", "depart", member)
    assert watching.wait() == 86


def test_seeds_that_come_up_late_and_own_address_among_them_do_not_prevent_a_ring(
    ring: Ring,
) -> None:
    late, early = ring.machine(), ring.machine()
    host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    early.start(f"--peer={host}", "--peer=no-such-host.invalid", *peers([early]))
    sentence(early, "SeedUnreachable", lambda text: f"{host}:9638" in text)
    sentence(early, "SeedUnreachable", lambda text: "no-such-host.invalid" in text)
    assert living(early) == {own_id(early)}
    late.start(f"--listen-gossip={host}")  # the port defaults to the one the seed did
    whole([late, early])
    assert {view.member.address for view in members(early).values()} == {
        f"{host}:9638",
        f"127.0.0.1:{early.gossip}",
    }
    assert not accusations(early)


def test_a_killed_member_returns_with_its_id_and_a_greater_incarnation(open_ring: Ring) -> None:
    three = open_ring.machines[:3]
    machine = three[1]
    info = machine.ready()
    before = members(three[0])[info.member_id].member
    machine.launcher.kill()
    os.kill(info.supervisor_pid, signal.SIGKILL)
    machine.wait()
    all_say([three[0], three[2]], info.member_id, "confirmed")
    machine.start("--permanent-peer", *peers(three))
    assert own_id(machine) == info.member_id
    whole(three)
    after = members(three[0])[info.member_id].member
    assert after.incarnation > before.incarnation
    assert after.epoch >= before.epoch


def test_a_dead_member_is_departed_by_oath_and_its_address_is_another_members(
    open_ring: Ring,
) -> None:
    three = open_ring.machines[:3]
    old = open_ring.machine("old")
    old.start(*peers(three))
    info = old.ready()
    whole([*three, old])
    old.launcher.kill()
    os.kill(info.supervisor_pid, signal.SIGKILL)
    old.wait()
    new = open_ring.machine("new")
    new.gossip = old.gossip
    new.start(*peers(three))
    assert own_id(new) != info.member_id
    all_say([*three, new], own_id(new), "alive")
    all_say([*three, new], info.member_id, "confirmed")
    old_address = {one.member.address for one in members(new).values() if one.health != "departed"}
    assert f"127.0.0.1:{new.gossip}" in old_address

    said = three[0].hab("sup", "depart", info.member_id[:8])
    assert "departed" in said.out
    all_say([*three, new], info.member_id, "departed")
    assert health(three[0], own_id(new)) == "alive"
    new.hab("sup", "depart", own_id(new))
    assert new.wait() == 86


def test_who_is_no_member_cannot_be_departed(open_ring: Ring) -> None:
    unknown = open_ring.machines[0].hab("sup", "depart", "f" * 32, check=False)
    assert unknown.code == 1
    assert "hab ring members" in unknown.err
