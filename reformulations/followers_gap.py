"""How far followers are from their optima at a point, and their multipliers there, as a linear program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Columns, Floats, Integers, Matrix, MixedIntegerProgram, Rows

NO_MULTIPLIER = 1e-9
"""Multipliers of a response below this, relative to the largest, are zero up to rounding."""


@dataclass(frozen=True, slots=True)
class FollowersGap:
    """At a point, the multipliers that explain the followers' gradients with the least complementarity.

    ::

        min  s' lambda    s.t.  V' lambda = grad f(y),    lambda >= 0  (free for equalities)        : d

    with the slacks ``s`` and the gradient at the point. The optimum is zero exactly when every
    follower responds optimally to the others; for linear followers it is the sum of their
    optimality gaps, and ``y + d`` are best responses (linear programming duality).

    ``linking`` are the columns of others that enter the followers' rows and gradients. Where
    ``settles``, the followers are linear and not in each other's rows, and their multipliers enter neither the
    leader's objective nor its rows: with the linking columns fixed, ``lambda`` is optimal whatever ``y``, and every
    optimal ``y`` is complementary to it, so the pattern of one response holds them all.
    """

    program: MixedIntegerProgram
    mpec: MPEC
    held: Matrix
    linking: Integers
    settles: bool

    @classmethod
    def of(cls, mpec: MPEC) -> FollowersGap:
        """Prepare the program; its costs and right-hand sides are to be set for each point."""
        pairs, rows, conditions = mpec.complementarity, mpec.rows, mpec.stationarity.row
        p = len(pairs)
        block = sparse.csr_array(rows.matrix[conditions])
        kept = np.ones(len(mpec.columns))
        kept[pairs.multiplier] = 0.0
        held = sparse.csr_array(block @ sparse.diags_array(kept))
        held.eliminate_zeros()
        columns = Columns(np.where(pairs.equality, -np.inf, 0.0), np.full(p, np.inf), np.zeros(p, bool), pairs.names)
        right, names = rows.lower[conditions].copy(), rows.names.take(conditions)
        matrix = sparse.csr_array(block.tocsc()[:, pairs.multiplier].tocsr())
        program = MixedIntegerProgram(columns, Rows(matrix, right, right, names), np.zeros(p), 0.0)
        linking = np.setdiff1d(np.concatenate([pairs.slack.indices, held.indices]), mpec.stationarity.column)
        return cls(program, mpec, held, linking.astype(np.int64), _settles(mpec, held))

    def slacks(self, point: Floats) -> Floats:
        """Return the slacks ``(p,)`` at a point, the cost of the program; zero for equalities."""
        pairs = self.mpec.complementarity
        return np.where(pairs.equality, 0.0, np.maximum(pairs.slacks(point), 0.0))

    def right_side(self, point: Floats) -> Floats:
        """Return the right-hand sides ``(q,)`` of the program's rows at a point."""
        return np.asarray(self.program.rows.lower - self.held @ point)

    def active(self, multipliers: Floats) -> np.ndarray:
        """Mask the rows ``(p,)`` that the multipliers of a response keep active."""
        smallest = NO_MULTIPLIER * (1 + np.abs(multipliers).max(initial=0.0))
        return np.asarray(~self.mpec.complementarity.equality & (multipliers > smallest))


def _settles(mpec: MPEC, held: Matrix) -> bool:
    pairs = mpec.complementarity
    curved = np.isin(held.indices, mpec.stationarity.column).any()
    if curved or _interact(mpec) or len(mpec.aliases):
        return False
    multiplier = np.zeros(len(mpec.columns), bool)
    multiplier[pairs.multiplier] = True
    others = np.ones(len(mpec.rows), bool)
    others[mpec.stationarity.row] = False
    in_rows = multiplier[mpec.rows.matrix[np.flatnonzero(others)].indices].any()
    in_objective = (mpec.cost[multiplier] != 0).any() or multiplier[mpec.products.left].any()
    return not (in_rows or in_objective or multiplier[mpec.products.right].any())


def _interact(mpec: MPEC) -> bool:
    """Tell whether a column is in a row of another follower: its own rows have multipliers in its stationarity."""
    conditions, columns = mpec.stationarity.row, mpec.stationarity.column
    in_rows = sparse.csr_array(mpec.complementarity.slack.tocsc()[:, columns].T)
    in_gradients = sparse.csr_array(mpec.rows.matrix[conditions].tocsc()[:, mpec.complementarity.multiplier])
    return bool((in_rows - in_rows.multiply(in_gradients.astype(bool))).count_nonzero())
