import os
from pathlib import Path

import pytest

import actors
from actors.driver.handles import ActorHandle
from actors.driver.refs import ObjectRef
from actors.driver.session import class_path, find_secret, local_address
from actors.errors import UsageError
from actors.launcher.lock import acquire
from actors.messages.base import join_address
from actors.node.layout import StateLayout
from actors.wire.values import pack, pack_arguments, unpack, unpack_arguments

MEMBER = "ab" * 16


@actors.remote
class Plain:
    """A class with nothing to it."""

    def work(self) -> int:
        return 1


def test_a_class_is_made_remote_with_and_without_arguments() -> None:
    again = actors.remote(max_restarts=3)(Plain.__remote_class__)
    assert again.__remote_class__ is Plain.__remote_class__
    assert Plain.__doc__ == "A class with nothing to it."


def test_an_actor_class_is_not_called_and_neither_is_a_method() -> None:
    with pytest.raises(TypeError, match="remote"):
        Plain()
    with pytest.raises(TypeError, match="remote"):
        ActorHandle(f"{MEMBER}/host/x").work()


def test_only_classes_with_plain_methods_become_actors() -> None:
    with pytest.raises(TypeError, match="class"):
        actors.remote(lambda: None)  # type: ignore[arg-type,call-overload]

    class Waiting:
        async def work(self) -> None: ...

    with pytest.raises(TypeError, match="coroutine"):
        actors.remote(Waiting)


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="lifetime"):
        Plain.options(lifetime="for ever")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name"):
        Plain.options(get_if_exists=True)
    with pytest.raises(ValueError, match="max_restarts"):
        actors.remote(max_restarts=-2)


def test_a_class_must_have_an_import_path() -> None:
    class Local: ...

    with pytest.raises(UsageError, match="inside a function"):
        class_path(Local)
    assert class_path(Plain.__remote_class__).endswith(":Plain")


def test_private_names_are_no_methods_of_a_handle() -> None:
    handle = ActorHandle(f"{MEMBER}/host/x")
    with pytest.raises(AttributeError):
        handle._secret  # noqa: B018
    assert (handle.member, handle.path) == (MEMBER, "host/x")


def test_handles_travel_as_arguments_and_are_equal_by_address() -> None:
    handle = ActorHandle(join_address(MEMBER, "host/x"), "app:X")
    args, kwargs = unpack_arguments(pack_arguments((handle, 1), {"k": [handle]}), ActorHandle)
    assert args == [handle, 1]
    assert kwargs == {"k": [handle]}
    assert args[0].cls == "app:X"
    assert len({handle, args[0]}) == 1


def test_an_object_ref_is_no_argument() -> None:
    with pytest.raises(TypeError, match="ObjectRef"):
        pack_arguments((ObjectRef("x", ActorHandle),), {})


def test_tuples_arrive_as_lists_and_bytes_as_bytes() -> None:
    value = {"t": (1, 2), 3: b"\x00", "n": None, "f": 1.5}
    assert unpack(pack(value), ActorHandle) == {"t": [1, 2], 3: b"\x00", "n": None, "f": 1.5}


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: 0, 1j])
def test_what_cannot_travel_is_said(value: object) -> None:
    with pytest.raises(TypeError, match="cannot travel"):
        pack(value)


def test_values_too_large_are_refused_before_they_are_sent() -> None:
    with pytest.raises(ValueError, match="900000"):
        pack(b"x" * 1_000_000)
    with pytest.raises(ValueError, match="64 bits"):
        pack(2**64)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x91", b"\xd4\x05a", pack([1, 2]), pack([[], {1: 2}])]
)
def test_bytes_that_are_no_arguments_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not packed|not a packed"):
        unpack_arguments(data, ActorHandle)


def test_the_secret_comes_from_the_environment_or_from_beside_the_socket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    directory = str(tmp_path)
    monkeypatch.delenv("HAB_CTL_SECRET", raising=False)
    with pytest.raises(UsageError, match="CTL_SECRET"):
        find_secret(f"{directory}/ctl.sock")
    with open(f"{directory}/CTL_SECRET", "w") as file:  # noqa: PTH123
        file.write("s3cret\n")
    assert find_secret(f"{directory}/ctl.sock") == "s3cret"
    monkeypatch.setenv("HAB_CTL_SECRET", " other ")
    assert find_secret(f"{directory}/ctl.sock") == "other"


def test_auto_is_where_the_supervisor_says_it_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HAB_LISTEN_CTL", "HAB_OVERRIDE_NAME", "FS_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HAB_ROOT", str(tmp_path))
    assert local_address() == "127.0.0.1:9632"
    layout = StateLayout(tmp_path)
    layout.supervisor.mkdir(parents=True)
    held = acquire(str(layout.lock))
    layout.control_address.write_text("127.0.0.1:1004\n")
    assert local_address() == "127.0.0.1:1004"
    os.close(held)
    assert local_address() == "127.0.0.1:9632"
    monkeypatch.setenv("HAB_LISTEN_CTL", "127.0.0.1:1003")
    assert local_address() == "127.0.0.1:1003"
