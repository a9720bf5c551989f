"""Solve stations, network and traffic: ``python -m models.traffic_stations``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from models.tables import DataError
from models.terminal import NO_FIGURES, terminal
from models.traffic_stations.checks import Check, checks
from models.traffic_stations.data import FOLDER, Hour, Instance, read_instance
from models.traffic_stations.day import STARTS, Case, Outcome, four_cases, solve_case, with_value_of_time
from models.traffic_stations.hour import HourGame
from models.traffic_stations.price_taking import take_prices
from models.traffic_stations.program import Program, solve_program
from models.traffic_stations.report import case_table, check_table, hour_table, program_table
from models.traffic_stations.theorems import grid_check, sample_check, sign_check, tariff_checks, upper_check
from reformulations.programs import Floats

SENSITIVITY = ((100.0, 0.6), (150.0, 0.6), (150.0, 0.5))
"""Value of time and weight of the residual, besides those of the data."""
CHARGES = (0.0, 200.0)
"""Network charges of fixed tariffs besides that of the data, yuan/MWh."""
SAMPLES = 500


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m models.traffic_stations",
        description="Charging stations set prices; drivers choose routes and where to charge, in user equilibrium; the "
        "network operator dispatches, and charges stations what their power costs at the margin.",
    )
    add = options.add_argument
    add(
        "--full",
        action="store_true",
        help="24 hours instead of 6, cyclic as well, and the sensitivity to value of time and residual",
    )
    add("--sensitivity", action="store_true", help="the sensitivity on 6 hours too")
    add("--cyclic", action="store_true", help="also let the first hour take over the unfinished trips of the last one")
    add("--search-only", action="store_true", help="do not solve each hour's program to start the search from")
    add("--price-taking", action="store_true", help="also let stations take purchase prices as given, and iterate")
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names, instead of the ones shipped")
    figures = options.add_mutually_exclusive_group()
    figures.add_argument("--figures", type=Path, default=Path("figures"), help="folder of the PNGs")
    figures.add_argument("--no-figures", action="store_true", help="tables only")
    return options


def solve_cases(console: Console, data: Instance, asked: argparse.Namespace) -> tuple[list[Outcome], list[Program]]:
    """Solve the four cases; a game starts also from its program's prices, and from those of its fixed tariff."""
    outcomes: list[Outcome] = []
    programs: list[Program] = []
    with console.status("") as status:

        def progress(case: Case, hour: Hour) -> None:
            status.update(f"case {case.name}: hour {hour.number} done")

        for case in four_cases(data.drivers.residual_weight, data.network_charge):
            fixed = next((o for o in outcomes if o.case.weight == case.weight), None)

            def starts(game: HourGame, fixed: Outcome | None = fixed) -> list[Floats]:
                if fixed is None:
                    return []
                found = [fixed.price_of(game.hour)]
                if not asked.search_only:
                    programs.append(solve_program(game))
                    found += [price for price in (programs[-1].price,) if price is not None]
                return found

            outcomes.append(solve_case(data, case, starts=starts, progress=progress))
            console.print(f"case {case.name}: {outcomes[-1].profit:.1f} yuan")
    return outcomes, programs


def repeated_day(console: Console, data: Instance, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Solve the cases with residual flow again, the first hour after what the last one leaves."""
    found = []
    for once in outcomes:
        if once.case.weight == 0:
            found.append(once)
            continue
        before = once.answers[-1].residual

        def starts(game: HourGame, once: Outcome = once) -> list[Floats]:
            return [once.price_of(game.hour)]

        again = solve_case(data, once.case, before=before, starts=starts)
        found.append(again)
        console.print(
            f"case {again.case.name}, cyclic: {again.profit:.1f} yuan; the last hour leaves what the first takes "
            f"over, to {again.boundary_error:.1e} vehicles",
            highlight=False,
        )
    return found


def sensitivity(console: Console, data: Instance, game: Outcome) -> Check:
    """Solve the game for other values of time and weights of the residual, and check the signs of table 4."""
    found = [game]
    for value, weight in SENSITIVITY:
        case = Case(f"value of time {value:g}, weight {weight:g}", "nodal", weight, data.network_charge)
        found.append(solve_case(with_value_of_time(data, value), case))
    console.print(case_table(found, "value of time, yuan/h, and weight of the residual: case 4 has 100 and 0.5"))
    return sign_check(*(outcome.profit for outcome in found))


def tariffs(console: Console, data: Instance, fixed: Outcome, game: Outcome) -> Check:
    """Solve case 1 with network charges of 0 and 200 yuan/MWh, and hold the game against the first."""
    found = {data.network_charge: fixed}
    for charge in CHARGES:

        def starts(hour_game: HourGame) -> list[Floats]:
            return [outcome.price_of(hour_game.hour) for outcome in (fixed, game)]

        case = Case(f"fixed tariff, network charge {charge:g}", "fixed", 0.0, charge)
        found[charge] = solve_case(data, case, starts=starts)
    console.print(case_table([found[charge] for charge in sorted(found)], "fixed tariffs, case 1 has 100 yuan/MWh"))
    return upper_check(found[0.0], game)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every check holds."""
    arguments = parser().parse_args(argv)
    console = terminal()
    try:
        data = read_instance(arguments.data, horizon="day" if arguments.full else "evening")
        outcomes, programs = solve_cases(console, data, arguments)
    except (DataError, ValueError) as error:
        console.print(f"error: {error}", style="bold red", soft_wrap=True)
        return 2
    console.print(case_table(outcomes, "stations"))
    again = repeated_day(console, data, outcomes) if arguments.full or arguments.cyclic else []
    for outcome in outcomes[2:]:
        console.print(hour_table(outcome))
    if programs:
        console.print(program_table(programs, outcomes[2:]))
    held = [checks(outcome) for outcome in (*outcomes, *again)]
    console.print(check_table(held[: len(outcomes)], "checks, worst hour of each case"))
    if again:
        console.print(check_table(held[len(outcomes) :], "checks, cyclic"))
    busiest = int(np.argmax([game.hour.demand for game in outcomes[2].games]))
    game, answer = outcomes[2].games[busiest], outcomes[2].answers[busiest]
    relations = [*tariff_checks(outcomes[0], outcomes[2]), tariffs(console, data, outcomes[0], outcomes[2])]
    relations += [sample_check(game, answer.profit, SAMPLES), grid_check(game, answer)]
    if arguments.full or arguments.sensitivity:
        relations.append(sensitivity(console, data, outcomes[3]))
    console.print(check_table([relations], "game against fixed tariffs and other prices"))
    for outcome in outcomes:
        for hour in outcome.burdened:
            console.print(
                f"case {outcome.case.name}: more unfinished trips than vehicles in hour {hour}", style="yellow"
            )
    if arguments.price_taking:
        console.print(str(take_prices(game, np.full(len(data.station_bus), STARTS[0]))))
    if not arguments.no_figures:
        draw(console, outcomes, arguments.figures)
    holds = all(check.holds for some in (relations, *held) for check in some)
    return 0 if holds and all(program.certified for program in programs) else 1


def draw(console: Console, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the figures."""
    try:
        from models.traffic_stations import figures
    except ImportError:
        console.print(NO_FIGURES)
        return
    for path in figures.write(folder, outcomes):
        console.print(f"wrote {path}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
