"""Spec files: what is written is read back the same; no file does harm."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from actors.errors import Refused
from actors.messages.service import ServiceSpec
from actors.specs.spec_file import file_name, parse, problem, write

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,10}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
binds = st.builds("{}:{}.{}".format, names, names, names)
common = {
    "group": names,
    "org": st.one_of(st.just(""), names),
    "bldr_url": texts,
    "channel": texts,
    "topology": st.sampled_from(["standalone", "leader"]),
    "update_strategy": st.sampled_from(["none", "at-once", "rolling"]),
    "update_condition": st.sampled_from(["latest", "track-channel"]),
    "binds": st.lists(binds, max_size=3, unique_by=lambda b: b.partition(":")[0]).map(tuple),
    "binding_mode": st.sampled_from(["strict", "relaxed"]),
    "desired_state": st.sampled_from(["up", "down"]),
    "shutdown_timeout": st.one_of(st.none(), st.integers(0, 1000)),
    "health_check_interval": st.integers(1, 1000),
    "bootstrap_expect": st.integers(1, 9),
    "restarts": st.integers(0, 10**6),
}
idents = st.builds("{}/{}".format, names, names)
packages = st.builds(
    ServiceSpec, ident=idents, name=st.one_of(st.just(""), names), config_from=texts, **common
)
programs = st.lists(texts.filter(bool), min_size=1, max_size=4).map(tuple)
commands = st.builds(ServiceSpec, ident=st.just(""), name=names, cmd=programs, cwd=texts, **common)
specs = st.one_of(packages, commands)


@given(specs)
def test_a_written_spec_is_read_back_the_same(spec: ServiceSpec) -> None:
    assert problem(spec) == ""
    assert parse(file_name(spec), write(spec)) == spec


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    with contextlib.suppress(Refused):
        parse("web.spec", data)


tables = st.dictionaries(
    st.sampled_from(ServiceSpec.__struct_fields__),
    st.one_of(
        st.integers(), st.booleans(), texts.map(repr), st.just("[]"), st.just("{ secs = 5 }")
    ),
)


@given(tables)
def test_no_mistyped_key_raises_anything_but_a_refusal(table: dict[str, object]) -> None:
    text = "\n".join(f"{k} = {str(v).lower()}" for k, v in table.items())
    with contextlib.suppress(Refused):
        parse("web.spec", f'ident = "a/web"\n{text}'.encode())
