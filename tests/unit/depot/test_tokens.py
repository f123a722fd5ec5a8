"""Who may write to a depot server."""

from __future__ import annotations

import pytest

from actors.depot.tokens import Tokens, parse_tokens
from actors.errors import Refused, UsageError

FILE = parse_tokens("# comment\n\nfor-all-origins\nfor-two-only acme core\n")


def refusal(tokens: Tokens, header: str | None, origin: str = "acme") -> str:
    with pytest.raises(Refused) as refused:
        tokens.require(header, origin)
    return refused.value.code


def test_a_token_writes_to_its_origins_or_to_all() -> None:
    FILE.require("Bearer for-all-origins", "anything")
    FILE.require("bearer for-two-only", "core")
    assert refusal(FILE, "Bearer for-two-only", "other") == "forbidden"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic x", "for-all-origins", "Bearer # comment"]
)
def test_anything_else_may_not_write(header: str | None) -> None:
    assert refusal(FILE, header) == "unauthorized"


def test_an_absent_header_is_anonymous_and_a_wrong_one_an_error() -> None:
    assert FILE.check(None) is None
    assert FILE.check("Bearer for-all-origins") == frozenset()
    with pytest.raises(Refused):
        FILE.check("Bearer wrong-token")


def test_without_a_file_nobody_writes_and_tokens_are_not_looked_at() -> None:
    tokens = Tokens(none=True)
    assert tokens.check("nonsense") is None
    assert refusal(tokens, "Bearer for-all-origins") == "forbidden"


@pytest.mark.parametrize("line", ["short", "with\x00nul-byte", "ümlaut-token", "x" * 1025])
def test_a_line_that_is_no_token_is_named_by_its_number_only(line: str) -> None:
    with pytest.raises(UsageError, match="line 2") as error:
        parse_tokens(f"a-good-token\n{line}\n")
    assert line not in str(error.value)
