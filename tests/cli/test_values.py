from __future__ import annotations

import pytest

from cli import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 30.0), ("30s", 30.0), ("2m", 120.0), ("500ms", 0.5), ("1.5h", 5400.0), ("1d", 86400.0)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, expected: float) -> None:
    assert values.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "s", "-3s", "3 weeks", "1m30s", "nan"])
def test_what_is_no_duration_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 2m"):
        values.seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("7", 7), ("512K", 524288), ("10M", 10485760), ("1GiB", 2**30)]
)
def test_a_size_is_a_number_with_a_power_of_1024(text: str, expected: int) -> None:
    assert values.size_bytes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sup-1", ("sup-1", 9638)),
        ("sup-1.example.org:7", ("sup-1.example.org", 7)),
        ("10.0.0.1:65535", ("10.0.0.1", 65535)),
        ("[fe80::1]:9638", ("fe80::1", 9638)),
        ("[::1]", ("::1", 9638)),
        ("::1", ("::1", 9638)),
    ],
)
def test_a_host_may_have_a_port_and_an_ipv6_address_brackets(
    text: str, expected: tuple[str, int]
) -> None:
    assert values.split_host(text, 9638) == expected


@pytest.mark.parametrize(
    "text", ["", ":9638", "host:", "host:0", "host:65536", "host:x", "[::1", "a b"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST|port"):
        values.split_host(text, 9638)


def test_only_an_address_can_be_listened_on() -> None:
    assert values.listen_address("127.0.0.1", 9638) == "127.0.0.1:9638"
    assert values.listen_address("::", 9638) == "[::]:9638"
    with pytest.raises(ValueError, match="IP"):
        values.listen_address("localhost:9638", 9638)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5m", 700.0), ("-5m", 700.0), ("5m ago", 700.0), ("1795336134.5", 1795336134.5)],
)
def test_a_moment_is_a_while_ago_or_unix_seconds(text: str, expected: float) -> None:
    assert values.moment(text, now=1000.0) == pytest.approx(expected)


def test_a_moment_may_be_written_as_a_date() -> None:
    assert values.moment("2026-11-22T11:00:00+00:00", now=0.0) == pytest.approx(1795345200.0)
    with pytest.raises(ValueError, match="5m"):
        values.moment("yesterday", now=0.0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_reached_by_this_machine_only(host: str) -> None:
    assert values.is_loopback(host)
    assert not values.is_loopback("10.0.0.1")
    assert not values.is_loopback("example.org")
