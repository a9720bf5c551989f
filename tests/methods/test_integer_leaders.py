"""Integer leaders whose decisions multiply followers' variables, in rows and objectives, against enumeration."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl

MOST, LEVELS = 4.0, range(3)


@dataclass
class Data:
    """Follower: min (c + P'x)' y,  (A + x_0 B_0 + x_1 B_1) y <= b,  y in [0, 4]; leader: min e'x + (d + Q'x)' y."""

    c: np.ndarray
    P: np.ndarray
    A: np.ndarray
    B: np.ndarray
    b: np.ndarray
    d: np.ndarray
    Q: np.ndarray
    e: np.ndarray

    @classmethod
    def random(cls, seed: int) -> Data:
        random = np.random.default_rng(seed)
        n, m = random.integers(1, 4), random.integers(1, 3)
        few = random.random((2, m, n)) < 0.5
        return cls(
            random.integers(-3, 4, n),
            random.integers(-2, 3, (2, n)),
            random.integers(-2, 4, (m, n)),
            few * random.integers(-2, 3, (2, m, n)),
            random.integers(1, 8, m),  # y = 0 is feasible
            random.integers(-4, 5, n),
            random.integers(-1, 2, (2, n)),
            random.integers(-2, 3, 2),
        )


def declared(data: Data) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    x = m.x = pyo.Var([0, 1], domain=pyo.Integers, bounds=(LEVELS[0], LEVELS[-1]))
    m.f = bl.Follower()
    n = range(len(data.c))
    y = m.f.y = pyo.Var(n, bounds=(0, MOST))

    def at(fixed: np.ndarray, varying: np.ndarray) -> pyo.Expression:
        return sum((float(fixed[j]) + sum(float(varying[i, j]) * x[i] for i in (0, 1))) * y[j] for j in n)

    m.f.rows = pyo.ConstraintList()
    for r, most in enumerate(data.b):
        if np.any(data.A[r]) or np.any(data.B[:, r]):
            m.f.rows.add(at(data.A[r], data.B[:, r]) <= float(most))
    m.f.cost = pyo.Objective(expr=at(data.c, data.P))
    m.cost = pyo.Objective(expr=sum(float(data.e[i]) * x[i] for i in (0, 1)) + at(data.d, data.Q))
    return m


def by_enumeration(data: Data, *, worst: bool) -> float:
    """Solve the follower at each decision, then the leader's best or worst over its optimal face."""
    values = []
    for x in itertools.product(LEVELS, repeat=2):
        cost = data.c + x @ data.P
        rows = data.A + np.tensordot(x, data.B, 1)
        optimum = linprog(cost, rows, data.b, bounds=(0, MOST)).fun
        sign = -1 if worst else 1
        face = np.vstack([rows, cost]), np.append(data.b, optimum + 1e-9)
        response = linprog(sign * (data.d + x @ data.Q), *face, bounds=(0, MOST))
        values.append(x @ data.e + sign * response.fun)
    return float(min(values))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_optimistic_and_pessimistic_values_are_those_of_enumeration(seed: int, worst: bool) -> None:  # noqa: FBT001
    data = Data.random(seed)
    solution = bl.solve(declared(data), pessimistic=worst, threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(by_enumeration(data, worst=worst), rel=1e-6, abs=1e-6)


def test_a_menu_of_prices_is_solved_against_customers_who_break_ties_against_the_seller() -> None:
    """At price 2 the customer may as well buy elsewhere: 2 x 5 = 10 if it does not, 1 x 5 = 5 is certain."""
    m = pyo.ConcreteModel()
    m.price = pyo.Var(domain=pyo.Integers, bounds=(0, 3))
    m.customer = bl.Follower()
    m.customer.here = pyo.Var(bounds=(0, 5))
    m.customer.bill = pyo.Objective(expr=m.price * m.customer.here + 2 * (5 - m.customer.here))
    m.revenue = pyo.Objective(expr=m.price * m.customer.here, sense=pyo.maximize)
    assert bl.solve(m).objective == pytest.approx(10)
    cautious = bl.solve(m, pessimistic=True)
    assert (cautious.status, cautious.objective, m.price.value) == ("optimal", pytest.approx(5), pytest.approx(1))
