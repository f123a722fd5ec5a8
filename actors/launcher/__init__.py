"""The launcher: the process `hab sup run` becomes, parent of the supervisor and of all services.

It is small, has one thread and rarely changes, so that services outlive everything that does.
`decisions` (with `groups` and `supervision`) says what to do, purely; `loop` does it; `protocol`
and `link` are how the supervisor talks to it; `process`, `identity`, `table`, `marks`, `logs`,
`console`, `lock` and `notify` each own one piece of the operating system; `fence` is what a
supervisor does once it has no launcher. Standard library only, and nothing else of this project.

Decisions
2026-11-22  A supervisor killed by a signal is started again and services live on. Rejected:
            Habitat's way (stop all, exit 0), which turns an OOM kill into an outage.
2026-11-22  One thread, `os.fork`, and a gate the child waits at until it is in the process table.
            Rejected: `subprocess`, which runs the program before anyone could write down its pid
            (a launcher killed in between would leave a service nobody knows), and 1 MB.
2026-11-22  The process table is a journal, appended without fsync. Rejected: rewriting and
            syncing it at each hook, which costs milliseconds in the thread that fences leaders;
            what a power cut can tear is about processes that the same power cut ended.
2026-11-24  Two copies of the journal, and a mark in the environment of all that is started, so
            that a service is found again whatever became of the table. Rejected: one of both:
            programs overwrite their environment, disks lose both files. Rejected too: holding
            a lock on an inherited descriptor, which careful programs close. Price: a process
            known by its mark alone is in the role it was started in; a promotion is not marked.
2026-11-22  Files, not pipes, for the output of services; rotation by copy and truncate. Rejected:
            pipes, because their reader's death is the service's (SIGPIPE), and renaming, because
            the process would go on writing to the old name. Price: a line written in the
            microseconds between the last copy and the truncation is lost.
2026-11-22  When a process ends, what is left of its group gets TERM, then KILL 2 s later, for
            hooks too. Rejected: leaving a hook's background children, as Habitat does: nobody
            would own them. What leaves the group (setsid) is its own master.
2026-11-22  An adopted process that was in the leader role is killed. Rejected: trusting its last
            written deadline, since nobody watched it meanwhile.
2026-11-25  A launcher that dies takes the leaders with it: its supervisor kills them (`fence`) and
            no other process, and then ends. Rejected: ending them by their hooks, which only a
            launcher starts, and leaving them to the next launcher, which nobody may start.
2026-11-25  A new supervisor is told at its start who leads, in the pipe it inherits, where that
            outlives the launcher. Rejected: reading the launcher's table, which by then may be
            that of a next launcher, whose leaders are nobody's to kill.
2026-11-22  Files are polled, each 0.05 to 0.4 s. Rejected: inotify, which the standard library
            lacks.
"""
