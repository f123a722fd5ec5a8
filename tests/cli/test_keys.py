from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.node.layout import StateLayout

Hab = Callable[..., Result]


def test_an_origin_s_keys_travel_from_one_cache_to_another(
    hab: Hab, layout: StateLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAB_ORIGIN", "acme")
    said = hab("origin", "key", "generate")
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("Generated origin key pair acme-20")
    assert len(list(layout.keys.iterdir())) == 2
    public = hab("origin", "key", "export").stdout
    secret = hab("origin", "key", "export", "acme", "--type", "secret").stdout
    assert public.startswith("SIG-PUB-1\nacme-20")
    other = str(tmp_path / "other")
    for text, half in ((public, "public"), (secret, "secret")):
        done = hab("origin", "key", "import", "--cache-key-path", other, text=text)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(f"Imported {half} origin key acme-20")
    monkeypatch.setenv("HAB_CACHE_KEY_PATH", other)
    assert hab("origin", "key", "export", "--type", "secret").stdout == secret


def test_the_origin_may_stand_in_cli_toml(hab: Hab, layout: StateLayout) -> None:
    missing = hab("origin", "key", "generate")
    assert missing.exit_code == 2
    assert "HAB_ORIGIN" in missing.stderr
    (layout.root / "etc").mkdir(parents=True)
    (layout.root / "etc" / "cli.toml").write_text('origin = "fromfile"\n')
    assert "fromfile-20" in hab("origin", "key", "generate").stdout
    assert hab("origin", "key", "generate", "Upper").exit_code == 2


def test_user_and_service_keys_are_generated_exported_and_imported(
    hab: Hab, tmp_path: Path
) -> None:
    assert hab("user", "key", "generate", "wizard").stdout.startswith(
        "Generated user encryption key pair wizard-20"
    )
    assert hab("svc", "key", "generate", "redis.default", "acme").stdout.startswith(
        "Generated service key pair redis.default@acme-20"
    )
    assert hab("svc", "key", "generate", "redis").exit_code == 2
    assert hab("service", "key", "generate", "redis.default").exit_code == 2
    text = hab("svc", "key", "export", "redis.default@acme", "--type", "secret").stdout
    assert text.startswith("BOX-SEC-1\nredis.default@acme-20")
    cache = ("--cache-key-path", str(tmp_path / "other"))
    assert "secret service key" in hab("svc", "key", "import", *cache, text=text).stdout
    assert hab("user", "key", "import", *cache, text="nonsense").exit_code == 1
    assert hab("origin", "key", "import", *cache, text=text).exit_code == 1
    assert hab("user", "key", "export", "nobody").exit_code == 1
