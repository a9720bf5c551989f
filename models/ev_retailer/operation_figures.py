"""Figures of a day: real-time operation in one scenario, and prices by the owners' utility."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from models.charts import BLUE, DPI, GREEN, GREY, ORANGE, SKY, VERMILION
from models.ev_retailer.data import HOURS, Instance
from models.ev_retailer.outcome import Outcome
from models.ev_retailer.real_time import RealTime
from reformulations.programs import Floats

_EDGES = np.arange(len(HOURS) + 1)


def real_time(data: Instance, day: RealTime) -> Figure:
    """Draw the real-time prices of all scenarios, and what is done in one of them (the paper's Figures 5 and 6)."""
    figure = Figure(figsize=(11, 9), dpi=DPI, layout="constrained")
    prices, vehicles, trade, storage = figure.subplots(4, 1, sharex=True)
    for price in data.real_time_price:
        prices.stairs(price, _EDGES, baseline=None, color=SKY, lw=0.9, alpha=0.7)
    prices.stairs(day.price, _EDGES, baseline=None, color=VERMILION, lw=2.2, label=f"scenario {day.scenario}")
    prices.set_title(f"Real-time prices of {len(data.scenarios)} scenarios")
    prices.set_ylabel("yuan/kWh")
    prices.legend(loc="upper left")
    _opposed(vehicles, (day.charged, "charging", BLUE), (day.returned, "discharging", ORANGE))
    vehicles.set_title("All vehicles")
    _opposed(trade, (day.bought, "bought", GREEN), (day.sold, "sold", VERMILION))
    trade.set_title(f"Real-time trade in scenario {day.scenario}, of probability {day.probability:.3f}")
    _opposed(storage, (day.storing, "storing", BLUE), (day.releasing, "releasing", ORANGE))
    storage.set_title("Storage")
    storage.set_xlabel("hour of the day")
    storage.set_xlim(0, len(HOURS))
    storage.xaxis.set_major_locator(MultipleLocator(2))
    return figure


def _opposed(axes: Axes, *bars: tuple[Floats, str, str]) -> None:
    for sign, (power, label, colour) in zip((1, -1), bars, strict=True):
        axes.bar(_EDGES[:-1] + 0.5, sign * power, width=0.9, color=colour, label=label)
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylabel("kW")
    axes.margins(y=0.35)
    axes.legend(loc="upper left", ncols=2)


def utilities(by_utility: dict[str, tuple[Instance, Outcome]]) -> Figure:
    """Draw retail prices and the charging of all vehicles for each form of the owners' utility (Figure 10)."""
    figure = Figure(figsize=(11, 6.4), dpi=DPI, layout="constrained")
    prices, charging = figure.subplots(2, 1, sharex=True)
    for (name, (data, outcome)), colour in zip(by_utility.items(), (VERMILION, BLUE), strict=False):
        plan = outcome.plan
        prices.stairs(plan.price_yuan_per_kwh, _EDGES, baseline=None, color=colour, lw=2, label=f"{name} utility")
        net = data.vehicles * outcome.worst_share @ plan.net_kw
        charging.stairs(net, _EDGES, baseline=None, color=colour, lw=2, label=f"{name} utility")
    charging.axhline(0, color=GREY, lw=0.6)
    prices.set_title("Retail price")
    prices.set_ylabel("yuan/kWh")
    prices.margins(y=0.3)
    prices.legend(loc="upper right", ncols=2)
    charging.set_title("Net charging of all vehicles")
    charging.set_ylabel("kW")
    charging.set_xlabel("hour of the day")
    charging.set_xlim(0, len(HOURS))
    charging.xaxis.set_major_locator(MultipleLocator(2))
    return figure
