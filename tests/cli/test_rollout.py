"""`hab svc rollout`: what is asked, and what is shown of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from click.testing import Result

from actors.messages.base import Message
from actors.messages.ring import Member, Members, MemberView, QueryMembers
from actors.messages.rollout import OrderRollout, QueryRollouts, Rollout, Rollouts, RolloutView
from actors.messages.runtime import CallFailed, Ok

Hab = Callable[..., Result]
Start = Callable[[Callable[[Message], list[Any]]], AbstractContextManager[Any]]
A, B, C = ("a" * 32, "b" * 32, "c" * 32)
TWO = "acme/web/2.0/20260201000000"
ONE = "acme/web/1.0/20260101000000"
ROLLING = Rollout(
    "web.default",
    4,
    7,
    21,
    TWO,
    back=ONE,
    order=(A, B, C),
    turn=B,
    turns=2,
    attempt=1,
    updated=(A,),
)
HALTED = Rollout(
    "web.default", 4, 7, 22, TWO, back=ONE, state="halted", order=(A, B, C), reason="b failed twice"
)


def answering(view: RolloutView, *more: Message, gone: str = "") -> Callable[[Message], list[Any]]:
    def answer(message: Message) -> list[Any]:
        match message:
            case QueryMembers():
                views = tuple(
                    MemberView(
                        Member(m, 1, f"10.0.0.{n}:9638", name=name),
                        "confirmed" if m == gone else "alive",
                    )
                    for n, (m, name) in enumerate(((A, "alpha"), (B, "beta"), (C, "gamma")))
                )
                return [Members(A, "r", views)]
            case QueryRollouts():
                return [Rollouts((view,))]
            case _:
                return list(more)

    return answer


def test_status_shows_how_far_a_group_is_and_says_why_it_waits(hab: Hab, gateway: Start) -> None:
    members = {A: TWO, B: f"{ONE}, its turn: draining", C: ONE}
    view = RolloutView("web.default", "rolling", TWO, A, ROLLING, "beta is draining", members)
    with gateway(answering(view)):
        shown = hab("svc", "rollout", "status", "web")
        as_json = json.loads(hab("svc", "rollout", "status", "--json").stdout)
    assert shown.exit_code == 0, shown.output
    line = shown.stdout.splitlines()[1].split()
    assert line == ["web.default", "4", "rolling", TWO, "1", "3", "beta", "alpha"]
    assert "its turn: draining" in shown.stdout
    assert "web.default: beta is draining" in shown.stderr
    assert as_json["schema"] == "rollout.status/1"
    assert as_json["rollouts"][0]["rollout"]["turn"] == B


def test_why_nothing_moves_is_said_too_where_the_conductor_is_gone(
    hab: Hab, gateway: Start
) -> None:
    view = RolloutView("web.default", "rolling", TWO, B, ROLLING)
    with gateway(answering(view, gone=B)):
        shown = hab("svc", "rollout", "status", "web")
    assert "web.default: beta (bbbbbbbb), which conducts, is gone: a majority" in shown.stderr
    assert "`hab election why web.default`" in shown.stderr


def test_a_halt_is_said_with_its_reason_and_history_remembers(hab: Hab, gateway: Start) -> None:
    view = RolloutView("web.default", "rolling", ONE, A, HALTED, "", {}, (ROLLING,))
    with gateway(answering(view)):
        status = hab("svc", "rollout", "status")
        history = hab("svc", "rollout", "history", "web.default")
    assert "halted: b failed twice. `hab svc rollout resume" in status.stderr
    assert [line.split()[0] for line in history.stdout.splitlines()] == ["update", "4", "4"]
    assert "b failed twice" in history.stdout


def test_a_group_that_went_back_says_so_in_its_status_and_what_failed_in_its_history(
    hab: Hab, gateway: Start
) -> None:
    why = "bbbbbbbb failed twice: the process ended: exit 1"
    back = Rollout(
        *("web.default", 5, 7, 30, ONE, TWO, "done", (B,)), updated=(B,), returns=True, reason=why
    )
    view = RolloutView("web.default", "rolling", ONE, A, back, "at rest", {}, (ROLLING,))
    with gateway(answering(view)):
        status = hab("svc", "rollout", "status")
        history = hab("svc", "rollout", "history", "web.default").stdout.splitlines()
    words = "beta (bbbbbbbb) failed twice: the process ended: exit 1"
    assert f"web.default: went back to {ONE}, because {words}." in status.stderr
    assert f"{TWO} is not tried again; a newer release goes out" in status.stderr
    assert [line.split()[3] for line in history] == ["state", "done", "failed"]
    assert f"went back: {words}" in history[1]
    assert words in history[2]


def test_a_configuration_that_went_back_names_what_takes_the_next(hab: Hab, gateway: Start) -> None:
    why = "bbbbbbbb failed twice: not healthy within 30 s"
    names = ("configuration 4", "configuration 5")
    back = Rollout(
        *("web.default", 5, 7, 30, *names, "done", (B,)), updated=(B,), returns=True, reason=why
    )
    view = RolloutView("web.default", "rolling", ONE, A, back, config=4, in_force=4, staged=5)
    with gateway(answering(view)):
        said = hab("svc", "rollout", "status", "web").stderr
    assert "went back to configuration 4, because beta (bbbbbbbb) failed twice" in said
    assert "configuration 5 is not tried again; `hab config apply --rolling` takes" in said
    over = Rollout(
        *("web.default", 6, 7, 31, "configuration 5", "", "aborted"), reason="configuration 6 is"
    )
    view = RolloutView("web.default", "rolling", ONE, A, over, config=6, in_force=6)
    with gateway(answering(view)):
        said = hab("svc", "rollout", "status", "web").stderr
    assert "configuration 5 is out of date: configuration 6 is" in said


def test_that_nobody_conducts_is_said_whatever_else_there_is_to_say(
    hab: Hab, gateway: Start
) -> None:
    view = RolloutView("web.default", "rolling", ONE, "", HALTED, "nobody conducts: no quorum")
    with gateway(answering(view)):
        said = hab("svc", "rollout", "status").stderr
    assert "web.default: halted: b failed twice" in said
    assert "web.default: nobody conducts: no quorum" in said


def test_a_rollout_that_gave_way_to_a_newer_release_is_told_as_replaced(
    hab: Hab, gateway: Start
) -> None:
    newer = Rollout("web.default", 5, 7, 30, "acme/web/3.0/20260301000000", back=ONE, order=(A,))
    view = RolloutView("web.default", "rolling", ONE, A, newer, "", {}, (ROLLING,))
    with gateway(answering(view)):
        history = hab("svc", "rollout", "history", "web.default").stdout.splitlines()
    assert [line.split()[3] for line in history] == ["state", "rolling", "replaced"]


def test_an_order_is_for_the_whole_group_and_its_answer_is_shown(hab: Hab, gateway: Start) -> None:
    view = RolloutView("web.default", "rolling", ONE, A, ROLLING)
    with gateway(answering(view, Ok("paused: pause by an operator"))) as playing:
        done = hab("svc", "rollout", "pause", "web", "--reason", "lunch")
    assert done.exit_code == 0, done.output
    assert "web.default: paused" in done.stdout
    assert playing.asked[-1] == OrderRollout("web.default", "pause", "lunch")
    refused = CallFailed("Refused", "web.default: no rollout is under way", "no-rollout")
    with gateway(answering(view, refused)):
        failed = hab("svc", "rollout", "abort", "web")
    assert failed.exit_code == 1
    assert "no rollout is under way" in failed.stderr


def test_a_group_that_does_not_roll_is_named(hab: Hab, gateway: Start) -> None:
    with gateway(lambda m: [Members(A, "r", ())] if isinstance(m, QueryMembers) else [Rollouts()]):
        failed = hab("svc", "rollout", "status", "redis")
        none = hab("svc", "rollout", "status")
    assert failed.exit_code == 1
    assert "redis" in failed.stderr
    assert (none.exit_code, none.stderr) == (0, "")
