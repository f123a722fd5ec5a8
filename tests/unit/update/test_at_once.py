"""The strategy `at-once` as a function: questions, answers, and what comes late."""

from __future__ import annotations

from random import Random

from actors.effects import After, Ask, Effect, Emit
from actors.messages.base import Message
from actors.messages.depot import PackageInfo, PackageResolved, ResolvePackage
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import (
    AnswerOverdue,
    Progress,
    ServiceSettled,
    ServiceSpec,
    ServiceStatus,
    Stage,
)
from actors.messages.update import (
    DepotChanged,
    FindRelease,
    PollDue,
    ReleaseFound,
    TakeRelease,
    UpdateHeld,
)
from actors.update.at_once import step
from actors.update.state import Moment, Updating, status_of

SPEC = ServiceSpec(ident="acme/web", update_strategy="at-once")
ONE, TWO = "acme/web/1/1", "acme/web/2/2"


class Story:
    """One service's updates, message by message."""

    def __init__(self) -> None:
        self.updating = Updating("web")
        self.now = 100.0
        self.random = Random(1)
        self.effects: list[Effect] = []

    def hear(self, message: Message, call: str = "") -> list[Effect]:
        at = Moment(self.now, self.random, "1", 60.0)
        self.updating, self.effects = step(self.updating, message, call, at)
        return self.effects

    def stands(self, package: str = ONE, stage: Stage = "up") -> None:
        self.hear(ServiceSettled(ServiceStatus(SPEC, package, stage)))

    def asked(self) -> Message | None:
        """What was asked now, if anything."""
        return next((e.message for e in self.effects if isinstance(e, Ask)), None)

    def answer(self, message: Message) -> None:
        self.hear(message, self.updating.call)

    def offered(self, ident: str = TWO) -> None:
        self.hear(PollDue())
        self.answer(ReleaseFound(ident, "file:///depot"))


def resolved(ident: str = TWO) -> PackageResolved:
    return PackageResolved(PackageInfo(ident, "/p", "x86_64-linux", hooks=("run",)))


def test_the_way_of_an_update_from_poll_to_the_service() -> None:
    story = Story()
    story.stands()
    assert story.asked() is None
    story.hear(PollDue())
    assert story.asked() == FindRelease("acme/web", "stable", "", "latest", ONE)
    story.answer(ReleaseFound(TWO, "file:///depot"))
    assert story.asked() == ResolvePackage(TWO, True)
    story.answer(Progress("Downloading"))
    assert status_of(story.updating).state == "installing"
    story.answer(resolved())
    assert story.asked() == TakeRelease(resolved())
    story.answer(Ok(""))
    assert story.asked() is None
    assert status_of(story.updating).state == "taking"
    story.stands(TWO, "stopping")
    assert status_of(story.updating).state == "current"


def test_a_service_that_still_runs_the_old_release_is_asked_again() -> None:
    story = Story()
    story.stands()
    story.offered()
    story.answer(resolved())
    story.answer(Ok(""))
    story.stands(ONE, "up")
    assert story.asked() == TakeRelease(resolved())


def test_an_answer_to_an_earlier_question_changes_nothing() -> None:
    story = Story()
    story.stands()
    story.hear(PollDue())
    before = story.updating
    for late in (ReleaseFound(TWO, ""), resolved(), Ok(""), CallFailed("Refused", "no", "x")):
        story.hear(late, "1:release:0")
    story.hear(AnswerOverdue("1:release:0"))
    assert story.updating == before


def test_a_question_without_an_answer_is_asked_again() -> None:
    story = Story()
    story.stands()
    story.hear(PollDue())
    story.hear(AnswerOverdue(story.updating.call))
    timers = [e for e in story.effects if isinstance(e, After) and e.name == "poll"]
    assert [e.delay_s for e in timers] == [1.0]
    story.hear(PollDue())
    assert isinstance(story.asked(), FindRelease)


def test_an_actor_that_is_not_there_is_not_asked_in_a_loop() -> None:
    story = Story()
    story.stands()
    story.offered()
    story.answer(CallFailed("ActorUnavailableError", "depot restarts", ""))
    assert story.asked() is None
    assert not [e for e in story.effects if isinstance(e, Emit)]


def test_pauses_grow_with_failures_and_a_change_of_the_depot_ends_them() -> None:
    story = Story()
    story.stands()
    pauses, said = [], 0
    for _ in range(8):
        story.offered()
        story.answer(CallFailed("Refused", "no space left", "host"))
        said += sum(isinstance(e, Emit) and isinstance(e.event, UpdateHeld) for e in story.effects)
        pauses.append(story.updating.next_poll_s - story.now)
    assert said == 1
    assert pauses[0] == 60.0
    assert pauses == sorted(pauses) or max(pauses) <= 16 * 60.0
    assert 12 * 60.0 <= pauses[-1] <= 16 * 60.0
    story.hear(DepotChanged("http://other"))
    assert story.asked() is None
    story.hear(DepotChanged(""))
    assert isinstance(story.asked(), FindRelease)
    assert story.updating.fails == 0


def test_another_channel_makes_what_was_found_old() -> None:
    story = Story()
    story.stands()
    story.offered()
    other = ServiceSpec(ident="acme/web", update_strategy="at-once", channel="dev")
    story.hear(ServiceSettled(ServiceStatus(other, ONE, "up")))
    assert story.asked() == FindRelease("acme/web", "dev", "", "latest", ONE)
    assert status_of(story.updating).offered == ""


def test_a_channel_without_the_package_is_said_and_nothing_is_done() -> None:
    story = Story()
    story.stands()
    story.offered("")
    status = status_of(story.updating)
    assert (status.state, status.offered) == ("unasked", "")
    assert status.reason == "file:///depot has no acme/web in its channel stable"
    assert story.asked() is None
