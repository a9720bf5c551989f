"""Tolls on a network: one leader sets them, and each group of drivers takes its cheapest way.

max  sum_k n_k t'y_k   s.t.  0 <= t;   y_k solves   min  (c + t)'y   s.t.  outflow - inflow of each node = b_k,  0 <= y
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyomo.environ as pyo

import bilevel as bl


@dataclass(frozen=True, slots=True)
class TollCase:
    """A network of arcs with costs, some of which take tolls, its first groups of drivers, and the best revenue."""

    name: str
    network: dict[str, Any]
    revenue: float

    def model(self) -> pyo.ConcreteModel:
        """Declare the game; a toll has no upper bound, since every group has a way without any."""
        arcs, groups = self.network["A"], self.network["K"]
        m = pyo.ConcreteModel(self.name)
        m.toll = pyo.Var([i for i, arc in enumerate(arcs) if arc["toll"]], domain=pyo.NonNegativeReals)
        m.driver = bl.Follower(range(len(groups)))
        for k, block in m.driver.items():
            _drive(block, arcs, groups[k], self.network["V"], m.toll)
        earned = sum(groups[k]["demand"] * m.toll[i] * m.driver[k].y[i] for k in m.driver for i in m.toll)
        m.revenue = pyo.Objective(expr=earned, sense=pyo.maximize)
        return m


def _drive(block: Any, arcs: list[dict[str, Any]], group: dict[str, Any], nodes: int, toll: Any) -> None:
    y = block.y = pyo.Var(range(len(arcs)), domain=pyo.NonNegativeReals)

    def balance(_: Any, node: int) -> Any:
        out = sum(y[i] for i, arc in enumerate(arcs) if arc["src"] == node)
        into = sum(y[i] for i, arc in enumerate(arcs) if arc["dst"] == node)
        return out - into == (node == group["orig"]) - (node == group["dest"])

    block.balance = pyo.Constraint(range(1, nodes + 1), rule=balance)
    block.cost = pyo.Objective(
        expr=sum(arc["cost"] * y[i] for i, arc in enumerate(arcs)) + sum(toll[i] * y[i] for i in toll)
    )


def toll_cases(folder: Path) -> list[TollCase]:
    """Return the cases of a folder, those with few groups first."""
    found = []
    for name, facts in json.loads((folder / "values.json").read_text()).items():
        network = json.loads((folder / facts["file"]).read_text())["problem"]
        groups = network["K"][: facts["first_K_commodities"]]
        found.append(TollCase(name, {**network, "K": groups}, facts["revenue"]))
    return sorted(found, key=lambda case: len(case.network["K"]))
