"""The figures of the aggregators and their credit points; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from models import charts
from models.charts import BLUE, DPI, GREY, ORANGE, VERMILION
from models.credit_points.credit import Choice
from models.credit_points.data import HOURS, Instance
from models.credit_points.equilibrium import Equilibrium


def write(folder: Path, data: Instance, found: Equilibrium, swept: dict[str, dict[float, Choice]]) -> Iterator[Path]:
    """Write the figures as PNG into ``folder`` and yield their paths."""
    return charts.write(
        folder,
        "credit_points",
        {
            "prices": lambda: nodal_prices(data, found),
            "contracts": lambda: contracts(data, found),
            "choices": lambda: choices(swept),
        },
    )


def nodal_prices(data: Instance, found: Equilibrium) -> Figure:
    """Draw by how much the price of each bus and hour is above that of the substation."""
    figure = Figure(figsize=(9, 5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    at_substation = found.price[data.feeder.substation]
    dearer = np.array([100 * (profile / at_substation - 1) for profile in found.price.values()])
    edges = np.arange(len(HOURS) + 1)
    mesh = axes.pcolormesh(edges, np.arange(len(dearer) + 1) + 0.5, dearer, cmap="cividis")
    for number, aggregator in data.aggregators.items():
        axes.annotate(f" aggregator {number}", (len(HOURS), aggregator.bus), annotation_clip=False, va="center")
    figure.colorbar(mesh, label="% above the substation", pad=0.12)
    axes.set_title("How far the price of each bus is above that of the substation")
    axes.set_xlabel("hour of the day")
    axes.set_ylabel("bus")
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.grid(visible=False)
    return figure


def contracts(data: Instance, found: Equilibrium) -> Figure:
    """Draw contract, charging of vehicles and stored energy of each aggregator, with the price of its bus."""
    figure = Figure(figsize=(11, 3.8), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(data.aggregators), sharey=True, squeeze=False)[0]
    edges = np.arange(len(HOURS) + 1)
    for axes, (number, aggregator) in zip(panels, data.aggregators.items(), strict=True):
        axes.stairs(found.vehicles_mwh[number], edges, fill=True, color=BLUE, alpha=0.35, label="vehicles")
        axes.stairs(found.contract_mwh[number], edges, baseline=None, color=ORANGE, lw=2, label="contract")
        axes.plot(edges[1:], found.stored_mwh[number], color=GREY, lw=1.2, ls="--", label="stored")
        axes.set_title(f"Aggregator {number}, bus {aggregator.bus}")
        axes.set_xlabel("hour of the day")
        axes.xaxis.set_major_locator(MultipleLocator(4))
        other = axes.twinx()
        other.stairs(found.price[aggregator.bus], edges, baseline=None, color=VERMILION, lw=1.5, label="price")
        other.set_ylim(0, 1.05 * max(profile.max() for profile in found.price.values()))
        other.grid(visible=False)
        other.tick_params(right=axes is panels[-1], labelright=axes is panels[-1])
        if axes is panels[-1]:
            other.set_ylabel("yuan/MWh")
            handles, labels = axes.get_legend_handles_labels()
            more, names = other.get_legend_handles_labels()
            figure.legend(handles + more, labels + names, loc="outside upper center", ncols=4)
    panels[0].set_ylabel("MWh, in an hour or stored")
    return figure


def choices(swept: dict[str, dict[float, Choice]]) -> Figure:
    """Draw the part of users at recommended stations and in the valley as each parameter of the credit varies."""
    figure = Figure(figsize=(11, 3.2), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(swept), sharey=True, squeeze=False)[0]
    for axes, (parameter, found) in zip(panels, swept.items(), strict=True):
        recommended, valley = zip(
            *((100 * each.recommended, 100 * each.valley) for each in found.values()), strict=True
        )
        axes.plot(list(found), recommended, "o-", color=BLUE, ms=4, label="recommended station")
        axes.plot(list(found), valley, "s--", color=ORANGE, ms=4, label="valley")
        axes.set_xlabel(parameter)
        axes.set_ylim(0, 105)
    panels[0].set_ylabel("% of users")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
