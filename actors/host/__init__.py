"""An actor host: the process one user-written actor lives in. `python -m actors.host` starts it.

It may block, loop, and call `actors.get`: nothing else waits for it. Its supervisor starts it
through the launcher, tells it over the control gateway which class to import, and hands it calls,
one after the other. Killing it is SIGKILL.

2026-11-22: One thread owns the socket and runs the methods, so that a call crosses no queue in
here. Rejected: an I/O thread beside the actor's, which costs two hand-overs of the interpreter a
call, and buys nothing: libzmq answers heartbeats from a thread of its own.

2026-11-22: Classes travel by import path and must carry `@actors.remote`; arguments are
MessagePack. Rejected: pickle, which runs whatever it reads.
"""
