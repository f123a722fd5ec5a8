"""The channel table: what is in which channel, and that damage is never taken for emptiness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.channels import Artifact, ChannelTable, decode_table, encode_table
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import Refused

WEB = Artifact(parse_ident("acme/web/1.0/20260101000000"), "x86_64-linux")
ARM = Artifact(WEB.ident, "aarch64-linux")
T1, T2 = "2026-01-01T00:00:00.000", "2026-02-01T00:00:00.000"


def test_every_package_is_in_unstable_and_cannot_leave_it() -> None:
    table = ChannelTable()
    assert table.holds("acme", "unstable", WEB)
    assert not table.holds("other", "unstable", WEB)
    with pytest.raises(Refused) as refused:
        table.demote(WEB, "unstable")
    assert refused.value.code == "forbidden"


def test_a_promoted_package_is_in_its_channel_for_its_target_only() -> None:
    table = ChannelTable().promote(WEB, "stable", T1)
    assert table.holds("acme", "stable", WEB)
    assert not table.holds("acme", "stable", ARM)
    assert table.since(WEB, T2) == {"unstable": T2, "stable": T1}
    assert table.since(ARM, T2) == {"unstable": T2}


def test_promoting_twice_keeps_the_first_time_and_demoting_undoes_it() -> None:
    table = ChannelTable().promote(WEB, "stable", T1)
    assert table.promote(WEB, "stable", T2) == table
    gone = table.demote(WEB, "stable")
    assert not gone.holds("acme", "stable", WEB)
    with pytest.raises(Refused) as refused:
        gone.demote(WEB, "stable")
    assert refused.value.code == "bad-request"


def test_a_channel_is_made_once_before_anything_is_promoted_to_it() -> None:
    with pytest.raises(Refused) as refused:
        ChannelTable().promote(WEB, "lab", T1)
    assert refused.value.code == "not-found"
    table = ChannelTable().create("acme", "lab").promote(WEB, "lab", T1)
    assert table.names("acme") == ["lab", "stable", "unstable"]
    for name in ("lab", "stable", "unstable"):
        with pytest.raises(Refused):
            table.create("acme", name)


def test_stable_and_unstable_stay_and_other_channels_can_go() -> None:
    table = ChannelTable().create("acme", "lab").promote(WEB, "lab", T1)
    for name in ("stable", "unstable"):
        with pytest.raises(Refused):
            table.remove("acme", name)
    assert table.remove("acme", "lab").names("acme") == ["stable", "unstable"]
    with pytest.raises(Refused):
        table.remove("acme", "none")


def test_a_deleted_package_is_in_no_channel_any_more() -> None:
    table = ChannelTable().promote(WEB, "stable", T1).promote(ARM, "stable", T1).forget(WEB)
    assert not table.holds("acme", "stable", WEB)
    assert table.holds("acme", "stable", ARM)
    assert ChannelTable().forget(WEB) == ChannelTable()


def test_a_channel_s_name_may_have_capitals_and_an_origin_s_may_not() -> None:
    assert "LTS-2024" in ChannelTable().found("acme").create("acme", "LTS-2024").names("acme")
    with pytest.raises(Refused, match="lower case"):
        ChannelTable().found("Acme")


@pytest.mark.parametrize("name", ["", "A.", "..", "a/b", "-a", "a b", "x" * 256, "a\n"])
def test_names_that_would_be_paths_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        ChannelTable().create("acme", name)
    with pytest.raises(Refused):
        ChannelTable().found(name)


_names = st.sampled_from(["acme", "core", "lab", "beta"])
_artifacts = st.builds(
    Artifact,
    st.builds(
        PackageIdent,
        st.sampled_from(["acme", "core"]),
        _names,
        st.sampled_from(["1", "2"]),
        st.just("20260101000000"),
    ),
    st.sampled_from(["x86_64-linux", "aarch64-linux"]),
)


@given(st.lists(st.tuples(_artifacts, st.sampled_from(["stable", "lab"])), max_size=20))
def test_a_table_is_read_back_as_it_was_written(promotions: list[tuple[Artifact, str]]) -> None:
    table = ChannelTable().create("acme", "lab").create("core", "lab")
    for artifact, channel in promotions:
        table = table.promote(artifact, channel, T1)
    assert decode_table(encode_table(table)) == table


@given(st.data())
def test_a_damaged_table_is_refused_wherever_a_bit_flips_or_it_ends(data: st.DataObject) -> None:
    whole = encode_table(ChannelTable().promote(WEB, "stable", T1))
    where = data.draw(st.integers(0, len(whole) - 2))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(whole)
    flipped[where] ^= 1 << bit
    for broken in (bytes(flipped), whole[:where]):
        with pytest.raises(Refused):
            decode_table(broken)
