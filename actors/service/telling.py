"""What a step changed for others: status to specs, events, the rumor for the ring."""

from __future__ import annotations

from dataclasses import replace

from actors.effects import Effect, Emit, Send
from actors.messages.ring import PublishRumor
from actors.messages.service import (
    HealthChanged,
    ServiceHalted,
    ServiceSettled,
    ServiceStageChanged,
)
from actors.service import fitness
from actors.service.hook_runs import has_hook
from actors.service.hooks import HEALTH_CHECK
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    info_of,
    spec_of,
    stage_of,
    status_of,
)

KIND = "service"
SAID = {
    "initializing": "preparing its start",
    "starting": "its process was asked for",
    "stopping": "its post-stop hook is due",
    "down": "nothing of it runs",
}


def tell(before: Life, after: Life, at: Moment, *, again: bool = False) -> Decision:
    """Tell what differs from what was told before; `again`: tell all, somebody may have lost it."""
    stage = stage_of(after)
    if stage != stage_of(before) and not (stage_of(before) is None and after.since_s):
        after = replace(after, since_s=at.now)
    effects = _events(before, after)
    status = status_of(after)
    if status is not None and (again or status != status_of(before)):
        effects.append(Send("specs", ServiceSettled(status)))
        if any(spec_of(life).update_strategy != "none" for life in (before, after)):
            effects.append(Send("update", ServiceSettled(status)))
    effects += fitness.told(before, after)
    after, rumors = _rumors(before, after, at, again=again)
    effects += rumors
    if after.halted_s is not None and after.phase in ("down", "gone") and before != after:
        effects.append(Send("service", ServiceHalted(after.name)))
    return after, effects


def _events(before: Life, after: Life) -> list[Effect]:
    effects: list[Effect] = []
    stage, group = stage_of(after), spec_of(after).service_group
    changed = (stage, after.reason) != (stage_of(before), before.reason)
    if stage is not None and changed:
        said = after.reason or (f"pid {after.pid}" if after.pid else SAID.get(stage, stage))
        pid = after.pid or 0
        effects.append(Emit(ServiceStageChanged(after.name, stage, said, pid, group)))
    checked = after.phase in RUNNING and has_hook(after, HEALTH_CHECK)
    # A process that was not checked yet is unknown too, which is no news.
    news = after.health != "unknown" or before.phase in RUNNING
    if checked and news and after.health != before.health:
        effects.append(Emit(HealthChanged(after.name, after.health, group)))
    return effects


def _rumors(before: Life, after: Life, at: Moment, *, again: bool) -> Decision:
    effects: list[Effect] = []
    info, published = info_of(after, at), after.published
    if after.phase == "gone":
        if before.phase != "gone" or again:
            key = published.service_group if published else spec_of(after).service_group
            effects.append(Send("gossip", PublishRumor(KIND, key, gone=True)))
        return replace(after, published=None), effects
    if info is None or (info == published and not again):
        return after, effects
    if published is not None and published.service_group != info.service_group:
        effects.append(Send("gossip", PublishRumor(KIND, published.service_group, gone=True)))
    effects.append(Send("gossip", PublishRumor(KIND, info.service_group, info)))
    return replace(after, published=info), effects
