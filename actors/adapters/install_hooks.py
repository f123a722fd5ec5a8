"""Install and uninstall hooks: rendered with `pkg` and `cfg`, run as the service's user.

How an install hook ended stands in the package's INSTALL_HOOK_STATUS; one that failed is run again
by the next install (Habitat, components/common/src/command/package/install.rs).
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Final

from actors.adapters.accounts import accounts, own_account
from actors.adapters.package_store import PackageStore, Say
from actors.adapters.service_directories import (
    ServiceDirectories,
    ServiceFiles,
    config_files,
    owner_of,
)
from actors.adapters.trees import HOOK_STATUS
from actors.adapters.unpacking import read_metafile, tdeps_of
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import Refused
from actors.messages.depot import PackageInfo
from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from actors.service.configuration import Layers, environment_name, read_environment, read_toml
from actors.service.context import install_context, values_of
from actors.service.environment import service_environment
from actors.service.templating import parse_templates, render_templates
from actors.service.users import RunAs, choose, told

TIMEOUT_S: Final = 600.0  # a hook that installs something may take minutes; one that hangs must end
SHOWN: Final = 8 * 1024  # bytes at the end of what a hook wrote


def hooks_due(store: PackageStore, ident: PackageIdent) -> bool:
    """Whether an install hook of a package, or of one it needs, has not succeeded yet."""
    return bool(_due(store, ident))


class InstallHooks:
    """Runs the hooks of packages in a store; `services` holds the service directories."""

    def __init__(
        self, store: PackageStore, services: Path, environ: Mapping[str, str], say: Say
    ) -> None:
        self._store = store
        self._services = services
        self._environ = environ
        self._say = say
        self.timeout_s = TIMEOUT_S

    def installed(self, ident: PackageIdent) -> None:
        """Run the install hooks of what `ident` needs, then its own, where they are still due.

        Raises Refused where one fails: the package stays, and the next install runs it again.
        """
        for each in _due(self._store, ident):
            code, output = self._run(each, "install")
            _write_status(self._store.path(each), code)
            if code:
                raise Refused(
                    f"the install hook of {each} failed with {code}; the package is installed, "
                    f"`hab pkg install {each}` runs the hook again{output}",
                    "hook",
                    _exit_code(code),
                )

    def uninstalling(self, ident: PackageIdent) -> None:
        """Run the uninstall hook, if no other release of the package is here.

        Raises Refused where it fails: then the package must stay.
        """
        if not (self._store.path(ident) / "hooks" / "uninstall").is_file():
            return
        others = PackageIdent(ident.origin, ident.name)
        if any(one != ident and one.satisfies(others) for one in self._store.installed()):
            return  # what the hook undoes is still in use
        code, output = self._run(ident, "uninstall")
        if code:
            raise Refused(
                f"the uninstall hook of {ident} failed with {code}, so it stays; "
                f"--ignore-uninstall-hook goes on without it{output}",
                "hook",
                _exit_code(code),
            )

    def _run(self, ident: PackageIdent, hook: str) -> tuple[int, str]:
        """The hook's exit code (negative: the signal that ended it), and the end of its output."""
        package = self._store.describe(ident)
        account = self._account(package)
        if account.notice and os.geteuid() == 0:
            self._say(account.notice)
        home = self._prepare(package, ident, hook, account)
        spec = ServiceSpec(ident=package.ident)
        environment = service_environment(self._environ, spec, package, home)
        self._say(f"Running the {hook} hook of {ident}")
        with _log(home, hook, "stdout") as output, _log(home, hook, "stderr") as errors:
            start = partial(
                subprocess.Popen[bytes],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                user=account.user or None,
                group=account.group or None,
                extra_groups=[] if account.user else None,
            )
            file = f"{home}/hooks/{hook}"
            try:
                process = start([file])
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                process = start(["/bin/sh", file])  # a script that does not say whose it is
            try:
                code = process.wait(self.timeout_s)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise Refused(
                    f"the {hook} hook of {ident} was ended: it ran for {self.timeout_s:g} s", "hook"
                ) from error
            text = "\n".join(filter(None, (_end(output), _end(errors))))
        for line in text.splitlines():
            self._say(f"{ident.name} hook[{hook}]: {line}")
        return code, f" (it wrote: {text.splitlines()[-1]})" if text else ""

    def _account(self, package: PackageInfo) -> RunAs:
        users, groups = accounts(package)
        chosen = choose(package, users, groups, can_switch=os.geteuid() == 0)
        if isinstance(chosen, str):
            raise Refused(chosen, "no-account")
        return chosen

    def _prepare(self, package: PackageInfo, ident: PackageIdent, hook: str, account: RunAs) -> str:
        """Render the hook and `config_install/` into the service's directory; its path."""
        place = self._store.path(ident)
        source = place / "hooks" / hook
        service = str(self._services / ident.name)
        seen = told(package, account, RunAs(*own_account()), can_switch=os.geteuid() == 0)
        context = install_context(
            package, self._configuration(ident), service, seen.user, seen.group
        )
        parsed = parse_templates(
            config_files(place / "config_install"), {hook: read_metafile(source) or b""}
        )
        if reason := parsed.left_out.get(hook):
            raise Refused(f"the {hook} hook of {ident} is no template: {reason}", "hook")
        made = render_templates(parsed, values_of(context))
        directories = ServiceDirectories(self._store.root, self._services)
        return directories.prepare_install(
            ident.name,
            ServiceFiles(config=made.config, hooks=made.hooks),
            owner_of(account.user, account.group),
        )

    def _configuration(self, ident: PackageIdent) -> dict[str, object]:
        variable = environment_name(ident.name)
        text = self._environ.get(variable, "")
        user = StateLayout(self._store.root).user_config(ident.name)
        return Layers(
            read_toml(
                read_metafile(self._store.path(ident) / "default.toml") or b"", "default.toml"
            ),
            read_environment(text, variable) if text else {},
            read_toml(read_metafile(user) or b"", str(user)),
        ).merged()


def _due(store: PackageStore, ident: PackageIdent) -> list[PackageIdent]:
    """The packages whose install hook is to be run, those that others need first."""
    needed = [parse_ident(line) for line in reversed(tdeps_of(store.path(ident)))]
    return [
        each
        for each in (*needed, ident)
        if (store.path(each) / "hooks" / "install").is_file()
        and (read_metafile(store.path(each) / HOOK_STATUS) or b"").strip() != b"0"
    ]


def _log(home: str, hook: str, stream: str) -> IO[bytes]:
    """The log of a hook's stream, emptied; where the service's own hooks have theirs."""
    path = f"{home}/logs/{hook}.{stream}.log"
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o644), "rb+")


def _end(log: IO[bytes]) -> str:
    """The end of what was written to a log."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - SHOWN))
    return log.read().decode(errors="replace").rstrip()


def _exit_code(code: int) -> int:
    """What a command ends with whose hook ended with `code`: the same, as in Habitat."""
    return code if code > 0 else 1  # ended by a signal


def _write_status(place: Path, code: int) -> None:
    """Write how the hook ended, whole or not at all."""
    draft = place / f".{HOOK_STATUS}.{os.getpid()}"
    mode = place.stat().st_mode
    place.chmod(mode | 0o700)
    try:
        draft.write_text(f"{code}\n")
        draft.chmod(0o644)
        draft.replace(place / HOOK_STATUS)
    finally:
        draft.unlink(missing_ok=True)
        place.chmod(mode)
