"""Actor classes and handles: `@remote`, `.options(…)`, `.remote(…)`, `handle.method.remote(…)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

from actors.driver import session
from actors.driver.connection import answer_of
from actors.driver.refs import ObjectRef
from actors.messages.base import split_address
from actors.messages.primitives import ActorCreated, CallMethod, CreateActor
from actors.wire.values import pack_arguments

Lifetime: TypeAlias = Literal["detached"]


class RemoteMethod:
    """A public method of an actor."""

    __slots__ = ("_handle", "_name")

    def __init__(self, handle: ActorHandle, name: str) -> None:
        self._handle = handle
        self._name = name

    def remote(self, *args: Any, **kwargs: Any) -> ObjectRef:
        """Call the method; its answer comes to the ref. Never blocks.

        Raises TypeError for arguments that cannot travel, ValueError for too large ones.
        """
        handle = self._handle
        connection = session.current()
        ref = ObjectRef(f"{handle.path}.{self._name}()", ActorHandle, connection.attend)
        message = CallMethod(handle.path, self._name, pack_arguments(args, kwargs))
        connection.ask(message, handle.member, ref.settle)
        return ref

    def tell(self, *args: Any, **kwargs: Any) -> None:
        """Call the method and never hear of it again."""
        handle = self._handle
        message = CallMethod(handle.path, self._name, pack_arguments(args, kwargs))
        session.current().ask(message, handle.member, None)

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Say how it is called instead."""
        raise TypeError(f"methods of an actor are called by {self._name}.remote(…)")


class ActorHandle:
    """An actor by its address (`<member>/<path>`): it outlives restarts, and may be an argument."""

    __slots__ = ("address", "cls")

    def __init__(self, address: str, cls: str = "") -> None:
        self.address = address
        self.cls = cls

    @property
    def member(self) -> str:
        """The member it lives on."""
        return split_address(self.address)[0] or ""

    @property
    def path(self) -> str:
        """Its name on that member."""
        return split_address(self.address)[1]

    def __actor_handle__(self) -> tuple[str, str]:
        return self.address, self.cls

    def __getattr__(self, name: str) -> RemoteMethod:
        if name.startswith("_"):
            raise AttributeError(f"{name} is not a public method")
        return RemoteMethod(self, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorHandle) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"ActorHandle({self.address!r}{f', {self.cls!r}' if self.cls else ''})"


@dataclass(frozen=True, slots=True)
class Options:
    """How an actor is started, and where: `node` is a member; empty: the one asked."""

    name: str = ""
    node: str = ""
    lifetime: Lifetime | None = None
    get_if_exists: bool = False
    max_restarts: int = 0


class ActorClass:
    """A class whose instances are actors; `.remote(…)` makes one."""

    def __init__(self, cls: type[Any], options: Options) -> None:
        self.__remote_class__ = cls
        self.__doc__ = cls.__doc__
        self.__name__ = cls.__name__
        self.__qualname__ = cls.__qualname__
        self.__module__ = cls.__module__
        self._options = options

    def __repr__(self) -> str:
        return f"ActorClass({self.__module__}:{self.__qualname__})"

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Say how it is made instead."""
        raise TypeError(f"actors are made by {self.__name__}.remote(…)")

    def options(
        self,
        *,
        name: str | None = None,
        node: str | None = None,
        lifetime: Lifetime | None = None,
        get_if_exists: bool | None = None,
        max_restarts: int | None = None,
    ) -> ActorClass:
        """The same class, to be started otherwise.

        `node` is a member's name, or the beginning of its id: where it is to live.
        `name` makes it known to `get_actor`; with `get_if_exists` the one of that name is taken
        if there is one. `lifetime="detached"`: it outlives the program that made it.
        `max_restarts`: how often it is started again after its process died; -1 for always.
        """
        old = self._options
        options = Options(
            name=old.name if name is None else name,
            node=old.node if node is None else node,
            lifetime=old.lifetime if lifetime is None else lifetime,
            get_if_exists=old.get_if_exists if get_if_exists is None else get_if_exists,
            max_restarts=old.max_restarts if max_restarts is None else max_restarts,
        )
        return ActorClass(self.__remote_class__, _checked(options))

    def remote(self, *args: Any, **kwargs: Any) -> ActorHandle:
        """Start an actor with these arguments; returns once it is on record at its node.

        Raises ActorNameError (also a ValueError) for a name that is taken, Refused where the node
        does not start such actors. What the constructor raises is said by the first call.
        """
        options = self._options
        message = CreateActor(
            cls=session.class_path(self.__remote_class__),
            args=pack_arguments(args, kwargs),
            name=options.name,
            max_restarts=options.max_restarts,
            detached=options.lifetime == "detached",
            get_if_exists=options.get_if_exists,
        )
        created = answer_of(session.current(), message, options.node)
        assert isinstance(created, ActorCreated)
        return ActorHandle(created.address, created.cls)


@overload
def remote(cls: type[Any], /) -> ActorClass: ...
@overload
def remote(*, max_restarts: int = ...) -> Callable[[type[Any]], ActorClass]: ...
def remote(
    cls: type[Any] | None = None, /, *, max_restarts: int = 0
) -> ActorClass | Callable[[type[Any]], ActorClass]:
    """Make a class an actor class: `@remote` or `@remote(max_restarts=…)`.

    Raises TypeError for what is not a class, or has methods that are coroutines.
    """
    options = _checked(Options(max_restarts=max_restarts))
    if cls is None:
        return lambda decorated: remote_class(decorated, options)
    return remote_class(cls, options)


def remote_class(cls: type[Any], options: Options) -> ActorClass:
    """The actor class of `cls`."""
    if not inspect.isclass(cls):
        raise TypeError("@actors.remote decorates a class; plain functions are no actors")
    for name, member in inspect.getmembers(cls):
        if inspect.iscoroutinefunction(member):
            raise TypeError(f"{cls.__name__}.{name} is a coroutine; methods of actors are plain")
    return ActorClass(cls, options)


def _checked(options: Options) -> Options:
    if options.lifetime not in (None, "detached"):
        raise ValueError(f"lifetime is 'detached' or not given, not {options.lifetime!r}")
    if options.get_if_exists and not options.name:
        raise ValueError("get_if_exists needs a name")
    if options.max_restarts < -1:
        raise ValueError("max_restarts is a number of restarts, or -1 for always")
    return options
