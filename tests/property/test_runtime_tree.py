"""Any story of spawning, stopping, killing, failing: one instance a name, the tree is whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.effects import Effect, RestartPolicy, Spawn, Stop
from actors.messages.base import Message
from actors.messages.runtime import ActorList, KillActor, ListActors
from actors.runtime.actor import Actor, Context
from actors.runtime.guardian import Guardian
from actors.simulation.lanes import Pace
from actors.simulation.machine import Machine
from actors.simulation.node import RootActor
from actors.simulation.ring import Ring

PATIENT = RestartPolicy(intensity=1000)
NAMES = ("a", "b", "a/1", "a/2", "a/1/x")
BUSY = Pace(late=0.5, late_ns=50_000_000, slow=0.3, slow_ns=30_000_000)


class Fail(Message, frozen=True):
    pass


class SpawnIt(Message, frozen=True):
    name: str


class StopIt(Message, frozen=True):
    name: str


class Noise(Message, frozen=True):
    pass


class Ledger:
    def __init__(self) -> None:
        self.living: dict[str, list[Member]] = {}
        self.overlaps: list[str] = []


class Member(Actor):
    """Any actor of the story; its first turn and each later one check that it is the only one."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        super().__init__(context)
        self.ledger = ledger

    def started(self) -> list[Effect]:
        living = self.ledger.living.setdefault(self.context.name, [])
        if any(not other.actor_stopped.is_set() for other in living):
            self.ledger.overlaps.append(self.context.name)
        living.append(self)
        return []

    def step(self, message: Message) -> list[Effect]:
        match message:
            case Fail():
                raise ValueError("on purpose")
            case SpawnIt(name):
                return [Spawn(name, Member, (self.ledger,), PATIENT)]
            case StopIt(name):
                return [Stop(name)]
        return []


steps = st.one_of(
    st.tuples(st.just("fail"), st.sampled_from(NAMES)),
    st.tuples(st.just("kill"), st.sampled_from(NAMES)),
    st.tuples(st.just("spawn"), st.sampled_from(("a/1", "a/2", "a/1/x"))),
    st.tuples(st.just("stop"), st.sampled_from(("a/1", "a/2", "a/1/x"))),
    st.tuples(st.just("churn"), st.sampled_from(("a/1", "a/2", "a/1/x"))),
    st.tuples(st.just("noise"), st.sampled_from(NAMES)),
    st.tuples(st.just("wait"), st.sampled_from(("0.001", "0.02", "0.5"))),
)


def parent_of(name: str) -> str:
    return name.rpartition("/")[0]


def perform(machine: Machine, ring: Ring, what: str, name: str) -> None:
    assert machine.supervisor is not None
    world = machine.supervisor.world
    match what:
        case "fail":
            world.tell(name, Fail())
        case "kill":
            world.tell("node", KillActor(name))
        case "spawn":
            world.tell(parent_of(name), SpawnIt(name))
        case "stop":
            world.tell(parent_of(name), StopIt(name))
        case "churn":  # word of the death and the parent's wishes meet at the node
            for wish in ("spawn", "kill", "stop", "spawn"):
                perform(machine, ring, wish, name)
            world.tell(name, Fail())
        case "noise":
            world.tell(name, Noise())
        case "wait":
            ring.run_for(float(name))


@settings(max_examples=100, deadline=None)
@given(story=st.lists(steps, max_size=30), seed=st.integers(0, 2**32))
def test_a_name_has_one_instance_at_a_time_and_the_tree_heals(
    story: list[tuple[str, str]], seed: int
) -> None:
    ledger = Ledger()
    ring = Ring(str(seed), pace=BUSY)
    children = tuple(Spawn(name, Member, (ledger,), PATIENT) for name in ("a", "b"))
    machine = ring.add(lambda _process: RootActor(Guardian, (children,)))
    machine.start()
    ring.run_for(2.0)
    for what, name in story:
        perform(machine, ring, what, name)
    ring.run_for(30.0)
    assert machine.boots == 1
    assert machine.supervisor is not None
    cells = machine.supervisor.world.cells
    assert ledger.overlaps == []
    assert {"a", "b"} <= set(cells)
    for name, actor in cells.items():
        assert not actor.actor_stopped.is_set()
        assert "/" not in name or parent_of(name) in cells, f"{name} has no parent"
    living = [
        name
        for name, instances in ledger.living.items()
        for instance in instances
        if not instance.actor_stopped.is_set()
    ]
    assert sorted(living) == sorted(set(cells) - {"node"})
    listed = ring.ask(machine, "node", ListActors())
    assert isinstance(listed, ActorList)
    assert {info.name for info in listed.actors} == set(living)
    assert {info.state for info in listed.actors} == {"ALIVE"}
