"""Which account a service runs as."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from actors.messages.depot import PackageInfo

FALLBACK = "hab"  # Habitat's account for packages that name none; plans name it unless they choose


@dataclass(frozen=True, slots=True)
class RunAs:
    """The account; empty names mean the supervisor's own. `notice` says what was not followed."""

    user: str = ""
    group: str = ""
    notice: str = ""


def told(package: PackageInfo, chosen: RunAs, own: RunAs, *, can_switch: bool) -> RunAs:
    """The account that templates are told: `chosen`; where that is empty `own`, the supervisor's.

    Where it cannot run anything as another account, they are told whom the package asks for.
    """
    if chosen.user:
        return chosen
    if package.svc_user and not can_switch:
        return RunAs(package.svc_user, package.svc_group or package.svc_user)
    return own


def choose(
    package: PackageInfo | None,
    users: Collection[str],
    groups: Collection[str],
    *,
    can_switch: bool,
) -> RunAs | str:
    """The account for a package (None: a plain command), or why there is none.

    `users` and `groups` are those among the package's and `hab` that exist here.
    """
    if package is None:
        return RunAs()
    user, group = package.svc_user, package.svc_group or package.svc_user
    if not can_switch:
        wanted = f"the package asks for {user}:{group}; " if user else ""
        return RunAs(notice=f"{wanted}running as the supervisor's own user" if wanted else "")
    if not user and not package.svc_group:
        if FALLBACK in users and FALLBACK in groups:
            return RunAs(FALLBACK, FALLBACK)
        return RunAs()
    if user == group == FALLBACK and not (FALLBACK in users and FALLBACK in groups):
        # Nobody chose it: `hab pkg build` writes it into whatever has a run hook.
        return RunAs(
            notice=f"there is no account {FALLBACK} here; running as the supervisor's own user"
        )
    if not user:
        return f"{package.ident} names group {group} (SVC_GROUP) but no user (SVC_USER)"
    if user not in users:
        return (
            f"user {user} of {package.ident} (SVC_USER) does not exist here: "
            f"create it, e.g. `useradd --system --user-group {user}`"
        )
    if group not in groups:
        return (
            f"group {group} of {package.ident} (SVC_GROUP) does not exist here: "
            f"create it, e.g. `groupadd --system {group}`"
        )
    return RunAs(user, group)
