"""The figure of charging at work; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
from matplotlib.figure import Figure

from models import charts
from models.workplace_charging.data import Instance


def write(folder: Path, m: pyo.ConcreteModel, data: Instance) -> Iterator[Path]:
    """Write the figure of a solved game as PNG into ``folder`` and yield its path."""
    return charts.write(folder, "workplace_charging", {"load": lambda: load(m, data)})


def load(m: pyo.ConcreteModel, data: Instance) -> Figure:
    """Draw the load of the site, and below price and cost of a kWh."""
    figure = Figure(figsize=(9, 5.6), dpi=charts.DPI, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    hours, building = np.array(list(data.energy_cost)), np.array(list(data.building_kw.values()))
    above.bar(hours, building, width=0.9, color=charts.GREY, label="building")
    charging = np.array([pyo.value(m.charging_kw[t]) for t in hours])
    above.bar(hours, charging, width=0.9, bottom=building, color=charts.BLUE, label="vehicles")
    above.axhline(data.limit_kw, color=charts.VERMILION, ls="--", label="limit of the site")
    above.set(title="Load of the site", ylabel="kW", ylim=(0, 1.25 * data.limit_kw))
    above.legend(loc="upper right", ncols=3)
    edges = np.append(hours - 0.5, hours[-1] + 0.5)
    below.stairs(
        [pyo.value(m.price[t]) for t in hours], edges, baseline=None, color=charts.VERMILION, lw=2, label="price"
    )
    below.stairs(list(data.energy_cost.values()), edges, baseline=None, color=charts.SKY, lw=2, label="cost")
    below.set(title="What a kWh costs", xlabel="hour of the day", ylabel="yuan/kWh", ylim=(0, 1.3 * data.most_price))
    below.set_xticks(hours)
    below.legend(loc="upper right", ncols=2)
    return figure
