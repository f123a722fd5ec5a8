"""What the conductor of a rollout does next: a function of what is decided and of who says what.

Safety. A turn is given, and a member told to go on in one, only while every other living member of
the group says, within the last `FRESH_S`, that it is in no turn, and has been up and healthy for
the grace time, so that one that comes and goes does not count; but a member that an abandoned
rollout left broken may always be helped. At most one turn is open: the next is decided after the
last one has been settled by its member's word, by its death, or by a halt, after which only an
operator goes on.
Liveness. With all members up and healthy each turn ends: its member says so, or makes no progress
for `patience_s`. A dead member is skipped; one that is only suspected is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from actors.messages.base import MemberId
from actors.messages.rollout import (
    MOST_REFUSED,
    Rollout,
    configuration,
    configuration_of,
)
from actors.update.aims import opened, serves, superseded
from actors.update.scene import FRESH_S, Scene, is_away, runs, short

TRIES: Final = 2  # of a member, before its failure counts
UNDER_WAY: Final = frozenset(("restarting", "proving"))  # the service has been stopped for it


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing moves; `reason` is a sentence for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Tell the member whose turn it is to go on; `reason` is what it waits for itself, if so."""

    to: MemberId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decide:
    """Have this step decided; its term and step are filled in by who conducts."""

    rollout: Rollout
    what: str


Move: TypeAlias = Wait | Decide | Grant


def next_move(rollout: Rollout | None, group: str, scene: Scene) -> Move:
    """What to do now; `rollout` is the newest decided step of the group, None for none."""
    if rollout is None:
        begun = Rollout(group, 0, 0, 0, "")
        return _open(begun, scene) or Wait(_at_rest(begun, scene))
    if rollout.state in ("rolling", "paused", "halted") and (newer := superseded(rollout, scene)):
        over = _with(rollout, state="aborted", turn="", attempt=0, reason=newer)
        return Decide(over, f"{rollout.target} is out of date: {newer}")
    if rollout.turn:
        return _settle(rollout, scene)
    if rollout.state != "rolling" or not serves(rollout, scene):
        return _open(rollout, scene) or Wait(_resting(rollout, scene))
    return _proceed(rollout, scene)


def _open(rollout: Rollout, scene: Scene) -> Decide | None:
    found = opened(rollout, scene)
    return Decide(*found) if found is not None else None


# ── between turns ──


def _proceed(rollout: Rollout, scene: Scene) -> Move:
    """Give the next turn, or end."""
    pending = [m for m in rollout.order if m not in {*rollout.updated, *rollout.skipped}]
    away = [m for m in pending if is_away(m, scene)]
    if away:
        skipped = (*rollout.skipped, *away)
        said = ", ".join(short(m) for m in away)
        return Decide(_with(rollout, skipped=skipped), f"skips {said}: gone, or stopped")
    late = [m for m in sorted(scene.peers) if _is_late(m, rollout, scene)]
    if late:
        order = (*(m for m in rollout.order if m not in late), *late)
        left = {
            name: tuple(m for m in getattr(rollout, name) if m not in late)
            for name in ("skipped", "updated")
        }
        said = ", ".join(short(m) for m in late)
        return Decide(_with(rollout, order=order, **left), f"{said} is to go too")
    if not pending:
        return Decide(_with(rollout, state="done"), "all members have gone")
    member = min(
        pending,
        key=lambda m: (not _is_broken(m, rollout, scene), scene.peers[m].leads, pending.index(m)),
    )
    if reason := _gate(member, rollout, scene):
        sick = _sick(rollout, scene)
        if sick and scene.waited_s >= scene.patience_s:
            return _given_up(rollout, sick, f"it runs {rollout.target} and {reason}", scene)
        return Wait(f"the turn of {short(member)} waits: {reason}")
    given = _with(rollout, turn=member, turns=rollout.turns + 1, attempt=1)
    return Decide(given, f"it is the turn of {short(member)}")


def _is_late(member: MemberId, rollout: Rollout, scene: Scene) -> bool:
    """Whether a member came, or came back, after the order was made, and has to go too."""
    if is_away(member, scene):
        return False
    if member not in rollout.updated and runs(scene.peers[member], rollout.target):
        return False
    if member in rollout.skipped:
        return True
    if member in rollout.updated:
        return configuration_of(rollout.target) is not None and _has_lost_it(member, rollout, scene)
    return member not in rollout.order


def _has_lost_it(member: MemberId, rollout: Rollout, scene: Scene) -> bool:
    """Whether a member that has gone says that it runs another configuration: loaded anew, say."""
    heard = scene.heard.get(member)
    fresh = heard is not None and scene.now - heard.at_s <= FRESH_S
    return fresh and heard is not None and heard.report.config != configuration_of(rollout.target)


def _is_broken(member: MemberId, rollout: Rollout, scene: Scene) -> bool:
    """Whether a member does not serve, in a release that an earlier rollout left it with.

    It is taken first, and whatever the others do: stopping it takes nobody away.
    """
    heard = scene.heard.get(member)
    if heard is None or scene.now - heard.at_s > FRESH_S:
        return False
    report = heard.report
    runs_one = any(runs(report, target) for target in (rollout.back, rollout.target))
    return not runs_one and not (report.up and report.healthy)


def _gate(member: MemberId, rollout: Rollout, scene: Scene) -> str:
    """Why the service of `member` may not be stopped now; empty if it may."""
    broken = _is_broken(member, rollout, scene)
    for other in sorted(scene.peers):
        if other == member or scene.peers[other].gone:
            continue
        heard = scene.heard.get(other)
        if heard is None or scene.now - heard.at_s > FRESH_S:
            return f"{short(other)} has not been heard"
        report = heard.report
        if report.stopped:
            continue  # an operator's wish, which no waiting changes
        if report.phase in ("draining", *UNDER_WAY):
            return f"{short(other)} is still in an earlier turn"
        well = report.up and report.healthy and report.well_s >= scene.grace_s
        if not well and not broken:
            return f"{short(other)} has not been up and healthy for {scene.grace_s:g} s"
    return ""


def _sick(rollout: Rollout, scene: Scene) -> MemberId:
    """A member that runs the target, is heard and does not serve; empty where there is none."""
    for member in sorted(scene.peers):
        heard = scene.heard.get(member)
        if heard is None or scene.peers[member].gone or scene.now - heard.at_s > FRESH_S:
            continue
        report = heard.report
        gone = runs(report, rollout.target) and not report.stopped
        if gone and not (report.up and report.healthy and report.well_s >= scene.grace_s):
            return member
    return ""


# ── the open turn ──


def _settle(rollout: Rollout, scene: Scene) -> Move:
    member = rollout.turn
    if is_away(member, scene):
        skipped = (*rollout.skipped, member)
        left = _with(rollout, turn="", attempt=0, skipped=skipped)
        return Decide(left, f"skips {short(member)}: gone, or stopped")
    heard = scene.heard.get(member)
    report = heard.report if heard is not None else None
    mine = report is not None and (report.epoch, report.turns) == rollout.turn_id
    if report is not None and mine and report.phase == "done":
        return Decide(
            _with(rollout, turn="", attempt=0, updated=(*rollout.updated, member)),
            f"{short(member)} runs {rollout.target} and is healthy",
        )
    stale = configuration_of(rollout.target) is not None and not serves(rollout, scene)
    if report is not None and mine and report.phase == "failed":
        if stale:
            left = _with(rollout, turn="", attempt=0)
            return Decide(left, f"{short(member)} failed, and another configuration is staged")
        return _failed(rollout, report.reason, scene)
    moved_s = max(scene.given_s, heard.moved_s if heard is not None and mine else 0.0)
    if scene.now - moved_s > scene.patience_s:
        return _failed(rollout, f"no progress for {scene.patience_s:.0f} s", scene)
    if heard is None or scene.now - heard.at_s > FRESH_S:
        return Wait(f"{short(member)}, whose turn it is, has not been heard")
    phase = heard.report.phase if mine else "idle"
    if phase in UNDER_WAY:
        proves = f"up, and has to stay healthy for {scene.grace_s:g} s"
        return Wait(f"{short(member)} is {proves if phase == 'proving' else phase}")
    if rollout.state != "rolling" or stale:
        return Decide(_with(rollout, turn=""), f"the turn of {short(member)} is taken back")
    if not serves(rollout, scene):
        return Decide(_with(rollout, turn=""), f"{scene.wanted} is offered by now")
    if reason := _gate(member, rollout, scene):
        # Where it cannot be helped in time, the turn is nobody's fault: it is taken back.
        return Decide(_with(rollout, turn=""), f"{short(member)} has to wait: {reason}")
    waits = heard.report.reason if mine else ""
    return Grant(member, f"{short(member)} waits: {waits}" if waits else "")


def _failed(rollout: Rollout, reason: str, scene: Scene) -> Decide:
    """A member's try has failed: once more, then halt or go back."""
    who = short(rollout.turn)
    if rollout.state != "rolling":
        return Decide(_with(rollout, turn="", reason=f"{who}: {reason}"), f"{who} failed: {reason}")
    if rollout.attempt < TRIES:
        again = _with(rollout, turns=rollout.turns + 1, attempt=rollout.attempt + 1)
        return Decide(again, f"{who} failed ({reason}) and tries once more")
    return _given_up(rollout, rollout.turn, f"{who} failed twice: {reason}", scene)


def _given_up(rollout: Rollout, member: MemberId, reason: str, scene: Scene) -> Decide:
    """The release does not work at `member`: halt, or take all back who run it, that one first."""
    refused = (*rollout.refused, rollout.target)[-MOST_REFUSED:]
    reason = reason[:1024]
    # Going back to the configuration in force costs nothing, and a group runs one.
    stays = scene.on_failure == "halt" and configuration_of(rollout.target) is None
    if stays or rollout.returns or rollout.back in ("", rollout.target):
        halted = _with(rollout, state="halted", turn="", reason=reason, refused=refused)
        return Decide(halted, f"halted, because {reason}")
    went = [m for m in reversed(rollout.updated) if m != member]
    others = {m for m, peer in scene.peers.items() if runs(peer, rollout.target)}
    back = Rollout(
        rollout.service_group,
        rollout.epoch + 1,
        0,
        0,
        rollout.back,
        back=rollout.target,
        order=(member, *went, *sorted(others - {member, *went})),
        returns=True,
        refused=refused,
        reason=reason,
        opened_wall=scene.wall,
    )
    return Decide(back, f"goes back to {rollout.back}, because {reason}")


# ── operators ──


def ordered(rollout: Rollout | None, order: str, reason: str) -> Rollout | str:
    """What an operator's order makes of a rollout, or why it cannot be followed."""
    over = rollout is None or rollout.state == "done"
    if over or (rollout is not None and rollout.state == "aborted" and order != "resume"):
        return "no rollout is under way"
    assert rollout is not None, "nothing is over"
    match order:
        case "pause":
            if rollout.state != "rolling":
                return f"it is {rollout.state} already"
            return _with(rollout, state="paused", reason=reason or "paused by an operator")
        case "resume":
            if rollout.state == "rolling":
                return "it is rolling already"
            refused = tuple(r for r in rollout.refused if r != rollout.target)
            return _with(rollout, state="rolling", reason="", attempt=0, refused=refused)
        case _:
            refused = (*rollout.refused, rollout.target)[-MOST_REFUSED:]
            said = reason or "aborted by an operator"
            return _with(rollout, state="aborted", reason=said, refused=refused)


# ── words ──


def _resting(rollout: Rollout, scene: Scene) -> str:
    match rollout.state:
        case "paused" | "halted" | "aborted":
            return f"{rollout.state}: {rollout.reason}"
        case "rolling":
            return f"{rollout.target} is not known here yet"
        case _:
            return _at_rest(rollout, scene)


def _at_rest(rollout: Rollout, scene: Scene) -> str:
    if not scene.wanted:
        said = "what the depot offers is not known yet"
    elif scene.wanted in rollout.refused:
        said = f"{scene.wanted} is offered, and has failed before"
    else:
        said = f"all members run {scene.wanted}"
    staged = configuration(scene.configs.next) if scene.configs is not None else ""
    if staged in rollout.refused:
        return f"{said}; {staged} is staged, and has failed before"
    return said


def _with(rollout: Rollout, **changes: object) -> Rollout:
    return msgspec.structs.replace(rollout, **changes)
