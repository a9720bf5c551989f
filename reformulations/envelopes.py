"""Rows with products over columns with bounds, relaxed to linear rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Floats, Integers, Matrix, MixedIntegerProgram, Names, Rows, widened


def linear_relaxation(columns: Columns, rows: Rows) -> MixedIntegerProgram:
    """Return a program without objective whose first columns and rows are the given ones.

    Each product ``z_a z_b`` becomes a column ``w`` within its interval, and where both factors are
    bounded by ``l <= z <= u`` within its envelope::

        w >= l_a z_b + l_b z_a - l_a l_b,    w >= u_a z_b + u_b z_a - u_a u_b
        w <= u_a z_b + l_b z_a - u_a l_b,    w <= l_a z_b + u_b z_a - l_a u_b

    A relaxation always; exact where one factor of each product is binary and the other bounded
    (McCormick, Mathematical Programming 10, 1976).
    """
    n, terms = len(columns), rows.products
    if not len(terms):
        return MixedIntegerProgram(columns, rows, np.zeros(n), 0.0)
    pairs, where = np.unique(np.stack([terms.left, terms.right]), axis=1, return_inverse=True)
    left, right = pairs
    size = n + len(left)
    names = Names(len(left), lambda k: f"{columns.names[int(left[k])]}*{columns.names[int(right[k])]}")
    low, high = _range(columns, left, right)
    entries = (terms.value, (terms.index, n + where.ravel()))
    added = sparse.coo_array(entries, shape=(len(rows), size)).tocsr()
    linear = Rows(sparse.csr_array(widened(rows.matrix, size) + added), rows.lower, rows.upper, rows.names)
    wider = columns.append(Columns(low, high, np.zeros(len(left), bool), names))
    return MixedIntegerProgram(wider, linear.append(_envelopes(columns, left, right, names)), np.zeros(size), 0.0)


def _range(columns: Columns, left: Integers, right: Integers) -> tuple[Floats, Floats]:
    sides = columns.lower, columns.upper
    with np.errstate(invalid="ignore"):
        corners = np.nan_to_num(  # zero times an infinite bound is zero
            np.stack([a[left] * b[right] for a in sides for b in sides]), nan=0.0, posinf=np.inf, neginf=-np.inf
        )
    square = left == right
    across = square & (columns.lower[left] <= 0) & (columns.upper[left] >= 0)
    low = np.where(across, 0.0, corners.min(axis=0))
    low = np.where(square & ~across, np.minimum(corners[0], corners[3]), low)
    return low, np.where(square, np.maximum(corners[0], corners[3]), corners.max(axis=0))


def _envelopes(columns: Columns, left: Integers, right: Integers, names: Names) -> Rows:
    lower, upper, n = columns.lower, columns.upper, len(columns)
    bounded = np.isfinite(lower) & np.isfinite(upper)
    chosen = np.flatnonzero(bounded[left] & bounded[right])
    a, b = left[chosen], right[chosen]
    corners = (
        (lower[a], lower[b], 1.0),
        (upper[a], upper[b], 1.0),
        (upper[a], lower[b], -1.0),
        (lower[a], upper[b], -1.0),
    )
    count = len(chosen)
    values, row, column, right_side = [], [], [], []
    for place, (at_a, at_b, sign) in enumerate(corners):
        # sign w - sign at_a z_b - sign at_b z_a >= -sign at_a at_b
        values += [np.full(count, sign), -sign * at_a, -sign * at_b]
        row += [place * count + np.arange(count)] * 3
        column += [n + chosen, b, a]
        right_side.append(-sign * at_a * at_b)
    entries = (np.concatenate(values), (np.concatenate(row), np.concatenate(column)))
    matrix: Matrix = sparse.csr_array(sparse.coo_array(entries, shape=(4 * count, n + len(left))).tocsr())
    picked = names.take(chosen)
    return Rows(
        matrix,
        np.concatenate(right_side),
        np.full(4 * count, np.inf),
        Names(4 * count, lambda i: f"envelope of {picked[i % count]}"),
    )
