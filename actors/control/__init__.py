"""Control: what the command line and drivers may ask for, who answers, and user-written actors.

`routes` (message → actor), `admission` (a request as what is to be sent, or why not), `window`
(the same request twice is one request), `members` (names and beginnings of ids), `reach` (members
lost while they were asked), `hosting` (user actors on record: rules), `records` (their file),
`process` (how one is started), `actor` (the shells `control`, `host`, `host/<name>`).

2026-11-22: A request is forwarded with its ticket, and whoever settles it answers the port itself.
So killing `control` loses no answer. Rejected: relaying answers through `control`, which would make
it a place where accepted commands can get lost.

2026-11-22: Another member is asked by sending the message itself to the actor concerned there, not
wrapped for its gateway: so the doors of the wire judge what it really is. Rejected: an envelope in
an envelope, which would pass any message under one name.

2026-11-22: The window of answered requests is held by the port, not by `control`: a client that
asks again after `control` was killed must still not cause its command twice.

2026-11-22: One process for each user actor, so that killing one leaves the others alone. Rejected:
one process for all actors of a driver, cheaper by 20 MB each, where one `os._exit` ends them all.

2026-11-22: An instance of `host/<name>` is one life of the user actor's process: it fails when the
process ends, and the node restarts, backs off, parks and gives up by the same rules as for every
actor. Rejected: a second supervision for processes beside the first.

2026-11-22: A supervisor that is restarted starts detached actors anew, with empty memory, as after
any death. Rejected: hosts that outlive their supervisor and call back, because a call in flight
would then be answered to nobody, and two lives of an actor could overlap.

2026-11-24: A request relayed to a member that is then lost is answered by the port, from what
`control` last said about the members; the port keeps the open requests anyhow, and outlives
`control`. Rejected: a watch on each actor called, a message more for every call; a timeout of the
port's own, which cannot tell a long call from a dead member.
"""
