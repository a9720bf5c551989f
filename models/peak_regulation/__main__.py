"""Solve the peak-regulation market in all scenarios: ``python -m models.peak_regulation``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

import bilevel as bl
from models.peak_regulation.data import FOLDER, POOLS, read_instance
from models.peak_regulation.disaggregation import cheapest_days
from models.peak_regulation.game import peak_regulation
from models.peak_regulation.outcome import PAPER, Outcome, outcome_of
from models.terminal import NO_FIGURES, command, report, terminal

SCENARIOS = {"none": (), "charging": ("charging",), "discharging": ("discharging",), "both": POOLS}
EXACT, SMALL = 1e-9, 1e-6
"""Relative tolerances of what is arithmetic, and of what a solver found."""
ITEMS = ("subsidy", "purchase", "regulation", "energy", "capacity", "total")


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every answer is proven and certified, and every check holds."""
    options = argparse.ArgumentParser(prog="python -m models.peak_regulation", description=__doc__)
    options.add_argument("--data", type=Path, default=FOLDER, help="folder with tables of the same names")
    options.add_argument("--explain", action="store_true", help="say how the game with both offers was compiled")
    options.add_argument(
        "--figures", type=Path, default=Path("figures"), help="folder of the PNGs (default: ./figures)"
    )
    options.add_argument("--no-figures", action="store_true", help="tables only")
    asked = options.parse_args(argv)
    console = terminal()
    data = read_instance(asked.data)
    outcomes: dict[str, Outcome] = {}
    proven = True
    for name, offered in SCENARIOS.items():
        m = peak_regulation(data, offered)
        with console.status(f"solving: offers to {name}"):
            solution = bl.solve(m, threads=1)
        holds = solution.certificate is not None and solution.certificate.holds
        proven &= holds and solution.status == "optimal"
        console.print(f"{name}: {solution.status}, certificate {'holds' if holds else 'fails'}; {solution.method}")
        outcomes[name] = outcome_of(m, data)
    if asked.explain:
        console.print(bl.explain(peak_regulation(data)), highlight=False)
    console.print(revenue_table(outcomes), paper_table(), sep="\n")
    verdicts = checks(outcomes, *cheapest_days(data))
    report(console, verdicts)
    if not asked.no_figures:
        try:
            from models.peak_regulation import figures

            for path in figures.write(asked.figures, data, outcomes):
                console.print(f"wrote {path}", soft_wrap=True)
        except ImportError:
            console.print(NO_FIGURES)
    return 0 if proven and all(verdicts.values()) else 1


def revenue_table(outcomes: dict[str, Outcome]) -> Table:
    """Return items and total of each scenario, yuan a day, with the offers and the margins."""
    table = Table("offers to", title="revenue, yuan a day", title_justify="left")
    for heading in (*ITEMS, "margin kWh", "discount", "subsidy/kWh"):
        table.add_column(heading, justify="right")
    for name, outcome in outcomes.items():
        items = (f"{getattr(outcome.revenue, item):.1f}" for item in ITEMS)
        offers = (f"{outcome.offers[pool]:.2f}" for pool in POOLS)
        table.add_row(name, *items, f"{outcome.margin.sum():.0f}", *offers)
    return table


def paper_table() -> Table:
    """Return table 4 of the paper, its total and the total of its items."""
    table = Table("offers to", title="the paper's table 4", title_justify="left")
    for heading in (*ITEMS[:-1], "printed total", "of the items"):
        table.add_column(heading, justify="right")
    for name, (items, total) in PAPER.items():
        values = (*(getattr(items, item) for item in ITEMS[:-1]), total, items.total)
        table.add_row(name, *(f"{value:.2f}" for value in values))
    return table


def checks(outcomes: dict[str, Outcome], together: float, apart: float) -> dict[str, bool]:
    """Return what must hold of the answers, with its numbers, and whether it does.

    The cheapest day is ``together`` within the limits of the fleet, ``apart`` within those of each vehicle, yuan.
    """
    none, charging, discharging, both = (outcomes[name].revenue.total for name in SCENARIOS)
    residual = max(abs(o.objective - o.revenue.total) / abs(o.revenue.total) for o in outcomes.values())
    printed = max(abs(items.total - total) for items, total in PAPER.values())
    outside = max(outcome.outside_kwh for outcome in outcomes.values())
    least = min(float(outcome.margin.min()) for outcome in outcomes.values())
    margin = {name: float(outcome.margin.sum()) for name, outcome in outcomes.items()}
    alone = max(margin[pool] for pool in POOLS)
    gains = both - charging - discharging + none
    best = max(charging, discharging)
    return {
        f"the total is that of its items, settled again: within {residual:.0e}": residual <= EXACT,
        f"the paper's totals are those of their items: within {printed:.0e}": printed <= EXACT,
        f"both offers earn at least as much as either: {both:.1f}, {best:.1f}": both >= best * (1 - EXACT),
        f"gains of disjoint pools add up: {both - none:.1f}, apart by {abs(gains):.0e}": abs(gains) <= SMALL * both,
        f"both move at least as much as either: {margin['both']:.0f}, {alone:.0f} kWh": margin["both"]
        >= alone * (1 - EXACT),
        f"no hour has a negative margin: least {least:.0e} kW": least >= -SMALL,
        f"every owner's energy stays in its region: outside by {max(outside, 0):.0e} kWh": outside <= SMALL,
        f"the fleet's limits allow what its vehicles can do: the cheapest day costs {together:.1f} yuan by them, "
        f"{apart:.1f} by the vehicles' own, so the error of disaggregation is {apart - together:.1f}": (
            together <= apart + SMALL * abs(apart)
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
