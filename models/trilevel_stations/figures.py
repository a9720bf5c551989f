"""The figures of operator, stations and vehicles; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import bilevel as bl
from models import charts
from models.charts import BLUE, DPI, GREEN, ORANGE, VERMILION
from models.trilevel_stations.competition import Payoffs
from models.trilevel_stations.data import Instance
from models.trilevel_stations.induction import Outcome, at_subsidies, monopoly_price
from models.trilevel_stations.voltages import Voltages
from models.trilevel_stations.window import split, window

_JUMP = 0.01
"""More than that between neighbouring subsidies is a group that moves, drawn as a gap."""

Cycle = list[tuple[float, float]]


def write(
    folder: Path,
    data: Instance,
    voltages: Voltages,
    outcomes: dict[str, Outcome | None],
    strategies: tuple[Payoffs, bl.MixedEquilibrium, Cycle],
) -> Iterator[Path]:
    """Write the figures as PNG into ``folder`` and yield their paths."""
    return charts.write(
        folder,
        "trilevel_stations",
        {
            "payoff": payoff,
            "subsidy": lambda: subsidy(data, voltages),
            "voltages": lambda: voltage_map(data, voltages, outcomes),
            "competition": lambda: competition(*strategies),
        },
    )


def payoff() -> Figure:
    """Draw what a group has of a purchase for several curvatures of its worth (the paper's figure 2)."""
    figure = Figure(figsize=(6, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    x = np.linspace(0, 8, 200)
    for curvature, colour in ((0.5, BLUE), (1.0, GREEN), (2.0, ORANGE)):
        axes.plot(x, (10 - 5.5) * x - curvature * x**2, color=colour, lw=2, label=f"a2 = {curvature:g}")
    axes.axhline(0, color="black", lw=0.8)
    axes.set_ylim(-6, 11)
    axes.set_title("Payoff of a group with taste 10 at price 5.5")
    axes.set_xlabel("purchase x")
    axes.legend()
    return figure


def subsidy(data: Instance, voltages: Voltages) -> Figure:
    """Draw prices and voltages over the subsidy of the second station (the paper's figure 6)."""
    figure = Figure(figsize=(12.5, 3.8), dpi=DPI, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    menu = data.subsidies[data.subsidies >= 0]
    for j, colour in enumerate((BLUE, ORANGE)):
        price = [monopoly_price(data, j, float(s) if j else 0.0) for s in menu]
        left.plot(menu, price, color=colour, marker="o", ms=4, label=f"station {j + 1}")
    left.set_title("Price")
    left.set_ylim(bottom=0)
    limit, holds = data.network["least_voltage_pu"], window(data, voltages)
    both = np.linspace(0.0, float(menu[-1]), 101)
    # the last way to break ties is the one towards the second station
    states = [voltages(*list(at_subsidies(data, (0.0, float(s))))[-1].load_mw(data)) for s in both]
    jumps = np.concatenate([[False], np.abs(np.diff([s.bus_6 for s in states])) > _JUMP])
    between = np.linspace(holds.first_moves, holds.second_moves, 41)
    split_states = [voltages(*split(data, float(s)).load_mw(data)) for s in between]
    for bus, colour in (("bus_5", BLUE), ("bus_6", ORANGE)):
        name = f"bus {bus[-1]}"
        middle.plot(both, np.where(jumps, np.nan, [getattr(s, bus) for s in states]), color=colour, lw=2, label=name)
    right.plot(between, [s.least for s in split_states], color=BLUE, lw=2, label="lowest, at bus 5")
    middle.set_title("Voltage, per unit")
    right.set_title("One group at each station, enlarged")
    right.set_ylim(limit - 0.004, limit + 0.004)
    for axes in (middle, right):
        axes.axhline(limit, color=VERMILION, ls="--", label="limit")
        if holds.holds_until is not None:
            axes.axvspan(holds.first_moves, holds.holds_until, color=GREEN, alpha=0.2, lw=0, label="voltages hold")
    for axes in (left, middle, right):
        axes.set_xlabel("subsidy of station 2")
        axes.legend()
    return figure


def voltage_map(data: Instance, voltages: Voltages, outcomes: dict[str, Outcome | None]) -> Figure:
    """Draw the lowest voltage over the loads at both buses, and the scenarios on it."""
    figure = Figure(figsize=(6.6, 4.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    grid = np.arange(0, 301, 20.0)
    least = np.array([[voltages(five, six).least if five + six <= 320 else np.nan for five in grid] for six in grid])  # noqa: PLR2004 - beyond, no operating point is near
    levels = [0.81, 0.85, 0.89, 0.93, 0.95, 0.97, 0.99, 1.01]
    drawn = axes.contourf(grid, grid, least, levels=levels, cmap="cividis", extend="both")
    figure.colorbar(drawn, ax=axes, label="lowest voltage, per unit")
    axes.contour(grid, grid, least, levels=[data.network["least_voltage_pu"]], colors=[VERMILION], linewidths=2)
    points = {"1": (data.network["blind_5_mw"], data.network["blind_6_mw"])}
    points |= {name[0]: outcome.load_mw(data) for name, outcome in outcomes.items() if outcome is not None}
    for name, (five, six) in points.items():
        axes.plot(five, six, "o", color="white", mec="black", ms=15, clip_on=False)
        axes.annotate(name, (five, six), ha="center", va="center", weight="bold")
    axes.set_title("Scenarios and the limit of voltage (red)")
    axes.set_xlabel("load at bus 5, MW")
    axes.set_ylabel("load at bus 6, MW")
    axes.grid(visible=False)
    return figure


def competition(table: Payoffs, mixed: bl.MixedEquilibrium, path: Cycle) -> Figure:
    """Draw the mixed strategies of the stations, and where best responses in pure prices run."""
    figure = Figure(figsize=(11, 3.8), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    for strategy, colour, shift, name in (
        (mixed.row, BLUE, -0.1, "station 1"),
        (mixed.column, ORANGE, 0.1, "station 2"),
    ):
        left.bar(table.prices + shift, strategy, width=0.2, color=colour, label=name)
    left.set_title("Mixed equilibrium of the stations")
    left.set_xlabel("price")
    left.set_ylabel("probability")
    left.set_xlim(-0.5, 8)
    left.legend()
    for station, colour, payoff in ((0, BLUE, table.first), (1, ORANGE, table.second.T)):
        # where no price earns anything all prices are best: nothing to draw
        best = payoff.argmax(axis=0)
        own, given = table.prices[best], table.prices
        earns = payoff.max(axis=0) > 0
        pair = (own[earns], given[earns]) if station == 0 else (given[earns], own[earns])
        right.plot(
            *pair, "o" if station == 0 else "s", color=colour, ms=6, label=f"best answer of station {station + 1}"
        )
    ends = [*path, path[0]] if len(path) > 1 else path
    name = "best answers in turn: a cycle" if len(path) > 1 else "equilibrium"
    right.plot([one for one, _ in ends], [two for _, two in ends], color="black", lw=1, marker=".", label=name)
    right.set_title("Best answers, and where they lead")
    right.set_xlabel("price of station 1")
    right.set_ylabel("price of station 2")
    right.set_xlim(-0.3, 8)
    right.set_ylim(-0.3, 8)
    right.legend()
    return figure
