"""What a member tells of its group's rollout: in the status of the service, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.messages.base import MemberId
from actors.messages.rollout import RolloutView, TurnPhase
from actors.messages.service import UpdateStatus
from actors.update import turn
from actors.update.moves import short
from actors.update.state import is_pinned

if TYPE_CHECKING:
    from actors.update.rolling import Rolling

PHASES: Final[dict[TurnPhase, str]] = {
    "idle": "not begun yet",
    "installing": "installing the release",
    "handing-over": "letting another member lead",
    "draining": "draining, nobody new is sent there",
    "restarting": "restarting",
    "proving": "up, and has to stay healthy for the grace time",
    "done": "done",
    "failed": "failed",
}


def status_of(rolling: Rolling) -> UpdateStatus:
    """How the update stands, for the status of the service."""
    newest, running = rolling.memory.rollout, rolling.standing.package
    conducting, polling = rolling.conducting, rolling.polling
    target = newest.target if newest is not None else polling.offered
    reason = conducting.waits if conducting is not None else ""
    if conducting is not None and not conducting.rollout and polling.unasked:
        reason = polling.unasked
    if conducting is not None and is_pinned(rolling.standing.spec):
        return UpdateStatus("pinned", "", f"{rolling.standing.spec.ident} names one release")
    if not rolling.leader:
        reason = f"nobody conducts yet{': ' + rolling.why if rolling.why else ''}"
    if rolling.standing.spec.desired_state == "down":
        return UpdateStatus("stopped", target)
    if turn.is_open(rolling.turn):
        return UpdateStatus("taking", target, f"its turn ({PHASES[rolling.turn.phase]})")
    if not target:
        return UpdateStatus("unknown", "", reason)
    if target == running:
        return UpdateStatus("current", target, "")
    if newest is not None and newest.state in ("halted", "paused", "aborted"):
        return UpdateStatus("held", target, f"{newest.state}: {newest.reason}")
    return UpdateStatus("rolling", target, reason or f"conducted by {short(rolling.leader)}")


def view(rolling: Rolling) -> RolloutView:
    """The group's rollout as this member knows it."""
    conducting = rolling.conducting
    members = {m: _said(rolling, m) for m in sorted(rolling.peers)}
    waits = conducting.waits if conducting is not None else ""
    if not rolling.leader:
        waits = f"nobody conducts{': ' + rolling.why if rolling.why else ''}"
    elif conducting is not None and is_pinned(rolling.standing.spec):
        waits = f"{rolling.standing.spec.ident} names one release"
    elif conducting is not None and not rolling.seated.voters:
        waits = "the electorate is not known, or is changing"
    elif conducting is not None and not waits and conducting.rollout and conducting.rollout.turn:
        member = conducting.rollout.turn
        waits = f"it is the turn of {short(member)}: {PHASES[_phase(rolling, member)]}"
    return RolloutView(
        rolling.group,
        "rolling",
        rolling.standing.package,
        rolling.leader,
        rolling.memory.rollout,
        waits,
        members,
        rolling.memory.content.history,
    )


def _said(rolling: Rolling, member: MemberId) -> str:
    """One member in a few words: release, and how it stands."""
    peer, newest = rolling.peers[member], rolling.memory.rollout
    words = [peer.release]
    if peer.gone:
        words.append("gone")
    if peer.leads:
        words.append("topology leader")
    heard = rolling.conducting.heard.get(member) if rolling.conducting is not None else None
    if newest is not None and newest.turn == member:
        said = f": {PHASES[_phase(rolling, member)]}" if heard is not None else ""
        again = " (second try)" if newest.attempt > 1 else ""
        words.append(f"its turn{again}{said}")
    if heard is not None and heard.report.phase != "draining" and not heard.report.up:
        words.append("not up")
    elif heard is not None and not heard.report.healthy:
        words.append("not healthy")
    return ", ".join(words)


def _phase(rolling: Rolling, member: MemberId) -> TurnPhase:
    """How far a member is in the open turn; what it says of an earlier one is over."""
    conducting = rolling.conducting
    heard = conducting.heard.get(member) if conducting is not None else None
    newest = conducting.rollout if conducting is not None else None
    if heard is None or newest is None:
        return "idle"
    report = heard.report
    return report.phase if (report.epoch, report.turns) == newest.turn_id else "idle"
