"""`hab sup`: run a supervisor; ask it, restart it, end it; its secret and its systemd unit."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import click

from actors.errors import ActorUnavailableError, OutcomeUnknown, UsageError
from actors.messages.control import QuerySupervisor, StopSupervisor, SupervisorInfo
from actors.messages.ring import DepartMember, Members, QueryMembers
from actors.messages.runtime import Ok
from cli.client import (
    NoSupervisor,
    Session,
    asks,
    json_option,
    override_name_option,
)
from cli.lazy import LazyGroup
from cli.loading import load_flags, load_options, load_request, subject_argument
from cli.output import duration_words, emit_json, say
from cli.problem import TIMED_OUT, Failure
from cli.runoptions import run_options
from cli.settings import lock_holder, state_layout
from cli.starting import config_files_option, settled_options, supervise, supervisor_options
from cli.supconfig import generate
from cli.values import Duration

VERBS = {
    "run": ("cli.sup:run", "Run a supervisor in the foreground."),
    "status": ("cli.sup:status", "Show who the supervisor is and where it listens."),
    "restart": ("cli.sup:restart", "Restart the supervisor; its services go on."),
    "term": ("cli.sup:term", "End the supervisor and its services."),
    "depart": ("cli.sup:depart", "Remove a member from the ring for good."),
    "secret": ("cli.sup:secret", "The secret of the control gateway."),
    "install-unit": ("cli.unit:install_unit", "Install a systemd unit that runs a supervisor."),
}
TERM_S = 30.0  # services have their shutdown timeouts, 8 s where they do not say
STEP_S = 0.1
SETTLE_S = 10.0  # a supervisor has met its ring by then, or is alone


@click.group(cls=LazyGroup, lazy=VERBS)
def sup() -> None:
    """Run a supervisor; ask it, restart it, end it."""


@click.command()
@subject_argument
@override_name_option
@run_options
@config_files_option
@click.option(
    "--generate-config",
    is_flag=True,
    help="Print the configuration these options come to, as a sup.toml, and end.",
)
@load_options
def run(
    subject: str | None,
    *,
    override_name: str | None,
    config_files: tuple[str, ...],
    generate_config: bool,
    **flags: Any,
) -> None:
    """Run a supervisor in the foreground, with what was loaded before, until `hab sup term`.

    IDENT or FILE.hart is loaded too, as by `hab svc load --force`; the options of `hab svc load`
    are for it. Other options also come from sup.toml, --config-files and the environment, each
    outranking the one before, and the command line all of them.
    """
    layout = state_layout(override_name, os.environ)
    resolved = settled_options(flags, layout, config_files)
    if generate_config:
        # A named supervisor's control socket is a default that only its name explains.
        control = supervisor_options(layout, resolved).listen_ctl
        click.echo(generate(resolved, {"listen_ctl": control}), nl=False)
        return
    wanted = None
    if subject or flags.get("cmd"):
        wanted = load_request(subject, flags, local=True, force=True, wait=False)
    elif loose := load_flags():
        raise UsageError(f"{loose[0]} is for a service: name a package too")
    supervise(layout, resolved, wanted)


@click.command()
@asks
@json_option
def status(*, asked: Session, as_json: bool) -> None:
    """Show who the supervisor is, its processes and where it listens."""
    info = asked.ask(QuerySupervisor(), SupervisorInfo)
    facts = {name: getattr(info, name) for name in info.__struct_fields__}
    if as_json:
        emit_json("sup.status/1", facts)
        return
    facts["listen_http"] = info.listen_http or "disabled"
    facts["uptime"] = duration_words(facts.pop("uptime_s"))
    facts["started"] = _local_time(facts.pop("started_wall"))
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        said = {True: "yes", False: "no"}.get(shown, shown) if isinstance(shown, bool) else shown
        click.echo(f"{name.replace('_', '-').ljust(width)}  {said}".rstrip())


def _local_time(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall)) if wall else ""


@click.command()
@asks
@click.option("--no-wait", is_flag=True, help="End when the restart is on record.")
@click.option(
    "--timeout",
    type=Duration(),
    default=TERM_S,
    metavar="TIME",
    help="Stop waiting after this long, with exit code 7.  [default: 30s]",
)
def restart(*, asked: Session, no_wait: bool, timeout: float) -> None:
    """Restart the supervisor process; its services go on under the same pids."""
    before = asked.ask(QuerySupervisor(), SupervisorInfo)
    say(f"Restarting supervisor {before.member_id[:8]} ({asked.place.endpoint})")
    _end(asked, "restart")
    click.echo("Restart recorded.")
    if no_wait:
        return
    deadline = time.monotonic() + timeout
    while True:
        try:
            now = asked.ask(QuerySupervisor(), SupervisorInfo, timeout_s=2.0)
        except (NoSupervisor, OutcomeUnknown, ActorUnavailableError):
            now = before  # between two processes
        if now.supervisor_pid != before.supervisor_pid:
            click.echo(f"Supervisor runs as pid {now.supervisor_pid}")
            return
        if time.monotonic() > deadline:
            raise Failure(
                f"The supervisor did not answer again within {timeout:g} s.",
                "`hab sup status` tells when it does.",
                TIMED_OUT,
            )
        threading.Event().wait(STEP_S)


@click.command()
@asks
@click.option("--no-wait", is_flag=True, help="End when it was told, not when it has ended.")
@click.option(
    "--timeout",
    type=Duration(),
    default=TERM_S,
    metavar="TIME",
    help="Stop waiting after this long, with exit code 7.  [default: 30s]",
)
def term(*, asked: Session, no_wait: bool, timeout: float) -> None:
    """Stop all services, then end the supervisor and its launcher.

    What is loaded stays loaded: it runs again at the next start. Where none runs there is nothing
    to do, and that is success.
    """
    if not asked.place.local:
        _end(asked, "terminate")
        click.echo("Termination recorded.")
        return
    layout = asked.place.layout
    pid = lock_holder(layout)
    if not pid:
        click.echo(
            f"Supervisor not terminated: {layout.lock} is not held, so none runs here."
            if pid is None
            else f"Supervisor not terminated: who holds {layout.lock} is only just starting."
        )
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while not no_wait and lock_holder(layout) is not None:
        if time.monotonic() > deadline:
            raise Failure(
                f"Launcher {pid} has not ended within {timeout:g} s.",
                "A service may need longer than that to stop: `hab svc status`.",
                TIMED_OUT,
            )
        threading.Event().wait(STEP_S)
    click.echo(f"Launcher {pid} was told to end" if no_wait else f"Launcher {pid} has ended")


def _end(asked: Session, how: Any) -> None:
    """Tell a supervisor to end; a connection that breaks then is the expected answer."""
    try:
        asked.ask(StopSupervisor(how), Ok)
    except OutcomeUnknown:
        say("The connection ended with the supervisor.")


@click.command()
@click.argument("member")
@click.option("--force", is_flag=True, help="Although other members still hear it.")
@asks
@json_option
def depart(member: str, *, force: bool, asked: Session, as_json: bool) -> None:
    """Remove a member from the ring for good: MEMBER is its name or the beginning of its id.

    A member that is alive hands over what it leads, gives up its seats in elections, stops its
    services and ends. Of one that is gone this is your oath: the others elect without it. It cannot
    come back under its id.
    """
    seen = asked.ask(QueryMembers(), Members)
    found = _meant(member, seen)
    deadline = time.monotonic() + SETTLE_S
    while not found and not seen.settled and time.monotonic() < deadline:
        time.sleep(STEP_S)  # just started: the ring is still telling it who is there
        seen = asked.ask(QueryMembers(), Members)
        found = _meant(member, seen)
    if len(found) != 1:
        known = "Several members have" if found else "No member has"
        text = f"{known} the name or an id beginning with {member}."
        raise Failure(text, "`hab ring members --full` lists them.")
    say(f"Permanently marking {found[0]} as departed")
    done = asked.ask(DepartMember(found[0], force), Ok)
    if as_json:
        emit_json(
            "sup.depart/1",
            {"member": found[0], "text": done.text, "event_id": done.event_id},
        )
        return
    event = f" (event {done.event_id})" if done.event_id else ""
    click.echo((done.text or "Departure recorded.") + event)


def _meant(word: str, seen: Members) -> list[str]:
    """The members that a name or the beginning of an id means; who departed has no name."""
    return [
        view.member.id
        for view in seen.members
        if view.member.id.startswith(word.lower())
        or (view.member.name == word and view.health != "departed")
    ]


@click.group()
def secret() -> None:
    """The secret of the control gateway, which whoever commands a supervisor must know."""


@secret.command("generate")
def generate_secret() -> None:
    """Print a new secret; it is written nowhere.

    Put it into the CTL_SECRET file of the supervisors that are to share it, and into HAB_CTL_SECRET
    or cli.toml of who commands them.
    """
    from actors.adapters.control_keys import new_secret

    click.echo(new_secret())
