"""Which release a service should run, of those there are; pure.

The channel is asked for its newest in Builder's order, what is installed in the supervisor's: the
two orders of `ident.py` and `builder_order.py`. Between the two the supervisor's decides.
"""

from __future__ import annotations

from actors.depot.ident import PackageIdent, compare_idents
from actors.messages.update import Condition


def wanted_release(
    condition: Condition,
    running: PackageIdent | None,
    head: PackageIdent | None,
    installed: PackageIdent | None,
) -> PackageIdent | None:
    """The release to run; None where neither the channel nor this machine has one.

    `head` is the channel's newest, `installed` the newest installed one, both of what the spec
    names. `track-channel` follows the channel, back too; where the channel has none it stays. A
    release of an equal order is no reason to restart.
    """
    if condition == "track-channel":
        return head or running
    best = running
    for candidate in (installed, head):
        if candidate is None or candidate == best:
            continue
        if best is None or (compare_idents(best, candidate) or 0) < 0:
            best = candidate
    return best
