"""The figures of the peak-regulation market; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from models import charts
from models.charts import BLUE, DPI, GREEN, GREY, ORANGE, SKY, VERMILION
from models.peak_regulation.data import HOURS, POOLS, Instance
from models.peak_regulation.outcome import Outcome
from models.peak_regulation.regions import of_fleet, of_vehicle

SHOWN_KW = 1.0
"""A margin this small is no bar that could be seen."""
COLOURS = {"none": GREY, "charging": BLUE, "discharging": ORANGE, "both": GREEN}


def write(folder: Path, data: Instance, outcomes: dict[str, Outcome]) -> Iterator[Path]:
    """Write the figures as PNG into ``folder`` and yield their paths."""
    return charts.write(
        folder,
        "peak_regulation",
        {
            "regions": lambda: regions(data),
            "willingness": lambda: willingness(data, outcomes["both"]),
            "margins": lambda: margins(outcomes),
            "revenue": lambda: revenue(outcomes),
        },
    )


def regions(data: Instance) -> Figure:
    """Draw where the energy of one vehicle, and of all vehicles at the plug, can be."""
    figure = Figure(figsize=(11, 4), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    number, stay = next(iter(data.stays.items()))
    hours = stay.hours[0] + np.arange(len(stay.hours) + 1)
    for feeds_back, colour, label in ((True, ORANGE, "may feed back"), (False, SKY, "charges only")):
        one = of_vehicle(data, number, feeds_back=feeds_back)
        least, most = (np.concatenate([[stay.arrival_kwh], limit]) for limit in (one.least_kwh, one.most_kwh))
        left.fill_between(hours, least, most, color=colour, lw=0, label=label)
    left.set_title(f"Energy of one vehicle of class {number}")
    left.set_ylabel("kWh")
    left.legend(loc="lower right")
    fleet = of_fleet(data)
    used = np.flatnonzero(fleet.most_kw)
    right.fill_between(used + 1, fleet.least_kwh[used] / 1000, fleet.most_kwh[used] / 1000, color=SKY, alpha=0.5)
    right.set_title("Energy of all vehicles at the plug")
    right.set_ylabel("MWh")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MultipleLocator(2))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{int(hour) % len(HOURS)}"))
        axes.set_xlabel("hour of the day")
        axes.set_ylim(bottom=0)
    return figure


def willingness(data: Instance, best: Outcome) -> Figure:
    """Draw the share of owners that signs at each offer of the menu, and the offers made to both pools."""
    figure = Figure(figsize=(11, 3.6), dpi=DPI, layout="constrained")
    for axes, pool in zip(figure.subplots(1, 2, sharey=True), POOLS, strict=True):
        menu = data.menu(pool)
        axes.plot(list(menu), [100 * share for share in menu.values()], color=COLOURS[pool], marker="o", ms=4)
        offer = best.offers[pool]
        axes.plot(offer, 100 * menu[offer], "o", ms=12, mfc="none", mew=2, color=VERMILION, label=f"picked: {offer:g}")
        axes.set_title("Discount on charging in the valley" if pool == "charging" else "Subsidy on feeding back")
        axes.set_xlabel("yuan/kWh")
        axes.set_ylabel("% of owners that sign" if pool == "charging" else "")
        axes.legend(loc="lower right")
    return figure


def margins(outcomes: dict[str, Outcome]) -> Figure:
    """Draw the regulation margin of each hour in the three scenarios: less load in the peak, more in the valley."""
    figure = Figure(figsize=(11, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    order = (np.arange(len(HOURS)) + 12) % len(HOURS)  # from noon, so that the night stands together
    used = np.flatnonzero([any(abs(o.margin[hour]) > SHOWN_KW for o in outcomes.values()) for hour in order])
    order = order[used.min() : used.max() + 1] if len(used) else order
    for place, (name, outcome) in enumerate((name, o) for name, o in outcomes.items() if name != "none"):
        at = np.arange(len(order)) + 0.27 * (place - 1)
        axes.bar(at, outcome.margin[order], width=0.25, color=COLOURS[name], label=name)
    axes.set_xticks(np.arange(len(order)), [str(hour) for hour in order])
    axes.set_title("Regulation margin: below the load on arrival in the peak (17-21), above it in the valley (23-6)")
    axes.set_xlabel("hour of the day")
    axes.set_ylabel("kW")
    axes.legend(loc="upper left")
    return figure


def revenue(outcomes: dict[str, Outcome]) -> Figure:
    """Draw what comes in above the axis, what goes out below it, and the total."""
    figure = Figure(figsize=(9, 4.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(outcomes))
    for sign, items in (
        (1, (("energy", BLUE), ("capacity", SKY))),
        (-1, (("purchase", GREY), ("subsidy", ORANGE), ("regulation", VERMILION))),
    ):
        level = np.zeros(len(at))
        for item, colour in items:
            height = sign * np.array([getattr(outcome.revenue, item) for outcome in outcomes.values()])
            axes.bar(at, height, bottom=level, width=0.6, color=colour, label=item)
            level += height
    totals = [outcome.revenue.total for outcome in outcomes.values()]
    axes.plot(at, totals, "D", color="black", label="total")
    for place, total in enumerate(totals):
        axes.annotate(
            f"{total:.0f}",
            (place, total),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            weight="bold",
            color="white",
        )
    axes.use_sticky_edges = False
    axes.margins(y=0.05)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xticks(at, list(outcomes))
    axes.set_title("Revenue of the aggregator")
    axes.set_ylabel("yuan a day")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
