"""Linear programs that differ in the sides of their rows, answered many at a time by the bases of a few.

A basis that is optimal for one right-hand side is optimal for every other at which its point is feasible, since whether
it is dual feasible depends on matrix and cost alone. So one linear program is solved, its basis is tried on all that
are still open, and so on; bases are kept for the next call (bunching: Wets, in Mathematical Programming: The State of
the Art, 1983, DOI 10.1007/978-3-642-68874-4_22).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dgetrf, dgetrs
from scipy.sparse.linalg import splu

from bilevel.solvers.vertex_highs import VertexHighs
from reformulations.programs import Booleans, Floats, Integers, Matrix, MixedIntegerProgram

_LOWER, _BASIC, _UPPER, _FREE = 0, 1, 2, 3
_ROOM = 1e-9
"""A point is feasible within this, relative to one and the side; more is left to a linear program of its own."""

_DENSE = 1_000_000
"""Matrices with no more entries than this are kept with their zeros: faster than sparse ones of this size."""

_KEPT = 30
"""Bases that are kept, those used last."""

_IN_VAIN = 5
"""After so many bases in a row that answer nothing but their own program, no more are made in this call."""


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Basic columns ``free``, rows ``tight`` at a side, other rows ``slack``; ``solved`` inverts tight times free.

    ``across`` is the part of the matrix in slack rows and free columns, ``fixed`` ``(m,)`` and ``fixed_cost`` what the
    columns at their bounds contribute.
    """

    solved: Callable[[Floats], Floats]
    free: Integers
    tight: Integers
    at_upper: Booleans
    slack: Integers
    across: Matrix | Floats
    fixed: Floats
    fixed_cost: float
    key: bytes

    def answers(self, program: MixedIntegerProgram, sides: _Sides) -> tuple[Floats, Booleans]:
        """Return the cost ``(s,)`` at each pair of sides, and where the point is feasible, and so optimal."""
        fixed = self.fixed
        at = np.where(self.at_upper, sides.upper[:, self.tight], sides.lower[:, self.tight]) - fixed[self.tight]
        point = self.solved(np.ascontiguousarray(at.T)).T
        holds = np.all((point >= sides.least[self.free]) & (point <= sides.most[self.free]), axis=1)
        if len(self.slack) and holds.any():
            activity = np.asarray((self.across @ point.T).T) + fixed[self.slack]
            holds &= np.all((activity >= sides.low[:, self.slack]) & (activity <= sides.high[:, self.slack]), axis=1)
        cost = point @ program.cost[self.free] + self.fixed_cost
        return cost, holds & np.isfinite(cost)


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """Sides ``(s, m)``, the same with room, and the bounds ``(n,)`` of the columns with room."""

    lower: Floats
    upper: Floats
    low: Floats
    high: Floats
    least: Floats
    most: Floats

    def take(self, kept: Integers) -> _Sides:
        """Return the sides of ``kept``."""
        return _Sides(self.lower[kept], self.upper[kept], self.low[kept], self.high[kept], self.least, self.most)


class Bunches:
    """The linear program inside ``solver``, presolve off, at many right-hand sides.

    Parameters
    ----------
    program
        Matrix, bounds and cost, which do not change.
    solver
        HiGHS with that program; whoever solves it tells the sides.
    """

    def __init__(self, program: MixedIntegerProgram, solver: VertexHighs) -> None:
        self._program, self._solver = program, solver
        matrix = program.rows.matrix
        small = matrix.shape[0] * matrix.shape[1] <= _DENSE
        self._matrix: Floats | Matrix = matrix.toarray() if small else sparse.csr_array(matrix)
        self._kept: list[_Basis] = []

    def values(
        self, lower: Floats, upper: Floats, solved: Callable[[int], float], is_over: Callable[[], bool]
    ) -> Floats:
        """Return the optimum ``(s,)`` at each pair of sides ``(s, m)``; NaN where time was over before.

        ``solved(k)`` solves the ``k``-th in the solver and returns its optimum.
        """
        columns = self._program.columns
        low, least = (side - _room(side) for side in (lower, columns.lower))
        high, most = (side + _room(side) for side in (upper, columns.upper))
        sides = _Sides(lower, upper, low, high, least, most)
        found = np.full(len(lower), np.nan)
        pending = np.arange(len(lower))
        for basis in self._kept.copy():
            pending = self._answered(basis, found, pending, sides)
        in_vain = 0
        while len(pending) and not is_over():
            k, others = int(pending[0]), pending[1:]
            found[k], pending = solved(k), others
            new = self._basis() if in_vain < _IN_VAIN else None
            if new is not None:
                pending = self._answered(new, found, others, sides)
                in_vain = in_vain + 1 if len(pending) == len(others) else 0
                self._kept = [new, *(other for other in self._kept if other is not new)][:_KEPT]
        return found

    def _answered(self, basis: _Basis, found: Floats, pending: Integers, sides: _Sides) -> Integers:
        """Enter what the basis answers; return what is left, and move the basis to the front where it served."""
        if not len(pending):
            return pending
        cost, holds = basis.answers(self._program, sides.take(pending))
        found[pending[holds]] = cost[holds]
        if holds.any():
            self._kept = [basis, *(other for other in self._kept if other is not basis)][:_KEPT]
        return pending[~holds]

    def _basis(self) -> _Basis | None:
        """Return the basis of the last solve; None where it is singular, missing or known."""
        columns, rows = self._solver.basis()
        free, tight = np.flatnonzero(columns == _BASIC), np.flatnonzero(rows != _BASIC)
        at_upper, bounds = rows[tight] == _UPPER, self._program.columns
        sided = np.all(at_upper | (rows[tight] == _LOWER)) and np.all(columns <= _FREE)
        if len(columns) != len(bounds) or len(free) != len(tight) or not sided:
            return None
        rest = np.where(columns == _LOWER, bounds.lower, np.where(columns == _UPPER, bounds.upper, 0.0))
        key = b"".join(part.tobytes() for part in (free, tight, at_upper, rest))
        if any(basis.key == key for basis in self._kept):
            return None
        among, slack = self._matrix[:, free], np.flatnonzero(rows == _BASIC)
        solved = _inverse(among[tight])
        if solved is None:
            return None
        program = self._program
        fixed, fixed_cost = np.asarray(program.rows.matrix @ rest), float(program.cost @ rest) + program.constant
        return _Basis(solved, free, tight, at_upper, slack, among[slack], fixed, fixed_cost, key)


def _inverse(square: Floats | Matrix) -> Callable[[Floats], Floats] | None:
    """Return what solves ``square @ x = b`` for columns ``b``; None where the matrix is singular."""
    if square.shape[0] == 0:
        return lambda right: right
    if isinstance(square, np.ndarray):
        factors, pivots, singular = dgetrf(square)
        return None if singular else lambda right: np.asarray(dgetrs(factors, pivots, right)[0])
    try:
        return splu(square.tocsc()).solve
    except RuntimeError:  # the matrix is singular
        return None


def _room(side: Floats) -> Floats:
    return _ROOM * (1 + np.where(np.isfinite(side), np.abs(side), 0.0))
