"""A group that rolls, as its operator sees it: where its rollout stands, and who serves."""

from __future__ import annotations

from collections.abc import Sequence

from members_down import Down, Watch, overlaps, told, turns
from supervisor_rig import Machine, eventually

from actors.errors import HabError
from actors.messages.rollout import QueryRollouts, Rollout, Rollouts, RolloutView, TurnPhase
from actors.update.views import PHASES

ROLLED_S = 60.0  # for each member
TURN_S = 60.0


class RollingGroup:
    """The members of `group`, of which each machine runs one."""

    def __init__(self, machines: Sequence[Machine], group: str) -> None:
        self.machines, self.group = machines, group
        self.service = group.partition(".")[0]

    def view(self, machine: Machine) -> RolloutView | None:
        """The rollout as a member knows it; None while it does not answer."""
        try:
            found = machine.ask(QueryRollouts(self.group), Rollouts, 3.0).rollouts
        except (HabError, OSError):
            return None
        return found[0] if found else None

    def newest(self) -> Rollout | None:
        """The newest step, once all members know it; None where they differ, or know of none."""
        views = [self.view(machine) for machine in self.machines]
        steps = {v.rollout.place: v.rollout for v in views if v is not None and v.rollout}
        known = all(view is not None and view.rollout is not None for view in views)
        return next(iter(steps.values())) if known and len(steps) == 1 else None

    def epoch(self) -> int:
        """The newest update, 0 before the first."""

        def same() -> list[int]:
            views = [self.view(machine) for machine in self.machines]
            epochs = {v.rollout.epoch if v.rollout else 0 for v in views if v is not None}
            return list(epochs) if len(epochs) == 1 and all(views) else []

        return eventually("all know the same update", same)[0]

    def conductor(self) -> Machine | None:
        """Who conducts, once all members say the same."""
        views = [self.view(machine) for machine in self.machines]
        named = {view.conductor if view is not None else "" for view in views}
        if len(named) != 1:
            return None
        return next((m for m in self.machines if m.ready().member_id in named), None)

    def conducts(self) -> Machine:
        """Wait until all say the same of who conducts; that one."""
        found = eventually("all know who conducts", self.conductor, TURN_S)
        assert found is not None
        return found

    def taking(self, phase: TurnPhase) -> Machine:
        """Wait until a member is in a phase of its turn; it."""

        def find() -> Machine | None:
            for machine in self.machines:
                try:
                    update = machine.services()[self.service].update
                except (HabError, OSError):
                    continue
                if update is not None and update.reason == f"its turn ({PHASES[phase]})":
                    return machine
            return None

        found = eventually(lambda: f"a member is {phase}{self.told()}", find, TURN_S)
        assert found is not None
        return found

    def ended(self, epoch: int) -> Rollout | None:
        """A rollout that is at least that one, once all know that it is over."""
        found = self.newest()
        over = found is not None and not found.turn and found.state in ("done", "halted")
        return found if over and found is not None and found.epoch >= epoch else None

    def rolled(self, epoch: int) -> Rollout:
        """Wait until an update of at least that number is over."""
        within_s = ROLLED_S * len(self.machines)
        found = eventually(
            lambda: f"update {epoch} is over{self.told()}", lambda: self.ended(epoch), within_s
        )
        assert found is not None
        return found

    def packages(self) -> set[str]:
        """What the members run."""
        return {machine.services()[self.service].package for machine in self.machines}

    def all_well(self) -> bool:
        """Whether all are up and healthy."""
        try:
            found = [machine.services().get(self.service) for machine in self.machines]
        except (HabError, OSError):
            return False
        return all(one is not None and (one.stage, one.health) == ("up", "ok") for one in found)

    def runs(self, ident: str) -> bool:
        """Whether every member is up and healthy in a release."""
        return self.all_well() and self.packages() == {ident}

    def never_two_down(self, watch: Watch, since: float) -> list[Down]:
        """Assert it of what was seen from outside, of the logs, and of the turns; the turns."""
        logged = [d for machine in self.machines for d in told(machine, self.service, since)]
        given = turns(self.machines, since)
        assert overlaps(watch.down) == []
        assert overlaps(logged) == []
        assert overlaps(given) == []
        return given

    def told(self) -> str:
        """What everybody says, for a failure's text."""
        status = self.machines[0].hab("svc", "rollout", "status", self.service, check=False)
        said = "".join(f"\n--- {m.root.name}\n{m.said()}" for m in self.machines)
        return f"\n{status.out}{status.err}{said}"
