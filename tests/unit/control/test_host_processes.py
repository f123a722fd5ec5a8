from actors.control.process import HostOptions, end_in_words, key_of, start_process
from actors.messages.primitives import CreateActor
from actors.messages.process import ProcessExited

OPTIONS = HostOptions(("python", "-m", "actors.host"), "/run/ctl.sock", "/run/CTL_SECRET")


def test_each_life_has_a_key_of_its_own_and_ends_with_its_actor() -> None:
    spec = CreateActor("app:C", b"", "c")
    first, second = start_process(spec, 1, OPTIONS), start_process(spec, 2, OPTIONS)
    assert first.key == key_of("c", 1) != second.key
    assert first.ends_with_owner
    assert first.owner == "host/c"
    assert first.argv[-4:] == ("c", "1", "/run/ctl.sock", "/run/CTL_SECRET")


def test_the_secret_itself_is_neither_argument_nor_environment() -> None:
    start = start_process(CreateActor("app:C", b"", "c"), 1, OPTIONS)
    assert start.env == {}


def test_output_goes_to_a_log_of_its_own_where_there_is_a_directory_for_it() -> None:
    spec = CreateActor("app:C", b"", "c")
    logged = HostOptions(("python",), "e", "s", log_dir="/var/log")
    assert start_process(spec, 1, logged).stdout == "/var/log/c.log"
    assert start_process(spec, 1, OPTIONS).stdout == ""


def test_an_end_is_put_into_words() -> None:
    assert "signal 9" in end_in_words(ProcessExited("k", 1, signal=9))
    assert "code 3" in end_in_words(ProcessExited("k", 1, code=3))
    assert "nobody knows" in end_in_words(ProcessExited("k", 1))
