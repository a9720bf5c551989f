"""Aggregators on a distribution network, three games: ``python -m models.credit_points``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

import bilevel as bl
from models.ac_power_flow import ADVICE, has_pandapower
from models.credit_points.checks import ac_checks, market_checks
from models.credit_points.data import FOLDER, Instance, read_instance
from models.credit_points.equilibrium import Equilibrium, equilibrium_of, price_taking
from models.credit_points.iteration import alternate
from models.tables import DataError

WIDTH = 120
"""Columns of the tables where the output is no terminal."""
SWINGS = 5
"""Rounds of operator and aggregators in turn that are shown."""


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(prog="python -m models.credit_points", description=__doc__)
    add = options.add_argument
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names, instead of the ones shipped")
    add("--no-ac", action="store_true", help="leave out the AC power flow of the equilibrium")
    add("--figures", type=Path, default=Path("figures"), help="folder of the PNGs (default: ./figures)")
    add("--no-figures", action="store_true", help="tables only")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every answer is proven and certified, and every check holds."""
    asked = parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        data = read_instance(asked.data)
    except DataError as error:
        console.print(f"error: {error}", style="bold red", soft_wrap=True)
        return 2
    good, found = price_takers(console, data, with_ac=not asked.no_ac)
    if not asked.no_figures:
        try:
            from models.credit_points import figures

            for path in figures.write(asked.figures, data, found):
                console.print(f"wrote {path}", soft_wrap=True)
        except ImportError:
            console.print("no figures: they need matplotlib, the extra plots")
    return 0 if good else 1


def price_takers(console: Console, data: Instance, *, with_ac: bool) -> tuple[bool, Equilibrium]:
    """Solve and check the equilibrium at nodal prices, and show where answering in turn leads."""
    m = price_taking(data)
    with console.status("equilibrium of aggregators that take prices"):
        solution = bl.solve(m, threads=1)
    console.rule("aggregators that take the nodal prices", align="left")
    console.print(solution)
    found = equilibrium_of(m, data)
    console.print(aggregator_table(found, data))
    verdicts = market_checks(found, m, data)
    if not with_ac:
        console.print("the AC power flow was not asked for")
    elif has_pandapower():
        with console.status("AC power flow of the equilibrium"):
            verdicts |= ac_checks(found, data)
    else:
        console.print(ADVICE, highlight=False)
    report(console, verdicts)
    with console.status("operator and aggregators in turn"):
        changes = ", ".join(f"{change:.1f}" for change in islice(alternate(data), SWINGS))
    console.print(
        f"operator and aggregators in turn, as in the paper: prices change by {changes} ... yuan/MWh from round to "
        "round and do not settle",
        highlight=False,
    )
    return solution.status == "optimal" and all(verdicts.values()), found


def aggregator_table(found: Equilibrium, data: Instance) -> Table:
    """Return each aggregator's prices, day and regret."""
    table = Table("aggregator", title="aggregators, a day", title_justify="left")
    for heading in ("bus", "least price", "greatest", "contract MWh", "vehicles MWh", "cost yuan", "regret yuan"):
        table.add_column(heading, justify="right")
    for number, aggregator in data.aggregators.items():
        price = found.price[aggregator.bus]
        table.add_row(
            str(number),
            str(aggregator.bus),
            f"{price.min():.1f}",
            f"{price.max():.1f}",
            f"{found.contract_mwh[number].sum():.2f}",
            f"{found.vehicles_mwh[number].sum():.2f}",
            f"{found.cost_yuan[number]:.1f}",
            f"{found.regret_yuan[number]:.0e}",
        )
    return table


def report(console: Console, verdicts: dict[str, bool]) -> None:
    """Print what holds and what fails."""
    for says, good in verdicts.items():
        console.print(f"{'holds' if good else 'FAILS'}  {says}", highlight=False, style=None if good else "bold red")


if __name__ == "__main__":
    sys.exit(main())
