"""The ring key of living supervisors: turned under their hands, and what strangers meet.

Every member probes another each second; the event logs tell at the end whether anybody was ever
thought badly of. By hand with more turns: `KEY_TURNS=10 pytest …`.
"""

from __future__ import annotations

import os
import signal
import time

from ring_rig import (
    Machine,
    Ring,
    accusations,
    all_say,
    eventually,
    import_key,
    living,
    members,
    peers,
    sentence,
    share_key,
    told,
    whole,
)

from actors.messages.ring import Members, QueryMembers
from cli import ring as shown

TURNS = int(os.environ.get("KEY_TURNS", "1"))


def ring_key(machine: Machine) -> dict[str, object]:
    """What `hab ring members` says of the key, asked without its process."""
    found: dict[str, object] = shown._ring_key(machine.ask(QueryMembers(), Members))
    return found


def keys_of(machine: Machine, member: str) -> tuple[str, ...]:
    """The ring keys that a member says it holds, as another heard it."""
    seen = members(machine)
    return seen[member].member.keys if member in seen else ()


def turned(machines: list[Machine], revision: str) -> None:
    """Wait until all serve with a revision and nobody holds it back."""
    wanted = {"served": revision, "newest": revision, "held_back_by": []}
    eventually(
        lambda: f"{wanted} everywhere, but {[ring_key(one) for one in machines]}{told(machines)}",
        lambda: all(ring_key(machine) == wanted for machine in machines),
    )


def test_without_the_key_or_with_another_none_joins_and_both_sides_say_so(
    keyed_ring: Ring,
) -> None:
    # First here: what is refused is an event once a minute, and a turned key refuses too.
    three = keyed_ring.machines[:3]
    began = time.time()
    for words in ((), ("--ring", "other")):
        stranger = keyed_ring.machine()
        if words:
            share_key("other", [stranger])
        stranger.start(*words, *peers(three))
        reason = sentence(stranger, "SeedUnreachable", lambda text: "turned away" in text)
        assert f"127.0.0.1:{three[0].gossip}" in reason or "127.0.0.1:" in reason
        member = stranger.ready().member_id
        assert living(stranger) == {member}
        assert all(member not in members(machine) for machine in three)
        stranger.launcher.terminate()
        assert stranger.wait() == 0
    for machine in three:
        refused = [
            event.text for event in machine.events(kind="FrameRefused") if event.wall >= began
        ]
        assert refused
        assert not accusations(machine, since=began)


def test_a_living_ring_turns_to_a_new_key_and_nobody_is_suspected(keyed_ring: Ring) -> None:
    three = keyed_ring.machines[:3]
    whole(three)
    began = time.time()
    old = str(ring_key(three[0])["served"])
    for _ in range(TURNS):
        text = three[0].hab("ring", "key", "generate", "acme").out
        new = text.split()[-1].rstrip(".")
        assert new != old
        exported = three[0].hab("ring", "key", "export", "acme").out
        eventually("the first knows both", lambda new=new: ring_key(three[0])["newest"] == new)
        held = ring_key(three[0])
        assert held["served"] == old
        others = living(three[0]) - {three[0].ready().member_id}
        assert set(held["held_back_by"]) == others
        assert three[0].hab("ring", "members", "--json").json["ring_key"] == held
        table = three[0].hab("ring", "members")
        assert new in table.err
        assert "held back by" in table.err
        import_key(three[1], exported)
        import_key(three[2], exported)
        turned(three, new)
        for machine in three:
            sentence(machine, "RingKeyTurned", lambda text, new=new: new in text)
        old = new
        whole(three)
        assert not [text for one in three for text in accusations(one, since=began)]


def test_a_dead_member_holds_a_new_key_back_until_it_is_departed(keyed_ring: Ring) -> None:
    three, fourth = keyed_ring.machines[:3], keyed_ring.machine()
    old = str(ring_key(three[0])["served"])
    import_key(fourth, three[0].hab("ring", "key", "export", "acme").out)
    fourth.start("--ring", "acme", *peers(three))
    dead = fourth.ready()
    whole([*three, fourth])
    # Who joined says which keys it holds a moment later; whoever dies before holds nothing back.
    eventually(
        lambda: f"{old} of {dead.member_id} everywhere{told(three)}",
        lambda: all(keys_of(one, dead.member_id)[:1] == (old,) for one in three),
    )
    fourth.launcher.kill()
    os.kill(dead.supervisor_pid, signal.SIGKILL)
    fourth.wait()
    all_say(three, dead.member_id, "confirmed")
    new = share_key("acme", three).splitlines()[1]
    held = {"served": old, "newest": new, "held_back_by": [dead.member_id]}
    eventually(
        lambda: f"{held} everywhere, but {[ring_key(one) for one in three]}{told(three)}",
        lambda: all(ring_key(one) == held for one in three),
    )
    three[0].hab("sup", "depart", dead.member_id)
    turned(three, new)
    whole(three)


def test_a_key_that_is_not_there_or_not_a_key_ends_the_start_with_a_reason(ring: Ring) -> None:
    machine = ring.machine()
    machine.start("--ring", "nowhere", ready=False)
    assert machine.wait() == 1
    assert "hab ring key import" in machine.said()


def test_a_ring_without_a_key_takes_its_first_one_at_a_restart(ring: Ring) -> None:
    two = ring.start(2)
    ids = whole(two)
    assert ring_key(two[0]) is None
    share_key("acme", two)
    for machine in two:
        machine.launcher.terminate()
    for machine in two:
        assert machine.wait() == 0
        machine.start("--permanent-peer", "--ring", "acme", *peers(two), ready=False)
    assert whole(two) == ids
    assert len(ring_key(two[0])) == 3
