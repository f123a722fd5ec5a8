"""Random stories of the launcher against a small model of processes; its promises as invariants."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.launcher.decisions import END_S, State, step, wake_at
from actors.launcher.protocol import (
    Exited,
    Hello,
    List,
    Listing,
    Own,
    OwnerDied,
    Renew,
    Start,
    Started,
    StartFailed,
    Stop,
)
from actors.launcher.vocabulary import (
    Action,
    Begin,
    Disconnected,
    Ended,
    Executed,
    Exit,
    Forked,
    GroupGone,
    Input,
    Probe,
    Restart,
    SignalGroup,
    SignalSupervisor,
    Spawn,
    SpawnFailed,
    StartSupervisor,
    SupervisorEnded,
    SupervisorStarted,
    Tell,
    Terminate,
    Tick,
)

KEYS = st.sampled_from(("service:a", "service:b", "hook:a"))
TIMES = st.floats(min_value=0.0, max_value=12.0)


class LauncherMachine(RuleBasedStateMachine):
    """Processes die of KILL, of TERM when they feel like it, and leave members behind or not."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.state = State(1, "boot")
        self.pid = 100
        self.living: dict[int, str] = {}  # pid of a live leader process → key
        self.remnants: dict[int, str] = {}  # pid → key of groups without their leader
        self.fences: dict[int, float] = {}
        self.supervisor = 0
        self.asks = 0
        self.open_asks: set[str] = set()
        self.nobodys_asks: set[str] = set()  # of supervisors that have ended
        self.exit_code: int | None = None
        self.term_at: float | None = None
        self.hear(Begin())

    def ask(self) -> str:
        self.asks += 1
        self.open_asks.add(str(self.asks))
        return str(self.asks)

    def hear(self, *inputs: Input) -> None:
        todo = list(inputs)
        while todo and self.exit_code is None:
            self.state, actions = step(self.state, todo.pop(0), self.now)
            for action in actions:
                if self.exit_code is None:
                    todo += self.perform(action)

    def perform(self, action: Action) -> list[Input]:
        match action:
            case StartSupervisor():
                assert not self.supervisor, "never two supervisors"
                self.pid += 1
                self.supervisor = self.pid
                return [SupervisorStarted(self.pid)]
            case SignalSupervisor(pid, "KILL") if pid == self.supervisor:
                return self.supervisor_gone(None, 9)
            case Spawn(start):
                assert start.key not in self.living.values(), "a key has one live process"
                assert start.key not in self.remnants.values(), "… and one group"
                assert not start.leader_until_s or start.leader_until_s > self.now
                if "fail" in start.argv:
                    return [SpawnFailed(start.key, "no")]
                self.pid += 1
                self.living[self.pid] = start.key
                if start.leader_until_s:
                    self.fences[self.pid] = start.leader_until_s
                return [Forked(start.key, self.pid, 7), Executed(start.key, self.pid)]
            case SignalGroup(_, pid, "KILL"):
                self.fences.pop(pid, None)
                return self.leader_gone(pid, None, 9, remains=False)
            case Probe(key, pid, _):
                return [] if pid in self.remnants else [GroupGone(key, pid)]
            case Tell(report):
                self.told(report)
            case Exit(code):
                self.exit_code = code
            case _:
                pass
        return []

    def told(self, report: object) -> None:
        if isinstance(report, Exited):
            assert report.pid not in self.living, "an end is told of the dead"
            assert report.pid not in self.remnants, "… and their whole group"
            for ask in report.asks:
                if ask not in self.nobodys_asks:  # a group may end in the very tick it is killed in
                    self.open_asks.remove(ask)
        elif isinstance(report, Started | StartFailed | Listing) and report.ask:
            self.open_asks.discard(report.ask)

    def leader_gone(
        self, pid: int, code: int | None, signal: int | None, *, remains: bool
    ) -> list[Input]:
        if pid in self.remnants and not remains:
            key = self.remnants.pop(pid)
            return []
        if pid not in self.living:
            return []
        key = self.living.pop(pid)
        if remains:
            self.remnants[pid] = key
        else:
            self.fences.pop(pid, None)
        return [Ended(key, pid, code, signal, remains)]

    def supervisor_gone(self, code: int | None, signal: int | None) -> list[Input]:
        pid, self.supervisor = self.supervisor, 0
        self.nobodys_asks |= self.open_asks
        self.open_asks.clear()
        return [SupervisorEnded(pid, code, signal)]

    @property
    def registered(self) -> bool:
        return bool(self.supervisor) and self.state.supervisor.phase == "up"

    @rule()
    def register(self) -> None:
        if self.supervisor:
            self.hear(Hello(self.supervisor))

    @rule(key=KEYS, how=st.sampled_from(("run", "fail")), lease=st.one_of(st.none(), TIMES))
    def start(self, key: str, how: str, lease: float | None) -> None:
        if self.registered:
            hook = key.startswith("hook")
            until_s = self.now + lease - 1.0 if lease is not None and not hook else 0.0
            start = Start(
                self.ask(), key, (how,), {}, owner=f"{key}!", ends_with_owner=hook,
                timeout_s=3.0 if hook else 0.0, leader_until_s=max(until_s, 0.0),
            )  # fmt: skip
            self.hear(start)

    @rule(key=KEYS, timeout_s=TIMES)
    def stop(self, key: str, timeout_s: float) -> None:
        if self.registered:
            self.hear(Stop(self.ask(), key, "TERM", timeout_s))

    @rule(key=KEYS, lease=TIMES)
    def renew(self, key: str, lease: float) -> None:
        if self.registered and key != "hook:a":
            self.hear(Renew(key, self.now + lease))
            for pid, known in self.living.items():
                if known == key:
                    self.fences[pid] = max(self.fences.get(pid, 0.0), self.now + lease)

    @rule(key=KEYS)
    def question(self, key: str) -> None:
        if self.registered:
            self.hear(List(self.ask()), Own(self.ask(), key, "new"), OwnerDied("hook:a!"))

    @rule(pick=st.integers(0, 9), code=st.integers(0, 3), remains=st.booleans())
    def process_ends(self, pick: int, code: int, remains: bool) -> None:
        if self.living:
            pid = sorted(self.living)[pick % len(self.living)]
            self.hear(*self.leader_gone(pid, code, None, remains=remains))

    @rule()
    def remnant_ends(self) -> None:
        self.remnants.clear()

    @rule(code=st.sampled_from((0, 1, 9, 15, 84, 86)))
    def supervisor_ends(self, code: int) -> None:
        if self.supervisor:
            signal = code if code in (9, 15) else None
            self.hear(*self.supervisor_gone(None if signal else code, signal))

    @rule(what=st.sampled_from((Restart(), Disconnected(), Restart(), Terminate())))
    def happens(self, what: Input) -> None:
        if isinstance(what, Terminate):
            self.term_at = self.term_at or self.now
        if not isinstance(what, Disconnected) or self.supervisor:
            self.hear(what)

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.exit_code is None and (due := wake_at(self.state)) <= until:
            self.now = max(self.now, due)
            self.hear(Tick())
        self.now = max(self.now, until)
        if self.exit_code is None:
            overdue = [pid for pid, until_s in self.fences.items() if until_s <= self.now]
            assert not set(overdue) & set(self.living), "no leader outlives its instant"

    @invariant()
    def a_leaders_instant_is_not_overslept(self) -> None:
        if self.exit_code is None:
            wake_s = wake_at(self.state)
            for pid, until_s in self.fences.items():
                if pid in self.living and until_s > self.now:
                    assert wake_s <= until_s + 1e-9

    @invariant()
    def the_launcher_ends_in_time_and_leaves_nothing(self) -> None:
        if self.term_at is not None and self.now > self.term_at + END_S:
            assert self.exit_code is not None
        if self.exit_code in (0, 86):
            assert not self.living

    @invariant()
    def everyone_who_asked_is_answered_once_nothing_is_left_to_wait_for(self) -> None:
        if self.exit_code is None and not self.state.groups:
            assert not self.open_asks

    @invariant()
    def what_lives_is_known(self) -> None:
        if self.exit_code is None:
            known = {group.pid for group in self.state.groups.values()}
            assert set(self.living) <= known


LauncherMachine.TestCase.settings = settings(stateful_step_count=40)
TestLauncherMachine = LauncherMachine.TestCase
