"""Tables and checks for the terminal."""

from __future__ import annotations

import numpy as np
from rich.table import Table

import bilevel as bl
from models.trilevel_stations.competition import Payoffs, payoffs
from models.trilevel_stations.data import STATIONS, Instance
from models.trilevel_stations.induction import Outcome, at_prices, at_subsidies, cheapest
from models.trilevel_stations.voltages import Voltages

FINE, COARSE = 0.05, 0.5
"""Menus of prices for what is enumerated, and for mixed strategies."""
_DIGITS = 1e-9


def scenario_table(data: Instance, voltages: Voltages, outcomes: dict[str, Outcome | None]) -> Table:
    """Return loads and voltages of the blind scenario and of outcomes."""
    table = Table("scenario", title="scenarios", title_justify="left")
    for heading in ("subsidies", "prices", "groups go to", "bus 5 MW", "bus 6 MW", "V5", "V6", "lowest", "cost"):
        table.add_column(heading, justify="right")
    blind = data.network["blind_5_mw"], data.network["blind_6_mw"]
    state = voltages(*blind)
    volts = (f"{v:.4f}" for v in (state.bus_5, state.bus_6, state.least))
    table.add_row("1 blind", "-", "-", "-", *(f"{load:.1f}" for load in blind), *volts, "-")
    for name, outcome in outcomes.items():
        if outcome is None:
            table.add_row(name, *["infeasible"] + 8 * ["-"])
            continue
        loads = outcome.load_mw(data)
        state = voltages(*loads)
        table.add_row(
            name,
            *(", ".join(f"{v:g}" for v in pair) for pair in (outcome.subsidy, outcome.price)),
            ", ".join(str(j + 1) for j in outcome.place),
            *(f"{load:.1f}" for load in loads),
            *(f"{v:.4f}" for v in (state.bus_5, state.bus_6, state.least)),
            f"{outcome.moved:.3f}",
        )
    return table


def conjecture_table(data: Instance, voltages: Voltages, mixed: bl.MixedEquilibrium) -> Table:
    """Return what the stations do without subsidies under each conjecture."""
    fine, coarse = payoffs(data, FINE), payoffs(data, COARSE)
    table = Table("conjecture", title="stations without subsidies", title_justify="left")
    for heading in ("prices", "groups go to", "profits", "bus 5 MW", "bus 6 MW", "lowest V"):
        table.add_column(heading, justify="right")

    def add(name: str, price: tuple[float, float] | None) -> None:
        if price is None:
            table.add_row(name, *["no pure equilibrium"] + 5 * ["-"])
            return
        outcome = next(at_prices(data, price))  # ties: to the first station
        loads = outcome.load_mw(data)
        least = voltages(*loads).least
        table.add_row(
            name,
            ", ".join(f"{p:g}" for p in price),
            ", ".join(str(j + 1) for j in outcome.place),
            ", ".join(f"{profit:.2f}" for profit in outcome.profits),
            *(f"{load:.1f}" for load in loads),
            "none" if np.isnan(least) else f"{least:.4f}",
        )

    add("all come to me", next(at_subsidies(data, (0.0, 0.0))).price)
    add(f"at once, step {FINE:g}", next(iter(fine.pure_equilibria()), None))
    means = [float(coarse.prices @ strategy) for strategy in (mixed.row, mixed.column)]
    table.add_row(
        f"at once, mixed, step {COARSE:g}",
        ", ".join(f"{mean:.2f} (mean)" for mean in means),
        "-",
        ", ".join(f"{value:.3f}" for value in mixed.payoffs),
        *3 * ["-"],
    )
    for j in STATIONS:
        add(f"station {j + 1} first, step {FINE:g}", fine.led_by(j))
    return table


def checks(
    data: Instance, voltages: Voltages, free: Outcome, best: Outcome | None, mixed: bl.MixedEquilibrium
) -> dict[str, bool]:
    """Return what must hold of the answers, with its numbers, and whether it does."""
    limit = data.network["least_voltage_pu"]
    blind, two = (
        voltages(*loads).bus_5
        for loads in ((data.network["blind_5_mw"], data.network["blind_6_mw"]), free.load_mw(data))
    )
    enumerated, strict = cheapest(data, voltages), cheapest(data, voltages, pessimistic=True)
    found = {
        f"scenario 1: bus 5 below {limit:g} and above 0.925: {blind:.4f}": 0.925 <= blind < limit,  # noqa: PLR2004 - the paper's
        f"largest regret of the mixed strategies: {max(mixed.regrets):.0e}": max(mixed.regrets) <= _DIGITS,
    }
    if best is None:
        return found | {"infeasible: enumeration of the subsidies finds nothing either": enumerated is None}
    state = voltages(*best.load_mw(data))
    ways = at_subsidies(data, best.subsidy)
    gap = min(
        max(float(np.abs(way.buys - best.buys).max()), float(np.abs(np.subtract(way.price, best.price)).max()))
        for way in ways
    )
    return found | {
        f"scenario 2 is worse than scenario 1: {two:.4f}": two < blind or free.moved == best.moved,
        f"scenario 3: all voltages within limits: {state.least:.4f} to {state.most:.4f}": state.least >= limit,
        f"prices and purchases are those of the closed form: apart by {gap:.0e}": gap <= _DIGITS,
        f"enumeration of all subsidies gives {enumerated.moved if enumerated else np.nan:.6g}": enumerated is not None
        and abs(enumerated.moved - best.moved) <= 1e-6,  # noqa: PLR2004 - of the solver
        "if groups break ties against the operator, "
        + (f"subsidies {strict.subsidy} at {strict.moved:.4g}" if strict else "nothing is safe"): strict is None
        or strict.moved >= best.moved - _DIGITS,
    }


def mixed_strategies(data: Instance) -> tuple[Payoffs, bl.MixedEquilibrium]:
    """Return the stations' profits on the coarse menu, and an equilibrium of them in mixed strategies."""
    table = payoffs(data, COARSE)
    return table, bl.mixed_equilibrium(table.first, table.second, threads=1)
