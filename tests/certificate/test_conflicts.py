"""Irreducible infeasible subsets against linprog: the subset contradicts itself, and no part of it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from bilevel.diagnosis.conflicts import conflict
from reformulations.envelopes import linear_relaxation
from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows
from tests.certificate.games import INF, forms, mixed_integer_program


def feasible(program: MixedIntegerProgram, kept: list[int]) -> bool:
    """Tell by linprog whether only the rows and bounds at ``kept`` (rows, lower bounds, upper bounds) can all hold."""
    m, n = len(program.rows), len(program.columns)
    matrix = program.rows.matrix.toarray()
    left, right = [np.zeros((0, n))], [np.zeros(0)]
    for i in (i for i in kept if i < m):
        for sign, side in ((1.0, program.rows.upper[i]), (-1.0, -program.rows.lower[i])):
            if np.isfinite(side):
                left.append(sign * matrix[[i]])
                right.append(np.array([side]))
    bounds = [
        (program.columns.lower[j] if m + j in kept else None, program.columns.upper[j] if m + n + j in kept else None)
        for j in range(n)
    ]
    found = linprog(np.zeros(n), A_ub=np.vstack(left), b_ub=np.concatenate(right), bounds=bounds)
    return bool(found.status == 0)


@given(st.integers(0, 100_000))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_member_of_a_conflict_is_needed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(2, 9)), int(rng.integers(1, 5))
    lower, upper = rng.integers(-3, 1, n).astype(float), rng.integers(0, 4, n).astype(float)
    matrix = rng.integers(-3, 4, (m, n)).astype(float)
    floor = rng.integers(-4, 9, m).astype(float)
    rows = Rows(sparse.csr_array(matrix), floor, np.where(rng.random(m) < 0.4, floor, INF), Names(m, str))
    program = MixedIntegerProgram(Columns(lower, upper, np.zeros(n, bool), Names(n, str)), rows, np.zeros(n), 0.0)
    assume(not feasible(program, list(range(m + 2 * n))))
    found = conflict(program, m, n)
    assert found is not None
    kept = found.positions.tolist()
    assert found.irreducible
    assert not found.integral
    assert not feasible(program, kept)
    assert all(feasible(program, [i for i in kept if i != one]) for one in kept)


def test_a_feasible_program_has_no_conflict() -> None:
    program = mixed_integer_program({"x": 1}, {"x": (0, 1)}, {"r": ({"x": 1}, -INF, 1)})
    assert conflict(program, 1, 1) is None


def test_integers_contradict_rows_that_fractions_satisfy() -> None:
    """X + y == 1, x - y == 0 has x = y = 1/2 only; x + y <= 5 is not to blame."""
    program = mixed_integer_program(
        {},
        {"x": (0, 9), "y": (0, 9)},
        {"a": ({"x": 1, "y": 1}, 1, 1), "b": ({"x": 1, "y": -1}, 0, 0), "c": ({"x": 1, "y": 1}, -INF, 5)},
        integer=("x", "y"),
    )
    found = conflict(program, 3, 2)
    assert found is not None
    assert (found.positions.tolist(), found.integral, found.irreducible) == ([0, 1], True, True)


def test_bounds_without_an_integer_between_them() -> None:
    """0.2 <= x <= 0.8: the second lower and the second upper bound, after 1 row and 2 columns."""
    program = mixed_integer_program({}, {"y": (0, 1), "x": (0.2, 0.8)}, {"r": ({"y": 1}, 0, 1)}, integer=("x",))
    found = conflict(program, 1, 2)
    assert found is not None
    assert (found.positions.tolist(), found.integral) == ([2, 4], True)


@pytest.mark.parametrize(
    ("box", "side", "is_feasible"),
    [
        # x y >= side over a box: the greatest product is at a corner
        ({"x": (0, 2), "y": (0, 3)}, 6.0, True),
        ({"x": (0, 2), "y": (0, 3)}, 6.5, False),
        ({"x": (-2, 1), "y": (-4, 3)}, 8.5, False),
        ({"x": (0, INF), "y": (0, 3)}, 100.0, True),
        ({"x": (0, INF), "y": (-3, 0)}, 1.0, False),
        ({"x": (0, INF), "y": (0, 0)}, 1.0, False),
    ],
)
def test_products_are_relaxed_within_their_box(
    box: dict[str, tuple[float, float]], side: float, *, is_feasible: bool
) -> None:
    columns = mixed_integer_program({}, box, {}).columns
    matrix, products, _ = forms([{"x*y": 1}], list(box))
    rows = Rows(matrix, np.array([side]), np.array([INF]), Names.of(["r"]), products)
    found = conflict(linear_relaxation(columns, rows), 1, 2)
    assert (found is None) == is_feasible


def test_square_is_never_negative_and_below_its_secant() -> None:
    """-1 <= x <= 2: x^2 <= -0.1 is impossible, x^2 >= 4.1 too, x^2 - x >= 2.1 by the secant x + 2."""
    columns = mixed_integer_program({}, {"x": (-1, 2)}, {}).columns
    for form, low, high in (({"x*x": 1}, -INF, -0.1), ({"x*x": 1}, 4.1, INF), ({"x*x": 1, "x": -1}, 2.1, INF)):
        matrix, products, _ = forms([form], ["x"])
        rows = Rows(matrix, np.array([low]), np.array([high]), Names.of(["r"]), products)
        assert conflict(linear_relaxation(columns, rows), 1, 1) is not None
