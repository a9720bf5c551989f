"""Solve operator, stations and vehicles on the nine-bus system: ``python -m models.trilevel_stations``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

import bilevel as bl
from models.terminal import NO_FIGURES, command, report, terminal
from models.trilevel_stations.competition import best_responses, price_of
from models.trilevel_stations.data import FOLDER, read_instance
from models.trilevel_stations.game import trilevel_stations
from models.trilevel_stations.induction import Outcome
from models.trilevel_stations.play import Round, play
from models.trilevel_stations.report import checks, conjecture_table, mixed_strategies, scenario_table
from models.trilevel_stations.voltages import Voltages, by_power_flow, by_table
from models.trilevel_stations.window import window


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(prog="python -m models.trilevel_stations", description=__doc__)
    add = options.add_argument
    add(
        "--tastes",
        choices=("corrected", "printed"),
        default="corrected",
        help="of the groups: as printed in the paper's equation (13), with which its tables cannot come about, or with "
        "8 instead of 10 for group 1 at station 2 (default: corrected)",
    )
    add("--surcharge", action="store_true", help="the operator may also take from stations, not only pay them")
    add("--least-voltage", type=float, help="limit in per unit, instead of that of the data (0.93)")
    add("--table", action="store_true", help="voltages from the table of power flows, even if pandapower is there")
    add("--explain", action="store_true", help="say how the game was compiled")
    add("--data", type=Path, default=FOLDER, help="folder with tables of the same names")
    add("--figures", type=Path, default=Path("figures"), help="folder of the PNGs (default: ./figures)")
    add("--no-figures", action="store_true", help="tables only")
    return options


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when every answer is proven and certified, and every check holds."""
    asked = parser().parse_args(argv)
    console = terminal()
    data = read_instance(asked.data, tastes=asked.tastes, surcharge=asked.surcharge)
    voltages = chosen_voltages(console, asked.data, table=asked.table)
    if asked.least_voltage is not None:
        data = replace(data, network=data.network | {"least_voltage_pu": asked.least_voltage})
    rounds: list[Round] = []
    for step in play(data, voltages):
        rounds.append(step)
        console.print(told(len(rounds), step), highlight=False)
    free, best = rounds[0].outcome, rounds[-1].outcome
    assert free is not None  # without limits there is an outcome
    if asked.explain:
        console.print(bl.explain(trilevel_stations(data, [free.load_mw(data)])), highlight=False)
    outcomes: dict[str, Outcome | None] = {"2 stations alone": free, "3 with the operator": best}
    table, mixed = mixed_strategies(data)
    found = best_responses(data, table.prices, (5.5, 4.5))
    profiles = [*found.cycle, found.decisions]
    path = [(price_of(p["station 1"], table.prices), price_of(p["station 2"], table.prices)) for p in profiles]
    regret = max(found.regrets.values())
    console.print(scenario_table(data, voltages, outcomes), str(window(data, voltages)), sep="\n", highlight=False)
    console.print(conjecture_table(data, voltages, mixed))
    console.print(
        f"best responses in pure prices: {found.status} after {found.rounds} rounds, at last {path[-1]}, "
        f"regret at most {regret:.4g}",
        highlight=False,
    )
    verdicts = checks(data, voltages, free, best, mixed)
    report(console, verdicts)
    if not asked.no_figures:
        try:
            from models.trilevel_stations import figures

            for path_of in figures.write(asked.figures, data, voltages, outcomes, (table, mixed, path)):
                console.print(f"wrote {path_of}", soft_wrap=True)
        except ImportError:
            console.print(NO_FIGURES)
    proven = all(step.solution.status == "infeasible" or certified(step) for step in rounds)
    return 0 if proven and all(verdicts.values()) else 1


def chosen_voltages(console: Console, folder: Path, *, table: bool) -> Voltages:
    """Return the power flow where pandapower is installed and wanted, the table otherwise, and say so."""
    if not table:
        try:
            return by_power_flow()
        except ImportError:
            console.print(
                "voltages are read from a table (to about 1e-3 per unit), not computed by power flow: that needs "
                'pandapower, python -m pip install "bilevel-compiler[power]"'
            )
    return by_table(folder / "voltage_map.csv")


def certified(step: Round) -> bool:
    """Return whether the round is proven and its certificate holds."""
    certificate = step.solution.certificate
    return step.solution.status == "optimal" and certificate is not None and certificate.holds


def told(number: int, step: Round) -> str:
    """Return one line on a round."""
    if step.outcome is None or step.state is None:
        return f"round {number}: {step.solution.status}"
    return (
        f"round {number}: {step.solution.status}, certificate {'holds' if certified(step) else 'fails'}, "
        f"{step.solution.seconds:.1f} s; subsidies {step.outcome.subsidy}, lowest voltage {step.state.least:.4f}"
    )


if __name__ == "__main__":
    sys.exit(main())
