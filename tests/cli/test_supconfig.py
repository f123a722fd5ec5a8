from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.errors import UsageError
from actors.node.options import SupervisorOptions, from_json
from cli.runoptions import BY_KEY, RUN_OPTIONS, RunOption
from cli.supconfig import generate, resolve

# For each option two values as text, and what they come to.
SAMPLES: dict[str, tuple[tuple[str, object], ...]] = {
    "listen_gossip": (("127.0.0.1:1", "127.0.0.1:1"), ("127.0.0.2", "127.0.0.2:9638")),
    "listen_http": (("127.0.0.1:2", "127.0.0.1:2"), ("127.0.0.2", "127.0.0.2:9631")),
    "listen_ctl": (("127.0.0.1:3", "127.0.0.1:3"), ("/run/ctl.sock", "/run/ctl.sock")),
    "ring": (("acme", "acme"), ("other", "other")),
    "ring_key": (("SYM-SEC-1 one", "SYM-SEC-1 one"), ("SYM-SEC-1 two", "SYM-SEC-1 two")),
    "org": (("acme", "acme"), ("other", "other")),
    "cache_key_path": (("/keys", "/keys"), ("/other", "/other")),
}
LAYERS = ("sup.toml", "--config-files", "environment", "command line")


@pytest.mark.parametrize("key", sorted(SAMPLES))
@pytest.mark.parametrize(
    "present", [set(c) for n in range(5) for c in itertools.combinations(LAYERS, n)]
)
def test_the_highest_layer_that_says_something_wins_and_is_named(
    tmp_path: Path, key: str, present: set[str]
) -> None:
    low, high = SAMPLES[key]
    option = BY_KEY[key]
    files = []
    environ: dict[str, str] = {}
    given: dict[str, object] = {}
    expected, source = (option.read(option.shown) if option.shown else None), "default"
    for number, layer in enumerate(layer for layer in LAYERS if layer in present):
        text, expected = (low, high)[number % 2]
        if layer in {"sup.toml", "--config-files"}:
            path = tmp_path / f"{layer.strip('-')}.toml"
            path.write_text(f'{key} = "{text}"\n')
            files.append(path)
            source = str(path)
        elif layer == "environment":
            environ[option.env] = text
            source = option.env
        else:
            given[key] = text
            source = layer
    resolved = resolve(given, environ, files)
    assert resolved.values[key] == expected
    assert resolved.sources[key] == source


def test_of_several_config_files_the_last_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text('org = "one"\npeer = ["a", "b"]\n')
    two.write_text('org = "two"\n')
    resolved = resolve({}, {}, [one, two])
    assert resolved.text("org") == "two"
    assert resolved.texts("peer") == ("a:9638", "b:9638")
    assert resolved.sources["peer"] == str(one)


def test_a_list_is_replaced_and_not_extended_by_a_higher_layer(tmp_path: Path) -> None:
    path = tmp_path / "sup.toml"
    path.write_text('peer = ["a", "b"]\n')
    assert resolve({"peer": ("c",)}, {}, [path]).texts("peer") == ("c:9638",)


def test_a_flag_in_a_file_is_true_or_false(tmp_path: Path) -> None:
    path = tmp_path / "sup.toml"
    path.write_text("permanent_peer = true\njson_logging = false\n")
    resolved = resolve({}, {}, [path])
    assert resolved.flag("permanent_peer")
    assert not resolved.flag("json_logging")
    path.write_text('permanent_peer = "maybe"\n')
    with pytest.raises(UsageError, match=r"sup.toml: permanent_peer: must be true or false"):
        resolve({}, {}, [path])


def test_no_color_obeys_its_standard() -> None:
    assert resolve({}, {"NO_COLOR": "0"}, []).flag("no_color")
    assert not resolve({}, {"NO_COLOR": ""}, []).flag("no_color")


def test_an_unknown_key_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "sup.toml"
    path.write_text('listen_gosip = "127.0.0.1"\n')
    with pytest.raises(UsageError, match=r'unknown key "listen_gosip".*"listen_gossip"'):
        resolve({}, {}, [path])


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sup.toml"
    path.write_text("listen_gossip 127.0.0.1\n")
    with pytest.raises(UsageError, match=r"sup\.toml is not valid TOML"):
        resolve({}, {}, [path])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("listen_gossip", "localhost:9638"),
        ("listen_http", "127.0.0.1:http"),
        ("listen_ctl", "127.0.0.1:0"),
        ("sys_ip_address", "here"),
        ("service_min_backoff_period", "soon"),
        ("log_size", "big"),
        ("log_files", "-1"),
    ],
)
def test_a_bad_value_names_the_option_it_was_given_to(key: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"{BY_KEY[key].flags[-1]}: "):
        resolve({key: text}, {}, [])


def test_a_bad_value_of_the_environment_names_the_variable() -> None:
    with pytest.raises(UsageError, match="HAB_LISTEN_GOSSIP: listen_gossip"):
        resolve({}, {"HAB_LISTEN_GOSSIP": "nowhere"}, [])


def test_there_is_one_way_to_find_the_ring() -> None:
    for given in (
        {"peer": ("a",), "peer_watch_file": "f"},
        {"peer": ("a",), "local_gossip_mode": True},
        {"listen_gossip": "127.0.0.1", "local_gossip_mode": True},
    ):
        with pytest.raises(UsageError, match="exclude each other"):
            resolve(given, {}, [])


def test_the_shortest_backoff_is_not_longer_than_the_longest() -> None:
    given = {"service_min_backoff_period": "10s", "service_max_backoff_period": "5s"}
    with pytest.raises(UsageError, match="longer"):
        resolve(given, {}, [])


def _full(option: RunOption) -> object:
    samples: dict[str, object] = {
        "texts": ("a", "b"),
        "flag": True,
        "text": {
            "sys_ip_address": "10.0.0.1",
            "service_min_backoff_period": "2s",
            "service_max_backoff_period": "1m",
            "service_restart_cooldown_period": "1h",
            "service_update_period": "2m",
            "log_size": "1M",
            "log_files": "3",
            **dict.fromkeys(("key", "certs", "ca_certs"), __file__),
        }.get(option.key, SAMPLES.get(option.key, (("x", "x"),))[0][0]),
    }
    return samples[option.kind]


def test_the_generated_configuration_comes_to_the_same_when_read(tmp_path: Path) -> None:
    exclusive = {"peer_watch_file", "local_gossip_mode", "ring_key"}
    given = {o.key: _full(o) for o in RUN_OPTIONS if o.key not in exclusive}
    first = resolve(given, {}, [])
    path = tmp_path / "sup.toml"
    path.write_text(generate(first, {}))
    second = resolve({}, {}, [path])
    assert dict(second.values) == dict(first.values)
    assert set(tomllib.loads(path.read_text())) <= set(BY_KEY)


def test_generate_config_is_accepted_as_sup_toml(
    hab: Callable[..., Result], layout: SupervisorOptions
) -> None:
    printed = hab("sup", "run", "--generate-config")
    assert printed.exit_code == 0, printed.stderr
    layout.config_file.parent.mkdir(parents=True)
    layout.config_file.write_text(printed.stdout.replace("0.0.0.0:9638", "127.0.0.1:1234"))
    again = hab("sup", "run", "--generate-config")
    assert again.exit_code == 0, again.stderr
    settings = tomllib.loads(again.stdout)
    assert settings["listen_gossip"] == "127.0.0.1:1234"
    assert f"# from {layout.config_file}" in again.stdout


def test_the_generated_configuration_never_shows_the_ring_key(hab: Callable[..., Result]) -> None:
    printed = hab("sup", "run", "--generate-config", "--ring-key", "SYM-SEC-1\nhidden")
    assert printed.exit_code == 0
    assert "hidden" not in printed.stdout


def test_a_named_supervisor_s_generated_configuration_keeps_its_own_socket(
    hab: Callable[..., Result], layout: SupervisorOptions
) -> None:
    printed = hab("sup", "run", "--generate-config", "--override-name", "web")
    expected = str(layout.root / "sup" / "web" / "ctl.sock")
    assert tomllib.loads(printed.stdout)["listen_ctl"] == expected


def test_the_time_between_polls_is_in_milliseconds_in_habitat_s_variable_and_at_least_a_second(
    tmp_path: Path,
) -> None:
    resolved = resolve({}, {"HAB_UPDATE_STRATEGY_PERIOD_MS": "90000"}, [])
    assert resolved.number("service_update_period") == 90.0
    assert resolve({}, {}, []).number("service_update_period") == 60.0
    with pytest.raises(UsageError, match=r"HAB_UPDATE_STRATEGY_PERIOD_MS.*at least 1s"):
        resolve({}, {"HAB_UPDATE_STRATEGY_PERIOD_MS": "10"}, [])
    path = tmp_path / "sup.toml"
    path.write_text('service_update_period = "often"\n')
    with pytest.raises(UsageError, match="no duration"):
        resolve({}, {}, [path])


def test_supervisor_options_survive_their_journey_as_json() -> None:
    options = SupervisorOptions(root="/hab", peers=("a:1", "b:2"), permanent=True, log_files=2)
    assert from_json(options.to_json()) == options
    with pytest.raises(ValueError, match="release"):
        from_json('{"root": "/hab", "of_tomorrow": 1}')
