"""The demo: three permanent peers, and three services that follow each other's configuration.

It builds, signs, uploads and loads a Redis, an application bound to it, and a Caddy bound to the
application, shows them, and gives them other ports. `--check` then kills an actor, a service
process and a supervisor process, verifies what must survive, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from demo_ring import BIN, PEERS, DemoFailedError, ended, expect, wait_for
from demo_services import HOMES, Demo


def show(demo: Demo) -> None:
    """The ring and its services, as the commands tell it."""
    for peer in PEERS:
        demo.shown("svc", "status", peer=peer)
    demo.shown("ring", "members", peer="alpha")
    demo.shown("actor", "tree", peer="alpha")
    demo.shown("events", "--last", "8", peer="alpha")
    print(f"\n$ curl {demo.url}    # caddy, the application, redis")
    print(f"hello from habring: visit {demo.visit()}")


def configure(demo: Demo) -> list[str]:
    """Give producers other ports; their consumers follow. What held, in words.

    Raises DemoFailedError with the first thing that did not hold.
    """
    held = []
    pids = {service: demo.pid(service) for service in HOMES}
    before = demo.visit()

    demo.apply_port("app")
    wait_for("the application listens on its new port", lambda: demo.listens("app"))
    wait_for("caddy follows the application", lambda: demo.visit() > before)
    expect({s: demo.pid(s) for s in HOMES} == pids, "a pid changed with the application's port")
    held.append(f"app told to listen on port {demo.ports['app']}: caddy follows, none restarted")

    demo.apply_port("redis")
    wait_for("redis listens on its new port", lambda: demo.listens("redis"))
    wait_for("the application follows redis", lambda: demo.visit() > before + 1)
    for service in ("app", "caddy"):
        expect(
            demo.pid(service) == pids[service], f"the pid of {service} changed with redis's port"
        )
    wait_for("redis is up", lambda: demo.pid("redis") is not None)
    expect(demo.pid("redis") != pids["redis"], "redis has another port in its old process")
    held.append(
        f"redis told to listen on port {demo.ports['redis']}: restarted, as its run hook says;"
        f" app follows under its old pid {pids['app']}, and counts on"
    )
    print(f"\n$ curl {demo.url}    # on the new ports")
    print(f"hello from habring: visit {demo.visit()}")
    return held


def next_steps(demo: Demo) -> None:
    """What to try, with everything that must be set."""
    print(
        f"""
The ring is up, and {demo.url} answers: caddy, for the application, which counts in redis.
Try, in another terminal:

  export HAB_ROOT={demo.root} PATH={BIN}:$PATH
  hab events --ring --follow --override-name alpha
  hab actor kill service/redis --override-name alpha
  hab why redis --override-name alpha
  hab svc stop demo/redis --override-name alpha
  hab svc start demo/redis --override-name alpha
  echo 'greeting = "good day"' | hab config apply app.default $(date +%s) --override-name gamma
  hab svc render demo/caddy config/Caddyfile --bind app:app.default
  hab pkg search demo
  hab ring members --override-name gamma

Ctrl-C ends it and removes {demo.root}.""",
        flush=True,
    )


def verify(demo: Demo) -> list[str]:
    """Kill an actor, a service process and a supervisor process; what held, in words.

    Raises DemoFailedError with the first thing that did not hold.
    """
    held = []
    pids = {service: demo.pid(service) for service in HOMES}
    before = demo.visit()

    demo.shown("actor", "kill", "service/redis", peer="alpha")
    wait_for("the killed actor is back", lambda: restarts(demo, "service/redis") == 1)
    wait_for("all is up under the old pids", lambda: {s: demo.pid(s) for s in HOMES} == pids)
    held.append(f"actor service/redis killed: back, redis still pid {pids['redis']}")

    print(f"\n$ kill -9 {pids['redis']}    # the Redis process", flush=True)
    os.kill(pids["redis"] or 0, signal.SIGKILL)
    wait_for("redis runs again", lambda: demo.pid("redis") not in (None, pids["redis"]))
    wait_for("visits are counted on", lambda: demo.visit() > before)
    for service in ("app", "caddy"):
        expect(demo.pid(service) == pids[service], f"the pid of {service} changed with redis")
    held.append(f"redis process killed: runs again as pid {demo.pid('redis')}, app and caddy did")
    held[-1] += " not notice but for a moment, the visits are counted on"

    status = demo.ask("sup", "status", peer="beta")
    supervisor = int(status["supervisor_pid"])
    print(f"\n$ kill -9 {supervisor}    # the supervisor process of beta", flush=True)
    os.kill(supervisor, signal.SIGKILL)
    expect(demo.visit() > before, "the application does not answer without its supervisor")
    wait_for("beta has a new supervisor", lambda: new_supervisor(demo, supervisor))
    after = demo.ask("sup", "status", peer="beta")
    expect(after["launcher_pid"] == status["launcher_pid"], "the launcher changed")
    expect(after["member_id"] == status["member_id"], "the member id changed")
    wait_for("the application is up", lambda: demo.pid("app") is not None)
    expect(demo.pid("app") == pids["app"], "the pid of the application changed")
    wait_for("the ring is whole", lambda: all(demo.is_whole(p) for p in PEERS))
    wait_for("caddy answers for the application", lambda: demo.visit() > before)
    expect(demo.pid("caddy") == pids["caddy"], "the pid of caddy changed")
    held.append(f"supervisor of beta killed: back, app still pid {pids['app']}, ring whole")
    return held


def restarts(demo: Demo, actor: str) -> int:
    """How often an actor of alpha was restarted while it is alive; -1 while it is not."""
    for found in demo.ask("actor", "list", peer="alpha")["actors"]:
        if found["name"] == actor and found["state"] == "ALIVE":
            count: int = found["restarts"]
            return count
    return -1


def new_supervisor(demo: Demo, old: int) -> bool:
    """Whether beta answers with another supervisor process."""
    try:
        return int(demo.ask("sup", "status", peer="beta")["supervisor_pid"]) != old
    except (DemoFailedError, ValueError):
        return False


def main() -> int:
    """Run the demo; exit 0 when all held, 1 with the reason when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="break it, verify, tear down")
    check = parser.parse_args().check
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    held: list[str] = []
    demo = Demo(Path(tempfile.mkdtemp(prefix="habring-demo-")))
    try:
        with ended(demo):
            print(f"starting {len(PEERS)} permanent peers below {demo.root}", flush=True)
            demo.start()
            demo.publish()
            demo.load()
            show(demo)
            held += configure(demo)
            if check:
                held += verify(demo)
            else:
                next_steps(demo)
                signal.pause()
    except KeyboardInterrupt:
        print("\nended, nothing left behind")
        return 0
    except DemoFailedError as failure:
        print(f"demo failed: {failure}", file=sys.stderr)
        return 1
    print("\nverified:")
    for line in [*held, "no process and no file was left behind"]:
        print(f"  {line}")
    print(f"in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
