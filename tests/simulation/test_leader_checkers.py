"""Checkers of leadership on logs made by hand: what is right passes, no kind of breach does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from leader_logs import E1, GROUP, IDS, PLACE, Log, brief, good, seen
from msgspec.structs import replace

from actors.messages.election_events import (
    ElectorateChanged,
    ElectorateCommitted,
    ElectorateDissolved,
    ElectorateFounded,
    LeaderElected,
    LeaderFollowed,
    LeaderResumed,
    LeaseLost,
    LeaseRenewed,
    OathCounted,
    VoteGiven,
)
from actors.messages.simulation import (
    ClockRead,
    ElectionsSeen,
    FaultBegan,
    FaultEnded,
    LauncherBegan,
    LauncherGone,
    MachineStarted,
    ProcessGone,
    SupervisorGone,
    WriteTaken,
)
from actors.simulation import (
    fencing_checkers,
    leader_checkers,
    recovery_checkers,
    service_checkers,
    suitability_checkers,
)

CHECKERS: Final = (
    leader_checkers.one_leads_at_a_time,
    leader_checkers.leases_count_from_the_sending,
    leader_checkers.later_leaders_have_greater_terms,
    leader_checkers.one_leader_a_term,
    leader_checkers.who_is_followed_was_elected,
    leader_checkers.no_vote_is_forgotten,
    leader_checkers.majorities_elect,
    leader_checkers.electorates_change_one_by_one,
    leader_checkers.one_electorate_is_left,
    fencing_checkers.one_acts_at_a_time,
    fencing_checkers.who_acts_has_a_lease,
    fencing_checkers.older_terms_are_refused,
    recovery_checkers.a_majority_has_a_leader,
    recovery_checkers.leaders_are_back_in_time,
    recovery_checkers.leaders_are_replaced_in_time,
    suitability_checkers.the_fittest_leads,
    suitability_checkers.suitability_is_read_once_a_term,
)
# Whose verdicts need more than a whole story: each has a test of its own below.
ALSO_JUDGED: Final = (
    "the_unfenced_end_once_somebody_runs",
    "the_frozen_lead_no_longer_than_a_lease",
    "followers_disturb_nobody",
    "restarts_interrupt_no_role",
    "who_cannot_say_elects_nobody",
)


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_is_right_is_judged_and_passes(
    checker: Callable[..., leader_checkers.Verdicts],
) -> None:
    judged, broken = good().judged(checker)
    assert judged > 0
    assert broken == []


# ── each kind of breach ──


def _two_lead() -> Log:
    log = good()
    # 1 runs 5 % slow: its lease of 4 s, from 79.99 s on, lasts until 84.2 s of true time.
    log.renew(84.1, 2, 3)
    return log


def _from_the_ack() -> Log:
    log = good()
    sent_s = log.own(0, 20.0)
    log.say(20.5, 0, LeaseRenewed(*PLACE, 1, sent_s, sent_s + 4.5))
    return log


def _from_the_future() -> Log:
    log = good()
    sent_s = log.own(0, 20.6)
    log.say(20.5, 0, LeaseRenewed(*PLACE, 1, sent_s, sent_s + 4.0))
    return log


def _older_term_later() -> Log:
    log = good()
    log.renew(90.0, 0, 1)
    return log


def _another_follows_another() -> Log:
    log = good()
    log.say(50.0, 0, LeaderFollowed(*PLACE, 2, IDS[2]))
    return log


def _never_elected() -> Log:
    log = good()
    log.renew(95.0, 2, 9)
    return log


def _vote_forgotten() -> Log:
    log = good()
    log.say(50.0, 2, VoteGiven(*PLACE, 2, IDS[0], "v2"))
    return log


def _back_to_an_older_term() -> Log:
    log = good()
    log.say(50.0, 2, VoteGiven(*PLACE, 1, IDS[1], "v2"))
    return log


def _elected_alone() -> Log:
    log = good()
    log.elect(50.0, 2, 3)
    return log


def _resumed_by_nobody() -> Log:
    log = good()
    log.say(50.0, 2, LeaderResumed(*PLACE, 3, IDS[2]))
    return log


def _elected_by_who_left() -> Log:
    log = good()
    log.say(41.0, 1, ElectorateChanged(GROUP, E1, 2, 3, brief(1, 2), "0 leaves"))
    log.say(41.1, 1, ElectorateCommitted(GROUP, E1, 2, 3))
    log.elect(50.0, 2, 3, 0)
    return log


def _two_records() -> Log:
    log = good()
    log.say(50.0, 1, ElectorateChanged(GROUP, E1, 1, 2, brief(0, 1), "another"))
    return log


def _two_at_once() -> Log:
    log = good()
    log.say(50.0, 1, ElectorateChanged(GROUP, E1, 2, 3, brief(1), "two leave"))
    log.say(50.1, 1, ElectorateCommitted(GROUP, E1, 2, 3))
    return log


def _two_beside_each_other() -> Log:
    """Term 2 goes on from 1.2, not knowing that 1.3 is committed."""
    log = good()
    log.say(9.0, 0, ElectorateChanged(GROUP, E1, 1, 3, brief(0, 1), "2 leaves"))
    log.say(36.0, 1, ElectorateChanged(GROUP, E1, 2, 3, brief(0, 1, 2), "a new term"))
    log.say(36.1, 1, ElectorateCommitted(GROUP, E1, 2, 3))
    log.say(50.0, 0, ElectorateCommitted(GROUP, E1, 1, 3))
    return log


def _later_stays() -> Log:
    log = good()
    log.say(2.0, 2, ElectorateFounded(GROUP, "e2", 9, brief(2)))
    log.say(50.0, 1, ElectorateDissolved(GROUP, E1, "e2"))
    return log


def _two_electorates() -> Log:
    log = good()
    log.say(2.0, 2, ElectorateFounded(GROUP, "e2", 9, brief(2)))
    view = ("leader", IDS[2], 2, "e2", "leading", True)
    log.say(79.5, -1, ElectionsSeen(2, IDS[2], {f"{GROUP}/topology": view}))
    return log


def _two_act() -> Log:
    log = good()
    log.act(50.0, 2, 2)
    return log


def _acts_on() -> Log:
    """Its supervisor is gone, its launcher is not: that has to kill the process."""
    log = good()
    log.events = [e for e in log.events if not isinstance(e[2], ProcessGone | LauncherGone)]
    return log


def _acts_on_before_it_is_acked() -> Log:
    log = good()
    log.act(42.0, 0, 1)
    return log


def _older_taken() -> Log:
    log = good()
    log.say(50.0, 2, WriteTaken(2, GROUP, 0, 1, 1, taken=True))
    return log


def _two_sources() -> Log:
    log = good()
    log.say(50.0, 0, WriteTaken(0, GROUP, 2, 2, 2, taken=True))
    return log


def _nobody_leads() -> Log:
    log = good()
    log.say(79.5, -1, seen(1, -1, "none", lasts=False))
    return log


def _two_say_so() -> Log:
    log = good()
    log.say(79.5, -1, seen(2, 2, "leader"))
    return log


def _one_follows_nobody() -> Log:
    log = good()
    log.say(79.5, -1, seen(0, -1, "none", lasts=False))
    return log


def _no_lease_after_all() -> Log:
    log = good()
    log.events = [e for e in log.events if not (isinstance(e[2], LeaseRenewed) and e[0] > 60)]
    log.say(64.0, 1, LeaseLost(*PLACE, 2, 0, 0, 0, "no quorum acked its rounds"))
    return log


def _replaced_late() -> Log:
    log = good()
    log.events = [e for e in log.events if not (isinstance(e[2], LeaseRenewed) and 31 < e[0] < 39)]
    return log


def _elects_whom_it_outdoes() -> Log:
    log = good()
    log.suit(49.0, 1, 3, 5)
    log.suit(49.0, 2, 3, 6)
    log.elect(50.0, 1, 3, 2)
    return log


def _reads_twice() -> Log:
    log = good()
    log.suit(4.9, 1, 1, 6)
    return log


BREACHES: Final = [
    ("one_leads_at_a_time", _two_lead),
    ("leases_count_from_the_sending", _from_the_ack),
    ("leases_count_from_the_sending", _from_the_future),
    ("later_leaders_have_greater_terms", _older_term_later),
    ("one_leader_a_term", _another_follows_another),
    ("who_is_followed_was_elected", _another_follows_another),
    ("who_is_followed_was_elected", _never_elected),
    ("no_vote_is_forgotten", _vote_forgotten),
    ("no_vote_is_forgotten", _back_to_an_older_term),
    ("majorities_elect", _elected_alone),
    ("majorities_elect", _resumed_by_nobody),
    ("majorities_elect", _elected_by_who_left),
    ("electorates_change_one_by_one", _two_records),
    ("electorates_change_one_by_one", _two_at_once),
    ("electorates_change_one_by_one", _two_beside_each_other),
    ("one_electorate_is_left", _later_stays),
    ("one_electorate_is_left", _two_electorates),
    ("one_acts_at_a_time", _two_act),
    ("who_acts_has_a_lease", _acts_on),
    ("who_acts_has_a_lease", _acts_on_before_it_is_acked),
    ("older_terms_are_refused", _older_taken),
    ("older_terms_are_refused", _two_sources),
    ("a_majority_has_a_leader", _nobody_leads),
    ("a_majority_has_a_leader", _two_say_so),
    ("a_majority_has_a_leader", _one_follows_nobody),
    ("leaders_are_back_in_time", _no_lease_after_all),
    ("leaders_are_replaced_in_time", _replaced_late),
    ("the_fittest_leads", _elects_whom_it_outdoes),
    ("suitability_is_read_once_a_term", _reads_twice),
]


@pytest.mark.parametrize(("name", "breach"), BREACHES)
def test_each_breach_is_found_out(name: str, breach: Callable[[], Log]) -> None:
    checker = next(checker for checker in CHECKERS if checker.__name__ == name)
    _, broken = breach().judged(checker)
    assert broken != []


def test_there_is_a_breach_for_every_checker() -> None:
    assert {name for name, _ in BREACHES} == {checker.__name__ for checker in CHECKERS}


# ── where clocks drift, machines freeze, and nobody is left to fence ──


def test_a_lease_is_over_when_its_own_clock_says_so() -> None:
    log = good()
    # 0 runs 5 % fast: its lease of 4 s, the last one from 29.99 s on, is over at 33.8 s.
    log.elect(33.7, 1, 2, 2)
    log.renew(33.85, 1, 2)
    assert log.judged(leader_checkers.one_leads_at_a_time)[1] == []
    log.renew(33.75, 1, 2)
    assert log.judged(leader_checkers.one_leads_at_a_time)[1] != []


def test_a_leader_that_stood_still_may_say_late_what_a_majority_had_stored() -> None:
    log = good()
    log.say(9.0, 0, ElectorateChanged(GROUP, E1, 1, 3, brief(0, 1), "2 leaves"))
    log.say(36.0, 1, ElectorateChanged(GROUP, E1, 2, 4, brief(0, 1), "a new term"))
    log.say(36.1, 1, ElectorateCommitted(GROUP, E1, 2, 4))
    log.say(50.0, 0, ElectorateCommitted(GROUP, E1, 1, 3))
    assert log.judged(leader_checkers.electorates_change_one_by_one)[1] == []


def test_a_machine_out_of_time_leads_nobody_while_it_is() -> None:
    log = good()
    log.say(30.05, -1, ClockRead(0, log.own(0, 30.05), 0.0))
    log.say(60.0, -1, ClockRead(0, log.own(0, 30.05), 1.05))
    assert log.judged(leader_checkers.one_leads_at_a_time)[1] == []


def test_who_died_before_it_could_say_that_it_was_elected_says_it_when_it_resumes() -> None:
    log = good()
    log.events = [e for e in log.events if not (isinstance(e[2], LeaderElected) and e[1] == 1)]
    elected = leader_checkers.who_is_followed_was_elected
    assert log.judged(elected)[1] != []
    log.say(35.05, 1, LeaderResumed(*PLACE, 2, IDS[1]))
    assert log.judged(elected)[1] == []
    assert log.judged(leader_checkers.majorities_elect) == (2, [])


def test_the_dead_votes_of_the_sworn_are_not_needed() -> None:
    log = good()
    log.elect(50.0, 2, 3)
    for member in IDS[:2]:
        log.say(49.0, 2, OathCounted(GROUP, "topology", member))
    assert log.judged(leader_checkers.majorities_elect)[1] == []


def _frozen(ended_s: float) -> Log:
    """0 is frozen from 30.05 s to 50 s and acts as leader until `ended_s`."""
    log = good()
    log.events = [
        e
        for e in log.events
        if not isinstance(e[2], ProcessGone | LauncherGone | SupervisorGone | FaultBegan)
    ]
    log.say(30.05, -1, FaultBegan("freeze", (0,)))
    log.say(50.0, -1, FaultEnded("freeze", (0,)))
    log.say(ended_s, -1, ProcessGone(0, "service:db", 50, "signal 9"))
    return log


def test_a_thawed_leader_is_excused_for_one_lease_and_counted() -> None:
    log = _frozen(50.2)
    assert log.judged(fencing_checkers.one_acts_at_a_time)[1] == []
    assert log.judged(fencing_checkers.who_acts_has_a_lease)[1] == []
    assert log.judged(fencing_checkers.the_frozen_lead_no_longer_than_a_lease) == (1, [])
    late = _frozen(60.0)
    assert late.judged(fencing_checkers.the_frozen_lead_no_longer_than_a_lease)[1] != []


def test_the_frozen_whose_launcher_and_supervisor_die_are_unfenced_from_then_on() -> None:
    """Nobody is there whom the thaw could wake: they act on until somebody is started again."""

    def log(ended_s: float) -> Log:
        log = _frozen(ended_s)
        log.events = [e for e in log.events if e[0] != 40.0 and not isinstance(e[2], FaultBegan)]
        log.events = [e for e in log.events if e[2] != MachineStarted(0, IDS[0], 2)]
        log.say(30.05, -1, FaultBegan("freeze", (0,)))
        log.say(42.0, -1, LauncherGone(0, 10, "signal 9"))
        log.say(43.0, -1, SupervisorGone(0, IDS[0], 1, "signal 9"))
        log.say(70.0, -1, LauncherBegan(0, 20))
        return log

    for checker in (
        fencing_checkers.one_acts_at_a_time,
        fencing_checkers.who_acts_has_a_lease,
        fencing_checkers.the_frozen_lead_no_longer_than_a_lease,
        fencing_checkers.the_unfenced_end_once_somebody_runs,
    ):
        judged, broken = log(70.2).judged(checker)
        assert judged > 0
        assert broken == []
    late = log(75.0)
    assert late.judged(fencing_checkers.the_frozen_lead_no_longer_than_a_lease)[1] == []
    assert late.judged(fencing_checkers.the_unfenced_end_once_somebody_runs)[1] != []


def _unfenced(ended_s: float) -> Log:
    """Launcher and supervisor of 0 die, its process does not; they are back at 40 s."""
    log = good()
    log.events = [e for e in log.events if not isinstance(e[2], ProcessGone)]
    log.say(ended_s, -1, ProcessGone(0, "service:db", 50, "signal 9"))
    return log


def test_an_unfenced_leader_is_excused_until_somebody_runs_and_counted() -> None:
    log = _unfenced(40.2)
    assert log.judged(fencing_checkers.one_acts_at_a_time)[1] == []
    assert log.judged(fencing_checkers.who_acts_has_a_lease)[1] == []
    assert log.judged(fencing_checkers.the_unfenced_end_once_somebody_runs) == (1, [])
    late = _unfenced(50.0)
    assert late.judged(fencing_checkers.the_unfenced_end_once_somebody_runs)[1] != []


def test_a_process_may_be_killed_while_its_member_has_a_lease_and_no_other() -> None:
    """Launchers are told whom to fence, and services to lead, before the process acts so."""
    checker = service_checkers.healthy_processes_survive
    for machine, at_s, fine in ((1, 35.12, True), (2, 35.12, False), (2, 50.0, False)):
        log = good()
        log.events = [e for e in log.events if not isinstance(e[2], ProcessGone)]
        log.say(at_s, -1, ProcessGone(machine, "service:db", 50 + machine, "signal 9"))
        assert (log.judged(checker)[1] == []) == fine


def _follower_lost(*, disturbed: bool) -> Log:
    log = good()
    log.events = [e for e in log.events if not isinstance(e[2], FaultBegan | FaultEnded)]
    log.events = [e for e in log.events if e[2] != MachineStarted(0, IDS[0], 2)]
    log.say(55.0, -1, FaultBegan("pause", (2,)))
    log.say(57.0, -1, FaultEnded("pause", (2,)))
    if disturbed:
        log.say(58.0, 1, LeaseLost(*PLACE, 2, 0, 0, 0, "a voter has seen term 3"))
        log.events = [
            (at_s, m, replace(e, term=3))
            if isinstance(e, LeaseRenewed) and at_s > 58
            else (at_s, m, e)
            for at_s, m, e in log.events
        ]
    return log


def test_a_follower_that_is_lost_and_back_changes_neither_leader_nor_term() -> None:
    checker = recovery_checkers.followers_disturb_nobody
    assert _follower_lost(disturbed=False).judged(checker) == (1, [])
    assert _follower_lost(disturbed=True).judged(checker)[1] != []


def _restarted(*, told: bool) -> Log:
    """The supervisor of 2 is killed and back; the process of another is told something, or not."""
    log = _follower_lost(disturbed=False)
    log.events = [e for e in log.events if not isinstance(e[2], FaultBegan | FaultEnded)]
    log.say(55.0, -1, FaultBegan("crash", (2,)))
    log.say(55.0, -1, FaultEnded("crash", (2,)))
    log.say(55.0, -1, SupervisorGone(2, IDS[2], 1, "signal 9"))
    log.say(56.5, -1, MachineStarted(2, IDS[2], 2))
    if told:
        log.act(56.6, 2, 0, "none")
    return log


def test_a_supervisor_that_is_killed_and_back_has_told_no_process() -> None:
    checker = recovery_checkers.restarts_interrupt_no_role
    assert _restarted(told=False).judged(checker) == (1, [])
    assert _restarted(told=True).judged(checker)[1] != []
