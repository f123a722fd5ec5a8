"""Packages: what is installed, what a package says about itself, a service's directory.

`depot` answers the questions; the disk is behind `port/packages`, which also answers services
directly about their directories.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from actors.messages.base import Event, Message


class PackageInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An installed package as its metafiles describe it.

    `ident` is fully qualified, `path` its directory. `binds` and `binds_optional` map a bind's name
    to the exports it needs. `exports` maps a public name to the path of a configuration value,
    `exported` to the value itself (from `default.toml`). `run_path` are the directories of PATH.
    `hooks` are the hooks it brings, `run` among them when it is runnable.
    `shutdown_timeout` in seconds, None when the package does not say.
    """

    ident: str
    path: str
    target: str
    svc_user: str = ""
    svc_group: str = ""
    exports: dict[str, str] = {}
    exported: dict[str, object] = {}
    exposes: tuple[str, ...] = ()
    binds: dict[str, tuple[str, ...]] = {}
    binds_optional: dict[str, tuple[str, ...]] = {}
    run_path: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    shutdown_signal: str = "TERM"
    shutdown_timeout: int | None = None
    deps: tuple[str, ...] = ()
    tdeps: tuple[str, ...] = ()
    native: bool = False
    hooks: tuple[str, ...] = ()

    @property
    def runnable(self) -> bool:
        """Whether it can be a service."""
        return "run" in self.hooks


class ResolvePackage(Message, frozen=True):
    """Asks `depot` for the newest installed package of an ident; `PackageResolved` or `CallFailed`.

    `install`: where none is installed, install the newest of `channel` of the depot at `url` first
    (empty: this machine's), else of the artifact cache, saying so in `Progress` answers.
    `config_from` names a directory whose `default.toml`, `config` and `hooks` stand in for the
    package's own.
    """

    ident: str
    install: bool = False
    config_from: str = ""
    channel: str = "stable"
    url: str = ""


class InstallPackage(Message, frozen=True):
    """Asks `depot` to install a `.hart` file, or a directory in the installed layout.

    What a file depends on comes from its directory, the artifact cache, or the depot at `url`
    (empty: this machine's). Answered by `Progress` lines, then by `PackageResolved`, or
    `CallFailed`.
    """

    source: str
    url: str = ""


class PackageResolved(Message, frozen=True):
    """A package that is installed here.

    `users`/`groups`: which of the accounts a service of it may run as exist on this machine.
    `installed`: it was installed just now.
    """

    package: PackageInfo
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    installed: bool = False


class ReadTemplates(Message, frozen=True):
    """Asks `port/packages` for what a service's files are made of: `TemplatesRead`, `CallFailed`.

    `source` is the directory with `hooks`, `config` and `default.toml`: a package's, or the one
    that stands in for it.
    """

    service: str
    source: str


class TemplatesRead(Message, frozen=True):
    """The templates of a service's files, and the layers of its configuration that lie on disk.

    `config` by path below `config/`, `hooks` by name. `user` is the operator's `user.toml`, None
    where there is none.
    """

    service: str
    config: dict[str, bytes] = {}
    hooks: dict[str, bytes] = {}
    defaults: bytes = b""
    user: bytes | None = None


class PrepareService(Message, frozen=True):
    """Asks `port/packages` to make a service's directory and to put its files in place.

    `config` by path below `config/`, `hooks` and `files` by name; hooks that are not among them go.
    `user`/`group` empty: the supervisor's own. Answered by `ServicePrepared` or `CallFailed`.
    """

    service: str
    user: str = ""
    group: str = ""
    config: dict[str, bytes] = {}
    hooks: dict[str, bytes] = {}
    files: dict[str, bytes] = {}


class ServicePrepared(Message, frozen=True):
    """The directory stands; `hooks` are the names of those that are in place.

    `changed` names the files that did not hold what they hold now (`config/redis.conf`,
    `hooks/run`, `files/keys.txt`), and hooks that went.
    """

    service: str
    path: str
    hooks: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class WritePidFile(Message, frozen=True):
    """Tells `port/packages` to write a service's PID file, or with no pid to remove it.

    For people and scripts: the supervisor itself never reads it.
    """

    service: str
    pid: int | None = None


class RenderingFailed(Event, frozen=True):
    """The files of a running service could not be made anew; those that are there stay."""

    service: str
    reason: str
    sentence: ClassVar[str] = "the files of {service} stay as they are: {reason}"


class TemplateSaid(Event, frozen=True):
    """A template of a service has something to say: `{{log}}`, or a hook that cannot be used."""

    service: str
    said: str
    sentence: ClassVar[str] = "a template of {service} says: {said}"


class ServiceFilesChanged(Event, frozen=True):
    """Files of a service were written with new content; `then` is what that led to."""

    service: str
    changed: str
    then: str
    sentence: ClassVar[str] = "{changed} of {service} changed; {then}"


class PackageInstalled(Event, frozen=True):
    """A package was installed on this machine."""

    ident: str
    source: str
    sentence: ClassVar[str] = "{ident} was installed from {source}"
