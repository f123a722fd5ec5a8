from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from actors.eventlog.fold import MemberRow, ServiceRow, Status, fold
from actors.eventlog.merge import merge
from actors.messages.base import Event
from actors.messages.events import EventPage, EventRecord
from actors.messages.process import ProcessAdopted, ProcessBegan, ProcessEnded
from actors.messages.ring import MemberHealthChanged
from actors.messages.service import (
    HealthChanged,
    RoleTaken,
    ServiceLoaded,
    ServiceStageChanged,
    ServiceUnloaded,
)

MEMBERS = [letter * 32 for letter in "ab"]
SERVICES = ["redis", "caddy"]


@dataclass
class Supervisor:
    """What really is, and what is written about it."""

    member: str
    services: dict[str, ServiceRow] = field(default_factory=dict)
    members: dict[str, MemberRow] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def act(self, what: str, service: str, number: int) -> None:
        row = self.services.get(service)
        key = f"service:{service}"
        match what:
            case "load" if row is None:
                self.services[service] = ServiceRow(f"core/{service}")
                self.events.append(ServiceLoaded(service, f"core/{service}"))
            case "unload" if row is not None:
                del self.services[service]
                self.events.append(ServiceUnloaded(service))
            case "stage" if row is not None:
                pid = number or None
                stage = "up" if pid else "down"
                self.services[service] = replace(row, stage=stage, reason="why", pid=pid)
                self.events.append(ServiceStageChanged(service, stage, "why", pid or 0))
            case "begin" | "adopt" if row is not None:
                self.services[service] = replace(row, pid=number + 1)
                event = ProcessBegan if what == "begin" else ProcessAdopted
                self.events.append(event(key, number + 1))
            case "end" if row is not None and row.pid is not None:
                role = "none" if row.role else ""
                ended = replace(row, pid=None, last_exit="exit 1", role=role, term=0)
                self.services[service] = ended
                self.events.append(ProcessEnded(key, row.pid, "exit 1"))
            case "health" if row is not None:
                self.services[service] = replace(row, health="critical")
                self.events.append(HealthChanged(service, "critical"))
            case "role" if row is not None:
                role = ["none", "leader", "follower"][number % 3]
                self.services[service] = replace(row, role=role, term=number)
                self.events.append(RoleTaken(service, f"{service}.default", role, number))
            case "member":
                health = ["alive", "suspect", "confirmed"][number % 3]
                self.members[service] = MemberRow(health, number)
                self.events.append(MemberHealthChanged(service, health, number))
            case "noise":  # hooks and hosts are processes too, but no services
                self.events.append(ProcessBegan(f"hook:{service}:init:1", 99))
                self.events.append(ProcessEnded("host:x", 98, "exit 0"))
            case _:
                pass

    def log(self, readings: list[int]) -> list[EventRecord]:
        return [
            EventRecord(
                f"{self.member}:1:{seq}",
                float(seq),
                hlc,
                "a",
                type(event).__name__,
                event.text(),
                fields={name: getattr(event, name) for name in event.__struct_fields__},
            )
            for seq, (event, hlc) in enumerate(zip(self.events, readings, strict=False), 1)
        ]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["load", "unload", "stage", "begin", "adopt", "end", "health", "member"])
        | st.sampled_from(["noise", "role"]),
        st.sampled_from(SERVICES),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(ACTS, ACTS, st.data())
def test_the_fold_over_the_log_of_a_ring_is_how_things_stand(
    first: list[tuple[str, str, int]], second: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    ring = [Supervisor(member) for member in MEMBERS]
    logs: dict[str, EventPage] = {}
    for supervisor, acts in zip(ring, (first, second), strict=True):
        for act in acts:
            supervisor.act(*act)
        count = len(supervisor.events)
        readings = sorted(data.draw(st.sets(st.integers(1, 500), min_size=count, max_size=count)))
        logs[supervisor.member] = EventPage(tuple(supervisor.log(readings)))
    merged = merge(logs, limit=10_000).events
    status = fold(merged)
    assert status.services == {
        (s.member, name): row for s in ring for name, row in s.services.items()
    }
    assert status.members == {
        (s.member, name): row for s in ring for name, row in s.members.items()
    }
    cut = data.draw(st.integers(0, len(merged)))
    assert fold(merged[cut:], fold(merged[:cut])) == status
    assert status == fold([event for page in logs.values() for event in page.events])


def test_a_log_that_begins_after_the_loading_still_tells_what_is_known() -> None:
    supervisor = Supervisor(MEMBERS[0], {"redis": ServiceRow("core/redis")})
    supervisor.act("stage", "redis", 7)
    rows = fold(supervisor.log([1])).services
    assert rows == {(MEMBERS[0], "redis"): ServiceRow("", "up", "why", 7)}
    assert fold([]) == Status()


def test_the_end_of_an_earlier_process_does_not_take_the_pid_of_the_next() -> None:
    supervisor = Supervisor(MEMBERS[0])
    supervisor.events = [
        ServiceLoaded("redis", "core/redis"),
        ProcessBegan("service:redis", 2),
        ProcessEnded("service:redis", 1, "signal 9"),
        ProcessEnded("service:unknown", 1, "signal 9"),
    ]
    assert fold(supervisor.log([1, 2, 3, 4])).services[MEMBERS[0], "redis"].pid == 2
