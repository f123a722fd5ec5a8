"""What new files mean for the process that runs: nothing, its reconfigure hook, or a restart.

The rules are Habitat's (components/sup/src/manager/service.rs, `TemplateUpdate`): a changed `init`,
`run` or `post-run` hook is a restart, and so is changed configuration without a `reconfigure` hook;
with one, it runs, also when it itself changed. The same holds of `reload`, which packages of
Habitat's first years bring. Other hooks are picked up when they run next.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import msgspec

from actors.effects import Effect, Emit
from actors.messages.depot import ServiceFilesChanged, ServicePrepared
from actors.service.hook_runs import run_beside
from actors.service.hooks import FILE_UPDATED, HEALTH_CHECK, RECONFIGURE, RELOAD
from actors.service.life import Decision, Life, Moment
from actors.service.rendering import again, files_tell, taken_up
from actors.service.sealed import settled
from actors.service.starting import persist
from actors.service.stopping import stop

RESTARTING: Final = frozenset({"hooks/init", "hooks/run", "hooks/post-run"})
Consequence: TypeAlias = Literal["nothing", "reconfigure", "restart"]
WORDS: Final[dict[Consequence, str]] = {
    "nothing": "it is picked up when it is used next",
    "reconfigure": "its reconfigure hook runs",
    "restart": "it is restarted",
}


def consequence(changed: Collection[str], hooks: Collection[str]) -> Consequence:
    """What changed files (`config/…`, `hooks/…`) mean; `hooks` are the names of those there are."""
    if RESTARTING & set(changed):
        return "restart"
    config = any(path.startswith("config/") for path in changed)
    telling = telling_hooks(hooks)
    if not telling:
        return "restart" if config else "nothing"
    itself = any(f"hooks/{hook}" in changed for hook in telling)
    return "reconfigure" if config or itself else "nothing"


def telling_hooks(hooks: Collection[str]) -> list[str]:
    """Those of the hooks that tell a process of its new configuration."""
    return [hook for hook in (RECONFIGURE, RELOAD) if hook in hooks]


def rewritten(life: Life, answer: ServicePrepared, at: Moment) -> Decision:
    """The files of a running service were written: do what follows from it."""
    record = life.record
    assert record is not None, "a process without a record"
    life = replace(life, rendering="")
    if is_late(life, at):
        return again(settled(replace(life, taken=None, seen=None)), at)
    effects: list[Effect] = []
    noted = msgspec.structs.replace(
        record,
        hooks=answer.hooks,
        shown=files_tell(life),
        exports=dict(life.made.exports) if life.made is not None else record.exports,
        config=life.seen.source if life.seen is not None else record.config,
    )
    taken, life = life.taken, taken_up(replace(life, record=noted))
    in_turn = taken is not None and life.taken is None
    if in_turn:
        life = _unproven(life, at)
    if life.record != record:
        effects.append(persist(life))
    if not answer.changed:
        life, more = again(life, at)
        return life, [*more, *effects]
    then = consequence(answer.changed, answer.hooks)
    said = Emit(ServiceFilesChanged(life.name, ", ".join(answer.changed), WORDS[then]))
    if then == "restart":
        life, more = stop(replace(life, again=True), "its files changed; it starts again", at)
        return life, [said, *more, *effects]
    due = telling_hooks(answer.hooks) if then == "reconfigure" else []
    due += [FILE_UPDATED] if any(path.startswith("files/") for path in answer.changed) else []
    for hook in due:
        life, more = run_beside(life, hook, at)
        effects = [*more, *effects]
    life, more = again(life, at)
    return life, [said, *more, *effects]


def is_late(life: Life, at: Moment) -> bool:
    """Whether files that a turn has brought were written after its leave had ended.

    The process has not been told of them: they are taken back.
    """
    taken, seen = life.taken, life.seen
    if taken is None or taken.restarts or seen is None or seen.source != taken.config:
        return False
    return taken.not_after_s > 0 and at.now > taken.not_after_s


def _unproven(life: Life, at: Moment) -> Life:
    """What is told of another configuration has to be seen healthy in it before it counts."""
    assert life.record is not None, "a process without a record"
    record = msgspec.structs.replace(life.record, unproven=True)
    health = "unknown" if HEALTH_CHECK in record.hooks else life.health
    return replace(life, record=record, health=health, told_s=at.now)


def is_telling(life: Life) -> bool:
    """Whether a hook tells the process of its configuration at this moment, or is about to."""
    running = {hook for hook, _ in life.beside} | life.due
    return bool(running & {RECONFIGURE, RELOAD})
