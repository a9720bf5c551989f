"""Programs that grow: what is kept, what is added, and when a program is another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from bilevel.growing import GrowingHighs
from bilevel.highs import HighsOptions, PersistentHighs
from reformulations.growth import growth, in_order
from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows


def program(matrix: list[list[float]], *, whole: bool = False) -> MixedIntegerProgram:
    """Min sum of the columns, rows >= 1, columns within [0, 9]."""
    coefficients = sparse.csr_array(np.array(matrix, float))
    m, n = coefficients.shape
    return MixedIntegerProgram(
        Columns(np.zeros(n), np.full(n, 9.0), np.full(n, whole), Names(n, "x{}".format)),
        Rows(coefficients, np.ones(m), np.full(m, np.inf), Names(m, "row {}".format)),
        np.ones(n),
        0.0,
    )


SMALLER = program([[1, 2], [0, 3]])
LARGER = program([[1, 5, 2], [4, 6, 0], [0, 7, 3]])
"""A column in the middle, with entries in both rows there were, and a row in the middle."""


def test_what_stays_and_what_is_new_are_found() -> None:
    found = growth(SMALLER, LARGER, place=1)
    assert found is not None
    assert (found.columns.tolist(), found.new_columns.tolist()) == ([0, 2], [1])
    assert (found.rows.tolist(), found.new_rows.tolist()) == ([0, 2], [1])
    ordered = in_order(LARGER, np.array([0, 2, 1]), np.array([0, 2, 1]))
    assert ordered.rows.matrix.toarray().tolist() == [[1, 2, 5], [0, 3, 7], [4, 0, 6]]
    assert list(ordered.columns.names) == ["x0", "x2", "x1"]


def test_bounds_and_costs_may_change() -> None:
    assert growth(SMALLER, replace(LARGER, cost=np.array([3.0, 2.0, 1.0])), place=1) is not None


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (program([[1, 5, 2.5], [4, 6, 0], [0, 7, 3]]), 1),  # another coefficient
        (program([[1, 5, 2], [4, 6, 0], [1, 7, 3]]), 1),  # one more coefficient
        (LARGER, 0),  # the new column stands elsewhere
        (LARGER, 3),  # beyond the columns there were
        (program([[1, 5, 2]]), 1),  # a row less
        (program([[1], [0]]), 1),  # a column less
        (program([[1, 5, 2], [4, 6, 0], [0, 7, 3]], whole=True), 1),  # integers
    ],
)
def test_another_program_has_not_grown(other: MixedIntegerProgram, place: int) -> None:
    assert growth(SMALLER, other, place) is None


@pytest.mark.parametrize("whole", [False, True])
def test_a_grown_program_is_answered_like_a_new_one(whole: bool) -> None:  # noqa: FBT001
    """Random covering programs that gain blocks of columns and rows in the middle, and change all bounds and costs."""
    random, solvers, options = np.random.default_rng(0), GrowingHighs(), HighsOptions(threads=1)
    matrix, place, grown, previous = random.integers(0, 4, (6, 4)).astype(float) + 1, 1, 0, None
    for _ in range(4):
        m, n = matrix.shape
        drawn = MixedIntegerProgram(
            Columns(np.zeros(n), random.uniform(5, 9, n).round(), np.full(n, whole), Names(n, "x{}".format)),
            Rows(sparse.csr_array(matrix), random.uniform(1, 5, m), np.full(m, np.inf), Names(m, "row {}".format)),
            random.uniform(1, 2, n),
            float(n),
        )
        grown += previous is not None and growth(previous, drawn, place) is not None
        previous, kept = drawn, solvers.growing_at(place)(drawn, options)
        fresh = PersistentHighs(drawn, options).solve()
        if fresh.point is not None:
            kept.set_start(fresh.point)
        answer = kept.solve()
        assert (answer.status, answer.objective) == (fresh.status, pytest.approx(fresh.objective))
        assert answer.point is not None
        assert np.all(matrix @ answer.point >= drawn.rows.lower - 1e-6)
        assert drawn.cost @ answer.point + drawn.constant == pytest.approx(answer.objective)
        if not whole:
            assert answer.row_duals is not None
            assert answer.column_duals is not None
            assert matrix.T @ answer.row_duals + answer.column_duals == pytest.approx(drawn.cost)
        place += 2
        matrix = np.insert(matrix, [place] * 2, random.integers(0, 4, (m, 2)), axis=1)
        matrix = np.insert(matrix, [4] * 3, random.integers(0, 4, (3, n + 2)), axis=0)
    assert grown == 3


def test_a_program_that_has_not_grown_is_begun_anew() -> None:
    solvers, options = GrowingHighs(), HighsOptions(threads=1)
    for one in (SMALLER, LARGER, SMALLER, replace(LARGER, cost=np.array([3.0, 1.0, 1.0]))):
        answer = solvers.growing_at(1)(one, options).solve()
        assert answer.objective == pytest.approx(PersistentHighs(one, options).solve().objective)
