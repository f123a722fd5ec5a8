"""The instance of a user's class: how it is found and made, and how its methods are called."""

from __future__ import annotations

import importlib
import os
import traceback
from dataclasses import dataclass
from typing import Any

import actors
from actors.messages.primitives import HostCall, HostReturn
from actors.wire.values import pack, unpack_arguments

IMPORTING = "HAB_ACTOR_IMPORTING"  # set while a class is imported: no actor may be started then


class CannotBeMadeError(Exception):
    """The class cannot be found or its constructor raised; carries the traceback's text."""

    def __init__(self, text: str, trace: str = "") -> None:
        super().__init__(text)
        self.traceback = trace


def make_handle(address: str, cls: str) -> Any:
    """A handle for an actor that came as an argument."""
    return actors.ActorHandle(address, cls)


def find_class(path: str) -> type[Any]:
    """The class at `module:Class` that carries `@actors.remote`. Raises CannotBeMadeError."""
    module_name, _, name = path.partition(":")
    os.environ[IMPORTING] = "1"
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except BaseException as error:
        text = f"{path} cannot be imported: {_last_line(error)}"
        raise CannotBeMadeError(text, _trace(error)) from error
    finally:
        del os.environ[IMPORTING]
    cls = getattr(found, "__remote_class__", None)
    if not isinstance(cls, type):
        raise CannotBeMadeError(f"{path} is not a class with @actors.remote")
    return cls


@dataclass(slots=True)
class Instance:
    """The user's object, called by name."""

    target: Any
    path: str

    @classmethod
    def make(cls, path: str, args: bytes) -> Instance:
        """Import the class and construct it. Raises CannotBeMadeError."""
        target = find_class(path)
        try:
            positional, named = unpack_arguments(args, make_handle)
            return cls(target(*positional, **named), path)
        except Exception as error:
            text = f"{path} could not be constructed: {_last_line(error)}"
            raise CannotBeMadeError(text, _trace(error)) from error

    def call(self, call: HostCall) -> HostReturn:
        """Call a public method; what it raises becomes part of the answer.

        SystemExit and the like are not caught: they end the process, which is the actor's death.
        """
        try:
            method = self._method(call.method)
            positional, named = unpack_arguments(call.args, make_handle)
            return HostReturn(call.number, pack(method(*positional, **named)))
        except Exception as error:  # noqa: BLE001 - the caller's to judge
            return HostReturn(call.number, b"", _last_line(error), _trace(error))

    def _method(self, name: str) -> Any:
        method = None if name.startswith("_") else getattr(type(self.target), name, None)
        if not callable(method):
            raise AttributeError(f"{self.path} has no public method {name}")  # noqa: TRY004
        return getattr(self.target, name)


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
