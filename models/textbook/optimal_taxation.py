"""A state taxes the output of firms that answer by producing less: the top of the Laffer curve.

::

    max_t  t (q_1 + q_2)     q_i in argmax_{q >= 0}  (p_i - t) q - q^2 / 2

Form: bilevel taxation as in Labbe, Marcotte and Savard, Management Science 44 (1998), doi:10.1287/mnsc.44.12.1608. With
p = (10, 4): q_i = max(0, p_i - t). Taxing both, t (14 - 2 t) is at most 24.5 (t = 3.5); driving the second firm out,
t (10 - t) is at most 25 (t = 5): two local optima, and the better one is the dearer.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

ANSWER = 25.0

PRICE = {1: 10.0, 2: 4.0}


def optimal_taxation() -> pyo.ConcreteModel:
    """Return the game of state and firms."""
    m = pyo.ConcreteModel("optimal taxation")
    m.tax = pyo.Var(bounds=(0, 10))

    @m.Follower(PRICE)
    def firm(firm: Any, i: int) -> None:
        firm.output = pyo.Var(bounds=(0, 20))
        firm.profit = pyo.Objective(expr=(PRICE[i] - m.tax) * firm.output - firm.output**2 / 2, sense=pyo.maximize)

    m.revenue = pyo.Objective(expr=sum(m.tax * m.firm[i].output for i in PRICE), sense=pyo.maximize)
    return m
