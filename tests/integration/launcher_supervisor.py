"""A small supervisor for the launcher's tests: does what lines in a directory tell it to.

It speaks the real protocol. Each file `<n>.do` in its directory is a Python expression over the
protocol's classes, sent as it is (or `exit(n)`); each report is appended to `reports` as its repr.
"""

import os
import socket
import sys
import time
from pathlib import Path

from actors.launcher import protocol
from actors.launcher.link import Link, hello, inherited_fd


def main(directory: Path) -> None:
    mode = (directory / "mode").read_text() if (directory / "mode").exists() else ""
    with (directory / "lives").open("a") as lives:
        lives.write(f"{os.getpid()}\n")
    if mode == "mute":
        time.sleep(60)
    if mode.startswith("exit "):
        sys.exit(int(mode.split()[1]))
    fd = inherited_fd()
    assert fd is not None
    hello(fd)
    link = Link(socket.socket(fileno=fd))
    link.send(protocol.Ready("serving"))
    names = {**vars(protocol), "exit": os._exit, "time": time, "os": os, "link": link}
    while not link.closed:
        link.flush()
        for order in sorted(directory.glob("*.do"), key=lambda path: int(path.stem)):
            text = order.read_text()
            order.unlink()
            frame = eval(text, names)
            if frame is not None:
                link.send(frame)
        with (directory / "reports").open("a") as reports:
            for report in link.receive():
                reports.write(f"{report!r}\n")
                if report == protocol.StopRequest("terminate") and mode != "stubborn":
                    reports.flush()
                    os._exit(protocol.EXIT_STOPPED)
                if report == protocol.StopRequest("restart"):
                    reports.flush()
                    os._exit(0)
        time.sleep(0.01)


main(Path(sys.argv[1]))
