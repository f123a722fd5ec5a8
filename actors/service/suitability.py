"""How suitable to lead: the number that hook `suitability` prints, once for each term.

The hook runs after `role-changed none` of the same term has ended, beside the process or without
one, with the files that are in place. Whatever is no number, or not there, is 0. A hook that exits
with 75 (`EX_TEMPFAIL` of sysexits), or has to be ended, cannot say: what its member has may be more
than anybody's, so until the hook can say, the member votes for nobody else, and does not stand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from actors.effects import Ask, Effect, Emit, Send
from actors.messages.election import ReadSuitability, SuitabilityRead
from actors.messages.gateway import HookOutput, ReadHookOutput
from actors.messages.process import ProcessExited
from actors.messages.service import HookFailed, SuitabilityMeasured
from actors.service.hooks import SUITABILITY, SUITABILITY_S, start_hook
from actors.service.life import Decision, Life, Moment
from actors.service.rendering import PACKAGES
from actors.service.starting import ELECTION, LAUNCHER, hook_key

GREATEST: Final = (1 << 63) - 1
UNKNOWN: Final = -1
CANNOT_SAY: Final = 75  # the hook's exit code


def asked(life: Life, question: ReadSuitability) -> Decision:
    """The election asks for the suitability of a term."""
    record = life.record
    if record is None or (question.service_group, question.kind) != (record.stands, "topology"):
        return life, []
    return replace(life, part=replace(life.part, reading=question.term)), []


def read(life: Life, at: Moment) -> Decision:
    """Run the hook, if a term's suitability is asked for and nothing is in the way."""
    part, record = life.part, life.record
    if not part.reading or part.hook or part.measuring:
        return life, []
    if life.phase == "waiting" and life.rendering:
        return life, []  # the hook is being put in place
    term = part.reading
    life = replace(life, part=replace(part, reading=0))
    if record is None or SUITABILITY not in record.hooks:
        return life, _say(life, term, 0)
    life, key = hook_key(life, SUITABILITY, at)
    start = start_hook(SUITABILITY, key, record, at.options, SUITABILITY_S)
    life = replace(life, part=replace(life.part, measuring=key, measured=term))
    return life, [Ask(LAUNCHER, start, key)]


def hook_ended(life: Life, end: ProcessExited, how: str, at: Moment) -> Decision:
    """The hook ended, or `how` it failed: ask for what it printed."""
    if end.code == CANNOT_SAY or end.ended_by == "timeout":
        return unknown(life, how)
    if how:
        return failed(life, how)
    number = life.number + 1
    call = f"{at.instance}:{SUITABILITY}:{number}"
    life = replace(life, number=number, part=replace(life.part, measuring=call))
    return life, [Ask(PACKAGES, ReadHookOutput(life.name, SUITABILITY), call)]


def printed(life: Life, output: HookOutput) -> Decision:
    """What the hook printed."""
    value = last_number(output.stdout)
    if value is None:
        return failed(life, "printed no whole number from 0 to 2^63 - 1")
    term = life.part.measured
    life = replace(life, part=replace(life.part, measuring="", measured=0))
    group = life.record.stands if life.record is not None else ""
    return life, [
        Emit(SuitabilityMeasured(life.name, group, term, value)),
        *_say(life, term, value),
    ]


def failed(life: Life, how: str) -> Decision:
    """There is no number: as suitable as who has none."""
    term = life.part.measured
    life = replace(life, part=replace(life.part, measuring="", measured=0))
    group = life.record.stands if life.record is not None else ""
    said = HookFailed(life.name, SUITABILITY, f"{how}; its suitability is 0", group)
    return life, [Emit(said), *_say(life, term, 0)]


def unknown(life: Life, how: str) -> Decision:
    """It cannot say, or did not in time: nobody is known to be as suitable."""
    term = life.part.measured
    life = replace(life, part=replace(life.part, measuring="", measured=0))
    group = life.record.stands if life.record is not None else ""
    text = f"{how}; it votes for nobody in term {term}"
    return life, [Emit(HookFailed(life.name, SUITABILITY, text, group)), *_say(life, term, UNKNOWN)]


def last_number(text: str) -> int | None:
    """The number on the last line that is one; None where there is none in range."""
    for line in reversed(text.splitlines()):
        word = line.strip()
        if word.isascii() and word.isdigit():
            value = int(word) if len(word) <= len(str(GREATEST)) else GREATEST + 1
            return value if value <= GREATEST else None
    return None


def _say(life: Life, term: int, value: int) -> list[Effect]:
    group = life.record.stands if life.record is not None else ""
    return [Send(ELECTION, SuitabilityRead(group, "topology", term, value))]
