"""Solve the robust EV retailer: ``python -m models.ev_retailer``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pyomo.environ as pyo
from rich.console import Console

import bilevel as bl
from models.ac_power_flow import ADVICE as AC_ADVICE
from models.ac_power_flow import has_pandapower
from models.ev_retailer.data import FOLDER, Instance, Utility, read_instance
from models.ev_retailer.day_ahead import day_ahead_price
from models.ev_retailer.game import ev_retailer
from models.ev_retailer.live import Monitor
from models.ev_retailer.outcome import Outcome, bounds_of, outcome_of, parties_of
from models.ev_retailer.plans import Evaluator, Plan, plan_of, resampled, sampled_in_ball
from models.ev_retailer.report import check_table, parties_table, profit_table, spread_table, tie_table, type_table
from models.tables import DataError
from models.terminal import NO_FIGURES, terminal
from reformulations.programs import Floats
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.radii import Radii, hoeffding_linf, literature_radii, weissman_l1

SMALL_TYPES, SMALL_SCENARIOS = 4, 3
SAMPLES = 1000
COMPARISON_SECONDS = 60.0
"""Other games may take this long, or as long as the robust one did: their plans are for comparison only."""


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m models.ev_retailer",
        description="A retailer of charging energy sets prices and buys a day ahead, robustly: vehicles respond to the "
        "prices, and how many there are of each type is uncertain.",
    )
    add = options.add_argument
    add("--full", action="store_true", help="solve 10 types x 10 price scenarios instead of the first 4 x 3")
    add(
        "--utility",
        choices=("decreasing", "constant"),
        default="decreasing",
        help="worth of stored energy to an owner: falling over the stay, so that vehicles want to charge early, or its "
        "mean throughout, so that only prices matter (default: decreasing; constant is much easier to solve)",
    )
    add(
        "--terminal",
        choices=("departure", "cyclic"),
        default="departure",
        help="what a vehicle leaves with: its departure energy, or the energy it came with (default: departure)",
    )
    add(
        "--radii",
        choices=("literature", "confidence"),
        default="literature",
        help="how far the shares may move: by the formula of the energy literature, which is small, or far enough to "
        "hold the true shares at the stated confidence (default: literature)",
    )
    add("--confidence", type=float, help="of the radii; a higher one widens the ball (default: that of the data, 0.95)")
    add("--l1", type=float, help="largest sum of all moves of shares, instead of the radius by formula")
    add("--linf", type=float, help="largest move of one share, instead of the radius by formula")
    add("--gap", type=float, default=1e-3, help="stop when plan and bound are this close, relatively (default: 0.001)")
    add("--time-limit", type=float, help="seconds for each solve; a limit leaves the best plan and its bound")
    add("--threads", type=int, default=1, help="threads of HiGHS; more rarely help on these sizes (default: 1)")
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names, instead of the ones shipped")
    figures = options.add_mutually_exclusive_group()
    figures.add_argument(
        "--figures", type=Path, default=Path("figures"), help="folder of the PNGs (default: ./figures)"
    )
    figures.add_argument(
        "--no-figures", action="store_true", help="tables only: no PNG, no other games to compare with"
    )
    return options


def chosen_radii(data: Instance, arguments: argparse.Namespace) -> Radii:
    """Return the radii of the ball by formula, or as given."""
    confidence = data.confidence if arguments.confidence is None else arguments.confidence
    bins, days = len(data.stays), data.history_days
    if arguments.radii == "literature":
        radii = literature_radii(bins, days, confidence, confidence)
    else:
        radii = Radii(weissman_l1(bins, days, confidence), hoeffding_linf(bins, days, confidence))
    return Radii(
        radii.l1 if arguments.l1 is None else arguments.l1, radii.linf if arguments.linf is None else arguments.linf
    )


def solve(
    console: Console, data: Instance, radii: Radii, arguments: argparse.Namespace, time_limit: float | None, title: str
) -> tuple[pyo.ConcreteModel, bl.Solution, Monitor]:
    """Declare and solve the game with live progress."""
    m = ev_retailer(data, radii.l1, radii.linf)
    with Monitor(console, title) as monitor:
        solution = bl.solve(
            m,
            gap=arguments.gap,
            time_limit=time_limit,
            threads=arguments.threads,
            progress=monitor.take,
        )
    return m, solution, monitor


def profit_samples(
    evaluator: Evaluator, data: Instance, ball: DistributionBall, plans: dict[str, Plan]
) -> dict[str, dict[str, Floats]]:
    """Return profits of the plans over shares inside the ball, and over shares as another history might show them."""
    sources = {
        "inside the ball": sampled_in_ball(ball, SAMPLES, seed=1),
        f"observed in {data.history_days} days": resampled(data, SAMPLES, seed=2),
    }
    return {
        source: {name: evaluator.totals(plan, shares) for name, plan in plans.items()}
        for source, shares in sources.items()
    }


def read(arguments: argparse.Namespace, utility: Utility) -> Instance:
    """Return the instance asked for, with one form of the owners' utility."""
    return read_instance(
        arguments.data,
        types=None if arguments.full else SMALL_TYPES,
        scenarios=None if arguments.full else SMALL_SCENARIOS,
        utility=utility,
        terminal=arguments.terminal,
    )


def compare_and_draw(
    console: Console,
    data: Instance,
    radii: Radii,
    outcome: Outcome,
    evaluator: Evaluator,
    monitor: Monitor,
    arguments: argparse.Namespace,
) -> None:
    """Solve the nominal game and the one with the other utility for comparison, sample, and write the figures."""
    try:
        from models.ev_retailer import figures
    except ImportError:
        console.print(NO_FIGURES)
        return
    plans = {"robust": outcome.plan}
    seconds = max(COMPARISON_SECONDS, monitor.rounds[-1].seconds if monitor.rounds else 0.0)
    m, solution, _ = solve(console, data, Radii(0.0, 0.0), arguments, seconds, "nominal game, for comparison")
    if solution.point is not None:
        plans["nominal"] = plan_of(m, data)
    samples = profit_samples(evaluator, data, outcome.ball, plans)
    console.print(spread_table(samples))
    by_utility = {arguments.utility: (data, outcome)}
    other: Utility = "constant" if arguments.utility == "decreasing" else "decreasing"
    changed = read(arguments, other)
    m, solution, _ = solve(console, changed, radii, arguments, seconds, f"{other} utility, for comparison")
    if solution.point is not None:
        by_utility[other] = changed, outcome_of(m, plan_of(m, changed), changed, outcome.ball, evaluator)
        console.print(parties_table({name: parties_of(each, its) for name, (its, each) in by_utility.items()}))
    for path in figures.write(arguments.figures, data, outcome, monitor, samples, by_utility):
        console.print(f"wrote {path}", soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when the certificate holds."""
    arguments = parser().parse_args(argv)
    console = terminal()
    try:
        data = read(arguments, arguments.utility)
        radii = chosen_radii(data, arguments)
        ball = DistributionBall(data.share, l1=radii.l1, linf=radii.linf)
    except (DataError, ValueError) as error:
        console.print(f"error: {error}", style="bold red", soft_wrap=True)
        return 2
    console.print(
        f"{len(data.stays)} types of vehicles, {len(data.scenarios)} real-time price scenarios, {arguments.utility} "
        f"utility; shares within L1 {radii.l1:.4g}, Linf {radii.linf:.4g}"
    )
    m, solution, monitor = solve(console, data, radii, arguments, arguments.time_limit, "robust game")
    console.print(solution.iterations)
    console.print(solution)
    if solution.point is None:
        console.print("no plan was found; allow more time with --time-limit", style="bold red")
        return 1
    evaluator = Evaluator(data)
    outcome = outcome_of(m, plan_of(m, data), data, ball, evaluator)
    console.print(f"robust optimum: {bounds_of(solution)}", style="bold")
    checks = check_table(outcome, day_ahead_price(data, outcome.plan.day_ahead_kw), data)
    for table in (profit_table(outcome), type_table(outcome, data), tie_table(outcome), checks):
        console.print(table)
    if not has_pandapower():
        console.print(AC_ADVICE, soft_wrap=True)
    if not arguments.no_figures:
        compare_and_draw(console, data, radii, outcome, evaluator, monitor, arguments)
    return 0 if solution.certificate is not None and solution.certificate.holds else 1


if __name__ == "__main__":
    sys.exit(main())
