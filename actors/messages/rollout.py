"""Rolling updates: what a group has decided, who has it on disk, whose turn it is.

Each member of a group that rolls has an actor `update/<service>`; they talk to their peers of the
same path. The one whose member leads the group's `update` election conducts. Times are seconds;
instants are CLOCK_BOOTTIME of whoever says them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import msgspec

from actors.messages.base import Event, Message
from actors.messages.election import Count, Group, Id

RolloutState: TypeAlias = Literal[
    "rolling",
    "paused",  # by an operator: the open turn ends, no further one is given
    "halted",  # a member failed twice
    "done",
    "aborted",  # by an operator: nobody goes to the target any more
]
OnFailure: TypeAlias = Literal["halt", "rollback"]
TurnPhase: TypeAlias = Literal[
    "idle",  # no turn, or not yet begun
    "installing",
    "handing-over",  # the topology leader lets another one lead
    "draining",  # out of the census, but serving
    "restarting",  # from the stop on, until it is up
    "proving",  # up; to be healthy for the grace time
    "done",
    "failed",
]
CONFIGURATION: Final = "configuration"
MOST_MEMBERS = 1000  # of a group that rolls
MOST_REFUSED = 20  # releases that are remembered not to work

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
Ident: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
MemberIds: TypeAlias = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MOST_MEMBERS)]


class Rollout(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a group has decided about an update; decided ones grow by (`epoch`, `term`, `step`).

    `target` is the release, or the configuration, to go to (`configuration_of`), `back` the one the
    group came from. `order` are the members to
    take, in order; `turn` is whose turn it is, empty for nobody's, `turns` counts the turns given
    in this epoch, `attempt` the tries of this member. `updated` have gone, `skipped` are dead.
    `returns`: it goes back, after a failure. `refused`: releases that failed; nobody goes to them
    by himself again. `reason` says why it is halted, paused or aborted. `opened_wall`: when.
    """

    service_group: Group
    epoch: Count
    term: Count
    step: Count
    target: Ident
    back: Ident = ""
    state: RolloutState = "rolling"
    order: MemberIds = ()
    turn: Annotated[str, msgspec.Meta(max_length=32)] = ""
    turns: Count = 0
    attempt: Count = 0
    updated: MemberIds = ()
    skipped: MemberIds = ()
    returns: bool = False
    refused: Annotated[tuple[Ident, ...], msgspec.Meta(max_length=MOST_REFUSED)] = ()
    reason: Text = ""
    opened_wall: float = 0.0

    @property
    def place(self) -> tuple[int, int, int]:
        """Its place in the order of all steps of the group."""
        return self.epoch, self.term, self.step

    @property
    def ballot(self) -> tuple[int, int]:
        """Which of two steps was put forward later; what is stored and not decided is, too."""
        return self.term, self.step

    @property
    def turn_id(self) -> tuple[int, int]:
        """Which turn is open: a later leader re-decides a step, but the turn stays the same."""
        return self.epoch, self.turns


def configuration(version: int) -> str:
    """The name of a group's configuration as a target; 0 is for none."""
    return f"{CONFIGURATION} {version}" if version else f"no {CONFIGURATION}"


def configuration_of(target: str) -> int | None:
    """The version of the configuration that a target names; None where it names a release."""
    if target == configuration(0):
        return 0
    head, _, version = target.partition(" ")
    fine = head == CONFIGURATION and version.isascii() and version.isdigit() and len(version) < 20
    return int(version) if fine else None


class RolloutStanding(Message, frozen=True):
    """The body of a `rollout` rumor (key: the group): where its rollout stands, by its conductor.

    Of all that are told the greatest (`epoch`, `term`, `step`) counts. `turn` is whose turn it is,
    empty for nobody's; `gone` of `of` members run `target`, `returns` says that they go back to it.
    """

    service_group: Group
    epoch: Count
    term: Count
    step: Count
    target: Ident
    state: RolloutState
    turn: Annotated[str, msgspec.Meta(max_length=32)] = ""
    gone: Count = 0
    of: Count = 0
    returns: bool = False
    reason: Text = ""

    @property
    def place(self) -> tuple[int, int, int]:
        """Its place in the order of all steps of the group."""
        return self.epoch, self.term, self.step


def standing_of(rollout: Rollout) -> RolloutStanding:
    """What the ring is told of a decided step."""
    return RolloutStanding(
        rollout.service_group,
        *rollout.place,
        rollout.target,
        rollout.state,
        rollout.turn,
        len(rollout.updated),
        len(rollout.order),
        rollout.returns,
        rollout.reason,
    )


class Seated(msgspec.Struct, frozen=True):
    """The voters of the group, as its election has them: a majority of each set is needed."""

    voters: tuple[Id, ...]
    previous: tuple[Id, ...] = ()


# ── the conductor and who stores ──


class AskRollout(Message, frozen=True):
    """conductor of `term` → voters: what is the newest step you have? Answered by `RolloutTold`.

    Who answers takes no step of an earlier term any more.
    """

    service_group: Group
    term: Count


class RolloutTold(Message, frozen=True):
    """The answer. `promised` is the greatest term it was asked in, `rollout` the newest it has."""

    service_group: Group
    term: Count
    promised: Count
    rollout: Rollout | None = None


class StoreRollout(Message, frozen=True):
    """conductor → voters: make this step durable. Answered by `RolloutStored`."""

    rollout: Rollout


class RolloutStored(Message, frozen=True):
    """`stored`: that step is on disk; else the member knows of later ones, or of a later term.

    `promised` is the greatest term it listens to, `known_epoch` the epoch of the step it has.
    """

    service_group: Group
    epoch: Count
    term: Count
    step: Count
    stored: bool
    promised: Count = 0
    known_epoch: Count = 0


# ── the conductor and who is updated ──


class AskReport(Message, frozen=True):
    """conductor → each member of the group, each second: how do you stand? `RolloutReport`."""

    service_group: Group
    term: Count


class RolloutReport(Message, frozen=True):
    """A member → conductor. `at_s` and `instance` come back in `UpdateTurn`.

    `release` is what its service runs, with configuration `config` of the group (0 for none), `up`
    and `healthy` whether it serves, `well_s` for how long it has done both, without an end.
    `epoch`, `turns`: the turn that `phase` is about; `reason` why it failed, or what it waits for.
    `progress` grows with every step it makes. `stopped`: an operator has stopped the service.
    """

    service_group: Group
    term: Count
    at_s: float
    instance: Annotated[str, msgspec.Meta(max_length=128)]
    release: Ident
    up: bool
    healthy: bool
    well_s: float = 0.0
    stopped: bool = False
    epoch: Count = 0
    turns: Count = 0
    phase: TurnPhase = "idle"
    progress: Count = 0
    reason: Text = ""
    config: Count = 0


class UpdateTurn(Message, frozen=True):
    """conductor → the member whose turn it is: go on, and stop your service before `not_after_s`.

    That is an instant of the member's own clock: `at_s` of the report answered, and what the
    conductor allows. The step is decided: a majority has it on disk.
    """

    rollout: Rollout
    instance: Annotated[str, msgspec.Meta(max_length=128)]
    not_after_s: float


# ── operators ──


class QueryRollouts(Message, frozen=True):
    """Asks `update` for the rollouts of one service group, or of all; answered by `Rollouts`."""

    service_group: str = ""


class RolloutView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group's rollout as this member knows it.

    `conductor` is empty where none is known. `waits` says, in a sentence, why nothing moves now.
    `members`: release and state by member. `history`: finished ones, newest first. `config` is the
    version of the group's configuration that runs here, `in_force` and `staged` those of the group;
    0 for none.
    """

    service_group: str
    strategy: str
    running: str
    conductor: str = ""
    rollout: Rollout | None = None
    waits: str = ""
    members: dict[str, str] = {}
    history: tuple[Rollout, ...] = ()
    config: int = 0
    in_force: int = 0
    staged: int = 0


class Rollouts(Message, frozen=True):
    """The rollouts asked about, by group."""

    rollouts: tuple[RolloutView, ...] = ()


class OrderRollout(Message, frozen=True):
    """Operator → `update` (→ the conductor): answered by `Ok` once it is decided, or `CallFailed`.

    `resume` also tries a halted one again.
    """

    service_group: Group
    order: Literal["pause", "resume", "abort"]
    reason: Text = ""


# ── events ──


class RolloutStep(Event, frozen=True):
    """A step was decided: a majority of the electorate has it on disk."""

    service_group: str
    epoch: int
    term: int
    step: int
    state: str
    target: str
    turn: str = ""
    what: str = ""
    attempt: int = 0  # of the member whose turn it is
    sentence: ClassVar[str] = "{service_group}, update {epoch} to {target}: {what}"


class RolloutKept(Event, frozen=True):
    """This member has a step on disk that it was asked to store; decided or not, it stays."""

    service_group: str
    epoch: int
    term: int
    step: int
    sentence: ClassVar[str] = "keeps step {term}.{step} of update {epoch} of {service_group}"


class TurnBegan(Event, frozen=True):
    """This member's service leaves the group for an update, by a turn that was given to it."""

    service_group: str
    epoch: int
    turns: int
    target: str
    sentence: ClassVar[str] = "stops {service_group} for update {epoch} to {target}"


class TurnEnded(Event, frozen=True):
    """This member's turn is over: its service has proved itself, or has not."""

    service_group: str
    epoch: int
    turns: int
    target: str
    phase: str
    reason: str
    sentence: ClassVar[str] = "turn of {service_group} in update {epoch} to {target}: {reason}"


class RolloutWaits(Event, frozen=True):
    """What the conductor waits for changed."""

    service_group: str
    epoch: int
    reason: str
    sentence: ClassVar[str] = "{service_group}, update {epoch}: {reason}"
