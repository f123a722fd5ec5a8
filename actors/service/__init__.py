"""Services: an actor each, a pure state machine as its lifecycle, the launcher for the truth.

Decisions:

2026-11-22: A new instance of a service's actor first asks the launcher for its process (asking and
claiming are one question), its parent for the spec, its own file for what was done. It starts a
process only after the answer "none lives". So killing this actor at any moment neither ends nor
doubles a process, and `init` never runs under a live one. Rejected: trusting the PID file or our
own record, both of which can be older than the process.

2026-11-22: The record (`services/<name>.state`) is written before a start is asked for, with the
spec and the package the process will run with. What a changed spec means is decided against the
record, not against memory. Rejected: writing after the start, which leaves a moment in which a live
process has no record.

2026-11-22: A start repeated after a failure takes the same release again; only a spec that changed,
or a stop and a start, look for a newer one. Rejected: always the newest, since then a crash would
update one member of a group, past all update strategies.

2026-11-22: A service is called up once its process has lived for 0.2 s: a program that cannot start
at all fails sooner, and "up, then failed" would be a lie to whoever waits for the outcome.

2026-11-22: What is told to others (status, event, rumor) is derived from the state after each step,
and told when it differs from the last. Rejected: telling at each transition: one is forgotten.

2026-11-22: Hooks and processes start in the service's directory (in Habitat: wherever the launcher
was started), and do not inherit the supervisor's secrets (in Habitat: all of its environment).
An `init` that is under way when the operator stops the service is ended; Habitat leaves it behind.

2026-11-22: A plain command (`--cmd`) runs as the supervisor's own account: the directory it was
started from belongs to the person who typed it.

2026-11-24: What is encrypted for the group is opened by `port/packages`, which has the key cache,
and kept in memory. A member without the keys goes on with the configuration that was in force, and
leaves the files of a living process alone when it never saw one. Rejected: failing the start, as
then a key that is missing on one machine takes a service down that ran.

2026-11-24: A service's files depend on its view alone (`view`): its templates, its own group and
those it is bound to, what was applied to its group. They are made anew when the view changes, and
written when they differ. Rejected: making them anew at each change of the census, which with many
services on a machine costs a rendering of each for each change of any.

2026-11-24: The port that writes the files says which had another content before, and that decides
whether a hook runs or the service restarts. Rejected: comparing with what this instance wrote last,
which a killed actor has forgotten: it would restart a service for nothing, or not for something.

2026-11-24: A restart for new files takes the same release again, as one after a failure does.

2026-11-25: `init` and `post-run` may take as long as they need (one restores a database); what a
service waits for is shown, and its stop ends them. All other hooks have a limit. Rejected: a limit
for all, which ends the long one that works; a flag for it, since the operator can stop the service.

2026-11-25: A service goes to another release only when it is asked to and could start in it; it
answers, and promises nothing. Rejected: a durable order to update, which outlives its reason.

2026-11-24: What cannot be rendered fails a start, and is said; a running service keeps its files.
Rejected: Habitat's ways, to forget the service's spec, or to start it without the broken hook.

2026-11-25: What a process acts as in its group is in the record, a leader's before it is told. Each
start asks the election for its role anew. Rejected: the role told last, with which a member that
was away, or had a slow `init`, starts as leader by an old word.

2026-11-25: A leader that is to lead no more has a second to hear so by its hook; without one, and
where it fails, the process is stopped and starts again as what it is then. Rejected: going on as it
was, as in Habitat, which has two leaders whenever a majority is lost.

2026-11-25: A follower's files go on naming its leader while nobody leads, and while that one is
dead: others' elections restart nothing. Files of a demoted leader tell at once that it leads no
more. Rejected: files that follow each election's course, which restart all services twice for it.

2026-11-25: Who waits for its first role has its hooks in place already, so `suitability` counts in
the first election too; in Habitat that one is decided by member ids.

2026-11-25: A suitability hook may say that it cannot say (exit code 75; one that has to be ended
says so too): then its member votes for nobody else in that term. Rejected: 0, as in Habitat, with
which a member that has more than the candidate, and cannot tell at the moment, helps to elect it.

2026-11-25: Hook `role-changed` may say that its process takes that role only by starting anew (exit
code 75): then it is stopped and started, and nothing is said to have failed. A PostgreSQL that took
writes is one such. Rejected: a failure for it, which operators would read about at every hand-over.

2026-11-25: A process that cannot be told to lead is stopped, and its member steps down only then.
Rejected: stepping down at once, while half a leader still runs.

2026-11-25: Where the record cannot be written, all that may have been lost with it is asked for
anew (`unwritten`); a member that cannot write down that it leads does not. Rejected: going on with
what was decided, of which a disk that is full for a moment leaves half.

2026-11-25: The record has the configuration that the process runs with, as it travels, and its
version is told to the ring; what was brought by a turn counts as long as nothing newer is in force.
Rejected: a durable order to take one, which would be followed after its turn is over.

2026-11-25: Where a configuration of a turn means a restart, the process is stopped before the files
are made; a trial tells which it is. Rejected: writing first, and stopping when the answer comes: a
supervisor that stands still in between would stop it in another's turn. In a turn a reconfigure
hook that fails is a restart, since health says little of a process that was not told.

2026-11-25: Who was taken out of the census for another release comes back once it is healthy in it,
not once its process runs (`unproven`, durable): a server that needs a second to listen, or one that
is sick, is sent nobody. Only then: a check that fails later takes nobody out, since what all
members depend on would take them all out together. Rejected: leaving out whoever is not healthy,
always, which Habitat does not do either, and which a package with odd exit codes would not survive.

2026-11-25: A young process is checked more often, at about 1, 2, 4… s, until its interval is
reached: the grace time of a rollout is shorter than the usual interval, and would have been one
check long. Rejected: a shorter interval while a turn is open, which first starts need as well.
"""
