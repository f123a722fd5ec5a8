"""What is encrypted for the service's group: opened by who has the keys, kept in memory alone.

What counts may be another configuration than the one in force, where the group rolls (`in_force`).

While an answer is awaited everything stays as it is. What cannot be opened is said, once for each
reason, and changes nothing: the configuration held before stays in force, files stay as they are.
It is tried again whenever the census repeats what was applied, so a key that comes later counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

from actors.effects import Ask, Effect, Emit
from actors.messages.groups import (
    GroupConfig,
    GroupFacts,
    GroupFile,
    OpenSealed,
    SealedKept,
    SealedOpened,
)
from actors.service.life import Decision, Life, Moment, ran_config, spec_of

KEYS: Final = "port/packages"
Fact = TypeVar("Fact", GroupConfig, GroupFile)


def applied(life: Life, told: GroupFacts, at: Moment) -> Decision:
    """What was applied to groups was told: take it, or ask first to open what concerns us."""
    life = replace(life, told=told)
    shut = [f.data for f in _sealed(life) if not isinstance(life.opened.get(f.data), bytes)]
    if not shut:
        return settled(replace(life, opening="")), []
    number = life.number + 1
    call = f"{at.instance}:open:{number}"
    question = OpenSealed(spec_of(life).service_group, tuple(shut))
    return replace(life, number=number, opening=call), [Ask(KEYS, question, call)]


def opened(life: Life, answer: SealedOpened) -> Decision:
    """What could be opened is; the rest is said, where that is new."""
    sealed = _sealed(life)
    said: list[Effect] = []
    for fact in sealed:
        content = answer.contents.get(fact.data)
        if isinstance(content, str) and life.opened.get(fact.data) != content:
            said.append(Emit(SealedKept(fact.service_group, _words(fact), content)))
    known = {**life.opened, **answer.contents}
    kept = {fact.data: known[fact.data] for fact in sealed if fact.data in known}
    return settled(replace(life, opening="", opened=kept)), said


def settled(life: Life) -> Life:
    """Let what counts be in force here, as far as it is open."""
    if life.told is None:
        return life
    group = spec_of(life).service_group
    source = in_force(life)
    config = _open(source, life.opened) if source is not None else None
    shut = False
    if source is not None and config is None:
        same = life.held is not None and life.held.service_group == group
        config, source = (life.held, life.source) if same else (None, None)
        shut = not same
    files = (_open(file, life.opened) for file in life.told.files.get(group, ()))
    facts = GroupFacts(
        {group: config} if config else {}, {group: tuple(file for file in files if file)}
    )
    return replace(life, facts=facts, held=config, source=source, shut=shut)


def in_force(life: Life) -> GroupConfig | None:
    """The configuration that counts for this service now, as it travels; None for none.

    In a group that rolls it is what the service's own turn has brought, as long as the ring's is
    not newer; and a newer one that was rolled out waits for a turn, or a start. What was applied to
    all at once counts at once.
    """
    assert life.told is not None, "nothing was told"
    spec = spec_of(life)
    ring, ran = life.told.configs.get(spec.service_group), ran_config(life)
    version = ring.version if ring is not None else 0
    if spec.update_strategy != "rolling":
        return ring
    if life.taken is not None and not life.taken.restarts:
        return life.taken.config
    if ran is not None and ran.version > version:
        return ran
    newer = ring is not None and (ran is None or version > ran.version)
    waits = newer and ring is not None and ring.rolling and life.pid is not None
    return ran if waits else ring


def _sealed(life: Life) -> list[GroupConfig | GroupFile]:
    """What is encrypted for the own group: what counts, and what a turn is about to bring."""
    if life.told is None:
        return []
    group = spec_of(life).service_group
    found = (in_force(life), life.next_config)
    facts: list[GroupConfig | GroupFile] = [
        config for config in found if config is not None and config.service_group == group
    ]
    return [fact for fact in (*facts, *life.told.files.get(group, ())) if fact.sealed]


def _open(fact: Fact, known: Mapping[bytes, bytes | str]) -> Fact | None:
    """The fact with its content readable; None where it cannot be."""
    if not fact.sealed:
        return fact
    content = known.get(fact.data)
    if not isinstance(content, bytes):
        return None
    return msgspec.structs.replace(fact, data=content, sealed=False)


def _words(fact: GroupConfig | GroupFile) -> str:
    what = "configuration" if isinstance(fact, GroupConfig) else f"file {fact.name}"
    return f"{what} version {fact.version}"
