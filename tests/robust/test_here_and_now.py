"""Random games whose followers respond before nature moves, against all decisions and all vertices of the set."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from tests.robust.agreement import assert_agrees

SETS = {
    "box": bl.uncertainty.Box(-1, 1),
    "budget": bl.uncertainty.Budget(0, 1, budget=1.5),
    "polyhedron": bl.uncertainty.Polyhedron(rows=[({0: 1, 1: 2}, "<=", 1.5)], bounds=(0, 1)),
}


@dataclass(frozen=True)
class Instance:
    """Min a'z + q'y + max_{u in U} {b'r + (v + V z)'u},  z in {0, 1}^2;  r_i >= D_i y + E_i u + G_i z, 0 <= r <= 9;

    y solves, in [0, 2]^2,  min (c + C z)'y  s.t.  w'y >= h + k'z.  Two entries everywhere.
    """

    a: np.ndarray
    q: np.ndarray
    b: np.ndarray
    v: np.ndarray
    vz: np.ndarray
    d: np.ndarray
    e: np.ndarray
    g: np.ndarray
    c: np.ndarray
    cz: np.ndarray
    w: np.ndarray
    h: float
    k: np.ndarray
    kind: str


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    def numbers(*shape: int, low: int = -3, high: int = 3) -> np.ndarray:
        return np.array([draw(st.integers(low, high)) for _ in range(int(np.prod(shape)))], float).reshape(shape)

    square = (2, 2)
    return Instance(
        numbers(2),
        numbers(2),
        numbers(2, low=0),
        numbers(2, low=-1, high=1),
        numbers(*square, low=-1, high=1),
        numbers(*square),
        numbers(*square),
        numbers(*square),
        numbers(2),
        numbers(*square),
        np.array([draw(st.sampled_from([-2.0, -1.0, 1.0, 2.0])) for _ in range(2)]),
        float(draw(st.integers(-3, 3))),
        numbers(2),
        draw(st.sampled_from(sorted(SETS))),
    )


def model_of(case: Instance) -> pyo.ConcreteModel:
    two, m = [0, 1], pyo.ConcreteModel()
    m.z = pyo.Var(two, domain=pyo.Binary)
    m.f = bl.Follower()
    m.f.y = pyo.Var(two, bounds=(0, 2))

    def dot(numbers: np.ndarray, variables: object) -> object:
        return sum(number * variables[i] for i, number in enumerate(numbers.tolist()))

    m.f.goal = pyo.Objective(expr=sum((case.c.tolist()[i] + dot(case.cz[i], m.z)) * m.f.y[i] for i in two))
    m.f.need = pyo.Constraint(expr=dot(case.w, m.f.y) >= case.h + dot(case.k, m.z))
    m.u = bl.Uncertain(two, within=SETS[case.kind])
    m.later = bl.Recourse()
    m.later.r = pyo.Var(two, bounds=(0, 9))
    m.later.cover = pyo.Constraint(
        two,
        rule=lambda block, i: block.r[i] >= dot(case.d[i], m.f.y) + dot(case.e[i], m.u) + dot(case.g[i], m.z),
    )
    by_nature = sum((case.v.tolist()[i] + dot(case.vz[i], m.z)) * m.u[i] for i in two)
    m.cost = pyo.Objective(expr=dot(case.a, m.z) + dot(case.q, m.f.y) + dot(case.b, m.later.r) + by_nature)
    return m


def brute_force(case: Instance) -> float:
    """Return the optimum over all decisions; infinite where each leaves the follower or a vertex without an answer."""
    vertices = SETS[case.kind].on([0, 1], "u").vertices(50)
    count, best = len(vertices), np.inf
    width = 3 + 2 * count  # y, the worst case, then r of each vertex
    for z in np.array(list(product((0.0, 1.0), repeat=2))):
        price, need = case.c + case.cz @ z, case.h + case.k @ z
        follower = linprog(price, A_ub=[-case.w], b_ub=[-need], bounds=[(0, 2)] * 2)
        if follower.status == 2:
            continue
        rows, sides = [np.append(-case.w, np.zeros(width - 2)), np.append(price, np.zeros(width - 2))], []
        sides += [-need, follower.fun + 1e-9]
        for v, u in enumerate(vertices):
            own = slice(3 + 2 * v, 5 + 2 * v)
            cover, worst = np.zeros((2, width)), np.zeros(width)
            cover[:, :2], cover[:, own], worst[own], worst[2] = case.d, -np.eye(2), case.b, -1
            rows += [*cover, worst]
            sides += [*(-case.e @ u - case.g @ z), -(case.v + case.vz @ z) @ u]
        bounds = [(0, 2), (0, 2), (None, None), *([(0, 9)] * (2 * count))]
        cost = np.concatenate([case.q, [1.0], np.zeros(2 * count)])
        answer = linprog(cost, A_ub=np.array(rows), b_ub=sides, bounds=bounds)
        if answer.status == 0:
            best = min(best, float(case.a @ z + answer.fun))
    return best


def check(case: Instance) -> None:
    assert_agrees(model_of(case), brute_force(case))


@given(instances())
@settings(max_examples=20, deadline=None)
def test_random_games_agree_with_all_decisions_and_vertices(case: Instance) -> None:
    check(case)


@pytest.mark.long
@given(instances())
@settings(max_examples=300, deadline=None)
def test_many_random_games_agree_with_all_decisions_and_vertices(case: Instance) -> None:
    check(case)
