"""Starting, signalling and reaping processes.

The launcher has one thread, so it may fork. The child waits at a gate before it runs anything: the
parent first writes it into the process table, then opens the gate. Dies the launcher in between,
the child finds the gate closed and ends: no program ever runs that the table does not know.
The parent never waits for the child: that the program runs is the end of a pipe closed by exec.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import grp
import os
import pwd
import resource
import signal
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from actors.launcher import marks
from actors.launcher.identity import start_ticks

_REASON_BYTES_MAX: Final = 4096  # one pipe write, atomic
_LOG_MODE: Final = 0o644  # whatever the launcher's umask: people read logs
_FIRST_FD: Final = 3
_SHELL: Final = "/bin/sh"
_RUN_ERROR: Final = 127  # a shell's exit code for what could not be run


class SpawnError(Exception):
    """The process could not be started; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `output` and `error` are descriptors (ours by default); `keep` stays open."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str = ""
    user: str = ""
    group: str = ""
    output: int = 1
    error: int = 2
    keep: int = -1
    mark: str = ""  # what the next launcher may find it by
    files_soft: int = 0  # the RLIMIT_NOFILE to run with, 0: as it is


@dataclass(slots=True)
class Child:
    """A child at its gate. `report` is readable once its program runs or could not be run."""

    pid: int
    start_ticks: int
    gate: int
    report: int

    def release(self) -> None:
        """Open the gate: the program may run."""
        with contextlib.suppress(OSError):
            os.write(self.gate, b"!")
        os.close(self.gate)

    def verdict(self) -> str | None:
        """Empty if the program runs, else the reason; None while neither is known. Closes."""
        try:
            data = os.read(self.report, _REASON_BYTES_MAX)
        except BlockingIOError:
            return None
        os.close(self.report)
        return data.decode(errors="replace")


def open_log(path: str, *, truncate: bool) -> int:
    """Open an output file (or /dev/null) to append to, creating it and its directory.

    Raises `SpawnError`.

    It is opened by the launcher, which may be root, in a directory that may be a service's: so no
    link is followed, and what is not a regular file is refused.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = _create(path, flags)
        if path == os.devnull:
            return fd
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise SpawnError(f"output {path}: not a regular file")
        if truncate:
            os.ftruncate(fd, 0)
    except (OSError, ValueError) as error:
        raise SpawnError(f"output {path}: {error}") from error
    return fd


def _create(path: str, flags: int) -> int:
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        directory = os.path.dirname(path)
        if directory and not os.path.isdir(directory):
            os.mkdir(directory)
            os.chmod(directory, 0o755)  # noqa: S103 - as Habitat: logs are for everybody to read
        fd = os.open(path, flags | os.O_CREAT, _LOG_MODE)
        os.fchmod(fd, _LOG_MODE)
        return fd


def fork(program: Program) -> Child:
    """A child that waits at its gate to run `program`; raises `SpawnError`."""
    gate_in, gate = os.pipe()
    report, report_out = os.pipe()
    os.set_blocking(report, False)
    try:
        with _signals_blocked():
            pid = os.fork()
            if pid == 0:
                _child(program, gate_in, report_out, (gate, report))
    except OSError as error:
        for fd in (gate, report):
            os.close(fd)
        raise SpawnError(f"fork: {error}") from error
    finally:
        os.close(gate_in)
        os.close(report_out)
    return Child(pid, start_ticks(pid), gate, report)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    # So that no signal meant for the launcher runs its handlers in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(program: Program, gate: int, report: int, others: tuple[int, int]) -> NoReturn:
    """Never returns: runs the program, or says why not and ends."""
    stage = "start"
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        for fd in others:
            os.close(fd)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if not os.read(gate, 1):
            os._exit(0)
        report = _arrange(program, report)
        stage = "user"
        account = _become(program)
        stage = f"directory {program.cwd}"
        if program.cwd:
            os.chdir(program.cwd)
        stage = program.argv[0]
        if program.files_soft:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (program.files_soft, hard))
        env = at_home(program.env, os.environ, account)
        if program.mark:
            env[marks.NAME] = marks.written(program.mark, os.getpid())
        _execute(list(program.argv), env)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent has to hear it
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        with contextlib.suppress(OSError):
            os.write(report, f"{stage}: {text}".encode(errors="replace")[:_REASON_BYTES_MAX])
    finally:
        os._exit(_RUN_ERROR)


def _execute(argv: list[str], env: dict[str, str]) -> NoReturn:
    """Become the program; a script that does not say whose is the shell's, as in execvp(3)."""
    try:
        os.execvpe(argv[0], argv, env)  # noqa: S606
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    os.execve(_SHELL, [_SHELL, *argv], env)  # noqa: S606


def _arrange(program: Program, report: int) -> int:
    """Put the standard descriptors in place, close all others; returns where `report` is now."""
    null = os.open(os.devnull, os.O_RDWR)
    high = [
        os.dup(fd) for fd in (null, program.output, program.error)
    ]  # above 2, whatever they were
    for target, fd in enumerate(high):
        os.dup2(fd, target)
    kept = [report]
    if program.keep >= 0:
        os.set_inheritable(program.keep, True)
        kept.append(program.keep)
    low = _FIRST_FD
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 65536)
    return report


def _become(program: Program) -> dict[str, str]:
    """Change user, group and supplementary groups (initgroups); the output files go along.

    Returns what the environment is to say of another user: HOME, USER and LOGNAME, as systemd and
    login do: a program that looks into its home must not find root's.
    """
    if not program.user and not program.group:
        return {}
    uid, gid, name, home = _account(program.user)
    if program.group:
        gid = _gid(program.group)
    if (uid, gid) == (os.geteuid(), os.getegid()):
        return {}
    if os.geteuid() != 0:
        raise PermissionError(f"only root can run it as {program.user or uid}:{program.group}")
    for fd in (1, 2):
        if stat.S_ISREG(os.fstat(fd).st_mode):  # a program may open /dev/stdout again
            os.fchown(fd, uid, gid)
    if name:
        os.initgroups(name, gid)
    else:
        os.setgroups([gid])
    os.setgid(gid)
    if uid == os.geteuid():
        return {}
    os.setuid(uid)
    return {"HOME": home, "USER": name or str(uid), "LOGNAME": name or str(uid)}


def at_home(
    given: Mapping[str, str], inherited: Mapping[str, str], account: Mapping[str, str]
) -> dict[str, str]:
    """A program's environment as another user: what it merely inherited is replaced.

    A value that differs from the launcher's own was chosen (by a package, by a driver) and stays.
    """
    theirs = {
        n: v for n, v in account.items() if given.get(n, inherited.get(n)) == inherited.get(n)
    }
    return {**given, **theirs}


def _account(user: str) -> tuple[int, int, str, str]:
    """Uid, primary gid, name and home of `user` (a name or a number; empty: the present one)."""
    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    except KeyError:
        if user and not user.isdigit():
            raise LookupError(f"there is no user {user!r}") from None
        uid = int(user) if user else os.geteuid()
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return uid, os.getegid() if not user else uid, "", "/"
    return entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir or "/"


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isdigit():
            return int(group)
        raise LookupError(f"there is no group {group!r}") from None


def signal_number(name: str) -> int:
    """The number of `TERM`, `SIGTERM` or `15`; TERM for what is no signal."""
    if name.isdigit() and int(name) in signal.valid_signals():
        return int(name)
    bare = name.upper().removeprefix("SIG")
    return int(getattr(signal.Signals, f"SIG{bare}", signal.SIGTERM))


def signal_group(pid: int, name: str) -> None:
    """Signal the group `pid` leads, or `pid` itself while it has none yet."""
    if pid <= 1:  # 0 and -1 address half the machine
        return
    number = signal_number(name)
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)  # a child before its setsid
    except PermissionError:
        pass  # every member has become another user's; nothing we may do


def reap() -> Iterator[tuple[int, int | None, int | None]]:
    """All children that have ended, adopted orphans included: (pid, exit code, signal)."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if os.WIFSIGNALED(status):
            yield pid, None, os.WTERMSIG(status)
        else:
            yield pid, os.WEXITSTATUS(status), None


def become_subreaper() -> None:
    """Make orphaned descendants children of the launcher, so that none stays a zombie (Linux)."""
    try:
        import ctypes  # 0.4 MB, and the one way to prctl(2)

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return  # orphans then go to pid 1, as ever


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us; returns the limit children are to have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft
