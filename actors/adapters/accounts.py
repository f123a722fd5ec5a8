"""Accounts of this machine: whom services can run as, and who we are."""

from __future__ import annotations

import grp
import os
import pwd

from actors.messages.depot import PackageInfo
from actors.service.users import FALLBACK


def accounts(info: PackageInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which users and groups of those a service may run as exist on this machine."""
    users = sorted({info.svc_user, FALLBACK} - {""})
    groups = sorted({info.svc_group, info.svc_user, FALLBACK} - {""})
    return (
        tuple(user for user in users if _user_exists(user)),
        tuple(group for group in groups if _group_exists(group)),
    )


def own_account() -> tuple[str, str]:
    """The names of the user and group this process runs as; numbers where they have none."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        return user, grp.getgrgid(gid).gr_name
    except KeyError:
        return user, str(gid)


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
