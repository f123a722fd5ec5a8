"""Install or uninstall in a child that is killed before its Nth change of the disk.

Arguments: root, what (`install` or `uninstall`), file or ident, a tree's expected digest. For each
N from 1 on until the work is done, on the state the last kill left: the store is looked at as any
process would, then begun anew. Prints one line a kill; exits 1 with the reason if it was not whole.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from actors.adapters.package_removal import removal, remove
from actors.adapters.package_store import PackageStore
from actors.adapters.staging import STAGING
from actors.adapters.trees import digest_tree, remove_tree

CHANGES = frozenset(
    (
        *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod"),
        *("os.utime", "os.truncate", "shutil.rmtree"),
    )
)


def killed_before(change: int, root: Path, what: str, subject: str) -> bool:
    """Fork; the child dies before change number `change`. False: it finished before."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, args: tuple[object, ...]) -> None:
            nonlocal seen
            writes = event == "open" and isinstance(args[2], int) and args[2] & os.O_ACCMODE
            if event in CHANGES or writes:
                seen += 1
                if seen == change:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work(root, what, subject)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"the work itself failed, before change {change}")
    return os.WIFSIGNALED(status)


def work(root: Path, what: str, subject: str) -> None:
    store = PackageStore(root, "x86_64-linux")
    if what == "install":
        store.install(Path(subject))
    else:
        remove(store, removal(store, subject).gone, lambda _: None)


def whole(root: Path, expected: str) -> int:
    """How many packages are visible; each must be the very package."""
    store = PackageStore(root, "x86_64-linux")
    for ident in store.installed():
        if digest_tree(store.path(ident)) != expected:
            sys.exit(f"{ident} is visible, but is not what was installed")
        store.describe(ident)
    return len(store.installed())


def main() -> None:
    root, what, subject, expected = Path(sys.argv[1]), *sys.argv[2:5]
    pristine = root.with_name("pristine")
    shutil.copytree(root, pristine, symlinks=True)
    change = 1
    while True:
        died = killed_before(change, root, what, subject)
        visible = whole(root, expected)
        old = [p for p in root.rglob("*") if p.name.startswith((STAGING, ".incoming-"))]
        for path in old:
            os.utime(path, (1, 1))  # as if the kill was long ago
        done = 1 if what == "install" else 0
        if visible != done:
            work(root, what, subject)
        elif what == "install":
            store = PackageStore(root, "x86_64-linux")
            remove(store, store.installed(), lambda _: None)
            work(root, what, subject)
        if whole(root, expected) != done:
            sys.exit(f"after a kill before change {change} it could not be done anew")
        left = [p.name for p in root.rglob("*") if p.name.startswith(STAGING)]
        if left and what == "install":
            sys.exit(f"a kill before change {change} left {left} for good")
        sys.stdout.write(f"{change} {'killed' if died else 'done'} {visible}\n")
        if not died:
            return
        remove_tree(root)
        shutil.copytree(pristine, root, symlinks=True)
        change += 1


if __name__ == "__main__":
    main()
