"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from models.traffic_stations.checks import Check
from models.traffic_stations.day import Outcome


def case_table(outcomes: Sequence[Outcome]) -> Table:
    """Return profit, energy and mean price of each case."""
    table = Table(title="stations", title_justify="left")
    for heading, justify in (
        ("case", "left"),
        ("profit yuan", "right"),
        ("energy MWh", "right"),
        ("mean price yuan/kWh", "right"),
        ("equilibria", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for outcome in outcomes:
        table.add_row(
            outcome.case.name,
            f"{outcome.profit:.1f}",
            f"{outcome.energy_mwh:.2f}",
            f"{outcome.mean_price:.3f}",
            str(max(answer.rounds for answer in outcome.answers)),
        )
    return table


def hour_table(outcome: Outcome) -> Table:
    """Return prices, power and marginal costs of one case, hour by hour."""
    table = Table(title=f"case {outcome.case.name}", title_justify="left")
    for heading in ("hour", "price yuan/kWh", "power MW", "marginal cost yuan/MWh", "least voltage", "profit yuan"):
        table.add_column(heading, justify="right")
    for game, answer in zip(outcome.games, outcome.answers, strict=True):
        price, cost = answer.price, answer.dispatch.price
        table.add_row(
            str(game.hour.number),
            f"{price.min():.2f} .. {price.max():.2f}",
            f"{answer.flows.power_mw.sum():.3f}",
            f"{cost.min():.1f} .. {cost.max():.1f}",
            f"{answer.dispatch.least_voltage:.4f}",
            f"{answer.profit:.1f}",
        )
    return table


def check_table(checks: Sequence[Check], title: str) -> Table:
    """Return each check with its worst number."""
    table = Table(title=title, title_justify="left")
    table.add_column("check")
    for heading in ("worst", "limit", ""):
        table.add_column(heading, justify="right")
    for check in checks:
        verdict = "holds" if check.holds else "FAILS"
        style = None if check.holds else "bold red"
        table.add_row(check.statement, f"{check.worst:.1e}", f"{check.limit:.0e}", verdict, style=style)
    return table
