"""Update strategies: how a service that runs goes to another release of its package.

`update` is the parent, with a child `update/<name>` for each service that has a strategy. It either
follows its channel by itself (`at_once`), or rolls with its group (`rolling`): what a group decides
is kept by `memory`, where it should go is `aims`, what comes next is a function in `moves`, carried
out by the conductor (`conduct`), and what a member does in its turn is `turn`. A configuration
(`configs`) goes the way of a release. Rollouts are a group's own, so that a
member that was away, or is new, learns where the group stands.

Decisions:

2026-11-25: A new conductor asks a majority of the voters what they have on disk, before it decides
anything (`conduct`). Rejected: the newest step within each vote, as the election's frames would
then carry rollouts, and a leader that was re-elected by a lease without votes would know nothing.

2026-11-25: Steps are ordered by term and number where it matters which one stands, and epochs are
raised, so that decided steps grow by (epoch, term, step) and no member's epoch ever decreases
(`memory`). Rejected: choosing by the epoch first: one that was begun by a conductor that died, and
never decided, would then outrank what was decided after it.

2026-11-25: A turn is an answer to a report: it allows a stop until an instant of the member's own
clock, counted from the report, and names the instance that reported. Rejected: a time of the
conductor's clock, which says nothing here; a length from the arrival on, since a frame may be late.

2026-11-25: The conductor asks all members how they stand, each second while there is something to
do. Rejected: the census, which is seconds late, and does not say for how long one has been well.

2026-11-25: A member that was well for less than the grace time holds a turn back: one that ends
and starts again all the time is not healthy in between. A member that runs the target and stays
unwell for three grace times ends the rollout, as if its own turn had failed.

2026-11-25: A release that failed is remembered by the group (`refused`) and not tried again, until
an operator resumes, or another is offered. Rejected: trying again at each poll.

2026-11-25: A depot that cannot be reached is waited for in the turn: nothing was stopped, and the
release is not to blame. Rejected: a failed try, which had a rollout halt, and its release refused,
for as long as an operator did not say otherwise.

2026-11-25: A turn that has stopped nothing yet is taken back when another release is offered.
Rejected: letting it install what nobody wants any more, perhaps for ever.

2026-11-25: A service that is told to go in a turn is stopped for that before the turn's leave to
stop ends, or stays where it is: handing over a lead may take longer. Rejected: stopping it whenever
the lead is handed over: the turn may be another's by then.

2026-11-25: A turn may end an init hook that still runs: the try before it has given that hook its
time. Without that a member whose release hangs at its start held back every later one.

2026-11-25: Who is dead is skipped, who is stopped by an operator too; who comes back goes then.
Rejected: waiting for the dead, which is how rollouts of other systems never end.

2026-11-25: The conductor never is the topology leader while there is another member: it does not
stand. The topology leader's turn comes last, and begins with handing over. Rejected: conducting by
the topology leader, which would have to stop itself in the middle.

2026-11-25: A configuration for turns is a rumor of its own kind (`staged`), and becomes the one in
force when all have gone to it. A member takes it by an order that carries it, and what it runs with
is in its service's record. Rejected: one rumor with both, in which two operators lose one another's
word; and marking members in the rumor, which is the rollout's to know.

2026-11-25: A configuration that fails is taken back, whatever `--on-failure` says: the one in force
is known to work, and nothing has to be fetched for it. Rejected: halting with a group that runs two
configurations, of which `hab config show` can name only one as in force.

2026-11-25: Versions in force and staged ones are one sequence, and what is staged is never
withdrawn: it counts until something newer does, and a refused one is remembered like a release.
Rejected: withdrawing the rumor, whose tombstone has to outdo a version that people choose.

2026-11-25: What was rolled out is not applied by a running member without a turn, even when it is
in force: whoever comes back from a partition would do so together with others. A start takes it.

2026-11-25: What runs is compared with what is offered after each message, and the service is asked
to take a release for as long as it runs another. Nothing has to remember an order that was lost
with an actor. Rejected: an order that is durable: it outlives the reason it was given for.

2026-11-25: One child a service. A depot that is slow, or a package that cannot be installed, keeps
one service waiting, and what an install brings down is parked alone. Rejected: one actor with a
table of all services.

2026-11-25: A folder that is a depot of this machine is looked at twice a second, whoever writes to
it (`hab pkg upload`, `hab depot serve`, `cp`); a change there is a reason to ask at once. A depot
behind HTTP is polled. Rejected: a message from the process that serves the depot: the folder has
several writers, and most of them do not know a supervisor.

2026-11-25: `at-once` has no health gate, as in Habitat: a release that can be installed and run is
taken by each member by itself, and one that then fails is started again with backoff until another
is offered. Before anything is stopped the package is installed with its dependencies and install
hooks, and the service looks whether it could run it (run hook, binds, account); what is refused
there costs no downtime. Rejected: going back after a failed start: members that decide for
themselves would go back and forth, each at its own time; whoever wants a gate wants `rolling`.

2026-11-25: With `track-channel`, or `rolling`, the release taken is durable with the service's
record, and a later start takes it again, also when newer ones are installed. Rejected: uninstalling
what is newer, as Habitat does: another service, or the operator, may want it.

2026-11-25: A service whose ident names one release is never polled. Rejected: polling, as Habitat
does, for an answer that cannot be another.
"""
