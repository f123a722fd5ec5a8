"""Run one user-written actor: NAME INSTANCE ENDPOINT SECRET_FILE, as its supervisor starts it."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

from actors.host.process import HostProcess

ADDRESS = "HAB_ACTOR_ADDRESS"  # where `actors.init()` connects inside an actor
SECRET_FILE = "HAB_ACTOR_SECRET_FILE"  # noqa: S105 - the name of a variable


def _end_with_input() -> None:
    """End when standard input does: whoever started us is gone."""
    while os.read(0, 1 << 16):  # not sys.stdin: an interpreter that ends wants its lock
        pass
    os._exit(0)


def main(arguments: list[str] | None = None) -> int:
    """Serve the actor until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m actors.host", description=__doc__)
    parser.add_argument("--end-with-input", action="store_true")
    parser.add_argument("name")
    parser.add_argument("instance", type=int)
    parser.add_argument("endpoint")
    parser.add_argument("secret_file", type=Path)
    options = parser.parse_args(arguments)
    if options.end_with_input:
        threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    os.environ[ADDRESS] = options.endpoint
    os.environ[SECRET_FILE] = str(options.secret_file)
    secret = options.secret_file.read_text(encoding="ascii")
    return HostProcess(options.name, options.instance, options.endpoint, secret).serve()


if __name__ == "__main__":
    sys.exit(main())
