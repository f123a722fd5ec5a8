"""What a conductor makes of answers; schedules are for the model in `tests/property`."""

from __future__ import annotations

from dataclasses import replace

from actors.messages.rollout import RolloutTold, Seated
from actors.update import conduct
from actors.update.conduct import Conducting
from actors.update.scene import Peer, Scene

GROUP = "web.default"
A, B, C = ("a" * 32, "b" * 32, "c" * 32)
ONE = "acme/web/1/1"
SCENE = Scene(
    *(A, Seated((A, B, C)), {m: Peer(ONE) for m in (A, B, C)}, {}),
    wanted=ONE,
    on_failure="halt",
    grace_s=10.0,
    patience_s=30.0,
    now=1000.0,
)


def test_answers_that_came_before_it_was_known_who_votes_are_counted_then() -> None:
    nobody = replace(SCENE, seated=Seated(()))  # while the electorate of the new term is stored
    state, _ = conduct.tick(Conducting(GROUP, "update/web", A, 3), nobody)
    for member in (A, B):
        state, _ = conduct.heard(state, member, RolloutTold(GROUP, 3, 3), nobody)
    assert state.stage == "asking"
    state, _ = conduct.tick(state, SCENE)  # C is dead and never answers
    assert state.stage == "ready"
