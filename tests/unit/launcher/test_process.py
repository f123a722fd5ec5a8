from actors.launcher.process import at_home

OURS = {"HOME": "/root", "PATH": "/bin"}
THEIRS = {"HOME": "/var/lib/redis", "USER": "redis", "LOGNAME": "redis"}


def test_who_becomes_another_user_is_at_home_there() -> None:
    assert at_home({**OURS, "A": "b"}, OURS, THEIRS) == {"PATH": "/bin", "A": "b", **THEIRS}
    assert at_home({"PATH": "/bin"}, OURS, THEIRS)["HOME"] == "/var/lib/redis"


def test_a_home_that_was_chosen_for_a_program_stays() -> None:
    chosen = {**OURS, "HOME": "/srv/redis"}
    assert at_home(chosen, OURS, THEIRS) == {**chosen, "USER": "redis", "LOGNAME": "redis"}


def test_who_stays_the_same_user_keeps_the_environment() -> None:
    assert at_home(OURS, OURS, {}) == OURS
