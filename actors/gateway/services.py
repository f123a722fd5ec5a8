"""`/services`: Habitat's model of a loaded service (components/sup/doc, services schema)."""

from __future__ import annotations

from typing import Final

from actors.gateway.leaders import Json, Standing, last_status, own_document
from actors.messages.control import SupervisorInfo
from actors.messages.depot import PackageInfo
from actors.messages.gateway import HookOutput, ServiceReport
from actors.messages.ring import SysInfo
from actors.messages.service import Health

HOOKS: Final = (
    *("file_updated", "health_check", "init", "post_run", "post_stop"),
    *("reconfigure", "reload", "run", "suitability"),
)
HEALTH: Final[dict[Health, str]] = {
    "ok": "Ok",
    "warning": "Warning",
    "critical": "Critical",
    "unknown": "Unknown",
}
HEALTH_CODES: Final[dict[Health, int]] = {
    "ok": 200,
    "warning": 200,
    "critical": 503,
    "unknown": 500,
}
RUNNING: Final = frozenset({"starting", "up", "stopping"})
PERIODS: Final = ("min_backoff_period", "max_backoff_period", "cooldown_period")
DEFAULT_URL: Final = "https://bldr.habitat.sh"


def service_document(
    report: ServiceReport, sup: SupervisorInfo, wall_s: float, standing: Standing, *, trusted: bool
) -> Json:
    """One service. Without trust `cfg` and what else may hold secrets are null."""
    status, spec = report.status, report.status.spec
    package = report.package
    binds = {**(package.binds if package else {}), **(package.binds_optional if package else {})}
    sup_root = f"{sup.root}/sup/{sup.name}"
    return {
        "all_pkg_binds": [{"service": n, "exports": list(of)} for n, of in sorted(binds.items())],
        "binding_mode": spec.binding_mode,
        "binds": list(spec.binds),
        "bldr_url": spec.bldr_url or DEFAULT_URL,
        "cfg": dict(report.values) if trusted else None,
        "channel": spec.channel,
        "config_from": spec.config_from or None,
        "desired_state": spec.desired_state.capitalize(),
        "health_check": HEALTH[status.health],
        "health_check_interval": _duration(spec.health_check_interval),
        "hooks": {name: _hook(name, report) for name in HOOKS},
        "initialized": report.initialized,
        "last_election_status": last_status(status, standing),
        "manager_fs_cfg": {
            "data_path": f"{sup_root}/data",
            "member_id_file": f"{sup_root}/MEMBER_ID",
            "proc_lock_file": f"{sup_root}/LOCK",
            "specs_path": f"{sup_root}/specs",
            "sup_root": sup_root,
        },
        "pkg": _package(report, trusted=trusted),
        "process": {
            "pid": status.pid,
            "state": "up" if status.pid is not None and status.stage in RUNNING else "down",
            "state_entered": int(wall_s - status.elapsed_s),
        },
        "last_process_state": _last_process(report, wall_s),
        "next_restart_at": int(wall_s + status.next_try_s) if status.next_try_s > 0 else None,
        "restart_count": status.restarts,
        "restart_config": {
            name: _duration(seconds)
            for name, seconds in zip(PERIODS, report.backoff_s, strict=True)
        },
        "service_group": spec.service_group,
        "spec_file": f"{sup_root}/specs/{spec.service}.spec",
        "spec_ident": ident_document(spec.ident),
        "spec_identifier": spec.ident,
        "svc_encrypted_password": None,
        "sys": sys_document(report.sys)
        | {"member_id": sup.member_id, "permanent": sup.permanent, "version": sup.version},
        "topology": spec.topology,
        "update_condition": spec.update_condition,
        "update_strategy": spec.update_strategy,
        "user_config_updated": False,
        "habring": {
            "stage": status.stage,
            "reason": status.reason,
            "health": status.health,
            "elapsed_s": status.elapsed_s,
            "last_exit": status.last_exit,
            "role": status.role or None,
            "leader": status.leader or None,
            "leader_term": status.term,
            "config": status.config,
            "elections": own_document(spec.service_group, standing),
            "command": list(spec.cmd) if trusted else None,
        },
    }


def health_document(report: ServiceReport, output: HookOutput, *, trusted: bool) -> Json:
    """The last health check. Its output may quote anything, so it needs trust."""
    said = (output.stdout, output.stderr) if trusted else (None, None)
    return {"status": HEALTH[report.status.health], "stdout": said[0], "stderr": said[1]}


def ident_document(ident: str) -> Json:
    """A package identifier in its parts, absent ones null."""
    origin, name, version, release = (*ident.split("/"), *(None,) * 4)[:4]
    return {"origin": origin or "", "name": name or "", "version": version, "release": release}


def sys_document(sys: SysInfo) -> Json:
    """A supervisor's addresses, every key present."""
    return {field: getattr(sys, field) for field in sys.__struct_fields__}


def _duration(seconds: float) -> Json:
    whole = int(seconds)
    return {"secs": whole, "nanos": round((seconds - whole) * 1e9)}


def _hook(name: str, report: ServiceReport) -> Json | None:
    hook = name.replace("_", "-")
    if hook not in report.hooks:
        return None
    return {
        "render_pair": f"{report.path}/hooks/{hook}",
        "stdout_log_path": f"{report.path}/logs/{hook}.stdout.log",
        "stderr_log_path": f"{report.path}/logs/{hook}.stderr.log",
    }


def _last_process(report: ServiceReport, wall_s: float) -> Json | None:
    if report.ended_s < 0:
        return None
    reason = "run_hook_failed" if report.ended_pid is not None else "init_hook_failed"
    return {
        "pid": report.ended_pid,
        "termination_reason": reason,
        "terminated_at": int(wall_s - report.ended_s),
    }


def _package(report: ServiceReport, *, trusted: bool) -> Json:
    package = report.package or PackageInfo(report.status.spec.ident, "", "")
    path = report.path
    deps = [ident_document(ident) for ident in package.tdeps]
    env = {**package.environment}
    if package.run_path:
        env["PATH"] = ":".join(package.run_path)
    return {
        **ident_document(package.ident),
        "ident": package.ident,
        "deps": deps,
        "dependencies": list(package.tdeps),
        "env": env if trusted else None,
        "exports": dict(package.exports) if trusted else None,
        "exposes": list(package.exposes),
        "path": package.path,
        "svc_path": path,
        **{f"svc_{n}_path": f"{path}/{n}" for n in ("config", "config_install", "data", "files")},
        **{f"svc_{name}_path": f"{path}/{name}" for name in ("static", "var")},
        "svc_pid_file": f"{path}/PID",
        "svc_run": f"{path}/run",
        "svc_user": report.user or package.svc_user,
        "svc_group": report.group or package.svc_group,
        "shutdown_signal": package.shutdown_signal,
        "shutdown_timeout": package.shutdown_timeout if package.shutdown_timeout is not None else 8,
    }
