"""A service's part in the election of its group's leader: what it was told, and what it acts as.

`Position`s are compared: what the election wants it to act as, what its process acts as (durable,
in the record), what its files tell. `roles` moves the one towards the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from actors.messages.election_orders import RoleChanged
from actors.messages.ring import GroupElection
from actors.service.record import NOWHERE, Position, Record


@dataclass(frozen=True, slots=True)
class Part:
    """What only this instance of the service's actor knows of its part.

    `told` is the election's last word, None until it has spoken for the present start, or for the
    process that was found; `asking`: it was asked, `late`: and has not answered. `answered`: it
    knows that what it told is so. `why` is what the election waits for. `standing`: the reminder
    to stand again is set.

    `hook` is the key of the `role-changed` hook that runs, to bring position `bring`; `ending`: it
    is being killed, because another is wanted. `stuck`: the process could not be told, so it is
    stopped. `handing`: the lead is handed over before a stop, or was not in time.

    `reading` is a term whose suitability is asked for; `measuring` the key of the hook that runs
    for `measured`, and then the call for its output; `suited` the last term read, its number and
    what it needs. `tries` counts attempts to withdraw.
    """

    told: RoleChanged | None = None
    asking: bool = False
    late: bool = False
    answered: bool = True
    why: str = ""
    standing: bool = False
    hook: str = ""
    bring: Position = NOWHERE
    ending: bool = False
    stuck: bool = False
    handing: Literal["", "asked", "over"] = ""
    reading: int = 0
    measuring: str = ""
    measured: int = 0
    suited: tuple[int, int, int | None] = (0, 0, None)
    tries: int = 0


OUTSIDE: Final = Part()


def position(told: RoleChanged) -> Position:
    """The position that the election wants."""
    return Position(told.role, told.term, told.leader)


def has_role(part: Part) -> bool:
    """Whether the election has given it a role to start in."""
    return part.told is not None and part.told.role != "none"


def shown(part: Part, record: Record | None, files: Position, *, runs: bool) -> Position | None:
    """The position that the files are to tell; None while that is not known.

    `files` is what those in place tell, which a follower's go on telling while nobody leads: a
    service is not restarted because others hold an election. A leader's do not.
    """
    if not runs or record is None:
        return position(part.told) if part.told is not None and has_role(part) else NOWHERE
    if part.told is None:
        return None
    wanted = position(part.told)
    if wanted.role != "none":
        # A leader's files say so until its process has been told otherwise.
        demoting = record.acts.role == "leader" and wanted.role != "leader"
        return files if demoting else wanted
    if record.acts.role != "leader" and files.role == "leader":
        return Position("none", wanted.term)
    return files


def topology(part: Part, place: Position, known: GroupElection) -> GroupElection:
    """The election of its own group as its templates see it; `known` is the census's view."""
    if has_role(part):
        return GroupElection("finished", place.leader, place.term)
    unheard = part.told is None and not place.leader
    state = known.state
    if state == "finished" or (state == "none" and not unheard):
        state = "running"
    return GroupElection(state, place.leader, place.term)
