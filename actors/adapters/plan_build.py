"""`hab pkg build`: a plan.sh is run by bash, in place, in an environment of its own.

One bash process runs the phases (`plan_build.sh`) and asks this side for what needs the store, the
keys or the network, over two pipes; this side kills its process group when it gives up.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from actors.adapters.build_dependencies import HOST_PATH
from actors.adapters.build_steps import BuildRequest, BuildSteps, Packed
from actors.adapters.key_ring import KeyRing
from actors.adapters.package_store import PackageStore, Say
from actors.adapters.trees import make_directories, remove_tree
from actors.depot.ident import PackageIdent
from actors.depot.plan import last_build
from actors.errors import HabError, Refused, UsageError

SCRIPT: Final = Path(__file__).with_name("plan_build.sh")
HAB: Final = Path(sys.executable).with_name("hab")
FILE_NAME: Final = "plan.sh"
LOOK_S: Final = 0.2  # between two looks whether bash still runs
SECRETS: Final = frozenset(("HAB_AUTH_TOKEN", "HAB_CTL_SECRET", "HAB_RING_KEY"))
PASSED: Final = frozenset(
    (
        *("TERM", "NO_COLOR", "DEBUG", "DO_CHECK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    )
)
HANDED: Final = "HAB_STUDIO_SECRET_"  # Habitat's way to hand a build a variable
_SYNTAX: Final = re.compile(r"^.*?: line (\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was built; `artifact` lies in the results directory."""

    ident: PackageIdent
    artifact: Path
    sha256: str
    blake2b: str


def find_plan(context: Path, target: str) -> Path:
    """The plan of a directory, in it, in `habitat/`, or in either's directory of the target.

    Raises UsageError where there is none or more than one.
    """
    places = (context, context / "habitat")
    for group in ([p / target / FILE_NAME for p in places], [p / FILE_NAME for p in places]):
        found = [path for path in group if path.is_file()]
        if len(found) > 1:
            raise UsageError(f"there are two plans: {found[0]} and {found[1]}; keep one")
        if found:
            return found[0]
    raise UsageError(
        f"there is no {FILE_NAME} in {context} or {context / 'habitat'}; `hab plan init` makes one"
    )


def build(
    request: BuildRequest, store: PackageStore, keys: KeyRing, results: Path, say: Say
) -> Built:
    """Build the plan; the package lies in `results` and in the artifact cache.

    Raises Refused with phase and line where the plan fails, HabError, OSError.
    """
    _check_syntax(request.plan_file)
    work = Path(tempfile.mkdtemp(prefix="hab-pkg-build-"))
    try:
        with BuildSteps(request, store, keys, work, say) as steps:
            _run(request, store, steps, work, say)
            assert steps.packed is not None
            return _deliver(steps.packed, store, results)
    finally:
        remove_tree(work)


def _check_syntax(plan: Path) -> None:
    done = subprocess.run(["bash", "-n", str(plan)], capture_output=True, text=True, check=False)
    if done.returncode:
        found = _SYNTAX.search(done.stderr)
        what = f"line {found[1]}: {found[2]}" if found else done.stderr.strip()[:300]
        raise Refused(f"{plan} is not bash: {what}", "plan")


def _run(
    request: BuildRequest, store: PackageStore, steps: BuildSteps, work: Path, say: Say
) -> None:
    events_read, events_write = os.pipe()
    answers_read, answers_write = os.pipe()
    with os.fdopen(events_read, "rb") as events, os.fdopen(answers_write, "wb") as answers:
        try:
            process = subprocess.Popen(
                ["bash", "--norc", "--noprofile", str(SCRIPT)],
                env={
                    **environment(request, store, work),
                    "__events": str(events_write),
                    "__answers": str(answers_read),
                    "__work": str(work),
                    "__plan": str(request.plan_file),
                    "__own": str(SCRIPT),
                },
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a build says is talk; data is ours to write
                stderr=2,
                pass_fds=(events_write, answers_read),
                start_new_session=True,
            )
        finally:
            os.close(events_write)
            os.close(answers_read)
        try:
            _converse(process, (events, answers), steps, work, say)
            code = process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if code or steps.packed is None:
        raise Refused(_what_failed(work, request.plan_file, code), "plan")


def _converse(
    process: subprocess.Popen[bytes],
    pipes: tuple[IO[bytes], IO[bytes]],
    steps: BuildSteps,
    work: Path,
    say: Say,
) -> None:
    """Do what bash asks for until it ends; a daemon it left behind is not waited for."""
    events, answers = pipes
    pending = b""
    while True:
        ready, _, _ = select.select([events], [], [], LOOK_S)
        if not ready:
            if process.poll() is not None:
                return
            continue
        data = os.read(events.fileno(), 4096)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            kind, _, what = line.decode(errors="replace").partition(" ")
            if kind == "phase":
                say(f"── {what}")
                continue
            try:
                fields = (work / "request").read_text(errors="replace").split("\0")[:-1]
                steps.do(what, fields)
                answer = "ok"
            except (HabError, OSError) as error:
                answer = "no " + " ".join(str(error).split())
            with suppress(BrokenPipeError):
                answers.write(answer.encode() + b"\n")
                answers.flush()


def environment(request: BuildRequest, store: PackageStore, work: Path) -> dict[str, str]:
    """What a build finds set: little of the asker's, so that it builds the same everywhere."""
    given = request.environ
    own = {
        name: value
        for name, value in given.items()
        if name in PASSED or (name.startswith("HAB_") and name not in SECRETS)
    }
    for name, value in given.items():
        if name.startswith(HANDED):
            own.pop(name, None)
            own[name.removeprefix(HANDED)] = value
    for name in ("home", "tmp", "bin"):
        (work / name).mkdir()
    if HAB.is_file():  # plans ask it for paths of packages
        (work / "bin" / "hab").symlink_to(HAB)
    return {
        **own,
        "PATH": f"{HOST_PATH}:{work / 'bin'}",
        "HOME": str(work / "home"),
        "TMPDIR": str(work / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(request.epoch),
        "PLAN_CONTEXT": str(request.context),
        "SRC_PATH": str(request.source),
        "HAB_ROOT": str(store.root),
        "HAB_ROOT_PATH": str(store.root),
        "HAB_PKG_PATH": str(store.packages),
        "HAB_CACHE_SRC_PATH": str(store.root / "cache" / "src"),
        "HAB_CACHE_ARTIFACT_PATH": str(store.artifacts),
        "HAB_CACHE_KEY_PATH": str(store.key_cache),
    }


def _what_failed(work: Path, plan: Path, code: int) -> str:
    """Phase, line and reason, in words."""
    try:
        text = (work / "failure").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return (
            f"the build of {plan} was ended by signal {-code}"
            if code < 0
            else (f"the build of {plan} ended with {code} and packed nothing")
        )
    status, phase, where, line, command, why = text.split("\0")[:6]
    at = f", {where} line {line}" if line != "0" else ""
    if not why:
        shown = " ".join(command.split())[:200]
        why = f"`{shown}` failed with {status}" if shown else f"it failed with {status}"
    return f"the plan failed in {phase}{at}: {why}"


def _deliver(packed: Packed, store: PackageStore, results: Path) -> Built:
    """Put the package into the artifact cache and the results, each whole or not at all."""
    name = packed.file.name
    make_directories(store.artifacts)
    results.mkdir(parents=True, exist_ok=True)
    report = last_build(packed.ident, store.target, packed.sha256, packed.blake2b)
    for directory in (store.artifacts, results):
        part = directory / f".{name}.part"
        shutil.copyfile(packed.file, part)
        part.chmod(0o644)
        part.replace(directory / name)
    draft = results / ".last_build.env.part"
    draft.write_bytes(report)
    draft.replace(results / "last_build.env")
    return Built(packed.ident, results / name, packed.sha256, packed.blake2b)
