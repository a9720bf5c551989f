"""Proofs that a linear program has no point."""

from __future__ import annotations

import numpy as np

from reformulations.programs import Floats, Matrix

ROUNDING = 1e-11
"""Combined coefficients below this, relative to their terms, are zero up to rounding."""


def proves_infeasible(
    matrix: Matrix,
    row_sides: tuple[Floats, Floats],
    column_bounds: tuple[Floats, Floats],
    ray: Floats,
    room: float = 1e-7,
) -> bool:
    """Tell whether row multipliers ``ray`` ``(m,)`` prove ``L <= A z <= U, l <= z <= u`` infeasible.

    ``y'A z`` lies in one interval by the sides of the rows and in another by the bounds of the
    columns; the proof holds when the two are disjoint even after every side has given way by
    ``room`` (Farkas 1902).

    Parameters
    ----------
    matrix
        ``A`` ``(m, n)``; rows beyond ``m`` of the ray are not used.
    row_sides, column_bounds
        ``(L, U)`` ``(m,)`` and ``(l, u)`` ``(n,)``.
    """
    ray = np.where(np.abs(ray) <= ROUNDING * np.abs(ray).max(initial=0.0), 0.0, ray)
    combined = np.asarray(matrix.T @ ray)
    terms = np.asarray(abs(matrix).T @ np.abs(ray))
    combined = np.where(np.abs(combined) <= ROUNDING * terms, 0.0, combined)
    least_rows, most_rows = _range(ray, *row_sides)
    least_columns, most_columns = _range(combined, *column_bounds)
    slack = room * (np.abs(ray).sum() + np.abs(combined).sum())
    return bool(most_columns + slack < least_rows or most_rows + slack < least_columns)


def _range(weight: Floats, lower: Floats, upper: Floats) -> tuple[float, float]:
    used = np.flatnonzero(weight)
    weight, lower, upper = weight[used], lower[used], upper[used]
    positive = weight > 0
    return (
        float((weight * np.where(positive, lower, upper)).sum()),
        float((weight * np.where(positive, upper, lower)).sum()),
    )
