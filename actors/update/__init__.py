"""Update strategies: how a service that runs goes to another release of its package.

`update` is the parent, with a child `update/<name>` for each service whose strategy is carried out.
Only `at-once` is, so far: `rolling` is kept and shown, and no actor acts on it.

Decisions:

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

2026-11-25: With `track-channel` the release taken is durable with the service's record, and a later
start takes it again, also when newer ones are installed. Rejected: uninstalling what is newer, as
Habitat does: another service, or the operator, may want it.

2026-11-25: A service whose ident names one release is never polled. Rejected: polling, as Habitat
does, for an answer that cannot be another.
"""
