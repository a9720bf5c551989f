"""The figures of stations, network and traffic; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models.traffic_stations.day import Outcome

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
_COLOURS = (BLUE, GREEN, ORANGE, VERMILION)
_DPI = 150


def write(folder: Path, outcomes: Sequence[Outcome]) -> Iterator[Path]:
    """Write the figures as PNG into ``folder``, which is made where it does not exist, and yield their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in (
        ("profit", profits(outcomes)),
        ("prices", prices(outcomes[-1])),
        ("power", power(outcomes[-1])),
    ):
        path = folder / f"traffic_stations_{name}.png"
        figure.savefig(path, dpi=_DPI)
        yield path


def profits(outcomes: Sequence[Outcome]) -> Figure:
    """Draw the profit of each hour in each case."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    for outcome, colour in zip(outcomes, _COLOURS, strict=False):
        hours = [game.hour.number for game in outcome.games]
        axes.plot(hours, [a.profit for a in outcome.answers], color=colour, marker="o", label=outcome.case.name)
    axes.set(xlabel="hour", ylabel="profit, yuan", title="stations' profit")
    axes.legend(frameon=False)
    return figure


def prices(outcome: Outcome) -> Figure:
    """Draw charging prices above and marginal costs of power below, a line for each station."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    hours = [game.hour.number for game in outcome.games]
    data = outcome.games[0].data
    price = np.array([answer.price for answer in outcome.answers])
    cost = np.array([answer.dispatch.price for answer in outcome.answers])
    for k, (node, bus) in enumerate(zip(data.routes.stations, data.station_bus, strict=True)):
        above.plot(hours, price[:, k], marker="o", label=f"node {node}, bus {bus}")
        below.plot(hours, cost[:, k], marker="o")
    above.set(ylabel="charging price, yuan/kWh", title=f"case {outcome.case.name}")
    below.set(xlabel="hour", ylabel="marginal cost, yuan/MWh")
    above.legend(frameon=False, ncols=3)
    return figure


def power(outcome: Outcome) -> Figure:
    """Draw the power of the stations, one on the other, and the least voltage."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    hours = [game.hour.number for game in outcome.games]
    drawn = np.array([answer.flows.power_mw for answer in outcome.answers]).T
    bottom = np.zeros(len(hours))
    for node, row in zip(outcome.games[0].data.routes.stations, drawn, strict=True):
        axes.bar(hours, row, bottom=bottom, label=f"node {node}")
        bottom = bottom + row
    axes.set(xlabel="hour", ylabel="power, MW", title=f"charging, case {outcome.case.name}")
    axes.legend(frameon=False, ncols=3)
    voltage = axes.twinx()
    voltage.plot(hours, [answer.dispatch.least_voltage for answer in outcome.answers], color="black", marker=".")
    voltage.set_ylabel("least voltage, per unit")
    return figure
