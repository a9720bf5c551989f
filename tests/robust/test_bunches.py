"""Many scenarios answered by few bases: the same values as one linear program a scenario."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from bilevel.robust.bunches import Bunches
from bilevel.solvers.highs import HighsOptions
from bilevel.solvers.vertex_highs import VertexHighs
from reformulations.programs import Columns, Floats, MixedIntegerProgram, Names, Rows


def program_of(cost: list[float], matrix: list[list[float]], high: list[float]) -> MixedIntegerProgram:
    """Min cost'y, 0 <= y <= high; the sides of the rows are those of each scenario."""
    m, n = len(matrix), len(cost)
    rows = Rows(sparse.csr_array(np.array(matrix, float)), np.full(m, -np.inf), np.full(m, np.inf), Names(m, str))
    columns = Columns(np.zeros(n), np.array(high, float), np.zeros(n, bool), Names(n, str))
    return MixedIntegerProgram(columns, rows, np.array(cost, float), 0.0)


class Counted:
    """The program in HiGHS, which counts how often it is solved."""

    def __init__(self, program: MixedIntegerProgram, lower: Floats, upper: Floats) -> None:
        self.solver = VertexHighs(program, HighsOptions(threads=1, presolve=False))
        self.bunches, self.sides, self.solves = Bunches(program, self.solver), (lower, upper), 0

    def __call__(self, k: int) -> float:
        lower, upper = self.sides
        self.solves += 1
        self.solver.change_row_bounds(np.arange(lower.shape[1]), lower[k], upper[k])
        return float(self.solver.solve().objective)  # type: ignore[arg-type]

    def values(self) -> Floats:
        return self.bunches.values(*self.sides, self, lambda: False)


def test_one_program_answers_all_scenarios_with_the_same_basis() -> None:
    """Min y + 3 s, y + s >= u, y <= 5: y = u up to 5, then s = u - 5; five scenarios, two bases."""
    need = np.array([[1.0], [2.0], [4.0], [6.0], [9.0]])
    counted = Counted(program_of([1, 3], [[1, 1]], [5, np.inf]), need, np.full((5, 1), np.inf))
    assert counted.values() == pytest.approx([1, 2, 4, 8, 17])
    assert counted.solves == 2


def test_bases_are_kept_for_the_next_call() -> None:
    need = np.array([[1.0], [6.0]])
    counted = Counted(program_of([1, 3], [[1, 1]], [5, np.inf]), need, np.full((2, 1), np.inf))
    counted.values()
    counted.sides = (need + 1, np.full((2, 1), np.inf))
    assert counted.values() == pytest.approx([2, 11])
    assert counted.solves == 2


def test_what_is_not_reached_in_time_is_unknown() -> None:
    counted = Counted(program_of([1, 3], [[1, 1]], [5, np.inf]), np.array([[1.0]]), np.array([[np.inf]]))
    assert np.isnan(counted.bunches.values(*counted.sides, counted, lambda: True)).all()


def test_random_programs_agree_with_one_program_a_scenario() -> None:
    """Ranges, equalities and one-sided rows around points that are feasible, so that every scenario has an answer."""
    draw = np.random.default_rng(7)
    for _ in range(40):
        m, n, s = draw.integers(1, 5), draw.integers(1, 6), 12
        matrix = draw.integers(-3, 4, (m, n)).astype(float)
        inner = draw.uniform(0, 4, (s, n)) @ matrix.T
        width = draw.choice([0.0, 1.0, np.inf], m)
        lower, upper = inner - draw.choice([0.0, 1.0], m), inner + width
        cost = draw.integers(-3, 4, n).astype(float)
        found = Counted(program_of(cost.tolist(), matrix.tolist(), [4.0] * n), lower, upper).values()
        for k in range(s):
            finite = np.isfinite(upper[k])
            answer = linprog(
                cost,
                A_ub=np.vstack([-matrix, matrix[finite]]),
                b_ub=np.concatenate([-lower[k], upper[k][finite]]),
                bounds=[(0, 4)] * n,
            )
            assert found[k] == pytest.approx(answer.fun, rel=1e-7, abs=1e-7)


def test_a_large_sparse_program_is_answered_the_same_way() -> None:
    """Min sum y, y_i >= u_i, 1001 of them: one basis for all u > 0, and the sum of u."""
    size = 1001
    need = np.arange(1.0, 4.0)[:, np.newaxis] * np.ones(size)
    rows = Rows(sparse.eye_array(size, format="csr"), need[0], np.full(size, np.inf), Names(size, str))
    columns = Columns(np.zeros(size), np.full(size, 9.0), np.zeros(size, bool), Names(size, str))
    counted = Counted(MixedIntegerProgram(columns, rows, np.ones(size), 0.0), need, np.full(need.shape, np.inf))
    assert counted.values() == pytest.approx([size, 2 * size, 3 * size])
    assert counted.solves == 1
