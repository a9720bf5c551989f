"""Tables for the terminal."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from models.ev_retailer.data import Instance
from models.ev_retailer.day_ahead import DayAheadPrice
from models.ev_retailer.outcome import Outcome, Parties
from reformulations.programs import Floats


def profit_table(outcome: Outcome) -> Table:
    """Return where the profit comes from, under the observed and under the worst distribution of the types."""
    table = Table(title="retailer, yuan a day", title_justify="left")
    table.add_column("")
    for heading in ("observed shares", "worst shares"):
        table.add_column(heading, justify="right")
    cases = (outcome.reference, outcome.worst)
    for label, values in (
        ("bills of the vehicles", [case.sales_yuan for case in cases]),
        ("real-time market", [case.real_time_yuan for case in cases]),
        ("day-ahead purchase", [-case.day_ahead_yuan for case in cases]),
    ):
        table.add_row(label, *(f"{value:.2f}" for value in values))
    table.add_section()
    table.add_row("profit", *(f"{case.total_yuan:.2f}" for case in cases), style="bold")
    return table


def type_table(outcome: Outcome, data: Instance) -> Table:
    """Return what one vehicle of each type does and pays in a day."""
    table = Table(title="one vehicle of each type, a day", title_justify="left")
    for heading in (
        "type",
        "share",
        "worst",
        "charges kWh",
        "returns kWh",
        "bill yuan",
        "utility yuan",
        "welfare yuan",
    ):
        table.add_column(heading, justify="right")
    for row, number in enumerate(data.stays):
        response, bill = outcome.plan.responses[number], float(outcome.plan.bill_yuan[row])
        table.add_row(
            str(number),
            f"{100 * data.share[row]:.2f} %",
            f"{100 * outcome.worst_share[row]:.2f} %",
            f"{response.charge_kw.sum():.1f}",
            f"{response.discharge_kw.sum():.1f}",
            f"{bill:.2f}",
            f"{response.welfare_yuan + bill:.2f}",
            f"{response.welfare_yuan:.2f}",
        )
    return table


def tie_table(outcome: Outcome) -> Table:
    """Return the worst case when ties go to the retailer, the convention of the game, and when they go against it."""
    table = Table(title="worst case by ties, yuan a day", title_justify="left")
    table.add_column("")
    table.add_column("profit", justify="right")
    table.add_row("ties for the retailer (optimistic)", f"{outcome.worst.total_yuan:.2f}")
    table.add_row("the same over every vertex of the ball", f"{outcome.lowest.total_yuan:.2f}")
    unlucky = outcome.unlucky.total_yuan
    kept = f"{unlucky:.2f}" if np.isfinite(unlucky) else "real-time limits cannot be kept"
    table.add_row("ties against the retailer (pessimistic)", kept)
    return table


def spread_table(samples: dict[str, dict[str, Floats]]) -> Table:
    """Return least, mean and standard deviation of profits ``{where the shares come from: {plan: profits}}``."""
    table = Table(title="profit over sampled shares, yuan a day", title_justify="left")
    for heading, justify in (
        ("shares", "left"),
        ("plan", "left"),
        ("least", "right"),
        ("mean", "right"),
        ("sd", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for source, plans in samples.items():
        for plan, profits in plans.items():
            table.add_row(source, plan, f"{profits.min():.3f}", f"{profits.mean():.3f}", f"{profits.std():.3f}")
    return table


def parties_table(parties: dict[str, Parties]) -> Table:
    """Return what each form of the owners' utility is worth to whom (the paper's Table 1)."""
    table = Table(title="by the owners' utility, worst case, yuan a day", title_justify="left")
    for heading in ("utility", "retailer's profit", "bills", "owners' utility", "owners' welfare"):
        table.add_column(heading, justify="left" if heading == "utility" else "right")
    for utility, each in parties.items():
        values = (each.retailer_yuan, each.bills_yuan, each.utility_yuan, each.owners_yuan)
        table.add_row(utility, *(f"{value:.2f}" for value in values))
    return table


def check_table(outcome: Outcome, price: DayAheadPrice, data: Instance) -> Table:
    """Return what was checked of the plan besides the certificate, and how far off it is at most."""
    table = Table(title="checks", title_justify="left")
    table.add_column("checked")
    table.add_column("largest difference", justify="right")
    moved = float(np.abs(outcome.worst_share - data.share).max())
    most = "1" if outcome.ball.linf is None else f"{outcome.ball.linf:.4g}"
    day = outcome.real_time
    both = max(float(np.minimum(each.charge_kw, each.discharge_kw).max()) for each in outcome.plan.responses.values())
    rows = [
        ("worst case of the solver against all vertices of the ball, yuan",
         abs(outcome.worst.total_yuan - outcome.lowest.total_yuan)),
        (f"share moved by nature, of at most {most}", moved),
        ("vehicles that charge and discharge at once, kW", both),
        ("storage that does both at once, kW", float(np.minimum(day.storing, day.releasing).max())),
        ("fitted day-ahead price against the optimal power flow, yuan/kWh",
         float(np.abs(price.fitted - price.nodal).max())),
    ]  # fmt: skip
    if price.newton is not None:
        off = float(np.abs(price.nodal - price.newton).max())
        rows.append(("that against differences of Newton's power flow, yuan/kWh", off))
    for label, value in rows:
        table.add_row(label, f"{value:.1e}")
    return table
