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
from models.trilevel_stations.induction import Outcome, at_subsidies
from models.trilevel_stations.voltages import Voltages

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
    figure = Figure(figsize=(11, 3.8), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    menu = data.subsidies[data.subsidies >= 0]
    # the last way to break ties is the one towards the second station
    outcomes = [list(at_subsidies(data, (0.0, float(s))))[-1] for s in menu]
    for j, colour in enumerate((BLUE, ORANGE)):
        left.plot(menu, [o.price[j] for o in outcomes], color=colour, marker="o", ms=4, label=f"station {j + 1}")
    left.set_title("Price against the subsidy of station 2")
    left.set_ylabel("price")
    left.set_ylim(bottom=0)
    states = [voltages(*o.load_mw(data)) for o in outcomes]
    right.plot(menu, [s.bus_5 for s in states], color=BLUE, marker="o", ms=4, label="bus 5 (station 1)")
    right.plot(menu, [s.bus_6 for s in states], color=ORANGE, marker="o", ms=4, label="bus 6 (station 2)")
    right.axhline(data.network["least_voltage_pu"], color=VERMILION, ls="--", label="limit")
    right.set_title("Voltage, per unit")
    for axes in (left, right):
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
    for j, colour in enumerate((BLUE, ORANGE)):
        right.plot([pair[j] for pair in path], color=colour, marker="o", ms=5, label=f"station {j + 1}")
    right.set_title("Best responses, round by round, until they return")
    right.set_xlabel("round")
    right.set_ylabel("price")
    right.set_ylim(bottom=0)
    right.legend()
    return figure
