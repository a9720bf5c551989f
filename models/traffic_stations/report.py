"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from models.traffic_stations.checks import Check
from models.traffic_stations.day import Outcome
from models.traffic_stations.program import Program


def case_table(outcomes: Sequence[Outcome], title: str) -> Table:
    """Return profit, energy and mean price of each case."""
    table = Table(title=title, title_justify="left")
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


def program_table(programs: Sequence[Program], outcomes: Sequence[Outcome]) -> Table:
    """Return what each hour's program says, what its prices earn, and what the search made of them."""
    table = Table(title="programs that the search starts from", title_justify="left")
    for heading in ("hour", "weight", "status", "gap", "certificate", "objective", "earns", "after the search"):
        table.add_column(heading, justify="right")
    best = {
        (game.hour.number, outcome.case.weight): answer.profit
        for outcome in outcomes
        for game, answer in zip(outcome.games, outcome.answers, strict=True)
    }
    for program in programs:
        found = program.solution
        table.add_row(
            str(program.hour),
            f"{program.weight:g}",
            found.status,
            "-" if found.gap is None else f"{found.gap:.1e}",
            "holds" if program.certified else "FAILS",
            "-" if found.objective is None else f"{found.objective:.1f}",
            f"{program.earns:.1f}",
            f"{best[program.hour, program.weight]:.1f}",
        )
    return table


def check_table(columns: Sequence[Sequence[Check]], title: str) -> Table:
    """Return each check with its numbers, one a column (a case, say), and its limit."""
    table = Table(title=title, title_justify="left")
    table.add_column("check")
    for number in range(1, len(columns) + 1):
        table.add_column(f"case {number}" if len(columns) > 1 else "worst", justify="right")
    for heading in ("limit", ""):
        table.add_column(heading, justify="right")
    for same in zip(*columns, strict=True):
        good = all(check.holds for check in same)
        numbers = (f"{check.worst:.1e}" for check in same)
        table.add_row(
            same[0].statement,
            *numbers,
            f"{same[0].limit:.0e}",
            "holds" if good else "FAILS",
            style=None if good else "bold red",
        )
    return table
