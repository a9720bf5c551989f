"""Interval arithmetic on linear rows: activities and bound propagation."""

from __future__ import annotations

import numpy as np

from reformulations.programs import Floats, Matrix, Rows

LOOSE = 1e-9
"""Relative loosening of propagated bounds: a thousand times the rounding of long sums."""


def activity_range(matrix: Matrix, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Return the least and greatest value ``(m,)`` of ``matrix @ z`` over the box ``lower <= z <= upper``.

    Rows that meet an infinite bound are infinite on that side.
    """
    at_least, at_most, row = _entry_ranges(matrix, lower, upper)
    m = matrix.shape[0]
    return np.bincount(row, at_least, m).astype(np.float64), np.bincount(row, at_most, m).astype(np.float64)


def _entry_ranges(matrix: Matrix, lower: Floats, upper: Floats) -> tuple[Floats, Floats, np.ndarray]:
    coefficient, column = matrix.data, matrix.indices
    positive = coefficient > 0
    with np.errstate(invalid="ignore"):
        at_least = coefficient * np.where(positive, lower[column], upper[column])
        at_most = coefficient * np.where(positive, upper[column], lower[column])
    zero = coefficient == 0
    at_least[zero], at_most[zero] = 0.0, 0.0
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return at_least, at_most, row


def propagate(rows: Rows, lower: Floats, upper: Floats, rounds: int = 8) -> tuple[Floats, Floats]:
    """Return bounds ``(n,)`` implied by the linear rows: no point of rows and box is cut off.

    For every entry ``a z_k`` of a row ``L <= a z_k + rest <= U``: ``a z_k`` lies in
    ``[L - max rest, U - min rest]``. Bounds are loosened by :data:`LOOSE` relative (zero stays zero);
    ``rounds`` sweeps at most, stopping when nothing infinite becomes finite and nothing shrinks by a
    tenth. Rows with products are left out. Where a lower bound passes an upper one there is no point, and
    the sweeps end: each more would drive the two apart, to numbers that no solver takes.
    """
    matrix = rows.matrix
    linear = np.ones(len(rows), bool)
    linear[rows.products.index] = False
    lower, upper = lower.copy(), upper.copy()
    for _ in range(rounds):
        if _contradict(lower, upper):
            break
        new_lower, new_upper = _implied(matrix, rows, linear, lower, upper)
        new_lower, new_upper = np.maximum(lower, new_lower), np.minimum(upper, new_upper)
        if not _progress(lower, upper, new_lower, new_upper):
            break
        lower, upper = new_lower, new_upper
    return lower, upper


def _implied(matrix: Matrix, rows: Rows, linear: np.ndarray, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    at_least, at_most, row = _entry_ranges(matrix, lower, upper)
    m, n = matrix.shape
    rest_least = _rest(at_least, row, m)
    rest_most = _rest(at_most, row, m)
    coefficient = np.where(matrix.data == 0, np.nan, matrix.data)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = (rows.upper[row] - rest_least) / coefficient
        two = (rows.lower[row] - rest_most) / coefficient
    high, low = np.where(coefficient > 0, one, two), np.where(coefficient > 0, two, one)
    usable = linear[row]
    high = np.where(usable & ~np.isnan(high), high, np.inf)
    low = np.where(usable & ~np.isnan(low), low, -np.inf)
    implied_lower, implied_upper = np.full(n, -np.inf), np.full(n, np.inf)
    np.maximum.at(implied_lower, matrix.indices, low - LOOSE * np.abs(low))
    np.minimum.at(implied_upper, matrix.indices, high + LOOSE * np.abs(high))
    return np.nan_to_num(implied_lower, nan=-np.inf, posinf=np.inf, neginf=-np.inf), np.nan_to_num(
        implied_upper, nan=np.inf, posinf=np.inf, neginf=-np.inf
    )


def _rest(term: Floats, row: np.ndarray, m: int) -> Floats:
    """Return for every entry the sum of the other entries of its row, infinite when one of them is."""
    infinite = np.isinf(term)
    finite_sum = np.bincount(row, np.where(infinite, 0.0, term), m)
    others = np.bincount(row, infinite, m)[row] - infinite
    sign = -1.0 if np.any(np.isneginf(term)) else 1.0
    finite = finite_sum[row] - np.where(infinite, 0.0, term)
    return np.where(others > 0, sign * np.inf, finite)


def _contradict(lower: Floats, upper: Floats) -> bool:
    size = np.maximum(1.0, np.minimum(np.abs(lower), np.abs(upper)))
    return bool(np.any(lower > upper + LOOSE * size))


def _progress(lower: Floats, upper: Floats, new_lower: Floats, new_upper: Floats) -> bool:
    fresh = (np.isinf(lower) & np.isfinite(new_lower)) | (np.isinf(upper) & np.isfinite(new_upper))
    if fresh.any():
        return True
    finite = np.isfinite(lower) & np.isfinite(upper)
    before, after = (upper - lower)[finite], (new_upper - new_lower)[finite]
    return bool(np.any(after < 0.9 * before - 1e-12))
