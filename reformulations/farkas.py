"""Proofs that a linear program has no point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Floats, Matrix

ROUNDING = 1e-11
"""Combined coefficients below this, relative to their terms, are zero up to rounding."""


@dataclass(frozen=True, slots=True)
class Farkas:
    """Proofs that ``L <= A z <= U, l <= z <= u`` has no point, for one matrix and changing sides and bounds.

    Row multipliers ``y`` put ``y'A z`` in one interval by the sides of the rows and in another by the
    bounds of the columns; where the two are disjoint, there is no ``z`` (Farkas 1902).
    """

    transposed: Matrix
    magnitude: Matrix

    @classmethod
    def of(cls, matrix: Matrix) -> Farkas:
        """Prepare the proofs for a matrix ``(m, n)``."""
        transposed = sparse.csr_array(matrix.T.tocsr())
        return cls(transposed, sparse.csr_array(abs(transposed)))

    def proves(
        self, ray: Floats, row_sides: tuple[Floats, Floats], column_bounds: tuple[Floats, Floats], room: float = 1e-7
    ) -> bool:
        """Tell whether ``ray`` ``(m,)`` is a proof that holds after every side has given way by ``room``.

        ``row_sides`` are ``(L, U)`` ``(m,)``, ``column_bounds`` ``(l, u)`` ``(n,)``.
        """
        ray = np.where(np.abs(ray) <= ROUNDING * np.abs(ray).max(initial=0.0), 0.0, ray)
        combined = self.transposed @ ray
        combined = np.where(np.abs(combined) <= ROUNDING * (self.magnitude @ np.abs(ray)), 0.0, combined)
        least_rows, most_rows = _range(ray, *row_sides)
        least_columns, most_columns = _range(combined, *column_bounds)
        slack = room * float(np.abs(ray).sum() + np.abs(combined).sum())
        return most_columns + slack < least_rows or most_rows + slack < least_columns


def _range(weight: Floats, lower: Floats, upper: Floats) -> tuple[float, float]:
    used = np.flatnonzero(weight)
    weight, lower, upper = weight[used], lower[used], upper[used]
    positive = weight > 0
    return (
        float((weight * np.where(positive, lower, upper)).sum()),
        float((weight * np.where(positive, upper, lower)).sum()),
    )
