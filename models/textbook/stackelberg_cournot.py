"""One firm produces first, the others then compete in quantities for what is left.

::

    max_x  (a - x - y_1 - y_2 - c) x        y_i in argmax_{y >= 0}  (a - x - y_1 - y_2 - c) y_i

Form: Sherali, Soyster and Murphy, Operations Research 31 (1983), doi:10.1287/opre.31.2.253. With a = 12 and c = 2 the
followers' conditions 3 y_i = 10 - x leave the leader x (10 - x) / 3: x = 5, profit 25/3. The leader produces whole
units: its profit is neither linear nor concave on the responses, and products with a bounded integer are exact.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

ANSWER = 25 / 3

SIZE, COST, FIRMS = 12.0, 2.0, (1, 2)


def stackelberg_cournot() -> pyo.ConcreteModel:
    """Return the game of one leading and two following firms."""
    m = pyo.ConcreteModel("Stackelberg-Cournot")
    m.output = pyo.Var(domain=pyo.Integers, bounds=(0, 10))

    @m.Follower(FIRMS)
    def firm(firm: Any, _: int) -> None:
        firm.output = pyo.Var(bounds=(0, 10))

    margin = SIZE - m.output - sum(m.firm[i].output for i in FIRMS) - COST
    for i in FIRMS:
        m.firm[i].profit = pyo.Objective(expr=margin * m.firm[i].output, sense=pyo.maximize)
    m.profit = pyo.Objective(expr=margin * m.output, sense=pyo.maximize)
    return m
