"""Solve stations, network and traffic: ``python -m models.traffic_stations``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
from rich.console import Console

import bilevel as bl
from models.tables import DataError
from models.traffic_stations.checks import Check, checks
from models.traffic_stations.chords import centred
from models.traffic_stations.data import FOLDER, Hour, Instance, read_instance
from models.traffic_stations.day import STARTS, Case, Outcome, four_cases, solve_case, with_value_of_time
from models.traffic_stations.game import charging_game
from models.traffic_stations.price_taking import take_prices
from models.traffic_stations.report import case_table, check_table, hour_table
from models.traffic_stations.theorems import sample_check, tariff_checks
from reformulations.programs import Floats

WIDTH = 120
"""Columns of the tables where the output is no terminal."""
SENSITIVITY = ((100.0, 0.6), (150.0, 0.6), (150.0, 0.5))
"""Value of time and weight of the residual, besides those of the data."""
SAMPLES = {False: 100, True: 500}


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m models.traffic_stations",
        description="Charging stations set prices; drivers choose routes and where to charge, in user equilibrium; the "
        "network operator dispatches, and charges stations what their power costs at the margin.",
    )
    add = options.add_argument
    add("--full", action="store_true", help="24 hours instead of 6, and the sensitivity to value of time and residual")
    add("--sensitivity", action="store_true", help="the sensitivity on 6 hours too")
    add("--boundary", choices=("zero", "cyclic"), default="zero", help="unfinished trips before the first hour")
    add("--price-taking", action="store_true", help="also let stations take purchase prices as given, and iterate")
    add(
        "--program",
        type=float,
        metavar="SECONDS",
        help="also solve the busiest hour as one game with a list of prices and travel times in chords, this long",
    )
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names, instead of the ones shipped")
    figures = options.add_mutually_exclusive_group()
    figures.add_argument("--figures", type=Path, default=Path("figures"), help="folder of the PNGs")
    figures.add_argument("--no-figures", action="store_true", help="tables only")
    return options


def solve_cases(console: Console, data: Instance, arguments: argparse.Namespace) -> list[Outcome]:
    """Solve the four cases; a game starts also from the prices of its fixed tariff."""
    outcomes: list[Outcome] = []
    with console.status("") as status:

        def progress(case: Case, hour: Hour) -> None:
            status.update(f"case {case.name}: hour {hour.number} done")

        for case in four_cases(data.drivers.residual_weight, data.network_charge):
            before = next((o for o in outcomes if o.case.weight == case.weight), None)

            def starts(position: int, before: Outcome | None = before) -> list[Floats]:
                return [] if before is None else [before.answers[position].price]

            outcomes.append(solve_case(data, case, boundary=arguments.boundary, starts=starts, progress=progress))
            console.print(f"case {case.name}: {outcomes[-1].profit:.1f} yuan")
    return outcomes


def sensitivity(console: Console, data: Instance, game: Outcome) -> None:
    """Solve the game for other values of time and weights of the residual."""
    found = [game]
    for value, weight in SENSITIVITY:
        case = Case(f"value of time {value:g}, weight {weight:g}", "nodal", weight, data.network_charge)
        found.append(solve_case(with_value_of_time(data, value), case))
    console.print(case_table(found))


def as_program(console: Console, data: Instance, outcome: Outcome, seconds: float) -> None:
    """Solve the busiest hour in the language, and say what its prices are worth on true travel times."""
    busiest = int(np.argmax([game.hour.demand for game in outcome.games]))
    game = outcome.games[busiest]
    levels = (1.6, 1.8, 2.0)
    uniform = game.users.equilibrium(np.full(len(data.station_bus), levels[1]), game.vehicles)
    m = charging_game(data, game.hour, game.vehicles, levels, *centred(data, uniform, 4))
    solution = bl.solve(m, method=bl.StrongDuality(), gap=3e-3, time_limit=seconds)
    console.print(solution)
    if solution.point is None:
        return
    price = np.array([pyo.value(m.price[k]) for k in range(len(data.station_bus))])
    console.print(
        f"its prices {price} earn {game.profit(price):.1f} yuan on true travel times with the network's prices; the "
        f"search found {outcome.answers[busiest].profit:.1f}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every check holds."""
    arguments = parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        data = read_instance(arguments.data, horizon="day" if arguments.full else "evening")
        outcomes = solve_cases(console, data, arguments)
    except (DataError, ValueError) as error:
        console.print(f"error: {error}", style="bold red", soft_wrap=True)
        return 2
    console.print(case_table(outcomes))
    console.print(hour_table(outcomes[2]))
    console.print(hour_table(outcomes[3]))
    found = [check for outcome in outcomes for check in _reported(console, outcome)]
    relations = tariff_checks(outcomes[0], outcomes[2])
    busiest = int(np.argmax([game.hour.demand for game in outcomes[2].games]))
    best = outcomes[2].answers[busiest].profit
    relations += (sample_check(outcomes[2].games[busiest], best, SAMPLES[arguments.full]),)
    console.print(check_table(relations, "game against fixed tariff and other prices"))
    for outcome in outcomes:
        for hour in outcome.burdened:
            console.print(
                f"case {outcome.case.name}: more unfinished trips than vehicles in hour {hour}", style="yellow"
            )
    if arguments.full or arguments.sensitivity:
        sensitivity(console, data, outcomes[3])
    if arguments.price_taking:
        console.print(str(take_prices(outcomes[2].games[busiest], np.full(len(data.station_bus), STARTS[0]))))
    if arguments.program is not None:
        as_program(console, data, outcomes[2], arguments.program)
    if not arguments.no_figures:
        draw(console, outcomes, arguments.figures)
    return 0 if all(check.holds for check in (*found, *relations)) else 1


def draw(console: Console, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the figures."""
    try:
        from models.traffic_stations import figures
    except ImportError:
        console.print('figures need matplotlib: python -m pip install "bilevel-compiler[plots]"')
        return
    for path in figures.write(folder, outcomes):
        console.print(f"wrote {path}", soft_wrap=True)


def _reported(console: Console, outcome: Outcome) -> tuple[Check, ...]:
    found = checks(outcome)
    console.print(check_table(found, f"checks of case {outcome.case.name}"))
    return found


if __name__ == "__main__":
    sys.exit(main())
