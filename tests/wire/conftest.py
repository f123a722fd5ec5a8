"""Examples and strategies for every message that crosses, made from its annotations."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from actors.messages.base import Message

INT64 = (-(2**63), 2**64 - 1)  # what MessagePack holds

JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(*INT64)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def strategy_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation, drawn."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*[strategy_of(arg) for arg in args])
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(strategy_of(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*[strategy_of(arg) for arg in args])
    if origin is list:
        return st.lists(strategy_of(args[0]), max_size=3)
    if origin in (frozenset, set):
        return st.lists(strategy_of(args[0]), max_size=3).map(origin)
    if origin is dict:
        return st.dictionaries(strategy_of(args[0]), strategy_of(args[1]), max_size=3)
    if origin is typing.Annotated:
        return constrained(args[0], args[1])
    assert isinstance(annotation, type), annotation
    assert issubclass(annotation, msgspec.Struct), annotation
    fields = msgspec.structs.fields(annotation)
    return st.builds(annotation, **{field.name: strategy_of(field.type) for field in fields})


def constrained(annotation: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    """Values of an annotation within msgspec's constraints."""
    if annotation is int:
        low = meta.ge if meta.ge is not None else INT64[0]
        high = meta.le if meta.le is not None else INT64[1]
        return st.integers(int(low), int(high if meta.lt is None else meta.lt - 1))
    if annotation is float:
        return st.floats(meta.ge, meta.le, allow_nan=False)
    if annotation is str and meta.pattern is not None:
        return st.from_regex(meta.pattern.replace("$", r"\Z"))
    if annotation is str:
        return st.text(max_size=min(meta.max_length or 40, 40))
    return strategy_of(annotation)


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=40),
    int: st.integers(*INT64),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    type(None): st.none(),
    None: st.none(),
    object: JSON_LIKE,
    Any: JSON_LIKE,
}


def example_of(annotation: Any, name: str = "") -> Any:
    """The one value of an annotation that golden frames hold: no field is at its default."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (object, Any):
        return {"key": [1, "two", 3.5, None, b"bytes"]}
    plain = {str: name, int: 7, float: 2.5, bool: True, bytes: b"\x00\xff" + name.encode()}
    if annotation in plain:
        return plain[annotation]
    if origin is typing.Literal:
        return args[-1]
    if origin in (typing.Union, types.UnionType):
        return example_of(next(arg for arg in args if arg is not type(None)), name)
    if origin is tuple and args[-1] is Ellipsis:
        return (example_of(args[0], name),)
    if origin is tuple:
        return tuple(example_of(arg, name) for arg in args)
    if origin in (list, frozenset, set):
        return origin([example_of(args[0], name)])
    if origin is dict:
        return {example_of(args[0], name): example_of(args[1], name)}
    if origin is typing.Annotated:
        if args[1].pattern is not None:
            return (name.encode().hex() * 32)[:32]
        return args[1].le if args[0] is int and (args[1].le or 7) < 7 else example_of(args[0], name)
    fields = msgspec.structs.fields(annotation)
    return annotation(**{field.name: example_of(field.type, field.name) for field in fields})


@pytest.fixture(scope="session")
def messages_of() -> Callable[[type[Message]], st.SearchStrategy[Message]]:
    """A strategy for the messages of a class."""
    return strategy_of


@pytest.fixture(scope="session")
def example_message() -> Callable[[type[Message]], Message]:
    """The example of a class."""
    return example_of
