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
from actors.service.hooks import FILE_UPDATED, RECONFIGURE, RELOAD
from actors.service.life import Decision, Life, Moment
from actors.service.rendering import again, files_tell
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
    effects: list[Effect] = []
    shown = files_tell(life)
    exports = dict(life.made.exports) if life.made is not None else record.exports
    if (answer.hooks, shown, exports) != (record.hooks, record.shown, record.exports):
        record = msgspec.structs.replace(record, hooks=answer.hooks, shown=shown, exports=exports)
        life = replace(life, record=record)
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
