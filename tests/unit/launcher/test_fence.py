"""What a supervisor kills once its launcher is gone: leaders it knows to be alive, and no other."""

from __future__ import annotations

from actors.launcher.fence import Leaders
from actors.launcher.protocol import Exited, Renew, Start, Started


def start(key: str, until_s: float = 0.0) -> Start:
    return Start("1", key, ("run",), {}, leader_until_s=until_s)


def test_who_was_started_or_renewed_as_leader_is_killed() -> None:
    leaders = Leaders()
    leaders.asked(start("service:a", 7.0))
    leaders.asked(start("service:b"))
    leaders.asked(start("service:c"))
    leaders.told(Started("1", "service:a", 11, 101, 1.0))
    leaders.told(Started("2", "service:b", 12, 102, 1.0))
    leaders.told(Started("3", "service:c", 13, 103, 1.0))
    leaders.asked(Renew("service:c", 8.0))
    assert leaders.to_kill() == [(11, 101), (13, 103)]


def test_who_leads_no_more_or_has_ended_is_not() -> None:
    leaders = Leaders()
    for number, key in enumerate(("service:a", "service:b", "service:c")):
        leaders.asked(start(key, 7.0))
        leaders.told(Started("1", key, 11 + number, 101, 1.0))
    leaders.asked(Renew("service:a", 0.0))
    leaders.told(Exited("service:b", 12))
    leaders.told(Exited("service:c", 9))  # of an earlier process under that key
    leaders.told(Exited("service:d", 0))  # of none that is known
    assert leaders.to_kill() == [(13, 101)]


def test_a_process_that_was_found_again_is_known_once_it_is_renewed() -> None:
    leaders = Leaders()
    leaders.told(Started("1", "service:a", 11, 101, 1.0))  # the answer to `Own`
    assert leaders.to_kill() == []
    leaders.asked(Renew("service:a", 7.0))
    assert leaders.to_kill() == [(11, 101)]


def test_a_leader_of_an_earlier_supervisor_is_one_of_its_successor() -> None:
    leaders = Leaders()
    leaders.told(Started("1", "service:a", 11, 101, 1.0, leads=True))
    assert leaders.to_kill() == [(11, 101)]


def test_a_process_that_starts_anew_is_no_leader_by_what_it_was() -> None:
    leaders = Leaders()
    leaders.asked(start("service:a", 7.0))
    leaders.told(Started("1", "service:a", 11, 101, 1.0))
    leaders.told(Exited("service:a", 11))
    leaders.asked(start("service:a"))
    leaders.told(Started("2", "service:a", 12, 102, 1.0))
    assert leaders.to_kill() == []
