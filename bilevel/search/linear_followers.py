"""All followers' linear programs as one, solved at one decision of the leader after another."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bilevel.search.pattern_programs import solved
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import MPEC, Columns, Floats, Integers, Matrix, MixedIntegerProgram, Rows


class LinearFollowers:
    """``min c(x) y  s.t.  slack(x, y) >= offset : multipliers``, the sum of all followers' programs.

    ``linking`` are the columns ``x`` of the leader that stand in it.
    """

    def __init__(self, mpec: MPEC, linking: Integers, threads: int | None) -> None:
        pairs, stationarity = mpec.complementarity, mpec.stationarity
        self.linking, self._columns = linking, stationarity.column
        self._offset, self._equality = pairs.offset, pairs.equality
        self._held = _columns_kept(pairs.slack, linking)
        condition = mpec.rows.matrix[stationarity.row]
        self._gradient, self._cost = _columns_kept(condition, linking), -mpec.rows.lower[stationarity.row]
        q = len(stationarity.column)
        program = MixedIntegerProgram(
            Columns(np.full(q, -np.inf), np.full(q, np.inf), np.zeros(q, bool), mpec.columns.names.take(self._columns)),
            Rows(
                sparse.csr_array(pairs.slack[:, self._columns]),
                pairs.offset,
                np.where(pairs.equality, pairs.offset, np.inf),
                pairs.names,
            ),
            self._cost,
            0.0,
        )
        self._solver = PersistentHighs(program, HighsOptions(threads=threads, presolve=False))

    @classmethod
    def of(cls, mpec: MPEC, threads: int | None) -> LinearFollowers | None:
        """Return the followers' program; None where it is not a linear one."""
        pairs, stationarity = mpec.complementarity, mpec.stationarity
        if not len(stationarity.row):
            return None
        condition = sparse.csc_array(mpec.rows.matrix[stationarity.row])
        own = sparse.csr_array(condition[:, pairs.multiplier].T)
        follower = np.zeros(len(mpec.columns), bool)
        follower[stationarity.column] = True
        multiplier = np.zeros(len(mpec.columns), bool)
        multiplier[pairs.multiplier] = True
        curved = condition[:, stationarity.column].count_nonzero()
        foreign = abs(own + pairs.slack[:, stationarity.column]).max() if len(pairs) else 0.0
        used = np.zeros(len(mpec.columns), bool)
        used[condition.tocoo().col] = used[pairs.slack.indices] = True
        linking = np.flatnonzero(used & ~follower & ~multiplier)
        if curved or foreign or np.any(linking > pairs.multiplier.min(initial=len(used))):
            return None
        return cls(mpec, linking, threads)

    def multipliers(self, point: Floats) -> Floats | None:
        """Return optimal multipliers ``(p,)`` at the leader's decision of ``point``; None where there are none."""
        every = np.arange(len(self._offset))
        low = self._offset - self._held @ point
        self._solver.change_row_bounds(every, low, np.where(self._equality, low, np.inf))
        self._solver.set_cost(np.asarray(self._gradient @ point) + self._cost)
        outcome = solved(self._solver)
        return None if outcome is None else outcome.row_duals


def _columns_kept(matrix: Matrix, kept: Integers) -> Matrix:
    mask = np.zeros(matrix.shape[1])
    mask[kept] = 1.0
    return sparse.csr_array(matrix @ sparse.diags_array(mask))
