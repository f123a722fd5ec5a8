"""How suitable to lead: the number that hook `suitability` prints, once for each term.

Of two numbers the first is what the member offers as a leader, the second what it asks of whoever
it votes for. Whoever knows what it has by bounds only prints those: it offers what it has surely,
and needs what it may have. One number is both.

The hook runs after `role-changed none` of the same term has ended, beside the process or without
one, with the files that are in place; also of a service that is stopped, as what it orders by may
be data. Whatever is no number is 0. Exit code 75, or being late, says that it cannot say now: then
its member votes for nobody else in that term, and does not stand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from actors.effects import Ask, Effect, Emit, Send
from actors.messages.election_orders import ReadSuitability, SuitabilityRead
from actors.messages.gateway import HookOutput, ReadHookOutput
from actors.messages.process import ProcessExited
from actors.messages.service import HookFailed, SuitabilityMeasured
from actors.service.hooks import NOT_NOW, SUITABILITY, SUITABILITY_S, start_hook
from actors.service.life import Decision, Life, Moment
from actors.service.rendering import PACKAGES
from actors.service.starting import ELECTION, LAUNCHER, hook_key

GREATEST: Final = (1 << 63) - 1
CANNOT_SAY: Final = -1


def asked(life: Life, question: ReadSuitability) -> Decision:
    """The election asks for the suitability of a term."""
    record = life.record
    if record is None or (question.service_group, question.kind) != (record.stands, "topology"):
        return life, []
    part, term = life.part, question.term
    if term == part.suited[0]:
        return life, _say(life, *part.suited)
    if term == part.measured:
        return life, []  # the answer is on its way
    return replace(life, part=replace(part, reading=term)), []


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
        return _read(life, term, 0)
    life, key = hook_key(life, SUITABILITY, at)
    start = start_hook(SUITABILITY, key, record, at.options, SUITABILITY_S)
    life = replace(life, part=replace(life.part, measuring=key, measured=term))
    return life, [Ask(LAUNCHER, start, key)]


def hook_ended(life: Life, end: ProcessExited, how: str, at: Moment) -> Decision:
    """The hook ended, or `how` it failed: ask for what it printed."""
    if end.code == NOT_NOW or end.ended_by == "timeout":
        return failed(life, f"{how}; it votes for nobody else now", CANNOT_SAY)
    if how:
        return failed(life, f"{how}; its suitability is 0")
    number = life.number + 1
    call = f"{at.instance}:{SUITABILITY}:{number}"
    life = replace(life, number=number, part=replace(life.part, measuring=call))
    return life, [Ask(PACKAGES, ReadHookOutput(life.name, SUITABILITY), call)]


def printed(life: Life, output: HookOutput) -> Decision:
    """What the hook printed."""
    found = last_numbers(output.stdout)
    if found is None:
        said = "printed no whole number from 0 to 2^63 - 1; its suitability is 0"
        return failed(life, said)
    term = life.part.measured
    group = life.record.stands if life.record is not None else ""
    life, told = _read(life, term, *found)
    return life, [Emit(SuitabilityMeasured(life.name, group, term, *found)), *told]


def failed(life: Life, how: str, value: int = 0) -> Decision:
    """There is no number: as suitable as who has none, or (`CANNOT_SAY`) nobody knows."""
    group = life.record.stands if life.record is not None else ""
    said = HookFailed(life.name, SUITABILITY, how, group)
    life, told = _read(life, life.part.measured, value)
    return life, [Emit(said), *told]


def last_numbers(text: str) -> tuple[int, int | None] | None:
    """The one or two numbers on the last line of such; None where none is, or is in range."""
    for line in reversed(text.splitlines()):
        words = line.split()
        if len(words) in (1, 2) and all(word.isascii() and word.isdigit() for word in words):
            values = [int(word[:20]) for word in words]
            if max(values) > GREATEST or max(map(len, words)) > len(str(GREATEST)):
                return None
            return values[0], values[1] if len(values) > 1 else None
    return None


def _read(life: Life, term: int, value: int, needs: int | None = None) -> Decision:
    """The suitability of a term is known: it is not read again, however often it is asked for.

    Who cannot say yet may be asked once more.
    """
    suited = life.part.suited if value == CANNOT_SAY else (term, value, needs)
    part = replace(life.part, measuring="", measured=0, suited=suited)
    return replace(life, part=part), _say(life, term, value, needs)


def _say(life: Life, term: int, value: int, needs: int | None) -> list[Effect]:
    group = life.record.stands if life.record is not None else ""
    return [Send(ELECTION, SuitabilityRead(group, "topology", term, value, needs))]
