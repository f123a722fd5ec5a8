"""The files of a service, made anew whenever its view changes.

Whatever happens in the ring outside its view makes nothing anew. Files that cannot be made while
the service runs stay as they are, and that is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from actors.effects import Ask, Cancel, Effect, Emit, Send
from actors.messages.depot import (
    PackageInfo,
    PrepareService,
    ReadTemplates,
    RenderingFailed,
    TemplatesRead,
)
from actors.messages.files import DirectoryListed, WatchDirectory
from actors.service.life import Decision, Life, Moment, package_of, spec_of
from actors.service.view import Made, View, view

PACKAGES: Final = "port/packages"
USER_FILE: Final = "user.toml"


def view_of(life: Life) -> View | None:
    """The service's view; None while its templates or the ring are not known."""
    if life.templates is None or life.census is None or life.facts is None:
        return None
    return view(life.templates, spec_of(life), life.census, life.facts)


def make(seen: View, package: PackageInfo, at: Moment) -> Made | str:
    """The files, or why they cannot be made."""
    del at
    templates = seen.templates
    files = {file.name: file.data for file in seen.files}
    return Made(templates.config, templates.hooks, files, {}, package.exported)


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
    return again(replace(life, rendering="", templates=answer), at)


def again(life: Life, at: Moment) -> Decision:
    """Make the files of a running service anew, if its view is another one."""
    package, seen = package_of(life), view_of(life)
    if life.rendering or package is None or seen is None or seen == life.seen:
        return life, []
    life = replace(life, seen=seen)
    made = make(seen, package, at)
    if isinstance(made, str):
        return life, [Emit(RenderingFailed(life.name, made))]
    if made == life.made:
        return life, []
    life, call = beside_call(replace(life, made=made), "render", at)
    record = life.record
    if record is not None:
        life = replace(life, user=record.user, group=record.group)
    return life, [Ask(PACKAGES, order(life, made), call)]


def beside_call(life: Life, what: str, at: Moment) -> tuple[Life, str]:
    """A call made while the process runs; one at a time."""
    number = life.number + 1
    call = f"{at.instance}:{what}:{number}"
    return replace(life, number=number, rendering=call), call


def forget(life: Life) -> tuple[Life, list[Effect]]:
    """Nothing runs any more: what was read and made is read and made anew at the next start."""
    life = replace(life, templates=None, seen=None, made=None, rendering="")
    return life, [Cancel("gates")]


def _user_directory(life: Life, at: Moment) -> str:
    return f"{at.options.user_dir}/{life.name}/config"
