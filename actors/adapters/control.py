"""The control gateway: where the command line, drivers and actor hosts speak with a supervisor.

One ROUTER over TCP or a socket file, guarded by CURVE with keys derived from the control secret.
The server is in `control_server`; here is what its clients need, and nothing else is loaded.
"""

from __future__ import annotations

from actors.adapters.control_client import ControlClient, new_request_id
from actors.adapters.control_keys import control_keys, new_secret, read_or_create_secret
from actors.errors import NoSupervisorError, SecretRefusedError

__all__ = [
    "ControlClient",
    "NoSupervisorError",
    "SecretRefusedError",
    "control_keys",
    "new_request_id",
    "new_secret",
    "read_or_create_secret",
]
