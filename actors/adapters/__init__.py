"""The real world: adapters that do input and output on threads of their own.

They implement `actors.ports` or answer messages under an address `port/<name>`; actors never see
a thread, a file or a socket. The simulation implements the same ports and knows nothing of these.

2026-11-22: Every adapter that can wait owns its thread (store, event log, timers, sockets) and is
fed by a queue, so that an actor's turn never waits for a disk. Rejected: asyncio beside pykka,
which would make two concurrency models; a shared pool, where one slow disk delays every other.

2026-11-22: Time is CLOCK_BOOTTIME, which goes on while the machine sleeps, so that a thawed member
knows its lease is over. Rejected: CLOCK_MONOTONIC, which on Linux stands still meanwhile.

2026-11-22: Events are kept in SQLite: crash-safe commits in groups, readers beside the writer, and
bounded by deleting. Rejected: JSON Lines files with rotation, which need an index of their own for
every question but the newest lines, and lose a torn tail.

2026-11-22: A temporary state file stands beside its target, not in a directory of its own, so that
the rename stays within one file system and directory. Leftovers go when it is first used.
"""
