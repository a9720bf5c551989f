"""Tables for the terminal."""

from __future__ import annotations

from rich.table import Table

from models.credit_points.credit import Choice
from models.credit_points.data import Instance
from models.credit_points.equilibrium import Equilibrium
from models.credit_points.users import Period, Users


def aggregator_table(found: Equilibrium, data: Instance) -> Table:
    """Return each aggregator's prices, day and regret."""
    table = Table("aggregator", title="aggregators, a day", title_justify="left")
    for heading in ("bus", "least yuan/MWh", "greatest", "contract MWh", "vehicles MWh", "cost yuan", "regret yuan"):
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


def fee_table(
    coefficient: dict[tuple[int, Period], float], options: dict[int, tuple[int, Period]], data: Users
) -> Table:
    """Return the coefficient of each option, and who takes it."""
    table = Table("station", "period", title="fees", title_justify="left")
    table.add_column("coefficient yuan/kWh", justify="right")
    table.add_column("users", justify="right")
    for station, period in data.options:
        users = [str(n) for n, option in options.items() if option == (station, period)]
        mark = "" if data.stations[station].recommended else " (not recommended)"
        table.add_row(f"{station}{mark}", period, f"{coefficient[station, period]:.3f}", ", ".join(users))
    return table


def sweep_table(sweeps: dict[str, dict[float, Choice]]) -> Table:
    """Return what users choose as one parameter varies."""
    table = Table("parameter", title="what users choose, all coefficients alike", title_justify="left")
    for heading in ("value", "at recommended", "in the valley", "fees yuan"):
        table.add_column(heading, justify="right")
    for parameter, choices in sweeps.items():
        table.add_section()
        for value, choice in choices.items():
            shares = (f"{100 * share:.0f} %" for share in (choice.recommended, choice.valley))
            table.add_row(parameter, f"{value:g}", *shares, f"{choice.fee_yuan:.2f}")
    return table
