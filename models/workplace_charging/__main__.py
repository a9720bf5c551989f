"""Set prices of charging at work: ``python -m models.workplace_charging``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pyomo.environ as pyo
from rich.table import Table

import bilevel as bl
from models.terminal import command, terminal
from models.workplace_charging.data import FOLDER, Instance, read_instance
from models.workplace_charging.game import workplace_charging


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 when the answer is proven and certified."""
    options = argparse.ArgumentParser(prog="python -m models.workplace_charging", description=__doc__)
    options.add_argument("--data", type=Path, default=FOLDER, help="folder with tables of the same names")
    options.add_argument("--figures", type=Path, default=Path("figures"), help="folder of the PNG (default: ./figures)")
    asked = options.parse_args(argv)
    console = terminal()
    data = read_instance(asked.data)
    m = workplace_charging(data)
    with console.status("solving"):
        solution = bl.solve(m, threads=1)
    console.print(solution)
    if solution.point is None:
        return 1
    console.print(hour_table(m, data))
    try:
        from models.workplace_charging.figures import write

        for path in write(asked.figures, m, data):
            console.print(f"wrote {path}", soft_wrap=True)
    except ImportError:
        console.print("no figure: it needs matplotlib, the extra plots")
    proven = solution.status == "optimal" and solution.certificate is not None and solution.certificate.holds
    return 0 if proven else 1


def hour_table(m: pyo.ConcreteModel, data: Instance) -> Table:
    """Return price, charging and load of each hour of a solved game."""
    table = Table("hour", title="prices and load", title_justify="left")
    for heading in ("cost yuan/kWh", "price yuan/kWh", "charging kW", "load kW"):
        table.add_column(heading, justify="right")
    for t, cost in data.energy_cost.items():
        charging = pyo.value(m.charging_kw[t])
        load = data.building_kw[t] + charging
        table.add_row(str(t), f"{cost:.2f}", f"{pyo.value(m.price[t]):.3f}", f"{charging:.1f}", f"{load:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
