"""How far followers are from their optima at a point, and their multipliers there, as a linear program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Columns, Floats, Matrix, MixedIntegerProgram, Rows


@dataclass(frozen=True, slots=True)
class FollowersGap:
    """At a point, the multipliers that explain the followers' gradients with the least complementarity.

    ::

        min  s' lambda    s.t.  V' lambda = grad f(y),    lambda >= 0  (free for equalities)        : d

    with the slacks ``s`` and the gradient at the point. The optimum is zero exactly when every
    follower responds optimally to the others; for linear followers it is the sum of their
    optimality gaps, and ``y + d`` are best responses (linear programming duality).
    """

    program: MixedIntegerProgram
    mpec: MPEC
    held: Matrix

    @classmethod
    def of(cls, mpec: MPEC) -> FollowersGap:
        """Prepare the program; slacks and right-hand sides are those of the origin."""
        pairs, rows, conditions = mpec.complementarity, mpec.rows, mpec.stationarity.row
        p = len(pairs)
        block = sparse.csr_array(rows.matrix[conditions])
        kept = np.ones(len(mpec.columns))
        kept[pairs.multiplier] = 0.0
        held = sparse.csr_array(block @ sparse.diags_array(kept))
        held.eliminate_zeros()
        matrix = sparse.csr_array(block.tocsc()[:, pairs.multiplier].tocsr())
        right = rows.lower[conditions].copy()
        columns = Columns(
            np.where(pairs.equality, -np.inf, 0.0), np.full(p, np.inf), np.zeros(p, bool), pairs.names
        )
        program = MixedIntegerProgram(
            columns, Rows(matrix, right, right, rows.names.take(conditions)), np.zeros(p), 0.0
        )
        return cls(program, mpec, held)

    def cost(self, point: Floats) -> Floats:
        """Return the slacks ``(p,)`` at a point, zero for equalities."""
        pairs = self.mpec.complementarity
        return np.where(pairs.equality, 0.0, np.maximum(pairs.slacks(point), 0.0))

    def right_side(self, point: Floats) -> Floats:
        """Return the right-hand sides ``(q,)`` of the stationarity rows at a point."""
        return self.program.rows.lower - np.asarray(self.held @ point)
