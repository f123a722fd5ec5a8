"""What a member tells of its group's rollout: in the status of the service, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.messages.base import MemberId
from actors.messages.rollout import RolloutView
from actors.messages.service import UpdateStatus
from actors.update import turn
from actors.update.moves import short
from actors.update.state import is_pinned

if TYPE_CHECKING:
    from actors.update.rolling import Rolling


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
        return UpdateStatus("taking", target, f"it is this member's turn: {rolling.turn.phase}")
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
        phase = heard.report.phase if heard is not None else ""
        words.append(f"its turn{f': {phase}' if phase else ''}")
    if heard is not None and not heard.report.healthy:
        words.append("not healthy" if heard.report.up else "not up")
    return ", ".join(words)
