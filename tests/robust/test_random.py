"""Random two-stage problems against their extensive form over all vertices, by an independent solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import LinearConstraint, milp

from bilevel.robust.ccg import CCG, solve_two_stage
from reformulations.programs import (
    BilevelProgram,
    Columns,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)
from reformulations.scaling import Scaled
from reformulations.sets.budget import Budget
from reformulations.sets.distributions import DistributionBall
from reformulations.uncertainty import Box, Polyhedron, Scenarios, UncertaintySet

MOST_FIRST, MOST_RECOURSE = 4.0, 6.0


@dataclass(frozen=True)
class Instance:
    """sense: c'z + b'r + d'u + u'D z;   low <= A z + N u + G r + u_i P_i z <= high, integers first."""

    sense: float
    integers: int
    first: np.ndarray
    nature: np.ndarray
    recourse: np.ndarray
    crossed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    costs: tuple[np.ndarray, np.ndarray, np.ndarray]
    crossed_cost: np.ndarray
    within: UncertaintySet


FAMILIES = ("box", "budget", "polyhedron", "scenarios", "distributions")


def uncertainty_set(draw: st.DrawFn, k: int, kind: str) -> UncertaintySet:
    if kind == "box":
        low = np.array([draw(st.integers(-2, 1)) for _ in range(k)], float)
        return Box(low, low + [draw(st.integers(0, 2)) for _ in range(k)])
    if kind == "budget":
        deviation = np.array([draw(st.integers(0, 2)) for _ in range(k)], float)
        return Budget(np.zeros(k), deviation, draw(st.sampled_from([0.5, 1.0, 1.5])), draw(st.booleans()))
    if kind == "polyhedron":
        row = np.array([[draw(st.integers(0, 2)) for _ in range(k)]], float)
        return Polyhedron(sparse.csr_array(row), np.array([-np.inf]), np.array([1.5]), np.zeros(k), np.ones(k))
    if kind == "scenarios":
        return Scenarios(np.array([[draw(st.integers(-2, 2)) for _ in range(k)] for _ in range(3)], float))
    return DistributionBall(np.full(k, 1 / k), draw(st.sampled_from([0.0, 0.4, 2.0])))


@st.composite
def instances(draw: st.DrawFn, families: tuple[str, ...] = FAMILIES) -> Instance:
    n, k, q, m = (draw(st.integers(1, most)) for most in (3, 3, 3, 4))

    def numbers(*shape: int, most: int = 3, density: int = 2) -> np.ndarray:
        count = int(np.prod(shape))
        values = [draw(st.integers(-most, most)) if draw(st.integers(0, density)) else 0 for _ in range(count)]
        return np.array(values, float).reshape(shape)

    # mostly below zero, so that most instances have a plan
    low = np.array([draw(st.integers(-6, 1)) for _ in range(m)], float)
    width = np.array([draw(st.sampled_from([np.inf, 12.0, np.inf, 8.0, 0.0])) for _ in range(m)])
    return Instance(
        sense=draw(st.sampled_from([1.0, -1.0])),
        integers=draw(st.integers(0, n)),
        first=numbers(m, n),
        nature=numbers(m, k, most=2),
        recourse=numbers(m, q),
        crossed=numbers(k, m, n, most=1, density=1),
        low=low,
        high=low + width,
        costs=(numbers(n), numbers(q), numbers(k)),
        crossed_cost=numbers(k, n, most=1),
        within=uncertainty_set(draw, k, draw(st.sampled_from(families))),
    )


def program_of(instance: Instance) -> BilevelProgram:
    m, n = instance.first.shape
    k, q = instance.nature.shape[1], instance.recourse.shape[1]
    lower = np.concatenate([np.zeros(n), np.full(k, -np.inf), np.zeros(q)])
    upper = np.concatenate([np.full(n, MOST_FIRST), np.full(k, np.inf), np.full(q, MOST_RECOURSE)])
    i, row, j = np.nonzero(instance.crossed)
    cost_i, cost_j = np.nonzero(instance.crossed_cost)
    linear = np.zeros((3, n + k + q))
    linear[0] = np.concatenate([instance.costs[0], instance.costs[2], instance.costs[1]])
    size = n + k + q
    integer = np.arange(size) < instance.integers
    return BilevelProgram(
        players=["leader", "nature", "recourse"],
        roles=np.array([Role.LEADER, Role.NATURE, Role.RECOURSE]),
        columns=Columns(lower, upper, integer, Names(size, lambda c: f"column {c}")),
        column_owner=np.repeat([0, 1, 2], [n, k, q]),
        rows=Rows(
            sparse.csr_array(np.hstack([instance.first, instance.nature, instance.recourse])),
            instance.low,
            instance.high,
            Names(m, lambda r: f"row {r}"),
            Product.of(row, j, n + i, instance.crossed[i, row, j]),
        ),
        row_owner=np.full(m, 2),
        objectives=Objectives(
            np.array([instance.sense, 1.0, 1.0]),
            np.zeros(3),
            sparse.csr_array(linear),
            Product.of(np.zeros(len(cost_i), int), cost_j, n + cost_i, instance.crossed_cost[cost_i, cost_j]),
        ),
        multipliers=MultiplierColumns(np.empty(0, int), sparse.csr_array((0, m + 2 * size))),
    )


def extensive_optimum(instance: Instance) -> float | None:
    """Optimum of the program with one copy of recourse a vertex; None where there is no plan."""
    vertices = instance.within.vertices(1000)
    m, n = instance.first.shape
    q, count = instance.recourse.shape[1], len(vertices)
    width = n + 1 + q * count
    matrix, low, high = np.zeros((count * (m + 1), width)), [], []
    for v, u in enumerate(vertices):
        rows = slice(v * (m + 1), v * (m + 1) + m)
        own = slice(n + 1 + v * q, n + 1 + (v + 1) * q)
        matrix[rows, :n] = instance.first + np.tensordot(u, instance.crossed, axes=1)
        matrix[rows, own] = instance.recourse
        low.extend([*(instance.low - instance.nature @ u), instance.sense * float(instance.costs[2] @ u)])
        high.extend([*(instance.high - instance.nature @ u), np.inf])
        last = v * (m + 1) + m
        matrix[last, :n] = -instance.sense * (u @ instance.crossed_cost)
        matrix[last, n] = 1
        matrix[last, own] = -instance.sense * instance.costs[1]
    cost = np.concatenate([instance.sense * instance.costs[0], [1], np.zeros(q * count)])
    box = (
        np.concatenate([np.zeros(n), [-np.inf], np.zeros(q * count)]),
        np.concatenate([np.full(n, MOST_FIRST), [np.inf], np.full(q * count, MOST_RECOURSE)]),
    )
    for presolve in (True, False):  # with presolve the solver has been seen to end with an error
        answer = milp(
            cost,
            constraints=LinearConstraint(matrix, np.array(low), np.array(high)),
            integrality=np.arange(width) < instance.integers,
            options={"mip_rel_gap": 0.0, "presolve": presolve},
            bounds=box,
        )
        if answer.status in (0, 2):
            break
    assert answer.status in (0, 2)
    return None if answer.status == 2 else instance.sense * float(answer.fun)


def check(instance: Instance, oracle: str) -> None:
    check_program(program_of(instance), instance, oracle)


def check_program(program: BilevelProgram, instance: Instance, oracle: str) -> None:
    answer = solve_two_stage(program, instance.within, CCG(oracle=oracle))
    expected = extensive_optimum(instance)
    if expected is None:
        assert answer.status == "infeasible"
    else:
        assert answer.status == "optimal"
        assert answer.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)
        lower = [round_.lower for round_ in answer.iterations]
        assert lower == sorted(lower)


@given(instances())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_vertex_oracle_finds_the_optimum_of_the_extensive_form(instance: Instance):
    check(instance, "vertices")


@given(instances())
@settings(max_examples=15, derandomize=True, deadline=None)
def test_the_game_oracle_finds_the_optimum_of_the_extensive_form(instance: Instance):
    check(instance, "game")


@pytest.mark.long
@pytest.mark.parametrize("family", ["budget", "polyhedron", "distributions"])
def test_three_hundred_instances_of_each_family_agree_with_the_extensive_form(family: str):
    @given(instances((family,)))
    @settings(max_examples=300, derandomize=True, deadline=None)
    def agrees(instance: Instance) -> None:
        check(instance, "vertices")

    agrees()


def check_in_bad_units(instance: Instance, seed: int, oracle: str) -> None:
    """Rows in units of 1e-4 to 1e6, columns in units of 1e-4 to 1e4: the leader's value is the same."""
    program, random = program_of(instance), np.random.default_rng(seed)
    rows = 10.0 ** random.integers(-4, 7, len(program.rows))
    columns = 10.0 ** random.integers(-4, 5, len(program.columns))
    columns[program.columns.integer | (program.roles[program.column_owner] == Role.NATURE)] = 1.0
    scaled = Scaled(rows, columns, np.ones(len(program.players))).apply(program)
    check_program(scaled.program, instance, oracle)


@given(instances(), st.integers(0, 1000), st.sampled_from(["vertices", "game"]))
@settings(max_examples=15, derandomize=True, deadline=None)
def test_bad_units_do_not_change_the_answer(instance: Instance, seed: int, oracle: str):
    check_in_bad_units(instance, seed, oracle)


@pytest.mark.long
@given(instances(), st.integers(0, 1000), st.sampled_from(["vertices", "game"]))
@settings(max_examples=300, deadline=None)
def test_bad_units_do_not_change_300_answers(instance: Instance, seed: int, oracle: str):
    check_in_bad_units(instance, seed, oracle)
