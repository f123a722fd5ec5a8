"""The desired state: one spec file a loaded service, the commands that change it, who waits for it.

Decisions:

2026-11-22: The directory of spec files is the truth; every command is a write to it, and a file put
there, edited or deleted by hand is a command like any other. Rejected: a database beside the files,
which would make two truths of one.

2026-11-22: A listing of the directory counts only if it was read after our own last write (tokens
in `WatchDirectory`). Rejected: comparing times of files, which are too coarse and may step; a
listing read a moment before a write would unload what was just loaded.

2026-11-22: A file that cannot be used keeps what was known of it before: a slip of an editor must
not stop a service. It is an event, and after the supervisor's next start the service is not loaded.

2026-11-22: `load` of what is loaded the same is "unchanged", also when the service was stopped
since: whoever repeats his commands must not undo an operator's `stop`. `load --force` starts it.

2026-11-22: A command is answered when its spec is on disk, and again when its service has settled
in the state the specs then want. A later command for a service changes what the earlier one waits
for; the outcome is always a fact about the service. Rejected: an outcome per command, which
would need an order between commands that the service never sees.
"""
