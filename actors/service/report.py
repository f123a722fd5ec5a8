"""All that one service's actor knows, for whoever asks."""

from __future__ import annotations

from actors.messages.gateway import ServiceReport
from actors.messages.runtime import CallFailed
from actors.service.life import Life, Moment, package_of, status_of


def report(life: Life, at: Moment) -> ServiceReport | CallFailed:
    """The service as it is now; a failure while that is not known yet, or not any more."""
    status = status_of(life)
    if status is None:
        text = f"{life.name} has just begun, or is gone"
        return CallFailed("ActorUnavailableError", text, "not-settled")
    record, options = life.record, at.options
    return ServiceReport(
        status,
        options.sys,
        (options.backoff_min_s, options.backoff_max_s, options.cooldown_s),
        package_of(life),
        record.path if record and record.path else f"{options.svc_dir}/{life.name}",
        record.hooks if record else (),
        dict(life.made.values) if life.made else {},
        record.user if record else life.user,
        record.group if record else life.group,
        initialized=bool(record and record.init_done),
        ended_pid=life.ended_pid,
        ended_s=at.now - life.ended_at if life.ended_at is not None else -1.0,
    )
