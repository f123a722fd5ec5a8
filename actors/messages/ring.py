"""The ring as the other features see it: members, rumors to publish, what changed.

The gossip protocol's own frames are in `messages/gossip.py`.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from actors.messages.base import Event, MemberId, Message
from actors.messages.election import ElectionKind, Electorate, Leadership, Stamp
from actors.messages.groups import GroupConfig, GroupFile
from actors.messages.rollout import RolloutStanding

UNCHANGED: Final = "unchanged"

MemberHealth: TypeAlias = Literal["alive", "suspect", "confirmed", "departed"]
ElectionState: TypeAlias = Literal["none", "running", "no_quorum", "finished"]


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member's own record, spread by gossip; only the member itself changes it.

    `incarnation` is durable and never decreases; `epoch` is drawn anew in each process life.
    `keys` are the ring key revisions it holds. `left`: it said goodbye and keeps its seat (then its
    health is `confirmed`). `stamp` is the hybrid clock at which the record was last made.
    """

    id: MemberId
    incarnation: int
    address: str
    permanent: bool = False
    epoch: int = 0
    name: str = ""
    keys: tuple[str, ...] = ()
    left: bool = False
    stamp: int = 0


class MemberView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member as this one sees it. `heard_s`: seconds since it was last heard, -1 for never."""

    member: Member
    health: MemberHealth
    heard_s: float = -1.0
    suspected_by: tuple[MemberId, ...] = ()
    since_s: float = 0.0


class SysInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a supervisor's machine is found, and where the supervisor listens."""

    ip: str = ""
    hostname: str = ""
    gossip_ip: str = ""
    gossip_port: int = 0
    http_gateway_ip: str = ""
    http_gateway_port: int = 0
    ctl_gateway_ip: str = ""
    ctl_gateway_port: int = 0


class ServiceInfo(Message, frozen=True):
    """The body of a `service` rumor: what a member tells about one of its services.

    `config` is the version of the group's configuration that it runs with, 0 for none.
    """

    member: MemberId
    service_group: str
    package: str
    up: bool = False
    health: str = "unknown"
    topology: str = "standalone"
    strategy: str = "none"
    sys: SysInfo = SysInfo()
    permanent: bool = False
    exports: dict[str, object] = {}
    bootstrap_expect: int = 3
    config: int = 0


# Each kind adds its tagged body.
RumorBody: TypeAlias = (
    ServiceInfo | Electorate | Leadership | RolloutStanding | GroupConfig | GroupFile
)


class Rumor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact of one owner, spread to all: (incarnation, hlc, content hash) newest wins.

    `kind` is `service`, `config`, `staged`, `file`, `electorate`, …; `key` names it among its
    owner's facts of that kind (all of these but `service` are facts of a group: one of a key in the
    whole ring, whoever owns it); gossip never looks into `body`. `gone` is a tombstone (no body).
    """

    kind: str
    key: str
    owner: MemberId
    incarnation: int
    hlc: int
    body: RumorBody | None = None
    gone: bool = False


class PublishRumor(Message, frozen=True):
    """Any feature → gossip: publish (or with `gone` withdraw) a fact of this member's own.

    `version` above 0 is for facts of a group, whose versions are chosen by people: it is the
    rumor's incarnation, has to be above the one known, and `Ok` says that the image of the ring
    on disk has it (`Ok(UNCHANGED)`: it was known so already).
    """

    kind: str
    key: str
    body: RumorBody | None = None
    gone: bool = False
    version: int = 0


class Subscribe(Message, frozen=True):
    """Any actor → gossip or census: tell me now and on each change; to be repeated each 5 s.

    `again`: this very instance has subscribed before, so gossip tells nothing now if it knows that
    (an instance of gossip that began since does not).
    """

    kinds: tuple[str, ...] = ()
    again: bool = False


class MembersChanged(Message, frozen=True):
    """gossip → subscribers: all members as seen here, self included; standings without ages.

    `dead_since_s`: who is confirmed, and did not say goodbye, since when by this machine's clock.
    It outlives gossip's actor and the supervisor.
    """

    members: tuple[MemberView, ...]
    dead_since_s: dict[MemberId, float] = {}


class RememberMembers(Message, frozen=True):
    """An election → gossip: these hold seats here, so they are not forgotten, however long silent.

    To be repeated within a minute.
    """

    members: tuple[MemberId, ...]


class RumorsChanged(Message, frozen=True):
    """gossip → subscribers of the kinds: rumors that are new or newer; `complete`: all there are.

    Not sent before the stored rumors are loaded and one push/pull is done or 5 s have passed.
    """

    rumors: tuple[Rumor, ...]
    complete: bool = False


class QueryMembers(Message, frozen=True):
    """Asks gossip for the ring; answered by `Members`."""


class Members(Message, frozen=True):
    """The ring as this member sees it. `settled`: the first push/pull is done (or 5 s passed).

    `seeds_joined` of its `seeds` have answered it in this life (itself counts if it is permanent).
    `unsynced` are the living permanent peers whose store has not yet been seen to equal its own.
    `served_key` is the ring key revision it listens with, empty in a ring without a key.
    """

    me: MemberId
    ring_id: str
    members: tuple[MemberView, ...]
    settled: bool = True
    score: int = 0
    seeds: int = 0
    seeds_joined: int = 0
    unsynced: tuple[MemberId, ...] = ()
    served_key: str = ""


class DepartMember(Message, frozen=True):
    """Asks gossip to mark a member Departed for good; `force` although others still hear it.

    A living member is told first, and gives up its seats in elections; with `force` it is not.
    """

    member: MemberId
    force: bool = False


class LeaveRing(Message, frozen=True):
    """Asks gossip to say goodbye (`left` in its own record); `Ok` once the farewells are sent.

    The member keeps its id and its seats and may return. Not sent when services are kept.
    """


class DepartureAsked(Message, frozen=True):
    """gossip → node: this member is to depart; once its seats are given up: `DepartMember`, forced.

    `by` is the member where an operator said so.
    """

    by: MemberId


class SelfDeparted(Message, frozen=True):
    """gossip → node: this member is out of the ring for good; the supervisor stops and exits 86.

    `why`: somebody departed it, or another process lives under its id (the newer one stays).
    """

    by: MemberId = ""
    why: Literal["departed", "replaced"] = "departed"


class SeedsChanged(Message, frozen=True):
    """Any → gossip: these `host[:port]` are the seeds from now on (the peer watch file changed)."""

    seeds: tuple[str, ...] = ()


class KeysHeld(Message, frozen=True):
    """`port/net` → gossip: the ring key revisions this member holds, for its own record.

    `served` is the one it listens with, as long as another member does not hold the newest.
    """

    keys: tuple[str, ...] = ()
    served: str = ""


class RingChosen(Message, frozen=True):
    """gossip → `port/net`: stamp frames with this ring id and refuse those of another ring.

    Frames of the join conversation (`JoinRequest`, `JoinReply`) pass whatever their ring id or
    addressee is: gossip judges them. Before this message, and while it is empty, nothing else does.
    """

    ring_id: str


class Route(Message, frozen=True):
    """gossip → `port/net`: frames to `member` go to `address` (`host:port`) from now on.

    `keys` are the ring key revisions the member holds. Sent again whenever one of them changes;
    all known members that are not departed have a route.
    """

    member: MemberId
    address: str
    keys: tuple[str, ...] = ()


class Unroute(Message, frozen=True):
    """gossip → `port/net`: forget the route, close the connection, drop what waits for `member`."""

    member: MemberId


class Dial(Message, frozen=True):
    """gossip → `port/net`: resolve `seed` now and send `message` to the gossip of whoever answers.

    The envelope's `to` is `/gossip`. What cannot be reached is reported by `DialFailed`.
    """

    seed: str
    message: Message


class DialFailed(Message, frozen=True):
    """`port/net` → gossip: nothing was reached under `seed` (one report for each `Dial`)."""

    seed: str
    reason: str


class LinkClosed(Message, frozen=True):
    """`port/net` → gossip: the connection to `member` broke or was refused: reason to probe it."""

    member: MemberId
    reason: str = ""


class GroupMember(msgspec.Struct, frozen=True):
    """A member of a service group in the census."""

    info: ServiceInfo
    health: MemberHealth


class GroupElection(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an election of a group stands, by the rumors of the ring.

    `finished`: `leader` says that it leads in `term`, and lives. `running`, `no_quorum`: nobody
    does, and a majority of the voters is there, or is not. `none`: there is no such election.
    """

    state: ElectionState = "none"
    leader: MemberId = ""
    term: int = 0


class GroupElections(msgspec.Struct, frozen=True, omit_defaults=True):
    """The elections of a group, and the electorate that holds them, empty where none is known.

    `needed` is its quorum. `rivals` are later founded electorates that are not dissolved yet.
    `rollout` is where the group's rolling update stands; None where nothing was rolled out yet.
    """

    topology: GroupElection = GroupElection()
    update: GroupElection = GroupElection()
    electorate: str = ""
    stamp: Stamp = Stamp()
    voters: tuple[MemberId, ...] = ()
    needed: int = 0
    committed: bool = True
    rivals: tuple[str, ...] = ()
    rollout: RolloutStanding | None = None

    def of(self, kind: ElectionKind) -> GroupElection:
        """The election of that kind."""
        return self.topology if kind == "topology" else self.update


class Census(Message, frozen=True):
    """census → subscribers: the groups of the ring, and their elections.

    `version` grows with each change here. A group without an electorate is not in `elections`.
    """

    version: int
    groups: dict[str, tuple[GroupMember, ...]]
    elections: dict[str, GroupElections] = {}


class QueryCensus(Message, frozen=True):
    """Asks census for its view; answered by `Census`."""


class MemberHealthChanged(Event, frozen=True):
    """What this member thinks of another changed."""

    member: str
    health: str
    incarnation: int
    reason: str = ""
    epoch: int = 0
    sentence: ClassVar[str] = "member {member} is {health} (incarnation {incarnation}): {reason}"


class RingJoined(Event, frozen=True):
    """The first push/pull with the ring is done."""

    ring_id: str
    peer: str
    sentence: ClassVar[str] = "joined ring {ring_id} through {peer}"


class RingKeyTurned(Event, frozen=True):
    """This member listens with another revision of the ring key from now on."""

    revision: str
    sentence: ClassVar[str] = "ring key {revision} is served from now on"


class FrameRefused(Event, frozen=True):
    """Frames were refused at the edge: `count` since the last such event of this reason."""

    reason: str
    peer: str
    count: int
    sentence: ClassVar[str] = "{count} frames from {peer} refused: {reason}"
