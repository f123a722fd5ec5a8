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

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from actors.messages.base import MemberId
from actors.messages.rollout import (
    MOST_REFUSED,
    OnFailure,
    Rollout,
    RolloutReport,
    Seated,
)

FRESH_S: Final = 3.0  # reports are asked for each second; three may get lost
PATIENCE: Final = 3.0  # grace times without progress after which a member's try has failed
TRIES: Final = 2  # of a member, before its failure counts
UNDER_WAY: Final = frozenset(("restarting", "proving"))  # the service has been stopped for it


@dataclass(frozen=True, slots=True)
class Peer:
    """A member of the group as the ring sees it. `gone`: confirmed dead, or departed."""

    release: str
    gone: bool = False
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A member's last report, when it came, and when its progress last grew."""

    report: RolloutReport
    at_s: float
    moved_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a move depends on. `wanted` is the release the depot offers; empty: not known.

    `given_s`: when the open turn was decided, or first known here; `waited_s`: for how long the
    conductor has waited for the same.
    """

    me: MemberId
    seated: Seated
    peers: Mapping[MemberId, Peer]
    heard: Mapping[MemberId, Heard]
    wanted: str
    on_failure: OnFailure
    grace_s: float
    patience_s: float
    now: float
    wall: float = 0.0
    given_s: float = 0.0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing moves; `reason` is a sentence for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Have this step decided; its term and step are filled in by who conducts."""

    rollout: Rollout
    what: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Tell the member whose turn it is to go on; `reason` is what it waits for itself, if so."""

    to: MemberId
    reason: str = ""


Move: TypeAlias = Wait | Decide | Grant


def next_move(rollout: Rollout | None, group: str, scene: Scene) -> Move:
    """What to do now; `rollout` is the newest decided step of the group, None for none."""
    if rollout is None:
        return _opened(Rollout(group, 0, 0, 0, ""), scene) or Wait(_at_rest(scene, ""))
    if rollout.turn:
        return _settle(rollout, scene)
    if rollout.state != "rolling" or not _serves(rollout, scene):
        return _opened(rollout, scene) or Wait(_resting(rollout, scene))
    return _proceed(rollout, scene)


def short(member: MemberId) -> str:
    """A member as people read it."""
    return member[:8]


# ── opening ──


def _serves(rollout: Rollout, scene: Scene) -> bool:
    """Whether a rolling update still goes where the group should go."""
    return rollout.returns or scene.wanted in ("", rollout.target, *rollout.refused)


def _opened(rollout: Rollout, scene: Scene) -> Decide | None:
    """Open the next epoch, if there is a release to go to and somebody who runs another."""
    target = scene.wanted
    if not target or target in rollout.refused or rollout.state == "paused":
        return None
    if rollout.state in ("aborted", "halted") and target == rollout.target:
        return None  # until an operator says otherwise
    living = {m: peer for m, peer in scene.peers.items() if not _is_away(m, scene)}
    behind = [m for m in sorted(living) if living[m].release != target]
    if not behind:
        return None
    behind.sort(key=lambda m: living[m].leads)  # stable: the topology leader comes last
    releases = Counter(living[m].release for m in behind)
    back = rollout.target if rollout.state == "done" else rollout.back
    opened = Rollout(
        rollout.service_group,
        rollout.epoch + 1,
        0,
        0,
        target,
        back=back if back not in ("", target) else max(sorted(releases), key=releases.__getitem__),
        order=tuple(behind),
        refused=rollout.refused,
        opened_wall=scene.wall,
    )
    return Decide(opened, f"{len(behind)} of {len(living)} members go from {opened.back}")


# ── between turns ──


def _proceed(rollout: Rollout, scene: Scene) -> Move:
    """Give the next turn, or end."""
    pending = [m for m in rollout.order if m not in {*rollout.updated, *rollout.skipped}]
    away = [m for m in pending if _is_away(m, scene)]
    if away:
        skipped = (*rollout.skipped, *away)
        said = ", ".join(short(m) for m in away)
        return Decide(_with(rollout, skipped=skipped), f"skips {said}: gone, or stopped")
    late = [m for m in sorted(scene.peers) if _is_late(m, rollout, scene)]
    if late:
        order = (*(m for m in rollout.order if m not in late), *late)
        skipped = tuple(m for m in rollout.skipped if m not in late)
        said = ", ".join(short(m) for m in late)
        return Decide(_with(rollout, order=order, skipped=skipped), f"{said} is to go too")
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
    if _is_away(member, scene) or scene.peers[member].release == rollout.target:
        return False
    if member in rollout.skipped:
        return True
    return member not in rollout.order and member not in rollout.updated


def _is_broken(member: MemberId, rollout: Rollout, scene: Scene) -> bool:
    """Whether a member does not serve, in a release that an earlier rollout left it with.

    It is taken first, and whatever the others do: stopping it takes nobody away.
    """
    heard = scene.heard.get(member)
    if heard is None or scene.now - heard.at_s > FRESH_S:
        return False
    report = heard.report
    return report.release not in (rollout.back, rollout.target) and not (
        report.up and report.healthy
    )


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
        runs = report.release == rollout.target and not report.stopped
        if runs and not (report.up and report.healthy and report.well_s >= scene.grace_s):
            return member
    return ""


# ── the open turn ──


def _settle(rollout: Rollout, scene: Scene) -> Move:
    member = rollout.turn
    if _is_away(member, scene):
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
    if report is not None and mine and report.phase == "failed":
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
    if rollout.state != "rolling":
        return Decide(_with(rollout, turn=""), f"the turn of {short(member)} is taken back")
    if not _serves(rollout, scene):
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
    if scene.on_failure == "halt" or rollout.returns or rollout.back in ("", rollout.target):
        halted = _with(rollout, state="halted", turn="", reason=reason, refused=refused)
        return Decide(halted, f"halted, because {reason}")
    gone_there = {
        *rollout.updated,
        *(m for m, p in scene.peers.items() if p.release == rollout.target),
    }
    back = Rollout(
        rollout.service_group,
        rollout.epoch + 1,
        0,
        0,
        rollout.back,
        back=rollout.target,
        order=(member, *sorted(gone_there - {member})),
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
        case _:
            return _at_rest(scene, rollout.target)


def _at_rest(scene: Scene, target: str) -> str:
    if not scene.wanted:
        return "what the depot offers is not known yet"
    if target and target != scene.wanted:
        return f"{scene.wanted} is offered, and has failed before"
    return f"all members run {scene.wanted}"


def _is_away(member: MemberId, scene: Scene) -> bool:
    """Whether a member is not to be waited for: dead, departed, or stopped by its operator."""
    peer, heard = scene.peers.get(member), scene.heard.get(member)
    return peer is None or peer.gone or (heard is not None and heard.report.stopped)


def _with(rollout: Rollout, **changes: object) -> Rollout:
    return msgspec.structs.replace(rollout, **changes)
