"""What every service of a supervisor is told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.messages.ring import SysInfo


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Facts about this supervisor and its machine, found out once, before its actors start.

    `root` is the root of all state, `svc_dir` where service directories lie, `user_dir` what
    operators write for them. `environment` is what
    services inherit. `can_switch_user`: processes may be given to other accounts (root, or
    CAP_SETUID, CAP_SETGID and CAP_CHOWN); `user` and `group` are the supervisor's own. `sys`,
    `version` and `permanent` are what templates are
    told about this supervisor. Times in seconds: a service that ends is started again
    after `backoff_min_s`, growing to `backoff_max_s`, forgotten once it was up for `cooldown_s`.
    """

    root: str
    svc_dir: str
    user_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    can_switch_user: bool = False
    user: str = ""
    group: str = ""
    sys: SysInfo = field(default_factory=SysInfo)
    version: str = ""
    permanent: bool = False
    backoff_min_s: float = 1.0
    backoff_max_s: float = 60.0
    cooldown_s: float = 60.0
