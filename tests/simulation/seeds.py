"""Seeds: those that run in CI, and every one that ever failed, with what it taught."""

from typing import Final, NamedTuple


class Seed(NamedTuple):
    """A run: `hab sim run --seed {seed} --supervisors {supervisors} --for {for_s}s`."""

    seed: int
    supervisors: int
    for_s: float


CI: Final = (
    *(Seed(seed, 3, 120) for seed in range(1000, 1012)),
    *(Seed(seed, 10, 60) for seed in range(2000, 2006)),
    Seed(3000, 50, 20),
)

# Seeds of the scenario `leader-swarm`, by how many members the group has; all are voters.
LED: Final[dict[int, range]] = {3: range(220), 5: range(60), 7: range(20)}

# Of those seeds beyond these: the ones that failed.
LED_FAILED: Final[dict[tuple[int, int], str]] = {
    (3, 44): "a supervisor's successor has to know who leads, if the launcher dies (launcher)",
    (3, 2116): "a supervisor that boots without a launcher has to know who leads (launcher)",
    (3, 3096): "the same as seed 2116",
    (3, 3118): "the same as seed 2116",
    (3, 2115): "whose launcher and supervisor die while it is frozen is unfenced (checker)",
    (3, 10241): "the same as seed 2115",
    (3, 3186): "who hears late of its founding said that today's voters had founded (election)",
    (3, 3193): "who dies between the disk and the log never said that it was elected (election)",
    (5, 10095): "the same as seed 3193",
    (5, 10036): "who has a lease may be killed before it acts as leader (checker)",
    (5, 10566): "the same as seed 2115",
    (3, 11706): "the same as seed 3193",
    (3, 12305): "who stood still says late what was committed before the next leader (checker)",
    (3, 13221): "the same as seed 12305",
    (3, 1150): "a look that was to follow a write that failed was never taken (election)",
}

# Scenarios of updates that failed under a seed.
ROLLED_FAILED: Final[dict[tuple[str, int], str]] = {
    ("rolling-undecided", 2): "what all had told before it was known who votes was lost (update)",
    ("rolling-halted", 1): "who hung in its init hook was never given another release (service)",
    ("rolling-no-depot", 1): "a depot that was away for a minute halted a rollout (update)",
    ("rolling-leader-last", 1): "who was to hand over was told so thousands of times (update)",
}

FAILED: Final[dict[Seed, str]] = {
    Seed(176, 3, 120): "a service that ignores TERM delays a departure (checker)",
    Seed(154, 3, 120): "a load answered `unchanged` after a stop is no wish to be up (checker)",
    Seed(89, 10, 120): "a restart starts what was stopped (checker)",
    Seed(98, 10, 120): "a withdrawal stamped by a clock ahead was never stamped anew (gossip)",
    Seed(1007, 3, 120): "a restarted service would not lead while it waited (service)",
    Seed(40, 3, 120): "a fitter member whose service is stopped elects nobody below it (checker)",
    Seed(174, 3, 120): "the same as seed 40",
    Seed(50, 5, 90): "an unloaded member was asked how suitable it is, for ever (election)",
    Seed(119, 10, 120): "each mail after a pause was taken for another pause: a storm (gossip)",
}
