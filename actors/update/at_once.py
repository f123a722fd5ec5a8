"""The strategy `at-once`: each member goes to what is offered by itself, as soon as it can.

Safety. A running service is asked to go only to a release that is installed here with all it needs,
and whose install hooks have worked; the service itself refuses what it could not start.
Liveness. As long as what runs is not what is offered, each poll, each change of the depot and each
word of the service leads to the next step; a question without an answer is asked again.

Facts followed (Habitat, `service_updater`): a poll each period after a random splay, no word
between members. Beyond it: failures are said, and tried again after growing pauses.
"""

from __future__ import annotations

from dataclasses import replace

from actors.effects import After, Ask, Cancel, Effect, Emit, Send
from actors.messages.base import Message
from actors.messages.depot import PackageResolved, ResolvePackage
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import AnswerOverdue, Progress, ServiceSettled, ServiceStatus
from actors.messages.update import (
    DepotChanged,
    DepotUnasked,
    FindRelease,
    PollDue,
    ReleaseFound,
    TakeRelease,
    UpdateFound,
    UpdateHeld,
    UpdateTold,
)
from actors.update.state import (
    BACKOFF_MOST,
    READY,
    Decision,
    Moment,
    Question,
    Updating,
    followed,
    is_pinned,
    running,
    spec_of,
    status_of,
)

ANSWER_S = 60.0  # a depot that is down is given up sooner; an install says how it goes
AGAIN_S = 1.0  # an actor that was not there is restarted within this, mostly


def step(updating: Updating, message: Message, call: str, at: Moment) -> Decision:
    """The next state and what it asks for; `call` is what `message` answers, or empty."""
    after, effects = _react(updating, message, call, at)
    if not after.question:
        after, more = _onward(after, at)
        effects = [*effects, *more]
    return _tell(after, effects, again=isinstance(message, ServiceSettled))


def _react(updating: Updating, message: Message, call: str, at: Moment) -> Decision:
    mine = call != "" and call == updating.call
    match message:
        case ServiceSettled(status):
            return _stands(updating, status, at)
        case PollDue():
            return _poll(updating, at)
        case DepotChanged(url):
            spec = spec_of(updating)
            if spec is None or spec.bldr_url != url:
                return updating, []
            return _poll(replace(updating, fails=0), at)
        case ReleaseFound() if mine:
            return _found(_answered(updating), message, at)
        case Progress() if mine:
            return updating, [After(ANSWER_S, AnswerOverdue(call), name="answer")]
        case PackageResolved() if mine:
            return replace(_answered(updating), package=message), [Cancel("answer")]
        case Ok() if mine:
            return _answered(updating), [Cancel("answer")]
        case CallFailed() if mine:
            return _failed(updating, message, at)
        case AnswerOverdue(late) if late and late == updating.call:
            return _again(updating)
        case _:
            return updating, []  # late: about something that is over


# ── the service ──


def _stands(updating: Updating, standing: ServiceStatus, at: Moment) -> Decision:
    """The service says how it stands."""
    before, spec = spec_of(updating), standing.spec
    updating = replace(updating, standing=standing, rests=False)
    if spec.desired_state == "down" or is_pinned(spec):
        rest = replace(_answered(updating), offered="", package=None, next_poll_s=0.0)
        return replace(rest, unasked="", refused="", fails=0), [Cancel("poll"), Cancel("answer")]
    if before is None:
        return _schedule(updating, at.period_s * at.random.random(), at)
    if followed(before) != followed(spec) or before.desired_state == "down":
        new = replace(_answered(updating), offered="", package=None, unasked="", refused="")
        return _poll(replace(new, fails=0), at)
    if updating.offered == running(updating):
        updating = replace(updating, package=None, refused="", fails=0)
    return updating, []


def _onward(updating: Updating, at: Moment) -> Decision:
    """One step from what runs towards what is offered, if there is one to take now."""
    spec, standing, offered = spec_of(updating), updating.standing, updating.offered
    if spec is None or standing is None or offered in ("", standing.package):
        return updating, []
    if updating.refused or updating.rests or not updating.goes:
        return updating, []
    package = updating.package
    if package is None or package.package.ident != offered:
        install = ResolvePackage(offered, True, spec.config_from, spec.channel, spec.bldr_url)
        return _ask(updating, "package", "depot", install, at)
    if standing.stage not in READY:
        return updating, []
    taking = replace(updating, rests=True)
    return _ask(taking, "taking", f"service/{updating.service}", TakeRelease(package), at)


# ── the depot ──


def _poll(updating: Updating, at: Moment) -> Decision:
    """Ask which release should run."""
    spec = spec_of(updating)
    if spec is None or is_pinned(spec) or spec.desired_state == "down":
        return updating, []
    if updating.question:
        return _schedule(updating, AGAIN_S, at)
    question = FindRelease(
        spec.ident, spec.channel, spec.bldr_url, spec.update_condition, running(updating)
    )
    return _ask(updating, "release", "depot", question, at)


def _found(updating: Updating, answer: ReleaseFound, at: Moment) -> Decision:
    """The depot has answered."""
    spec, release = spec_of(updating), answer.ident
    assert spec is not None, "a question about no service"
    effects: list[Effect] = [Cancel("answer")]
    none = f"{answer.depot} has no {spec.ident} in its channel {spec.channel}"
    news = release != updating.offered
    updating = replace(
        updating,
        offered=release,
        depot=answer.depot,
        package=None,
        rests=False,
        unasked="" if release else none,
        refused="",
        fails=0 if news else updating.fails,
        said="" if news else updating.said,
    )
    if news and release not in ("", running(updating)):
        found = UpdateFound(
            updating.service, running(updating), release, answer.depot, spec.service_group
        )
        effects.append(Emit(found))
    updating, wait = _schedule(updating, _pause_s(updating, at), at)
    return updating, [*effects, *wait]


def _pause_s(updating: Updating, at: Moment) -> float:
    """Seconds to the next poll: a period, or more after failures in a row."""
    if updating.fails < 2:
        return at.period_s
    most_s = at.period_s * min(BACKOFF_MOST, 1 << min(updating.fails - 1, 10))
    return most_s * at.random.uniform(0.75, 1.0)


def _schedule(updating: Updating, delay_s: float, at: Moment) -> Decision:
    updating = replace(updating, next_poll_s=at.now + delay_s)
    return updating, [After(delay_s, PollDue(), name="poll")]


# ── questions and their answers ──


def _ask(updating: Updating, what: Question, to: str, message: Message, at: Moment) -> Decision:
    number = updating.number + 1
    call = f"{at.instance}:{what}:{number}"
    asking = replace(updating, question=what, call=call, number=number)
    return asking, [
        Ask(to, message, call),
        After(ANSWER_S, AnswerOverdue(call), name="answer"),
    ]


def _answered(updating: Updating) -> Updating:
    return replace(updating, question="", call="")


def _again(updating: Updating) -> Decision:
    """Who was asked is gone, or silent: begin with the depot once more."""
    return replace(_answered(updating), rests=True), [
        Cancel("answer"),
        After(AGAIN_S, PollDue(), name="poll"),
    ]


def _failed(updating: Updating, answer: CallFailed, at: Moment) -> Decision:
    """Somebody said no, or was not there."""
    if answer.kind != "Refused":
        return _again(updating)
    question, updating = updating.question, _answered(updating)
    if question == "release":
        updating = replace(updating, unasked=answer.text)
    else:
        updating = replace(updating, refused=answer.text, package=None, fails=updating.fails + 1)
    updating, effects = _schedule(updating, _pause_s(updating, at), at)
    return updating, [Cancel("answer"), *effects]


# ── telling ──


def _tell(updating: Updating, effects: list[Effect], *, again: bool) -> Decision:
    """Tell specs how it stands, and the log of a failure that is another than the last."""
    status = status_of(updating)
    failure = updating.refused or updating.unasked
    group = updating.standing.spec.service_group if updating.standing else ""
    if failure and failure != updating.said:
        event: Effect = Emit(DepotUnasked(updating.service, failure, group))
        if updating.refused:
            event = Emit(
                UpdateHeld(updating.service, running(updating), updating.offered, failure, group)
            )
        effects = [event, *effects]
    if status != updating.told or again:
        effects = [*effects, Send("specs", UpdateTold(updating.service, status))]
    # A poll that clears a failure before it fails again in the same way is no news.
    said = "" if status.state == "current" else failure or updating.said
    return replace(updating, told=status, said=said), effects
