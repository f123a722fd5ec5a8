"""The command line `hab`: one module a command group, loaded only when its group is used.

Decisions:

2026-11-22  Groups are loaded by name when used, and libraries (zmq, rich, nacl) inside the command
            that needs them. Rejected: plain imports; a read verb would cost over 100 ms of CPU.
2026-11-22  Options are resolved here, with their sources, into one `SupervisorOptions`. Rejected:
            click's `auto_envvar_prefix`; it cannot put files below the environment, and a service's
            own configuration variables are called `HAB_<NAME>` too.
2026-11-22  A write verb waits for the outcome and exits 0 when the service is up, or waits for
            something outside this supervisor. Rejected: a code of its own for waiting; a first
            member of a leader group always waits, and scripts would see failure in a healthy start.
2026-11-22  With no supervisor up, `svc load` and `svc start` write the spec for the next start.
            Rejected: an error; machine images are prepared before a supervisor ever runs.
2026-11-22  `hab sup run IDENT` writes the spec before the start instead of passing it on. Rejected:
            a field in the options; a supervisor restarted by its launcher would load it again,
            also after an `unload`.
"""
