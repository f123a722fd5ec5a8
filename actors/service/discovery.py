"""A new instance finds out what is true: what lives, what is wanted, what it was told before."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Cancel, Effect, Emit, Send
from actors.messages.process import ProcessAdopted, ProcessExited
from actors.messages.service import FactsOverdue, WantSpec
from actors.service import hooks
from actors.service.life import Decision, Life, Moment, follows, spec_of
from actors.service.record import Position, Record
from actors.service.rendering import adopt
from actors.service.starting import ask_role, beside, persist, subscribe
from actors.service.stopping import acts_no_more

FACTS_S = 2.0  # parent and launcher answer in milliseconds, unless they are being restarted


def want_spec(life: Life) -> list[Effect]:
    """Ask the parent for the spec."""
    return [Send("service", WantSpec(life.name)), After(FACTS_S, FactsOverdue(), name="facts")]


def nothing_lives(life: Life, end: ProcessExited) -> Decision:
    """The launcher's answer before anything is started: the last end, if it knows of one."""
    words = life.last_exit
    if end.pid:
        words = hooks.exit_words(end.code, end.signal)
    elif life.record is not None and life.record.pid is not None:
        words = "unknown"
    phase = "down" if life.phase == "checking" else life.phase
    life = replace(
        life, phase=phase, asked=True, pid=None, call="", last_exit=words, up_since_s=None
    )
    return acts_no_more(life, for_good=True), [Cancel("answer")]


def discovered(life: Life, at: Moment) -> Decision:
    """All facts are in: take over what lives, or rest."""
    effects: list[Effect] = [Cancel("facts")]
    fresh = life.record is None
    record = life.record or Record(spec=spec_of(life))
    if life.pid is None:
        life = replace(life, phase="down", record=record)
        return life, [*effects, persist(life)] if fresh and not life.gone else effects
    record = msgspec.structs.replace(record, pid=life.pid, init_done=True)
    if fresh and record.spec.topology == "leader":  # it may lead; nobody knows
        record = msgspec.structs.replace(record, acts=Position("leader", 0, at.member))
    health = "unknown" if hooks.HEALTH_CHECK in record.hooks else "ok"
    life = replace(
        life,
        phase="up",
        reason="",
        record=record,
        health=health,  # type: ignore[arg-type]
        first_ok=True,
        since_s=life.up_since_s or at.now,
    )
    effects.append(Emit(ProcessAdopted(hooks.process_key(life.name), life.pid or 0)))
    life, files = adopt(life, at)
    life, asked = ask_role(life)
    follow = subscribe() if follows(life) else []
    kept = [persist(life)] if fresh else []
    return life, [*effects, *beside(life), *follow, *files, *asked, *kept]
