"""`hab sim`: a ring of simulated supervisors on virtual time; one seed is one execution."""

from __future__ import annotations

import shlex
import time

import click

from cli.output import say
from cli.problem import INVARIANT_BROKE
from cli.values import Duration


@click.group()
def sim() -> None:
    """Run a ring of simulated supervisors on virtual time.

    The actors are those of a real supervisor; clock, network, disk and processes are simulated.
    """


seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="One seed is one execution.  [default: 0]"
)
supervisors_option = click.option(
    "--supervisors",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Size of the ring.  [default: as the scenario says, else 5]",
)
for_option = click.option(
    "--for",
    "for_s",
    type=Duration(),
    metavar="TIME",
    help="Virtual length of the phase with faults.  [default: as the scenario says, else 60s]",
)


@sim.command()
@seed_option
@supervisors_option
@for_option
@click.option("--scenario", metavar="FILE", help="What goes wrong, instead of drawing it.")
def run(*, seed: int, supervisors: int | None, for_s: float | None, scenario: str | None) -> None:
    """Run one seed: form a ring, let things go wrong, heal, and check that all is well.

    Standard output is a function of the options alone; its last line is the verdict and the digest
    of the event log. Exit code 9 when an invariant broke.
    """
    from actors.simulation.run import SimulationOptions, read_scenario_file, run_simulation

    text = read_scenario_file(scenario) if scenario else ""
    began = time.perf_counter()
    result = run_simulation(SimulationOptions(seed, supervisors, for_s, text))
    click.echo(result.report.rstrip("\n"))
    took = time.perf_counter() - began
    rate = result.steps / took if took > 0 else 0.0
    say(f"{result.virtual_s:.0f} virtual seconds in {took:.1f} s ({rate:,.0f} steps/s)")
    _end(broken=result.verdict == "broken")


@sim.command()
@click.option("--first", type=click.IntRange(min=0), default=0, help="First seed.  [default: 0]")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1000, help="How many.  [default: 1000]"
)
@supervisors_option
@for_option
@click.option("--scenario", metavar="FILE", help="What goes wrong, instead of drawing it.")
@click.option(
    "--workers", type=click.IntRange(min=0), default=0, help="Processes.  [default: one a core]"
)
@click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    default=3,
    help="Stop after so many failed seeds.  [default: 3]",
)
def campaign(
    *,
    first: int,
    seeds: int,
    supervisors: int | None,
    for_s: float | None,
    scenario: str | None,
    workers: int,
    max_failures: int,
) -> None:
    """Run many seeds over all cores, and name those that fail with what broke.

    Ends with a table: how often each checker had something to judge, and in how many seeds.
    Exit code 9 when one failed; each failure comes with the command that runs it again.
    """
    from actors.simulation.campaign import CampaignOptions, Totals, run_campaign
    from actors.simulation.run import read_scenario_file

    text = read_scenario_file(scenario) if scenario else ""
    options = CampaignOptions(first, seeds, supervisors, for_s, text, workers, max_failures)
    began = time.perf_counter()
    totals = Totals()
    for outcome in run_campaign(options):
        totals.add(outcome)
        if not outcome.broken:
            continue
        click.echo(f"seed {outcome.seed} failed:")
        for reason in outcome.broken:
            click.echo(f"  {reason}")
        click.echo(f"  again: {_again(outcome.seed, supervisors, for_s, scenario)}")
    for line in totals.lines():
        click.echo(line)
    click.echo(f"{totals.seeds} seeds, {totals.failed} failed")
    say(f"in {time.perf_counter() - began:.1f} s")
    _end(broken=totals.failed > 0)


def _again(seed: int, supervisors: int | None, for_s: float | None, scenario: str | None) -> str:
    words = [f"hab sim run --seed {seed}"]
    words += [f"--supervisors {supervisors}"] if supervisors is not None else []
    words += [f"--for {for_s:g}s"] if for_s is not None else []
    words += [f"--scenario {shlex.quote(scenario)}"] if scenario else []
    return " ".join(words)


def _end(*, broken: bool) -> None:
    if broken:
        click.get_current_context().exit(INVARIANT_BROKE)
