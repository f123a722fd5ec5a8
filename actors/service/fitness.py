"""What the election is told of the service: that it takes part, whether it would lead, its health.

Derived from the state, like everything that is told, and repeated each `STAND_S`, since an election
that began anew knows nothing. A service that cannot start, or is about to stop, would not lead; one
that is started again in place, for new files, still would.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from actors.effects import After, Effect, Send
from actors.messages.election_orders import AskRole, ServiceFitness, StandForElection
from actors.messages.service import StandDue
from actors.service.gates import waiting_for
from actors.service.hooks import SUITABILITY, process_key
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    desire,
    outdated,
    spec_of,
    takes_part,
    wants_role,
)
from actors.service.starting import ELECTION, ask_role, persist

STAND_S: Final = 5.0


def stand(life: Life) -> Decision:
    """Take part in the election of its group from now on, if it has one; the same life for no.

    That it does is durable before the election hears of it, so that an unload gives up the seat.
    """
    record, spec = life.record, life.spec
    if record is None or spec is None or life.gone or life.phase in ("discovering", "withdrawing"):
        return life, []
    if spec.topology != "leader" or record.stands not in ("", spec.service_group):
        return life, []
    if record.stands and life.part.standing:
        return life, []
    began = record.stands == ""
    if began:
        life = replace(life, record=msgspec.structs.replace(record, stands=spec.service_group))
    life = replace(life, part=replace(life.part, standing=True))
    effects: list[Effect] = [After(STAND_S, StandDue(), name="stand")]
    effects += [*([persist(life)] if began else []), *_stands(life)]
    if not wants_role(life) or life.part.asking or life.part.told is not None:
        return life, effects
    life, asked = ask_role(life)  # its process was found, and nothing that says it takes part
    return life, [*effects, *asked]


def stand_again(life: Life) -> Decision:
    """Repeat what the election has to know, and ask it for the role that it gives."""
    said = _stands(life)
    if not said or life.record is None:
        return replace(life, part=replace(life.part, standing=False)), []
    asked = Send(ELECTION, AskRole(life.record.stands, "topology"))
    return life, [*said, asked, After(STAND_S, StandDue(), name="stand")]


def _stands(life: Life) -> list[Effect]:
    standing, fitness = standing_of(life), fitness_of(life)
    if standing is None or fitness is None:
        return []
    return [Send(ELECTION, standing), Send(ELECTION, fitness)]


def standing_of(life: Life) -> StandForElection | None:
    """How it takes part in the election; None where it has no part in one, or not any more."""
    record, spec = life.record, spec_of(life)
    if record is None or not takes_part(life) or life.gone:
        return None
    if spec.topology != "leader" or spec.service_group != record.stands:
        return None
    if life.phase in ("discovering", "withdrawing", "gone"):
        return None
    hooks = life.parsed.hooks if life.parsed is not None else record.hooks
    return StandForElection(
        life.name,
        record.stands,
        "topology",
        spec.bootstrap_expect,
        suitability_hook=SUITABILITY in hooks,
        process=process_key(life.name),
        leads=leads(life),
    )


def fitness_of(life: Life) -> ServiceFitness | None:
    """How the service stands, for the election."""
    if standing_of(life) is None or life.record is None:
        return None
    told = life.part.told
    if life.phase in RUNNING:
        health: str = life.health
    else:  # a leader without a process is sick, unless it soon has one
        health = "critical" if told is not None and told.role == "leader" else "unknown"
    return ServiceFitness(life.record.stands, "topology", leads=leads(life), health=health)


def leads(life: Life) -> bool:
    """Whether it would lead if elected."""
    if desire(life) != "up" or life.part.stuck or not takes_part(life):
        return False
    match life.phase:  # while it waits, nothing runs that could be of an older spec
        case "waiting":
            return not waiting_for(spec_of(life), life.package, life.census)
        case "resolving":
            return life.record is not None and life.record.package is not None
        case _ if outdated(life):
            return False
        case "preparing" | "initializing" | "confirming" | "starting" | "settling" | "up":
            return True
        case "stopping" | "post_stop":
            return life.again
        case _:
            return False


def told(before: Life, after: Life) -> list[Effect]:
    """What of it differs from what the election was told."""
    standing, was = standing_of(after), standing_of(before)
    if was is not None and standing is None and after.phase != "withdrawing":
        # Unloaded, or on its way to another group: it leads no more, and asks to be let go later.
        return [Send(ELECTION, ServiceFitness(was.service_group, was.kind, leads=False))]
    if standing is None or after.record is None:
        return []
    fitness, fit = fitness_of(after), fitness_of(before)
    assert fitness is not None
    if _failed(before, after):
        return [Send(ELECTION, msgspec.structs.replace(fitness, leads=False, failed=True))]
    effects: list[Effect] = []
    if was is not None and msgspec.structs.replace(standing, leads=was.leads) != was:
        effects.append(Send(ELECTION, standing))
    if fit is not None and fitness != fit:
        effects.append(Send(ELECTION, fitness))
    return effects


def _failed(before: Life, after: Life) -> bool:
    """Whether its process has ended without being asked to, or could not be told to lead."""
    over = before.record.over if before.record is not None else 0
    crashed = before.pid is not None and after.ended_at != before.ended_at
    return crashed or (after.record is not None and after.record.over > over)
