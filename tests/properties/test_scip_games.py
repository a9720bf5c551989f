"""Random games solved by SCIP against oracles that know neither SCIP nor optimality conditions."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import isfinite
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from bilevel.testing import Game, declare, enumerated, games

SMALL = st.integers(-3, 3)
DECISIONS = (0, 1, 2)


@pytest.mark.parametrize("encoding", [bl.SOS1(), bl.Indicator()], ids=["SOS1", "indicator"])
def test_encodings_without_bounds_and_enumeration_agree(encoding: bl.SOS1 | bl.Indicator):
    seen: Counter[str] = Counter()

    @settings(max_examples=30)
    @given(games())
    def agree(game: Game) -> None:
        expected = enumerated(game).value
        try:
            solution = bl.solve(declare(game), method=bl.KKT(complementarity=encoding))
        except (bl.InfeasibleFollower, bl.UnboundedFollower):
            assert expected is None
            return
        seen[solution.status] += 1
        if expected is None:
            assert solution.status == "infeasible"
        elif isfinite(expected):
            assert solution.status == "optimal"
            assert solution.certificate.holds
            assert solution.objective == pytest.approx(expected, rel=1e-5, abs=1e-5)
        else:
            assert solution.status == "unbounded"

    agree()
    assert seen["optimal"] >= 10


@st.composite
def crossed(draw: Any) -> dict[str, np.ndarray]:
    """Two leader's integers, two follower's columns in [0, 3]; rows ``(A + x0 B0 + x1 B1) y <= r + C x``.

    The leader minimises ``d y + x' D y + x' E x``, the follower ``c y``.
    """

    def numbers(*shape: int) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(draw(st.lists(SMALL, min_size=size, max_size=size)), float).reshape(shape)

    rows = draw(st.integers(1, 2))
    return {
        "A": numbers(rows, 2), "B": numbers(2, rows, 2), "C": numbers(rows, 2), "r": numbers(rows) + 3,
        "c": numbers(2), "d": numbers(2), "D": numbers(2, 2), "E": numbers(2, 2),
    }  # fmt: skip


def declared(data: dict[str, np.ndarray]) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(2), bounds=(0, 2), domain=pyo.Integers)
    m.follower = bl.Follower()
    m.follower.y = pyo.Var(range(2), bounds=(0, 3))
    x, y = [m.x[0], m.x[1]], [m.follower.y[0], m.follower.y[1]]
    m.follower.row = pyo.Constraint(pyo.Any)
    for k in range(len(data["r"])):
        left = sum(data["A"][k, j] * y[j] + sum(data["B"][i, k, j] * x[i] * y[j] for i in range(2)) for j in range(2))
        used = any(data["A"][k]) or data["B"][:, k].any()
        if used:
            m.follower.row[k] = left <= data["r"][k] + sum(data["C"][k, i] * x[i] for i in range(2))
    m.follower.goal = pyo.Objective(expr=sum(data["c"][j] * y[j] for j in range(2)) + 0 * y[0])
    crossed_terms = sum(data["D"][i, j] * x[i] * y[j] for i in range(2) for j in range(2))
    squares = sum(data["E"][i, j] * x[i] * x[j] for i in range(2) for j in range(2))
    m.goal = pyo.Objective(expr=sum(data["d"][j] * y[j] for j in range(2)) + crossed_terms + squares)
    return m


def by_enumeration(data: dict[str, np.ndarray]) -> float | None:
    """Look at every decision: the follower's optimum, then the leader's best response within it."""
    best = None
    for decision in product(DECISIONS, repeat=2):
        x = np.array(decision, float)
        matrix, right = data["A"] + np.tensordot(x, data["B"], 1), data["r"] + data["C"] @ x
        used = (data["A"] != 0).any(axis=1) | (data["B"] != 0).any(axis=(0, 2))
        matrix, right = matrix[used], right[used]
        rows = {"A_ub": matrix, "b_ub": right} if len(right) else {}
        first = linprog(data["c"], bounds=(0, 3), **rows)
        if first.status != 0:
            continue
        weights = data["d"] + x @ data["D"]
        second = linprog(
            weights,
            bounds=(0, 3),
            A_ub=np.vstack([matrix, data["c"]]),
            b_ub=np.concatenate([right, [first.fun + 1e-9]]),
        )
        value = second.fun + x @ data["E"] @ x
        best = value if best is None else min(best, value)
    return best


def test_leaders_products_in_followers_rows_agree_with_enumeration():
    """Multipliers have no bounds here, so some searches end at the time limit: then the bound is valid all the same."""
    solved: Counter[str] = Counter()

    @settings(max_examples=20)
    @given(crossed())
    def agree(data: dict[str, np.ndarray]) -> None:
        expected = by_enumeration(data)
        try:
            solution = bl.solve(declared(data), solver="scip", time_limit=1.0)
        except bl.SolverFailure:  # SCIP gives up on the numbers, and says so
            return
        except bl.InfeasibleFollower:
            solved["none"] += expected is None
            solved["wrong"] += expected is not None
            return
        solved[solution.status] += 1
        if solution.status == "infeasible":
            assert expected is None
        if solution.status == "optimal":
            assert solution.certificate.holds
            assert solution.objective == pytest.approx(expected, rel=1e-5, abs=1e-5)
        if solution.bound is not None and expected is not None:
            assert solution.bound <= expected + 1e-5 * max(1.0, abs(expected))

    agree()
    assert solved["wrong"] == 0
    assert solved["optimal"] >= 8
