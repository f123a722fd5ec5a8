"""The public primitives, by Ray's names and meanings: for programs outside the supervisors.

`handles` (`remote`, actor classes and handles), `refs` (`ObjectRef`, `get`, `wait`), `naming`
(`get_actor`, `kill`, `list_actors`), `session` (`init`, `shutdown`), and the two connections:
`gateway` (to a supervisor's control gateway) and `embedded` (a node inside this process, with
`processes` in the place of a launcher).

2026-11-22: `Class.remote(…)` waits until the actor is on record (about a millisecond), so that a
name taken or a module not allowed is an error at that line. What its constructor does comes later,
as in Ray. Rejected: a handle that turns out to be nothing at its first call.

2026-11-22: `get` waits 30 s by default, not for ever: Ray's default hangs on every lost actor.

2026-11-22: Calls are delivered at most once, and nothing is replayed: a method that killed its
process would kill the next one. Ray's `max_task_retries` is left out for that reason.

2026-11-22: `handle.method.tell(…)` is a call without an answer. Ray has none: there even an answer
that nobody wants is made, sent and stored.

2026-11-22: Calls in an embedded node pass from the gateway's thread straight to the host once the
actor is up, without a turn of the actors in between. Rejected: every call by way of `host`, which
costs two more hand-overs of the interpreter for a decision that was the same the last time.
"""

from __future__ import annotations

from actors.driver.handles import ActorClass, ActorHandle, remote
from actors.driver.naming import get_actor, kill, list_actors
from actors.driver.refs import ObjectRef, get, wait
from actors.driver.session import init, shutdown

__all__ = [
    "ActorClass",
    "ActorHandle",
    "ObjectRef",
    "get",
    "get_actor",
    "init",
    "kill",
    "list_actors",
    "remote",
    "shutdown",
    "wait",
]
