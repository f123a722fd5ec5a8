"""The files of a service, made anew whenever its view changes.

Whatever happens in the ring outside its view makes nothing anew. Files that cannot be made while
the service runs stay as they are, and that is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from actors.effects import Ask, Cancel, Effect, Emit, Persist, Send
from actors.errors import Refused, TemplateError
from actors.messages.depot import (
    PackageInfo,
    PrepareService,
    ReadTemplates,
    RenderingFailed,
    TemplateSaid,
    TemplatesRead,
)
from actors.messages.files import DirectoryListed, WatchDirectory
from actors.messages.ring import Census, GroupElections, ServiceInfo
from actors.service.configuration import Layers, environment_name, read_environment, read_toml
from actors.service.context import Group, Here, ident_of
from actors.service.gates import satisfied
from actors.service.life import RUNNING, Decision, Life, Moment, package_of, spec_of, takes_part
from actors.service.part import shown, topology
from actors.service.record import Position, encode, record_path
from actors.service.templating import parse_templates, service_files
from actors.service.users import RunAs, told
from actors.service.view import Made, View, view

PACKAGES: Final = "port/packages"
USER_FILE: Final = "user.toml"


def view_of(life: Life) -> View | None:
    """The service's view; None while its templates, the ring, or its role are not known.

    None too while a leader it follows is not in the census: its files could not name it.
    """
    templates, census, facts, spec = life.templates, life.census, life.facts, spec_of(life)
    if templates is None or census is None or facts is None:
        return None
    if not takes_part(life):
        return view(templates, spec, census, facts, life.source)
    place = shown(life.part, life.record, files_tell(life), runs=life.phase in RUNNING)
    if place is None:
        return None
    known = census.elections.get(spec.service_group, GroupElections()).topology
    mine = topology(life.part, place, known)
    seen = view(templates, spec, census, facts, life.source, position=place, topology=mine)
    return None if unlisted(life, place) else seen


def files_tell(life: Life) -> Position:
    """The position that the files in place tell."""
    if life.seen is not None:
        return life.seen.position
    return life.record.shown if life.record is not None else Position()


def unlisted(life: Life, place: Position) -> bool:
    """Whether it follows a leader that the census does not list."""
    if place.role != "follower" or life.census is None:
        return False
    members = life.census.groups.get(spec_of(life).service_group, ())
    return all(member.info.member != place.leader for member in members)


def parsed(life: Life) -> Life | str:
    """The service with its templates read, or why they cannot be."""
    assert life.templates is not None, "nothing to parse"
    try:
        return replace(life, parsed=parse_templates(life.templates.config, life.templates.hooks))
    except TemplateError as error:
        return str(error)


def make(life: Life, seen: View, package: PackageInfo, at: Moment) -> Made | str:
    """The files of the service, or why they cannot be made."""
    assert life.parsed is not None, "templates that were not parsed"
    try:
        made = service_files(
            package,
            life.parsed,
            _layers(seen, package, at),
            _here(life, seen, package, at),
            _group(seen, seen.spec.service_group),
            binds=_binds(seen, package),
        )
    except (TemplateError, Refused) as error:
        return str(error)
    rendered = made.rendered
    files = {file.name: file.data for file in seen.files}
    said = (*(f"{n} is left out: {why}" for n, why in life.parsed.left_out.items()), *rendered.log)
    return Made(
        rendered.config,
        rendered.hooks,
        files,
        made.configuration,
        made.values,
        made.exports,
        said,
    )


def _layers(seen: View, package: PackageInfo, at: Moment) -> Layers:
    """The four layers of the service's configuration. Raises Refused."""
    templates, applied = seen.templates, seen.config
    variable = environment_name(ident_of(package.ident).name)
    given = at.options.environment.get(variable)
    group = seen.spec.service_group
    return Layers(
        read_toml(templates.defaults, "default.toml"),
        read_environment(given, variable) if given else {},
        read_toml(templates.user, "user.toml") if templates.user is not None else {},
        read_toml(applied.data, f"configuration version {applied.version} of {group}")
        if applied is not None
        else {},
    )


def _here(life: Life, seen: View, package: PackageInfo, at: Moment) -> Here:
    """What templates are told of this member."""
    options = at.options
    own = ServiceInfo(
        at.member,
        seen.spec.service_group,
        package.ident,
        sys=options.sys,
        permanent=options.permanent,
    )
    account = told(
        package,
        RunAs(life.user, life.group),
        RunAs(options.user, options.group),
        can_switch=options.can_switch_user,
    )
    everybody = (one.info for _, members in seen.groups for one in members)
    return Here(
        at.member,
        options.version,
        options.sys,
        f"{options.svc_dir}/{life.name}",
        own,
        account.user,
        account.group,
        frozenset(info.member for info in (own, *everybody) if info.permanent),
    )


def _binds(seen: View, package: PackageInfo) -> dict[str, Group]:
    """The groups behind the binds that are satisfied."""
    census = Census(0, {name: members for name, members in seen.groups if members})
    bound = satisfied(seen.spec, package, census)
    return {bind: _group(seen, name) for bind, name in bound.items()}


def _group(seen: View, name: str) -> Group:
    """A group in view with its elections."""
    elections = seen.election(name)
    return Group(name, seen.group(name), elections.topology, elections.update)


def said(life: Life) -> list[Effect]:
    """What the templates have to say to the operator."""
    return [Emit(TemplateSaid(life.name, line)) for line in (life.made.said if life.made else ())]


def order(life: Life, made: Made) -> PrepareService:
    """The order to put the files in place."""
    return PrepareService(
        life.name, life.user, life.group, dict(made.config), dict(made.hooks), dict(made.files)
    )


def read_templates(life: Life, package: PackageInfo) -> ReadTemplates:
    """The question for a service's templates."""
    return ReadTemplates(life.name, spec_of(life).config_from or package.path)


def watch_user(life: Life, at: Moment) -> Send:
    """Follow what the operator writes for the service on this machine."""
    return Send("port/files", WatchDirectory(_user_directory(life, at), ".toml"))


def user_changed(life: Life, listed: DirectoryListed, at: Moment) -> Life:
    """Take the operator's file as it is now; the same life if that changes nothing."""
    if life.templates is None or listed.path != _user_directory(life, at) or listed.error:
        return life
    found = next((file for file in listed.files if file.name == USER_FILE), None)
    if found is not None and found.error:
        return life
    user = found.data if found is not None else None
    if user == life.templates.user:
        return life
    return replace(life, templates=msgspec.structs.replace(life.templates, user=user))


def adopt(life: Life, at: Moment) -> Decision:
    """A process runs whose templates this instance has not read: ask for them."""
    package = package_of(life)
    if package is None:
        return life, []
    life, call = beside_call(life, "templates", at)
    return life, [watch_user(life, at), Ask(PACKAGES, read_templates(life, package), call)]


def adopted(life: Life, answer: TemplatesRead, at: Moment) -> Decision:
    """The templates of a running service are known."""
    life = replace(life, rendering="", templates=answer)
    known = parsed(life)
    if isinstance(known, str):
        return replace(life, templates=None), [Emit(RenderingFailed(life.name, known))]
    return again(known, at)


def again(life: Life, at: Moment) -> Decision:
    """Make the files of a running service anew, if its view is another one."""
    package, seen = package_of(life), view_of(life)
    if life.rendering or package is None or seen is None or seen == life.seen:
        return life, []
    if life.shut and life.made is None:
        return life, []  # an earlier instance made the files of what we have no key for
    life = replace(as_it_runs(life), seen=seen)
    made = make(life, seen, package, at)
    if isinstance(made, str):
        return life, [Emit(RenderingFailed(life.name, made))]
    if made == life.made:
        return files_say(life, seen)
    life, call = beside_call(replace(life, made=made), "render", at)
    return life, [*said(life), Ask(PACKAGES, order(life, made), call)]


def files_say(life: Life, seen: View) -> Decision:
    """Which position and configuration the files of a running service tell, durably."""
    known = life.record
    if known is None:
        return life, []
    record = msgspec.structs.replace(known, shown=seen.position, config=seen.source)
    life = taken_up(replace(life, record=record))
    if record == known:
        return life, []
    assert life.record is not None
    return life, [Persist(record_path(life.name), encode(life.record))]


def taken_up(life: Life) -> Life:
    """What its turn has brought is what its files were made with."""
    assert life.record is not None, "files of a service without a record"
    taken = life.taken
    done = taken is not None and not taken.restarts and taken.config == life.record.config
    return replace(life, taken=None) if done else life


def as_it_runs(life: Life) -> Life:
    """With the account that its process was started with."""
    if life.record is None:
        return life
    return replace(life, user=life.record.user, group=life.record.group)


def beside_call(life: Life, what: str, at: Moment) -> tuple[Life, str]:
    """A call made while the process runs; one at a time."""
    number = life.number + 1
    call = f"{at.instance}:{what}:{number}"
    return replace(life, number=number, rendering=call), call


def forget(life: Life) -> tuple[Life, list[Effect]]:
    """Nothing runs any more: what was read and made is read and made anew at the next start."""
    life = replace(life, templates=None, parsed=None, seen=None, made=None, rendering="")
    return life, [Cancel("gates")]


def _user_directory(life: Life, at: Moment) -> str:
    return f"{at.options.user_dir}/{life.name}/config"
