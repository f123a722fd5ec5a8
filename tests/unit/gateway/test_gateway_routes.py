"""Paths of the HTTP gateway, in Habitat's forms."""

from __future__ import annotations

import subprocess
import sys

import pytest

from actors.gateway.routes import Route, parse


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/services", Route("services")),
        ("/services/", Route("services")),
        ("/census", Route("census")),
        ("/butterfly", Route("butterfly")),
        ("/metrics", Route("metrics")),
        ("/services/redis/default", Route("service", "redis", "redis.default")),
        ("/services/redis/default/acme", Route("service", "redis", "redis.default@acme")),
        ("/services/redis/default/config", Route("config", "redis", "redis.default")),
        ("/services/redis/default/acme/health", Route("health", "redis", "redis.default@acme")),
        # "config" and "health" can be no organization, but they can be a group
        ("/services/redis/health", Route("service", "redis", "redis.health")),
        ("/services/redis/config/health", Route("health", "redis", "redis.config")),
    ],
)
def test_a_path_names_what_is_asked_for(path: str, route: Route) -> None:
    assert parse(path) == route


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/census/more", 404),
        ("/services/redis", 400),
        ("/services/redis/de fault", 400),
        ("/services/redis/../x", 400),
        ("/services/a.b/default", 400),
        ("/services/redis/default/acme/health/more", 404),
        ("/services/redis/default/acme/other", 404),
    ],
)
def test_any_other_path_is_404_and_one_that_names_no_group_400(path: str, status: int) -> None:
    assert parse(path) == status


def test_a_supervisor_that_serves_http_loads_no_library_of_depots() -> None:
    program = (
        "import sys\n"
        "import actors.adapters.supervisor, actors.adapters.http_gateway\n"
        "import actors.adapters.http_protocol\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "uvicorn" in loaded
    assert not loaded & {"starlette", "anyio", "httpx", "prometheus_client", "rich"}
