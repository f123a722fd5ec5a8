"""Habitat's helpers: the documented examples, and the semantics behind them."""

from __future__ import annotations

from typing import Any

import pytest
import tomli

from actors.errors import TemplateError
from actors.service.handlebars import parse, render

RELEASE = "20161208223311"
PKG = {
    "ident": "core/app/1.0/20260101000000",
    "path": "/opt/root/pkgs/core/app/1.0/20260101000000",
    "deps": [
        {"origin": "core", "name": "attr", "version": "2.4.47", "release": RELEASE},
        {"origin": "core", "name": "acl", "version": "2.2.52", "release": RELEASE},
    ],
}
MEMBERS = [
    {"alive": True, "id": "a", "sys": {"ip": "1.1.1.1"}, "cfg": {"port": 80}},
    {"alive": False, "id": "b", "sys": {"ip": "2.2.2.2"}, "cfg": {"port": 81}},
    {"alive": True, "id": "c", "sys": {"ip": "3.3.3.3"}, "cfg": {"port": 82}},
    {"id": "d"},
    "no member",
]


def made(template: str, **values: Any) -> str:
    return render(parse(template, "t"), values)


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ('my_value={{toLowercase "UPPER-CASE"}}', {}, "my_value=upper-case"),
        ('my_value={{toUppercase "lower-case"}}', {}, "my_value=LOWER-CASE"),
        ('my_value={{strReplace "this is old" "old" "new"}}', {}, "my_value=this is new"),
        ('{{strReplace "aXbXc" "X" "-"}}', {}, "a-b-c"),
        ('{{strJoin list ","}}', {"list": ["foo", "bar", "baz"]}, "foo,bar,baz"),
        ('{{strJoin list ","}}', {"list": [{"foo": "bar"}]}, ""),
        ('{{strJoin web.list "/"}}', {"web": {"list": [1, None, True, "x"]}}, "1/null/true/x"),
        ('{{strConcat "foo" "bar" "baz"}}', {}, "foobarbaz"),
        ("{{strConcat web.list}}", {"web": {"list": [1, 2, 3]}}, "[1,2,3]"),
        ("{{strConcat web}}", {"web": {"list": []}}, ""),
        (r'{{strConcat "a\tb"}}', {}, r"a\tb"),
        ('{{strConcat "say \\"hi\\""}}', {}, r"say \hi\\"[:-1]),
        (
            "export JAVA_HOME={{pkgPathFor 'core/acl'}}",
            {"pkg": PKG},
            f"export JAVA_HOME=/opt/root/pkgs/core/acl/2.2.52/{RELEASE}",
        ),
        (
            '{{pkgPathFor "core/acl"}}',
            {"pkg": {"deps": PKG["deps"]}},
            f"/hab/pkgs/core/acl/2.2.52/{RELEASE}",
        ),
        (
            '{{pkgPathFor "core/acl/2.2.52"}}/conf',
            {"pkg": {"deps": PKG["deps"]}},
            f"/hab/pkgs/core/acl/2.2.52/{RELEASE}/conf",
        ),
        ('{{pkgPathFor "core/nginx"}}/config/fastcgi.conf', {"pkg": PKG}, "/config/fastcgi.conf"),
        ('{{#if (toUppercase "x")}}{{toUppercase (strConcat "a" "b")}}{{/if}}', {}, "AB"),
    ],
)
def test_texts(template: str, values: dict[str, Any], text: str) -> None:
    assert made(template, **values) == text


def test_to_json_as_documented() -> None:
    servers = [{"host": "host-1", "port": 4545}, {"host": "host-2", "port": 3434}]
    assert made("{{toJson cfg.web}}", cfg={"web": {"servers": servers}}) == (
        '{\n  "servers": [\n    {\n      "host": "host-1",\n      "port": 4545\n    },\n'
        '    {\n      "host": "host-2",\n      "port": 3434\n    }\n  ]\n}'
    )
    assert made("{{toJson x}}", x=["é\x01", [], {}, 1.0]) == (
        '[\n  "é\\u0001",\n  [],\n  {},\n  1.0\n]'
    )


def test_to_toml_as_documented() -> None:
    assert made("{{toToml cfg.web}}", cfg={"web": {"port": 80}}) == "port = 80\n"
    assert made("{{toToml x}}", x={"test": "something"}) == 'test = "something"\n'
    targets = {"cfg": {"build_targets": ["x86_64-linux"]}}
    line = made("build_targets = {{toToml cfg.build_targets}}", **targets)
    assert line == 'build_targets = ["x86_64-linux"]'


def test_to_toml_writes_tables_after_values() -> None:
    inputs = {"prometheus": [{"tags": {"service": "s"}, "urls": ["http://x"], "none": None}]}
    text = made("{{toToml cfg}}", cfg={"inputs": inputs, "top": 1})
    assert text == (
        'top = 1\n\n[[inputs.prometheus]]\nurls = ["http://x"]\n\n'
        '[inputs.prometheus.tags]\nservice = "s"\n'
    )
    assert tomli.loads(text)["inputs"]["prometheus"][0]["tags"] == {"service": "s"}


def test_to_yaml_as_documented() -> None:
    assert made("{{toYaml cfg}}", cfg={"web": {"port": 80}}) == "web:\n  port: 80\n"
    assert made("{{toYaml x}}", x={"test": "something"}) == "test: something\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{#eachAlive svc.all as |m|}}{{m.sys.ip}}{{#unless @last}},{{/unless}}{{/eachAlive}}",
            "1.1.1.1,3.3.3.3",
        ),
        (
            "{{#eachAlive svc.members}}{{@index}}{{id}}{{@first}}{{@last}};{{/eachAlive}}",
            "1atruefalse;2cfalsetrue;",
        ),
        ("{{#eachAlive svc.members as |m i|}}{{i}}{{m.id}}{{/eachAlive}}", "1a2c"),
        ("{{#eachAlive svc.none}}x{{else}}nobody{{/eachAlive}}", "nobody"),
        ("{{#eachAlive svc.empty}}x{{else}}nobody{{/eachAlive}}", "nobody"),
        ("{{#eachAlive svc.dead}}x{{else}}nobody{{/eachAlive}}", ""),
        (
            "{{#eachAlive svc.one as |v k|}}{{k}}{{@key}}={{v}};{{/eachAlive}}",
            "alivealive=true;idid=a;",
        ),
        ("{{#eachAlive svc.gone}}x{{/eachAlive}}", ""),
        ("{{eachAlive svc.members}}", ""),
    ],
)
def test_each_alive(template: str, text: str) -> None:
    svc = {
        "members": MEMBERS,
        "all": MEMBERS,
        "empty": [],
        "dead": [{"alive": False}],
        "one": {"alive": True, "id": "a"},
        "gone": {"alive": False},
    }
    assert made(template, svc=svc) == text


def test_the_documented_each_alive_runs_its_items_together_as_on_handlebars_6() -> None:
    template = (
        "{{~#eachAlive bind.backend.members as |member|}}\n"
        "server ip {{member.sys.ip}}:{{member.cfg.port}}\n"
        "{{~/eachAlive}}\n"
    )
    backend = {"backend": {"members": MEMBERS}}
    assert made(template, bind=backend) == "server ip 1.1.1.1:80server ip 3.3.3.3:82"


def test_the_documented_examples_of_plan_templates() -> None:
    assert (
        made(
            "{{#if cfg.unixsocket ~}}\n  unixsocket {{cfg.unixsocket}}\n{{/if ~}}\n",
            cfg={"unixsocket": "/s"},
        )
        == "unixsocket /s\n"
    )
    repl = {"backlog-size": 200, "backlog-ttl": 100}
    template = "{{#with cfg.repl ~}}\n  size {{backlog-size}}\n  ttl {{backlog-ttl}}\n{{/with ~}}\n"
    assert made(template, cfg={"repl": repl}) == "size 200\n  ttl 100\n"
    template = "{{#each cfg.env ~}}\n  export {{toUppercase @key}}={{this}}\n{{/each ~}}\n"
    assert made(template, cfg={"env": {"a": 1, "b": 2}}) == "export A=1\nexport B=2\n"
    servers = [{"host": "h1", "port": 1}, {"host": "h2", "port": 2}]
    template = (
        "{{#each cfg.servers as |server| ~}}\nserver {{server.host}}:{{server.port}}\n{{/each ~}}\n"
    )
    assert made(template, cfg={"servers": servers}) == "server h1:1\nserver h2:2\n"
    template = "{{#each svc.members ~}}\n    server {{sys.ip}}:{{../cfg.port}}\n  {{/each}}\n"
    svc = {"members": MEMBERS[:2]}
    assert made(template, svc=svc, cfg={"port": 9}) == "server 1.1.1.1:9\nserver 2.2.2.2:9\n"
    template = (
        "[{{#eachAlive bind.servers.members as |member| ~}}\n"
        '  "{{member.sys.ip}}"\n  {{#unless @last ~}}, {{/unless ~}}\n{{/eachAlive ~}}]\n'
    )
    assert (
        made(template, bind={"servers": {"members": MEMBERS}}) == '["1.1.1.1"\n  , "3.3.3.3"\n  ]\n'
    )


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{toUppercase 1}}", "toUppercase needs a text"),
        ("{{toLowercase cfg.nope}}", "toLowercase needs a text"),
        ('{{strReplace "a" "b"}}', "strReplace needs three texts"),
        ('{{strJoin "a" ","}}', "strJoin needs a list and a separator"),
        ("{{strJoin members}}", "strJoin needs a list and a separator"),
        ('{{pkgPathFor "redis"}}', "'redis' is not a package identifier"),
        ('{{pkgPathFor "core/redis"}}', "needs pkg.deps"),
        ("{{toToml nothing}}", "TOML has no null"),
        ("{{toToml}}", "toToml needs a parameter"),
        ("{{#eachAlive 5}}{{/eachAlive}}", "eachAlive needs a list of members"),
        ("{{#eachAlive members}}{{/eachAlive}}", "alive of a member is neither true nor false"),
        ("{{touppercase 'x'}}", "did you mean toUppercase"),
    ],
)
def test_a_helper_used_wrongly_says_what_it_needs(template: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason) as caught:
        made(template, members=[{"alive": 1}], nothing=None)
    assert caught.value.line == 1
