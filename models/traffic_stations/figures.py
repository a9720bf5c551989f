"""The figures of stations, network and traffic; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models import charts
from models.charts import BLUE, DPI, GREEN, GREY, ORANGE, SKY, VERMILION
from models.traffic_stations.day import Outcome

_STATIONS = (BLUE, SKY, GREEN, ORANGE, GREY, VERMILION)
_MOST_TICKS = 12
_CASES = ((BLUE, "-"), (BLUE, "--"), (VERMILION, "-"), (VERMILION, "--"))


def write(folder: Path, outcomes: Sequence[Outcome]) -> Iterator[Path]:
    """Write the figures as PNG into ``folder`` and yield their paths."""
    fixed, game = outcomes[0], outcomes[2]
    return charts.write(
        folder,
        "traffic_stations",
        {
            "profit": lambda: profits(outcomes),
            "prices": lambda: prices(game),
            "costs": lambda: costs(fixed, game),
            "power": lambda: power(game),
        },
    )


def profits(outcomes: Sequence[Outcome]) -> Figure:
    """Draw the profit of each hour in each case; dashed with residual flow."""
    figure = Figure(figsize=(8, 4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    hours = [game.hour.number for game in outcomes[0].games]
    for outcome, (colour, line) in zip(outcomes, _CASES, strict=False):
        profit = [answer.profit for answer in outcome.answers]
        axes.plot(hours, profit, color=colour, ls=line, marker="o", ms=4, label=outcome.case.name)
    axes.set(xlabel="hour", ylabel="yuan", title="Profit of the stations", xticks=_ticks(hours))
    axes.legend()
    return figure


def prices(outcome: Outcome) -> Figure:
    """Draw the charging price of each station."""
    figure = Figure(figsize=(8, 4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    hours = [game.hour.number for game in outcome.games]
    price = np.array([answer.price for answer in outcome.answers])
    for label, colour, row in zip(_names(outcome), _STATIONS, price.T, strict=True):
        axes.plot(hours, row, color=colour, marker="o", ms=4, label=label)
    title = f"Charging price, case {outcome.case.name}"
    axes.set(xlabel="hour", ylabel="yuan/kWh", title=title, xticks=_ticks(hours))
    figure.legend(loc="outside right center")
    return figure


def costs(fixed: Outcome, game: Outcome) -> Figure:
    """Draw marginal costs at the stations above the grid's price, with a fixed tariff and in the game."""
    figure = Figure(figsize=(10, 4), dpi=DPI, layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, outcome in zip(both, (fixed, game), strict=True):
        hours = [one.hour.number for one in outcome.games]
        above = np.array(
            [a.dispatch.price - one.hour.grid_price for one, a in zip(outcome.games, outcome.answers, strict=True)]
        )
        for label, colour, row in zip(_names(outcome), _STATIONS, above.T, strict=True):
            axes.plot(hours, row, color=colour, marker="o", ms=4, label=label if axes is both[0] else None)
        axes.set(xlabel="hour", title=f"Case {outcome.case.name}", xticks=_ticks(hours))
    both[0].set_ylabel("marginal cost above the grid's price, yuan/MWh")
    figure.legend(loc="outside right center")
    return figure


def power(outcome: Outcome) -> Figure:
    """Draw the power of the stations, one on the other, and the least voltage below."""
    figure = Figure(figsize=(8, 5.5), dpi=DPI, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    hours = [game.hour.number for game in outcome.games]
    drawn = np.array([answer.flows.power_mw for answer in outcome.answers]).T
    bottom = np.zeros(len(hours))
    for label, colour, row in zip(_names(outcome), _STATIONS, drawn, strict=True):
        above.bar(hours, row, bottom=bottom, color=colour, label=label)
        bottom = bottom + row
    above.set(ylabel="MW", title=f"Power of the stations, case {outcome.case.name}")
    below.plot(hours, [answer.dispatch.least_voltage for answer in outcome.answers], color="black", marker="o", ms=4)
    below.axhline(outcome.games[0].data.operator.least_voltage, color=VERMILION, ls="--", label="limit")
    below.set(xlabel="hour", ylabel="per unit", title="Least voltage of all buses", xticks=_ticks(hours))
    below.legend()
    figure.legend(*above.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _ticks(hours: list[int]) -> list[int]:
    """Return every hour of an evening, every third of a day."""
    return hours if len(hours) <= _MOST_TICKS else hours[2::3]


def _names(outcome: Outcome) -> list[str]:
    data = outcome.games[0].data
    return [f"node {node}, bus {bus}" for node, bus in zip(data.routes.stations, data.station_bus, strict=True)]
