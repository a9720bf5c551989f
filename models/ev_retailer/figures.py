"""The figures of the EV retailer; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from models import charts
from models.charts import BLUE, DPI, GREEN, GREY, ORANGE, SKY, VERMILION
from models.ev_retailer.data import HOURS, Instance
from models.ev_retailer.live import Monitor
from models.ev_retailer.operation_figures import real_time, utilities
from models.ev_retailer.outcome import Outcome
from reformulations.programs import Floats

Samples = dict[str, dict[str, Floats]]


def write(
    folder: Path,
    data: Instance,
    outcome: Outcome,
    monitor: Monitor,
    samples: Samples,
    by_utility: dict[str, tuple[Instance, Outcome]],
) -> Iterator[Path]:
    """Write the figures as PNG into ``folder``, which is made where it does not exist, and yield their paths."""
    return charts.write(
        folder,
        "ev_retailer",
        {
            "prices_and_charging": lambda: prices_and_charging(data, outcome),
            "convergence": lambda: convergence(monitor),
            "distributions": lambda: distributions(data, outcome),
            "profit_spread": lambda: profit_spread(samples),
            "real_time": lambda: real_time(data, outcome.real_time),
            "utilities": lambda: utilities(by_utility),
        },
    )


def prices_and_charging(data: Instance, outcome: Outcome) -> Figure:
    """Draw the day's prices above, and below what each type does with them during its stay."""
    columns = 2
    rows = -(-len(data.stays) // columns)
    figure = Figure(figsize=(11, 3.6 + 2.3 * rows), dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1.35] + [1.0] * rows)
    above = figure.add_subplot(grid[0, :])
    _draw_prices(above, data, outcome)
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=5, columnspacing=1.2)
    first = None
    for position, number in enumerate(data.stays):
        axes = figure.add_subplot(grid[1 + position // columns, position % columns], sharex=first)
        first = first or axes
        price = _draw_type(axes, data, outcome, number)
        if position % columns == 0:
            axes.set_ylabel("kW per vehicle")
        else:
            price.set_ylabel("yuan/kWh")
        if position >= len(data.stays) - columns:
            axes.set_xlabel("hour of the day")
        if first is axes:
            handles, labels = axes.get_legend_handles_labels()
            more, names = price.get_legend_handles_labels()
            figure.legend(handles + more, labels + names, loc="outside lower center", ncols=4)
    return figure


def _draw_prices(axes: Axes, data: Instance, outcome: Outcome) -> None:
    edges = np.arange(len(HOURS) + 1)
    real_time = data.probability @ data.real_time_price
    axes.stairs(
        data.real_time_price.max(axis=0), edges, baseline=data.real_time_price.min(axis=0), fill=True, color=SKY,
        alpha=0.3, label="real time, range",
    )  # fmt: skip
    axes.stairs(real_time, edges, baseline=None, color=SKY, lw=1.5, label="real time, mean")
    day_ahead = data.day_ahead_price + data.day_ahead_slope * outcome.plan.day_ahead_kw
    axes.stairs(day_ahead, edges, baseline=None, color=GREY, lw=1.5, ls="--", label="day ahead")
    axes.stairs(outcome.plan.price_yuan_per_kwh, edges, baseline=None, color=VERMILION, lw=2.5, label="retail")
    axes.axhline(data.price_limits[2], color=VERMILION, lw=0.8, ls=":", label="cap on mean retail")
    axes.set_title("Retail price, and what energy costs the retailer at its purchase")
    axes.set_ylabel("yuan/kWh")
    axes.set_xlim(0, len(HOURS))
    axes.set_ylim(0, 1.02 * max(data.price_limits[1], data.real_time_price.max()))
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.set_xlabel("hour of the day")


def _draw_type(axes: Axes, data: Instance, outcome: Outcome, number: int) -> Axes:
    stay, response = data.stays[number], outcome.plan.responses[number]
    begin = stay.hours[0]
    at = begin + np.arange(len(stay.hours)) + 0.5
    axes.bar(at, response.charge_kw, width=0.9, color=BLUE, label="charging")
    axes.bar(at, -response.discharge_kw, width=0.9, color=ORANGE, label="discharging")
    axes.axhline(0, color="black", lw=0.6)
    limit = 1.15 * data.vehicle.power_kw
    axes.set_ylim(-limit, limit)
    energy = f"{stay.arrival_energy_kwh:g} to {stay.departure_energy_kwh:g} kWh"
    axes.set_title(f"Type {number}: {energy}, {100 * data.share[list(data.stays).index(number)]:.0f} % of vehicles")
    first = min(each.hours[0] for each in data.stays.values())
    last = max(each.hours[0] + len(each.hours) for each in data.stays.values())
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{int(hour) % len(HOURS)}"))
    other = axes.twinx()
    edges = begin + np.arange(len(stay.hours) + 1)
    price = outcome.plan.price_yuan_per_kwh[list(stay.hours)]
    other.stairs(price, edges, baseline=None, color=VERMILION, lw=1.8, label="retail price, yuan/kWh")
    worth = stay.utility_yuan_per_kwh
    other.stairs(
        worth, edges, baseline=None, color=GREEN, lw=1.8, ls="--", label="worth of energy to the owner, yuan/kWh"
    )
    # both zeros on one line
    top = 1.15 * data.price_limits[1]
    other.set_ylim(-top, top)
    other.set_yticks([0, 0.3, 0.6, 0.9])
    other.grid(visible=False)
    other.spines["right"].set_visible(True)
    return other


def convergence(monitor: Monitor) -> Figure:
    """Draw the bounds after each round, and inside the masters the best plan and bound over time."""
    figure = Figure(figsize=(11, 4.2), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.4])
    count = np.arange(1, len(monitor.rounds) + 1)
    lower = np.array([round_.lower for round_ in monitor.rounds])
    upper = np.array([round_.upper for round_ in monitor.rounds])
    left.fill_between(count, lower, upper, color=SKY, alpha=0.3)
    left.plot(count, upper, color=VERMILION, marker="v", label="proven bound")
    left.plot(count, lower, color=BLUE, marker="^", label="worst case of the best plan")
    for at, low, round_ in zip(count, lower, monitor.rounds, strict=True):
        gap = f"gap {100 * round_.gap:.2f} %"
        left.annotate(gap, (at, low), xytext=(0, -18), textcoords="offset points", ha="center")
    left.set_xlim(0.5, len(count) + 1.0)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.margins(y=0.25)
    left.set_title("Column-and-constraint generation")
    left.set_xlabel("round")
    left.set_ylabel("profit, yuan a day")
    left.legend(loc="best")
    for k, master in enumerate(monitor.samples):
        known = [sample for sample in master if isfinite(sample.incumbent)]
        seconds = [sample.seconds for sample in master]
        bound = [sample.bound for sample in master]
        names = ("bound of the master", "best plan of the master") if k == 0 else (None, None)
        right.plot(seconds, bound, color=VERMILION, lw=1.8, label=names[0], drawstyle="steps-post")
        right.plot(
            [sample.seconds for sample in known], [sample.incumbent for sample in known], color=BLUE, lw=1.8,
            label=names[1], drawstyle="steps-post",
        )  # fmt: skip
    for k, round_ in enumerate(monitor.rounds):
        right.axvline(round_.seconds, color=GREY, lw=0.8, ls=":", label="end of a round" if k == 0 else None)
    plans = [sample.incumbent for master in monitor.samples for sample in master if isfinite(sample.incumbent)]
    if plans:
        right.set_ylim(min(plans) - 0.02 * abs(max(plans)), max(plans) + 0.08 * abs(max(plans)))
    right.set_xlim(left=0)
    right.set_title("Branch and bound inside the masters")
    right.set_xlabel("seconds")
    right.set_ylabel("profit, yuan a day")
    right.legend(loc="upper right")
    return figure


def distributions(data: Instance, outcome: Outcome) -> Figure:
    """Draw the shares of the types as observed and as nature sets them, and by how much it moves each."""
    figure = Figure(figsize=(9, 5.6), dpi=DPI, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    at = np.arange(len(data.stays))
    above.bar(at - 0.2, 100 * data.share, width=0.38, color=GREY, label="observed")
    above.bar(at + 0.2, 100 * outcome.worst_share, width=0.38, color=VERMILION, label="worst for the retailer")
    above.set_title("Shares of the types: observed, and the worst within the ball")
    above.set_ylabel("% of vehicles")
    above.legend(loc="upper right", ncols=2)
    above.margins(y=0.15)
    move = 100 * (outcome.worst_share - data.share)
    below.bar(at, move, width=0.6, color=np.where(move > 0, VERMILION, BLUE))
    below.axhline(0, color="black", lw=0.6)
    if outcome.ball.linf is not None:
        for side in (-1, 1):
            below.axhline(
                side * 100 * outcome.ball.linf,
                color=GREY,
                lw=1,
                ls="--",
                label="limit of one move" if side > 0 else None,
            )
        below.legend(loc="upper right")
    below.margins(y=0.45)
    below.set_title("Moved by nature")
    below.set_ylabel("percentage points")
    below.set_xlabel("type of vehicle")
    below.set_xticks(at, [str(number) for number in data.stays])
    return figure


def profit_spread(samples: Samples) -> Figure:
    """Draw how profit spreads over sampled shares, for each plan."""
    figure = Figure(figsize=(11, 4.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(samples), squeeze=False)[0]
    for axes, (source, plans) in zip(panels, samples.items(), strict=True):
        every = np.concatenate(list(plans.values()))
        every = every[np.isfinite(every)]
        bins = np.linspace(every.min(), every.max() + 1e-9, 36).tolist()
        for (name, profits), colour, filled in zip(plans.items(), (SKY, VERMILION), (True, False), strict=False):
            label = f"{name} plan: least {profits.min():.2f}, sd {profits.std():.2f}"
            kind: Literal["stepfilled", "step"] = "stepfilled" if filled else "step"
            axes.hist(profits, bins=bins, color=colour, histtype=kind, lw=1.8, label=label)
            axes.axvline(profits.min(), color=colour, lw=1.5, ls="--")
        axes.set_title(f"Shares {source}")
        axes.set_xlabel("profit, yuan a day")
        axes.margins(y=0.4)
        axes.legend(loc="upper right", fontsize=9)
    panels[0].set_ylabel(f"of {len(next(iter(next(iter(samples.values())).values())))} samples")
    return figure
