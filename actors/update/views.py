"""What a member tells of its group's rollout: in the status of the service, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.messages.base import MemberId
from actors.messages.rollout import RolloutView, TurnPhase, configuration, configuration_of
from actors.messages.service import UpdateStatus
from actors.update import turn
from actors.update.configs import Configs
from actors.update.scene import short
from actors.update.state import is_pinned

if TYPE_CHECKING:
    from actors.update.conduct import Conducting
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


def phase_words(phase: TurnPhase, target: str) -> str:
    """A phase of a turn, for people."""
    tries = phase == "installing" and configuration_of(target) is not None
    return "trying whether it could run with it" if tries else PHASES[phase]


def status_of(rolling: Rolling) -> UpdateStatus:
    """How the update stands, for the status of the service."""
    newest, running = rolling.memory.rollout, rolling.standing.package
    conducting, polling = rolling.conducting, rolling.polling
    target = newest.target if newest is not None else polling.offered
    reason = conducting.waits if conducting is not None else ""
    if conducting is not None and not conducting.rollout and polling.unasked:
        reason = polling.unasked
    rests = newest is None or newest.state == "done"  # a configuration may roll all the same
    if conducting is not None and rests and is_pinned(rolling.standing.spec):
        return UpdateStatus("pinned", "", f"{rolling.standing.spec.ident} names one release")
    if not rolling.leader:
        reason = f"nobody conducts yet{': ' + rolling.why if rolling.why else ''}"
    if rolling.standing.spec.desired_state == "down":
        return UpdateStatus("stopped", target)
    if turn.is_open(rolling.turn):
        goes = rolling.turn.rollout.target if rolling.turn.rollout is not None else target
        said = phase_words(rolling.turn.phase, goes)
        return UpdateStatus("taking", goes, f"its turn ({said})")
    if not target:
        return UpdateStatus("unknown", "", reason)
    if turn.is_there(rolling.standing, target):
        return UpdateStatus("current", running, "")
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
    elif conducting is not None and is_pinned(rolling.standing.spec) and _rests(conducting):
        waits = f"{rolling.standing.spec.ident} names one release"
    elif conducting is not None and not rolling.seated.voters:
        waits = "the electorate is not known, or is changing"
    elif conducting is not None and not waits and conducting.rollout and conducting.rollout.turn:
        member, target = conducting.rollout.turn, conducting.rollout.target
        said = phase_words(_phase(rolling, member), target)
        waits = f"it is the turn of {short(member)}: {said}"
    configs = rolling.configs or Configs()
    return RolloutView(
        rolling.group,
        "rolling",
        rolling.standing.package,
        rolling.leader,
        rolling.memory.rollout,
        waits,
        members,
        rolling.memory.content.history,
        rolling.standing.config,
        configs.current,
        configs.next,
    )


def _rests(conducting: Conducting) -> bool:
    """Whether nothing is rolled out, nor waits for an operator."""
    return conducting.rollout is None or conducting.rollout.state == "done"


def _said(rolling: Rolling, member: MemberId) -> str:
    """One member in a few words: release, configuration of the group, and how it stands."""
    peer, newest = rolling.peers[member], rolling.memory.rollout
    words = [peer.release, *([configuration(peer.config)] if peer.config else [])]
    if peer.gone:
        words.append("gone")
    if peer.leads:
        words.append("topology leader")
    heard = rolling.conducting.heard.get(member) if rolling.conducting is not None else None
    if newest is not None and newest.turn == member:
        phase = phase_words(_phase(rolling, member), newest.target)
        said = f": {phase}" if heard is not None else ""
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
