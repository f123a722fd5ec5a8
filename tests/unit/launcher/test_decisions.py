from dataclasses import replace

from actors.launcher import decisions, protocol
from actors.launcher.decisions import FAREWELL, State, step, wake_at
from actors.launcher.protocol import Exited, Hello, Own, OwnerDied, Renew, Start, Stop, StopRequest
from actors.launcher.supervision import NO_CONNECTION, TIMED_OUT
from actors.launcher.vocabulary import (
    Action,
    Adopted,
    Begin,
    Disconnected,
    Ended,
    Executed,
    Exit,
    Forget,
    Forked,
    GroupGone,
    Input,
    Notify,
    Probe,
    Record,
    Restart,
    Say,
    SignalGroup,
    SignalSupervisor,
    Spawn,
    SpawnFailed,
    StartSupervisor,
    SupervisorEnded,
    SupervisorStarted,
    TableRead,
    Tell,
    Terminate,
    Tick,
    Vanished,
)

SUPERVISOR = 50
PID = 100


class Story:
    """A launcher's state, driven by hand; `did` holds what the last input led to."""

    def __init__(self) -> None:
        self.state = State(1, "boot")
        self.now = 1000.0
        self.did: list[Action] = []

    def hear(self, *inputs: Input) -> list[Action]:
        for received in inputs:
            self.state, self.did = step(self.state, received, self.now)
        return self.did

    def wait(self, seconds: float) -> list[Action]:
        """Let time pass, with a tick whenever one is due; everything that was done meanwhile."""
        until, did = self.now + seconds, []
        while (due := wake_at(self.state)) <= until:
            self.now = max(self.now, due)
            did += self.hear(Tick())
        self.now = until
        return did + self.hear(Tick())

    def up(self) -> "Story":
        self.hear(Begin(), SupervisorStarted(SUPERVISOR), Hello(SUPERVISOR))
        return self

    def service(self, key: str = "service:a", pid: int = PID, **more: object) -> "Story":
        start = Start("s", key, ("run",), {}, owner=f"{key}/owner", **more)  # type: ignore[arg-type]
        assert Spawn(start) in self.hear(start)
        self.hear(Forked(key, pid, 7), Executed(key, pid))
        return self

    def told(self) -> list[protocol.Report]:
        return [action.report for action in self.did if isinstance(action, Tell)]


def said(actions: list[Action]) -> str:
    return "\n".join(action.text for action in actions if isinstance(action, Say))


def test_a_start_is_answered_once_its_program_runs() -> None:
    story = Story().up()
    story.hear(Start("s", "service:a", ("run",), {}), Forked("service:a", PID, 7))
    assert story.told() == []
    story.hear(Executed("service:a", PID))
    assert story.told() == [protocol.Started("s", "service:a", PID, 7, 1000.0)]


def test_a_key_has_at_most_one_live_group() -> None:
    story = Story().up().service()
    story.hear(Start("t", "service:a", ("run",), {}))
    assert "already runs as pid 100" in story.told()[0].reason  # type: ignore[union-attr]
    assert not any(isinstance(action, Spawn) for action in story.did)


def test_what_could_not_be_run_frees_its_key() -> None:
    story = Story().up()
    story.hear(Start("s", "service:a", ("run",), {}), SpawnFailed("service:a", "no"))
    assert story.told() == [protocol.StartFailed("s", "service:a", "no")]
    story.service()


def test_a_stop_signals_then_kills_and_the_end_settles_every_asker() -> None:
    story = Story().up().service()
    assert SignalGroup("service:a", PID, "INT") in story.hear(Stop("x", "service:a", "INT", 3.0))
    story.hear(Stop("y", "service:a", "TERM", 60.0))
    assert SignalGroup("service:a", PID, "KILL") not in story.wait(2.9)
    assert SignalGroup("service:a", PID, "KILL") in story.wait(0.2)
    story.hear(Ended("service:a", PID, signal=9))
    end = Exited("service:a", PID, None, 9, "stop", "service:a/owner", ("x", "y"))
    assert story.told() == [end]


def test_stopping_what_does_not_run_is_settled_by_its_last_end() -> None:
    story = Story().up().service()
    story.hear(Ended("service:a", PID, code=3))
    story.hear(
        Stop("x", "service:a"),
    )
    assert story.told() == [Exited("service:a", PID, 3, None, "itself", "", ("x",))]
    story.hear(Stop("y", "service:b"))
    assert story.told() == [Exited("service:b", 0, asks=("y",))]


def test_a_group_ends_when_its_last_member_does() -> None:
    story = Story().up().service()
    did = story.hear(Ended("service:a", PID, code=0, group_remains=True))
    assert did == [SignalGroup("service:a", PID, "TERM")]
    did = story.wait(3.0)
    assert Probe("service:a", PID, thorough=False) in did
    assert SignalGroup("service:a", PID, "KILL") in did
    story.hear(GroupGone("service:a", PID))
    assert story.told() == [Exited("service:a", PID, 0, None, "itself", "service:a/owner")]
    assert Forget("service:a") in story.did


def test_a_start_waits_for_what_is_being_killed_under_its_key() -> None:
    story = Story().up().service("hook:a", ends_with_owner=True)
    assert SignalGroup("hook:a", PID, "KILL") in story.hear(OwnerDied("hook:a/owner"))
    again = Start("t", "hook:a", ("run",), {})
    assert story.hear(again) == []
    did = story.hear(Ended("hook:a", PID, signal=9))
    assert Tell(Exited("hook:a", PID, None, 9, "owner")) in did
    assert did[-1] == Spawn(again)


def test_only_what_ends_with_an_owner_dies_with_it() -> None:
    story = Story().up().service().service("hook:a", 101, ends_with_owner=True)
    assert story.hear(OwnerDied("service:a/owner")) == []
    assert story.hear(OwnerDied("hook:a/owner")) == [SignalGroup("hook:a", 101, "KILL")]


def test_a_hook_over_its_time_is_killed() -> None:
    story = Story().up().service("hook:a", timeout_s=5.0)
    assert not any(isinstance(action, SignalGroup) for action in story.wait(4.9))
    assert SignalGroup("hook:a", PID, "KILL") in story.wait(0.2)
    story.hear(Ended("hook:a", PID, signal=9))
    assert story.told()[0].ended_by == "timeout"  # type: ignore[union-attr]


# ── leaders ──


def test_a_leader_dies_at_its_instant_and_not_before() -> None:
    story = Story().up().service(leader_until_s=1003.8)
    assert story.wait(3.79) == []
    assert SignalGroup("service:a", PID, "KILL") in story.wait(0.01)
    story.hear(Ended("service:a", PID, signal=9))
    assert story.told()[0].ended_by == "fence"  # type: ignore[union-attr]


def test_a_renewal_moves_the_instant_and_never_to_an_earlier_one() -> None:
    story = Story().up().service(leader_until_s=1003.8)
    story.hear(Renew("service:a", 1006.0), Renew("service:a", 1004.0))
    assert story.wait(5.9) == []
    assert SignalGroup("service:a", PID, "KILL") in story.wait(0.1)


def test_a_renewal_that_comes_late_revives_nothing() -> None:
    story = Story().up().service(leader_until_s=1003.8)
    story.now = 1003.8  # no tick came between
    assert SignalGroup("service:a", PID, "KILL") in story.hear(Renew("service:a", 1099.0))
    assert story.state.groups["service:a"].killed


def test_a_leader_role_start_that_comes_late_is_refused() -> None:
    story = Story().up()
    story.hear(Start("s", "service:a", ("run",), {}, leader_until_s=1000.0))
    assert "lease ended" in story.told()[0].reason  # type: ignore[union-attr]


def test_a_role_given_or_ended_is_recorded_and_a_renewal_is_not() -> None:
    story = Story().up().service()
    owner = "service:a/owner"
    assert story.hear(Renew("service:a", 1004.0)) == [Record("service:a", owner, True)]
    assert story.hear(Renew("service:a", 1005.0)) == []
    assert story.hear(Renew("service:a", 0.0)) == [Record("service:a", owner, False)]
    assert story.wait(60) == []


def test_what_is_left_of_a_leaders_group_still_dies_at_its_instant() -> None:
    story = Story().up().service(leader_until_s=1000.5)
    story.hear(Ended("service:a", PID, code=0, group_remains=True))
    story.wait(0.49)
    assert not story.state.groups["service:a"].killed
    story.wait(0.02)
    assert story.state.groups["service:a"].killed


# ── the supervisor ──


def test_a_supervisor_that_ends_by_any_signal_or_code_is_started_again() -> None:
    for code, signal in ((1, None), (2, None), (70, None), (None, 9), (None, 15), (None, 11)):
        story = Story().up().service()
        did = story.hear(SupervisorEnded(SUPERVISOR, code, signal))
        assert not any(isinstance(action, SignalGroup | Exit) for action in did)
        assert StartSupervisor() not in story.wait(0.99)
        assert StartSupervisor() in story.wait(0.02)


def test_the_delay_doubles_to_30_s_and_is_forgotten_after_60_s_up() -> None:
    story = Story().up()
    delays = []
    for life in range(51, 58):
        story.hear(SupervisorEnded(story.state.supervisor.pid, 1))
        delays.append(round(story.state.supervisor.start_at_s - story.now))
        story.wait(delays[-1] + 0.1)
        story.hear(SupervisorStarted(life), Hello(life))
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    story.wait(61)
    story.hear(SupervisorEnded(57, 1))
    assert story.state.supervisor.start_at_s == story.now + 1


def test_84_and_86_stop_all_services_and_end_the_launcher() -> None:
    for code, ends_with in ((84, 0), (86, 86)):
        story = Story().up().service(stop_signal="QUIT", stop_timeout_s=3.0)
        did = story.hear(SupervisorEnded(SUPERVISOR, code))
        assert SignalGroup("service:a", PID, "QUIT") in did
        assert Notify("STOPPING=1") in did
        assert SignalGroup("service:a", PID, "KILL") in story.wait(3.1)
        did = story.hear(Ended("service:a", PID, signal=9))
        assert did[-2:] == [Say(FAREWELL), Exit(ends_with)]


def test_hooks_die_with_the_supervisor_and_its_askers_are_forgotten() -> None:
    story = Story().up().service().service("hook:a", 101, ends_with_owner=True)
    story.hear(Stop("x", "service:a"))
    did = story.hear(SupervisorEnded(SUPERVISOR, None, 9))
    assert SignalGroup("hook:a", 101, "KILL") in did
    story.hear(Ended("service:a", PID, code=0))
    assert story.told() == [Exited("service:a", PID, 0, None, "stop", "service:a/owner")]


def test_an_end_nobody_heard_is_told_to_whoever_owns_the_key_next() -> None:
    story = Story().up().service()
    story.hear(SupervisorEnded(SUPERVISOR, 1), Ended("service:a", PID, code=4))
    story.wait(1.1)
    story.hear(SupervisorStarted(51), Hello(51), Own("", "service:a", "new/owner"))
    assert story.told() == [Exited("service:a", PID, 4, None, "itself", "new/owner")]
    story.hear(Own("o", "service:a", "new/owner"))
    assert story.told() == [Exited("service:a", PID, 4, None, "itself", "", ("o",))]
    story.service()
    story.hear(Own("p", "service:a", "new/owner"))
    assert isinstance(story.told()[0], protocol.Started)


def test_a_new_supervisor_is_told_who_leads_before_it_says_anything() -> None:
    story = Story().up().service("service:a", 100, leader_until_s=1100.0)
    story.service("service:b", 101).service("service:c", 102, leader_until_s=1100.0)
    story.hear(Ended("service:c", 102, group_remains=True), SupervisorEnded(SUPERVISOR, None, 9))
    story.wait(1.1)
    story.hear(SupervisorStarted(51))
    told = protocol.Started("", "service:a", 100, 7, 1000.0, leads=True)
    assert story.told() == [told]


def test_only_a_supervisor_that_never_registered_is_given_up() -> None:
    story = Story()
    story.hear(Begin(), SupervisorStarted(SUPERVISOR))
    did = story.wait(5.1)
    assert SignalSupervisor(SUPERVISOR, "KILL") in did
    assert {TIMED_OUT, NO_CONNECTION} <= set(said(did).split("\n"))
    assert did[-1] == Exit(1)

    story = Story().up()
    story.hear(SupervisorEnded(SUPERVISOR, None, 9))
    story.wait(1.1)
    story.hear(SupervisorStarted(51))
    did = story.wait(5.1)
    assert SignalSupervisor(51, "KILL") in did
    assert not any(isinstance(action, Exit) for action in did)
    story.hear(SupervisorEnded(51, None, 9))
    assert StartSupervisor() in story.wait(2.1)


def test_a_supervisor_that_dies_before_registering_is_given_up_after_five_attempts() -> None:
    story = Story()
    did = story.hear(Begin())
    begun = story.now
    for attempt in range(5):
        story.hear(SupervisorStarted(60 + attempt))
        did = story.hear(SupervisorEnded(60 + attempt, 1))
        if attempt < 4:
            assert StartSupervisor() in story.wait(30.0 if attempt == 4 else 2.0**attempt)
    assert did[-1] == Exit(1)
    assert NO_CONNECTION in said(did)
    assert story.now - begun < 50


def test_hup_restarts_at_once_and_leaves_services_alone() -> None:
    story = Story().up().service()
    assert Tell(StopRequest("restart")) in story.hear(Restart())
    story.hear(SupervisorEnded(SUPERVISOR, 0))
    assert StartSupervisor() in story.wait(0.0)
    assert "service:a" in story.state.groups


def test_a_supervisor_that_restarts_by_command_is_never_kept_waiting() -> None:
    story = Story().up()
    for pid in range(SUPERVISOR + 1, SUPERVISOR + 9):
        story.hear(SupervisorEnded(pid - 1, 0))
        assert StartSupervisor() in story.wait(0.0)
        story.hear(SupervisorStarted(pid), Hello(pid))


def test_a_supervisor_that_closed_its_end_and_stays_is_killed() -> None:
    story = Story().up()
    story.hear(Disconnected())
    assert SignalSupervisor(SUPERVISOR, "KILL") in story.wait(5.1)


def test_late_reports_of_earlier_processes_change_nothing() -> None:
    story = Story().up().service()
    state = story.state
    late = (SupervisorEnded(49, 84), Ended("service:a", 99, code=0), GroupGone("service:a", 99))
    assert [story.hear(report) for report in (*late, Executed("service:b", 5))] == [[]] * 4
    assert story.state == state


def test_an_earlier_launchers_supervisor_goes_first() -> None:
    story = Story()
    assert StartSupervisor() not in story.hear(Begin(49))
    assert StartSupervisor() not in story.wait(4.0)
    assert SignalSupervisor(49, "KILL") in story.wait(1.1)
    assert StartSupervisor() in story.hear(SupervisorEnded(49))


# ── the end ──


def test_term_asks_the_supervisor_and_ends_what_it_leaves() -> None:
    story = Story().up().service()
    did = story.hear(Terminate())
    assert Tell(StopRequest("terminate")) in did
    assert not any(isinstance(action, SignalGroup) for action in did)
    did = story.hear(SupervisorEnded(SUPERVISOR, 84))
    assert SignalGroup("service:a", PID, "TERM") in did
    assert SignalGroup("service:a", PID, "KILL") in story.wait(8.1)
    assert Exit(0) in story.hear(Ended("service:a", PID, signal=9))


def test_term_ends_the_launcher_in_30_s_whoever_resists() -> None:
    story = Story().up().service(stop_timeout_s=600.0)
    story.hear(Terminate())
    did = story.wait(29.0)
    assert SignalSupervisor(SUPERVISOR, "TERM") in did
    assert SignalSupervisor(SUPERVISOR, "KILL") in did
    assert SignalGroup("service:a", PID, "TERM") in did
    assert SignalGroup("service:a", PID, "KILL") in did
    assert "Could not be ended: service:a (pid 100)" in said(did)
    assert Exit(0) in did


def test_term_before_the_supervisor_registered_is_told_when_it_does() -> None:
    story = Story()
    story.hear(Begin(), SupervisorStarted(SUPERVISOR), Terminate())
    assert story.told() == []
    story.hear(Hello(SUPERVISOR))
    assert StopRequest("terminate") in story.told()


def test_post_stop_hooks_may_start_while_the_supervisor_ends() -> None:
    story = Story().up()
    story.hear(Terminate())
    story.service("hook:a:post-stop:1", ends_with_owner=True)


# ── adoption ──


FOUND = Adopted("service:a", PID, 7, 900.0, "service/a", False, False, "TERM", 8.0)


def test_an_adopted_service_is_listed_and_said() -> None:
    story = Story()
    assert "Adopting service:a (pid 100)" in said(story.hear(FOUND))
    story.up()
    story.hear(protocol.List("l"))
    running = protocol.Running("service:a", PID, 7, 900.0, True)
    assert story.told() == [protocol.Listing("l", (running,), ())]


def test_an_adopted_leader_or_hook_is_killed() -> None:
    for found in (replace(FOUND, was_leader=True), replace(FOUND, ends_with_owner=True)):
        assert SignalGroup("service:a", PID, "KILL") in Story().hear(found)


def test_what_outlived_an_adopted_process_is_ended() -> None:
    assert SignalGroup("service:a", PID, "TERM") in Story().hear(replace(FOUND, alive=False))


def test_a_service_that_vanished_unseen_is_told_to_its_next_owner() -> None:
    story = Story()
    story.hear(Vanished("service:a", PID, "service/a", False))
    story.up().hear(Own("o", "service:a", "service/a"))
    assert story.told() == [Exited("service:a", PID, asks=("o",))]


def test_remembered_ends_are_bounded() -> None:
    story = Story().up()
    old = {f"service:{n}": Exited(f"service:{n}", 9) for n in range(decisions.EXITS_MAX)}
    story.state = replace(story.state, exits=old)
    story.service("service:new").hear(Ended("service:new", PID, code=0))
    assert len(story.state.exits) == decisions.EXITS_MAX
    assert "service:new" in story.state.exits


def test_a_damaged_table_is_said_and_told_to_the_first_supervisor_alone() -> None:
    story = Story()
    damaged = {"launcher.json": "launcher.json.damaged", "launcher.json.copy": ""}
    said = story.hear(TableRead(damaged, 2, ("service:a (pid 100)",)))
    texts = [action.text for action in said if isinstance(action, Say)]
    assert [text for text in texts if "launcher.json was damaged; set aside" in text]
    assert [text for text in texts if "service:a (pid 100)" in text and "mark" in text]
    story.hear(Begin(), SupervisorStarted(SUPERVISOR))
    told = [a.report for a in story.hear(Hello(SUPERVISOR)) if isinstance(a, Tell)]
    assert [report.damaged for report in told] == [{"launcher.json": "launcher.json.damaged"}]
    story.hear(SupervisorEnded(SUPERVISOR, 0), SupervisorStarted(SUPERVISOR + 1))
    told = [a.report for a in story.hear(Hello(SUPERVISOR + 1)) if isinstance(a, Tell)]
    assert [report.damaged for report in told] == [{}]


def test_a_whole_table_is_not_worth_a_word() -> None:
    assert Story().hear(TableRead({})) == []


def test_a_predecessor_that_stands_still_is_not_waited_for() -> None:
    story = Story()
    story.hear(Begin(49, stopped=True))
    did = story.wait(0.0)
    assert SignalSupervisor(49, "KILL") in did
    assert StartSupervisor() not in did
    assert StartSupervisor() in story.hear(SupervisorEnded(49))
