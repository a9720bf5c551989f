"""The leader forbids items within its budget, the follower packs the best of the others: integer followers.

::

    min_x  max_y  p'y    s.t.  x binary, c'x <= 6;   y binary, w'y <= 9, y <= 1 - x

Form: DeNegre (2011) and Caprara, Carvalho, Lodi and Woeginger, INFORMS Journal on Computing 28 (2016),
doi:10.1287/ijoc.2015.0676; data ours. Without the first two items (cost 6) the follower packs the last two, worth
6 + 5 = 11; every other affordable set leaves 12 or more.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

ANSWER = 11.0

PROFIT, WEIGHT, COST = (9, 7, 6, 5), (5, 4, 4, 3), (3, 3, 4, 2)
CAPACITY, BUDGET = 9, 6


def knapsack_interdiction() -> pyo.ConcreteModel:
    """Return the game of interdictor and packer."""
    items = range(len(PROFIT))
    m = pyo.ConcreteModel("knapsack interdiction")
    m.forbid = pyo.Var(items, domain=pyo.Binary)
    m.budget = pyo.Constraint(expr=sum(COST[j] * m.forbid[j] for j in items) <= BUDGET)

    @m.Follower()
    def packer(packer: Any) -> None:
        packer.packs = pyo.Var(items, domain=pyo.Binary)
        packer.fits = pyo.Constraint(expr=sum(WEIGHT[j] * packer.packs[j] for j in items) <= CAPACITY)
        packer.allowed = pyo.Constraint(items, rule=lambda block, j: block.packs[j] <= 1 - m.forbid[j])
        packer.gain = pyo.Objective(expr=sum(PROFIT[j] * packer.packs[j] for j in items), sense=pyo.maximize)

    m.gain = pyo.Objective(expr=sum(PROFIT[j] * m.packer.packs[j] for j in items))
    return m
