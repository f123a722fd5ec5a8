"""State files emptied, cut short and with a bit turned over between two lives of a supervisor.

Whatever is damaged, the next start answers, joins its ring again, has its service under the same
pid, and says in its event log which file it was.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from ring_rig import Machine, Ring, all_say, eventually, members, peers, sentence, whole
from supervisor_rig import alive

UNSAID = ("events.db", "events.db.boot")  # an empty database is a new one
TABLES = ("launcher.json", "launcher.json.copy")  # of what runs, and its second copy
KEPT = ("INCARNATION", "RING_ID", "services/web.state", "ring.dat", *TABLES, *UNSAID)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) * 2 // 3] ^= 0x80
    file.write_bytes(bytes(data))


DAMAGES = (emptied, cut, flipped)


@pytest.fixture(scope="module")
def victim(keyed_ring: Ring) -> Machine:
    """A member of the keyed ring with a service, and with every state file there is."""
    machine = keyed_ring.machines[0]
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    machine.up("web")
    for name in KEPT:
        eventually(f"{name} is written", (machine.layout.supervisor / name).exists, 40.0)
    return machine


def die(machine: Machine) -> None:
    """Launcher and supervisor, killed."""
    info = machine.ready()
    machine.launcher.kill()
    os.kill(info.supervisor_pid, signal.SIGKILL)
    machine.wait()


def again(machine: Machine, ring: Ring) -> None:
    machine.start("--permanent-peer", "--ring", "acme", *peers(ring.machines[:3]))


@pytest.mark.parametrize("turn", range(3))
def test_files_of_gossip_services_and_events_may_be_damaged_at_once(
    turn: int, victim: Machine, keyed_ring: Ring
) -> None:
    three = keyed_ring.machines[:3]
    whole(three)
    info, pid = victim.ready(), victim.up("web")
    before = members(three[1])[info.member_id].member
    die(victim)
    damaged = []
    for number, name in enumerate(KEPT):
        file = victim.layout.supervisor / name
        if file.exists():  # the image of the ring is written each half minute
            DAMAGES[(turn + number) % 3](file)
            damaged.append(name)
    assert set(KEPT[:3]) <= set(damaged)
    again(victim, keyed_ring)
    whole(three)
    after = victim.ready()
    assert (after.member_id, after.ring_id) == (info.member_id, info.ring_id)
    assert victim.up("web") == pid
    now = members(three[1])[info.member_id].member
    assert (now.epoch, now.incarnation) > (before.epoch, before.incarnation)
    for name in set(damaged) - set(UNSAID):
        sentence(victim, "StateFileDamaged", lambda text, name=name: f" {name} " in text)
    assert members(victim).keys() == members(three[1]).keys()


def test_damaged_specs_are_told_and_stop_nothing_else(victim: Machine, keyed_ring: Ring) -> None:
    whole(keyed_ring.machines[:3])
    pid = victim.up("web")
    specs = {victim.spec(f"other{number}"): damage for number, damage in enumerate(DAMAGES)}
    good = {file: file.read_bytes() for file in specs}
    for file in specs:
        victim.up(file.stem)
    die(victim)
    for file, damage in specs.items():
        damage(file)
    again(victim, keyed_ring)
    for file in specs:
        sentence(victim, "SpecRefused", lambda text, file=file: file.name in text)
    assert victim.up("web") == pid
    assert set(victim.services()) == {"web"}
    for file, data in good.items():
        file.write_bytes(data)  # put right, it counts again
    for file in specs:
        victim.up(file.stem)
        victim.hab("svc", "unload", file.stem)


def test_a_member_that_lost_its_id_is_a_new_one_and_its_secret_is_made_anew(
    victim: Machine, keyed_ring: Ring
) -> None:
    three = keyed_ring.machines[:3]
    whole(three)
    old, pid = victim.ready().member_id, victim.up("web")
    die(victim)
    cut(victim.layout.supervisor / "MEMBER_ID")
    flipped(victim.layout.secret)
    refused = victim.hab("svc", "status", check=False)
    assert refused.code == 1
    assert "is no text" in refused.err
    again(victim, keyed_ring)
    new = victim.ready().member_id
    assert new != old
    for name in ("MEMBER_ID", "CTL_SECRET"):
        sentence(victim, "StateFileDamaged", lambda text, name=name: f" {name} " in text)
    assert victim.up("web") == pid
    all_say(three, new, "alive")
    all_say(three, old, "confirmed")
    three[1].hab("sup", "depart", old)
    whole(three)
    assert alive(pid)
