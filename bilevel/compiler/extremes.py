"""Greatest values of linear forms over one relaxation that stays warm in HiGHS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bilevel.errors import OutOfTime, SolverFailure
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, Outcome, PersistentHighs
from reformulations.programs import Floats, Integers, MixedIntegerProgram


class Extremes:
    """Greatest and least values of linear forms over one linear program.

    Every method raises :class:`~bilevel.errors.OutOfTime` once the ``deadline`` has passed.
    """

    def __init__(self, program: MixedIntegerProgram, options: HighsOptions, deadline: Deadline | None = None) -> None:
        self._program, self._deadline = program, deadline
        self._solver = PersistentHighs(program, options)

    def feasible(self) -> bool:
        """Tell whether the program has a point, as far as HiGHS can tell: it may have one where HiGHS fails."""
        try:
            return self._solved().status != "infeasible"
        except SolverFailure:
            return True

    def greatest(self, column: int, fixed: Sequence[tuple[int, float]] = (), active: int = -1) -> float:
        """Return the greatest value of a column, infinite when unbounded or not found."""
        return self.greatest_of(np.array([column], np.int64), np.ones(1), fixed, active)

    def least(self, column: int) -> float:
        """Return the least value of a column."""
        return -self.greatest_of(np.array([column], np.int64), -np.ones(1))

    def greatest_of(
        self, columns: Integers, coefficients: Floats, fixed: Sequence[tuple[int, float]] = (), active: int = -1
    ) -> float:
        """Return the greatest value of a form with some columns fixed and a row at its lower side.

        An infeasible program gives 0: then the row is never active, or the slack never positive.
        Where HiGHS fails, what was fixed is let go: the greatest value can only be larger.
        """
        where = np.array([column for column, _ in fixed], np.int64)
        at = np.array([value for _, value in fixed])
        rows, program = self._program.rows, self._program
        self._solver.change_cost(columns, -coefficients)
        if len(where):
            self._solver.change_column_bounds(where, at, at)
        if active >= 0:
            side = rows.lower[[active]]
            self._solver.change_row_bounds(np.array([active]), side, side)
        try:
            outcome = self._solved()
        except SolverFailure:
            outcome = None
        self._solver.change_cost(columns, np.zeros(len(columns)))
        if len(where):
            self._solver.change_column_bounds(where, program.columns.lower[where], program.columns.upper[where])
        if active >= 0:
            self._solver.change_row_bounds(np.array([active]), rows.lower[[active]], rows.upper[[active]])
        if outcome is None:
            held = len(where) > 0 or active >= 0
            return self.greatest_of(columns, coefficients) if held else np.inf
        if outcome.status == "infeasible":
            return 0.0
        return -float(outcome.bound)

    def _solved(self) -> Outcome:
        if self._deadline is None:
            return self._solver.solve()
        if not self._deadline.passed():
            outcome = self._solver.solve(time_limit=self._deadline.remaining())
            if outcome.status != "time_limit":
                return outcome
        raise OutOfTime("the time limit passed while bounds were derived that big-M needs, and branching does not")
