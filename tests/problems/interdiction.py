"""Knapsack interdiction: the format ``.ki``, the game, and its optimum by enumeration."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo

import bilevel as bl


def read_interdiction(path: Path) -> dict[str, Any]:
    """Return ``n``, capacity, budget, and weights, costs and profits in the file's order."""
    lines = path.read_text().splitlines()
    capacity, budget = int(lines[1]), int(lines[2])
    weight, cost, profit = (np.array(line.split(), np.int64) for line in lines[3:6])
    return {"profit": profit, "weight": weight, "cost": cost, "capacity": capacity, "budget": budget}


def interdict(profit: Any, weight: Any, cost: Any, capacity: int, budget: int) -> pyo.ConcreteModel:
    """The leader forbids items within its budget, the follower packs the best of the others: min max profit."""
    items = range(len(profit))
    m = pyo.ConcreteModel()
    m.x = pyo.Var(items, domain=pyo.Binary)
    m.budget = pyo.Constraint(expr=sum(int(cost[j]) * m.x[j] for j in items) <= budget)
    m.follower = bl.Follower()
    y = m.follower.y = pyo.Var(items, domain=pyo.Binary)
    m.follower.capacity = pyo.Constraint(expr=sum(int(weight[j]) * y[j] for j in items) <= capacity)
    m.follower.forbidden = pyo.Constraint(items, rule=lambda _, j: y[j] + m.x[j] <= 1)
    packed = sum(int(profit[j]) * y[j] for j in items)
    m.follower.goal = pyo.Objective(expr=packed, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=packed)
    return m


def optimum_by_enumeration(profit: Any, weight: Any, cost: Any, capacity: int, budget: int) -> float:
    """Return the optimum by trying every set of the leader against every packing."""
    choices = np.array(list(itertools.product((0, 1), repeat=len(profit))))
    leader = choices[choices @ cost <= budget]
    packings = choices[choices @ weight <= capacity]
    clash = leader @ packings.T > 0
    gain = np.where(clash, -1, packings @ profit)
    return float(gain.max(axis=1).min())
