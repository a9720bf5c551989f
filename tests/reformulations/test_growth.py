"""Programs that grow: what is kept, what is added, and when a program is another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from bilevel.growing import GrowingHighs
from bilevel.highs import HighsOptions, PersistentHighs
from reformulations.growth import growth
from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows


def program(matrix: list[list[float]], columns: str, rows: str, whole: bool = False) -> MixedIntegerProgram:  # noqa: FBT001, FBT002
    """Min sum of the columns, rows >= 1, columns within [0, 9]."""
    n, m = len(columns), len(rows)
    return MixedIntegerProgram(
        Columns(np.zeros(n), np.full(n, 9.0), np.full(n, whole), Names.of(columns)),
        Rows(sparse.csr_array(np.array(matrix, float)), np.ones(m), np.full(m, np.inf), Names.of(rows)),
        np.ones(n),
        0.0,
    )


SMALLER = program([[1, 2], [0, 3]], "xy", "ab")
LARGER = program([[0, 4, 5], [3, 7, 0], [2, 0, 1]], "ywx", "cba")
"""Row a is 2 y + x as before, b has w besides, and c is new."""


def test_columns_and_rows_that_stay_come_first_in_their_order() -> None:
    found = growth(SMALLER, LARGER)
    assert found is not None
    assert found.columns.tolist() == [2, 0, 1]
    assert found.rows.tolist() == [2, 1, 0]
    ordered = found.applied(LARGER)
    assert ordered.rows.matrix.toarray().tolist() == [[1, 2, 0], [0, 3, 7], [5, 0, 4]]
    assert list(ordered.columns.names) == ["x", "y", "w"]
    assert list(ordered.rows.names) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "other",
    [
        program([[0, 4, 5], [3, 7, 0], [2.5, 0, 1]], "ywx", "cba"),  # another coefficient
        program([[0, 4, 5], [3, 7, 1], [2, 0, 1]], "ywx", "cba"),  # one more coefficient
        program([[0, 4, 5], [3, 7, 0], [2, 0, 1]], "ywz", "cba"),  # no column x
        program([[3, 7, 0], [2, 0, 1]], "ywx", "bd"),  # no row a
        program([[0, 4, 5], [3, 7, 0], [2, 0, 1]], "yxx", "cba"),  # x twice
        program([[0, 4, 5], [3, 7, 0], [2, 0, 1]], "ywx", "cba", whole=True),  # integers
    ],
)
def test_another_program_has_not_grown(other: MixedIntegerProgram) -> None:
    assert growth(SMALLER, other) is None


@pytest.mark.parametrize("whole", [False, True])
def test_a_grown_program_is_answered_like_a_new_one(whole: bool) -> None:  # noqa: FBT001
    """Random covering programs that gain columns, rows and entries, change all bounds and costs, and are shuffled."""
    random, solvers, options = np.random.default_rng(0), GrowingHighs(), HighsOptions(threads=1)
    full = random.integers(0, 4, (16, 12)).astype(float)
    full[:, 0] += 1
    grown = 0
    previous = None
    for size in (4, 6, 9, 12):
        columns, rows = random.permutation(size), random.permutation(size + 4)
        matrix = full[rows][:, columns]
        names, row_names = Names.of([f"x{j}" for j in columns]), Names.of([f"r{i}" for i in rows])
        drawn = MixedIntegerProgram(
            Columns(np.zeros(size), random.uniform(5, 9, size).round(), np.full(size, whole), names),
            Rows(
                sparse.csr_array(matrix), random.uniform(1, 5, size + 4), np.full(size + 4, np.inf), Names.of(row_names)
            ),
            random.uniform(1, 2, size),
            float(size),
        )
        grown += previous is not None and growth(previous, drawn) is not None
        previous = drawn
        kept, fresh = solvers(drawn, options), PersistentHighs(drawn, options).solve()
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
    assert grown == 3


def test_a_program_that_has_not_grown_is_begun_anew() -> None:
    solvers, options = GrowingHighs(), HighsOptions(threads=1)
    for one in (SMALLER, LARGER, SMALLER, replace(LARGER, cost=np.array([3.0, 1.0, 1.0]))):
        assert solvers(one, options).solve().objective == pytest.approx(PersistentHighs(one, options).solve().objective)
