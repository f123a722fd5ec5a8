"""The files of a service from its templates."""

from __future__ import annotations

import pytest

from actors.errors import TemplateError
from actors.messages.depot import PackageInfo
from actors.messages.ring import GroupMember, ServiceInfo
from actors.service.configuration import Layers, read_toml
from actors.service.context import Group, Here
from actors.service.templating import parse_templates, render_templates, service_files

VALUES = {"cfg": {"port": 1}}


def test_files_of_config_include_one_another_by_path_and_hooks_do_not() -> None:
    config = {"a.conf": b"[{{> sub/b.conf}}]", "sub/b.conf": b"{{cfg.port}}\n"}
    rendered = render_templates(parse_templates(config, {"run": b"exec x {{cfg.port}}\n"}), VALUES)
    assert rendered.config == {"a.conf": b"[1\n]", "sub/b.conf": b"1\n"}
    assert rendered.hooks == {"run": b"exec x 1\n"}
    with pytest.raises(TemplateError, match=r"hooks/run:1:1: there is no partial 'a\.conf'"):
        render_templates(parse_templates(config, {"run": b"{{> a.conf}}"}), VALUES)


def test_a_file_of_config_that_cannot_be_read_fails_the_whole_with_its_place() -> None:
    with pytest.raises(TemplateError, match=r"config/sub/x\.conf:2:6: "):
        parse_templates({"sub/x.conf": b"\n{{#if"}, {})
    with pytest.raises(TemplateError, match=r"config/x:2:3: the file is not UTF-8"):
        parse_templates({"x": b"\nab\xff"}, {})


def test_a_hook_that_cannot_be_read_is_left_out_and_said_but_not_run() -> None:
    parsed = parse_templates({}, {"run": b"x", "init": b"{{#if", "post-run": b"\xff"})
    assert set(parsed.hooks) == {"run"}
    assert set(parsed.left_out) == {"init", "post-run"}
    assert parsed.left_out["init"].startswith("hooks/init:1:")
    with pytest.raises(TemplateError, match="hooks/run:1:"):
        parse_templates({}, {"run": b"{{#if"})


def test_what_cannot_be_rendered_fails_the_whole() -> None:
    with pytest.raises(TemplateError, match=r"config/x:1:3: toUppercase needs a text"):
        render_templates(parse_templates({"x": b"a {{toUppercase cfg.port}}"}, {}), VALUES)


def test_what_templates_log_is_kept() -> None:
    rendered = render_templates(parse_templates({"x": b"{{log 'hello'}}"}, {}), VALUES)
    assert rendered.log == ("info: hello",)
    assert rendered.config == {"x": b""}


def test_the_files_of_a_service_are_made_from_package_layers_and_ring() -> None:
    ident, me, other = "acme/web/1/2", "a" * 32, "b" * 32
    package = PackageInfo(ident, "/p", "x86_64-linux", exports={"port": "port"})
    own = ServiceInfo(me, "web.default", ident, up=True)
    here = Here(me, "1", own.sys, "/hab/svc/web", own)
    there = GroupMember(ServiceInfo(other, "db.x", "", up=True, exports={"port": 5}), "alive")
    layers = Layers(read_toml("port = 1\nday = 2026-11-24\n", "x"), user={"port": 2})
    text = b"{{cfg.port}} {{cfg.day}} {{svc.me.cfg.port}} {{bind.db.first.cfg.port}}"
    made = service_files(
        package,
        parse_templates({"c": text}, {}),
        layers,
        here,
        Group("web.default"),
        binds={"db": Group("db.x", (there,))},
    )
    assert made.rendered.config == {"c": b"2 2026-11-24 2 5"}
    assert made.values == {"port": 2, "day": "2026-11-24"}
    assert made.exports == {"port": 2}
