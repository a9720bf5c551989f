"""Least violations of rows at integer decisions, and the scenarios at which they are largest."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows
from reformulations.refusal import NotApplicable
from reformulations.robust.excluded_decisions import without_decisions
from reformulations.robust.missed_rows import OneWayRows, Ray, most_missed
from reformulations.sets.budget import Budget

SEEDS = st.integers(0, 10_000)


def rows_of(random: np.random.Generator) -> OneWayRows:
    """Return four rows over two scenarios, two bounded columns and one integer, some of them two-sided."""
    nature, moving, whole = (sparse.csr_array(random.integers(-3, 4, (4, n)).astype(float)) for n in (2, 2, 1))
    lower = random.integers(-4, 5, 4).astype(float)
    upper = np.where(random.random(4) < 0.5, np.inf, lower + random.integers(0, 3, 4))
    columns = Columns(np.array([0.0, -1.0]), np.array([2.0, 1.0]), np.zeros(2, bool), Names.of(["a", "b"]))
    return OneWayRows.of((nature, moving, whole), lower, upper, columns)


def least_violation(rows: OneWayRows, w: np.ndarray, u: np.ndarray) -> float:
    """Return min {t >= 0 : moving y + t >= least - nature u - whole w}."""
    answer = linprog(
        [0.0, 0.0, 1.0],
        A_ub=np.hstack([-rows.moving.toarray(), -np.ones((len(rows.least), 1))]),
        b_ub=rows.nature @ u + rows.whole @ w - rows.least,
        bounds=[(0, 2), (-1, 1), (0, None)],
    )
    return float(answer.fun)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_ray_is_the_least_violation_where_it_was_taken_and_nowhere_above_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, w = rows_of(random), np.array([float(random.integers(0, 3))])
    u, others = random.uniform(0, 2, 2), random.uniform(0, 2, (5, 2))
    ray = rows.ray(w, u)
    assert ray is not None
    assert ray.at(u) == pytest.approx(least_violation(rows, w, u), abs=1e-9)
    assert all(ray.at(other) <= least_violation(rows, w, other) + 1e-9 for other in others)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_rays_are_missed_most_where_no_point_of_a_grid_is_missed_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    rays = [Ray(random.integers(-3, 4, 2).astype(float), float(random.integers(-2, 3))) for _ in range(3)]
    within = Budget(np.zeros(2), np.ones(2), 1.5)
    u, value = most_missed(rays, within.polyhedral())
    assert within.contains(u, 1e-9)
    assert value == pytest.approx(min(ray.at(u) for ray in rays))
    grid = [np.array(point) for point in product(np.linspace(-1, 1, 21), repeat=2) if np.abs(point).sum() <= 1.5 + 1e-9]
    assert value >= max(min(ray.at(point) for ray in rays) for point in grid) - 1e-9


def best(program: MixedIntegerProgram) -> float:
    answer = milp(
        program.cost,
        constraints=LinearConstraint(program.rows.matrix, program.rows.lower, program.rows.upper),
        bounds=Bounds(program.columns.lower, program.columns.upper),
        integrality=program.columns.integer.astype(int),
    )
    return float(answer.fun) if answer.success else np.inf


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_without_some_decisions_the_best_of_the_others_is_left(seed: int) -> None:
    random = np.random.default_rng(seed)
    lower, upper = np.array([0.0, -1.0, 0.0]), np.array([1.0, 2.0, 5.0])
    columns = Columns(lower, upper, np.array([True, True, False]), Names.of(["binary", "integer", "free"]))
    rows = Rows(
        sparse.csr_array(random.integers(-2, 3, (2, 3)).astype(float)),
        np.full(2, -2.0),
        np.full(2, np.inf),
        Names.of(["first", "second"]),
    )
    program = MixedIntegerProgram(columns, rows, np.array([*random.integers(-3, 4, 2).astype(float), 1.0]), 0.0)
    decisions = [np.array(point, float) for point in product((0, 1), (-1, 0, 1, 2))]
    excluded = [decision for decision in decisions if random.random() < 0.6]

    def at(decision: np.ndarray) -> float:
        held = Columns(np.append(decision, 0.0), np.append(decision, 5.0), columns.integer, columns.names)
        return best(MixedIntegerProgram(held, rows, program.cost, 0.0))

    left = [at(decision) for decision in decisions if not any(np.array_equal(decision, each) for each in excluded)]
    assert best(without_decisions(program, np.array([0, 1]), excluded)) == pytest.approx(min(left, default=np.inf))


def test_an_integer_without_a_bound_cannot_be_excluded_from_inside() -> None:
    columns = Columns(np.zeros(1), np.array([np.inf]), np.ones(1, bool), Names.of(["w"]))
    none = Rows(sparse.csr_array((0, 1)), np.empty(0), np.empty(0), Names.of([]))
    program = MixedIntegerProgram(columns, none, np.ones(1), 0.0)
    with pytest.raises(NotApplicable, match="w: integer recourse can fail in some scenarios"):
        without_decisions(program, np.array([0]), [np.array([3.0])])
    assert best(without_decisions(program, np.array([0]), [np.array([0.0])])) == pytest.approx(1)
