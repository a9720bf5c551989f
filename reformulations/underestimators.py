"""Linear under-estimators of bilinear rows over a box."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Floats, Names, Product, Rows


@dataclass(frozen=True, slots=True)
class Linearised:
    """Rows ``<=`` without products that every point of the source rows satisfies.

    ``rows`` are over the source columns followed by ``columns``, one for each McCormick product.
    """

    rows: Rows
    columns: Columns


@dataclass(slots=True)
class _Builder:
    """Entries of the rows being written."""

    width: int
    lower: Floats
    upper: Floats
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    new: dict[tuple[int, int], int] = field(default_factory=dict)
    envelopes: list[tuple[int, int, float]] = field(default_factory=list)

    def product_column(self, a: int, b: int) -> int:
        if (a, b) not in self.new:
            self.new[a, b] = self.width + len(self.new)
        return self.new[a, b]


def linearised_below(rows: Rows, lower: Floats, upper: Floats) -> Linearised:
    """Relax rows ``a z + products(z) <= b`` to linear rows over the box ``lower <= z <= upper``.

    Each product ``v z_a z_b`` is replaced by something that is never larger: a tangent for a
    positive square, the secant for a negative one, ``z_a min(v l_b, v u_b)`` where only ``z_b`` is
    bounded and ``z_a >= 0``, otherwise the McCormick envelope (McCormick 1976,
    doi:10.1007/BF01580665) on a new column. Rows with a product that none of these fits are dropped.
    """
    n = rows.matrix.shape[1]
    builder = _Builder(n, lower, upper)
    kept: list[int] = []
    for row in range(len(rows)):
        mark = len(builder.entries)
        terms = rows.products.take(rows.products.index == row)
        constant = _row_terms(builder, len(kept), terms)
        if constant is None:
            del builder.entries[mark:]
            continue
        kept.append(row)
        builder.right.append(float(rows.upper[row]) - constant)
    return _assemble(rows, builder, kept)


def _row_terms(builder: _Builder, row: int, terms: Product) -> float | None:
    """Write the terms of one row; return their constant part, or None when a term does not fit."""
    constant = 0.0
    for a, b, v in zip(terms.left.tolist(), terms.right.tolist(), terms.value.tolist(), strict=True):
        one = _square(builder, row, a, v) if a == b else _bilinear(builder, row, a, b, v)
        if one is None:
            return None
        constant += one
    return constant


def _square(builder: _Builder, row: int, a: int, v: float) -> float | None:
    low, high = builder.lower[a], builder.upper[a]
    finite = np.isfinite(low) and np.isfinite(high)
    if v < 0:
        if not finite:
            return None
        builder.entries.append((row, a, v * (low + high)))
        return float(-v * low * high)
    middle = float(0.5 * (low + high)) if finite else 0.0
    builder.entries.append((row, a, 2 * v * middle))
    return -v * middle * middle


def _bilinear(builder: _Builder, row: int, a: int, b: int, v: float) -> float | None:
    bounded = [np.isfinite(builder.lower[c]) and np.isfinite(builder.upper[c]) for c in (a, b)]
    if bounded[0] and bounded[1]:
        builder.entries.append((row, builder.product_column(a, b), v))
        builder.envelopes.append((a, b, v))
        return 0.0
    if bounded[0]:
        a, b = b, a
    elif not bounded[1]:
        return None
    low, high = sorted((v * float(builder.lower[b]), v * float(builder.upper[b])))
    if low == high:
        builder.entries.append((row, a, low))
        return 0.0
    if np.isfinite(builder.lower[a]):
        # (z_a - l_a) v z_b >= (z_a - l_a) low, and l_a v z_b is linear
        shift = float(builder.lower[a])
        builder.entries += [(row, a, low), (row, b, v * shift)]
        return -low * shift
    if np.isfinite(builder.upper[a]):
        shift = float(builder.upper[a])
        builder.entries += [(row, a, high), (row, b, v * shift)]
        return -high * shift
    return None


def _assemble(rows: Rows, builder: _Builder, kept: list[int]) -> Linearised:
    n, lower, upper = builder.width, builder.lower, builder.upper
    width, count = n + len(builder.new), len(kept)
    picked = sparse.coo_array(rows.matrix[np.array(kept, np.int64)])
    entry_rows: list[int] = picked.row.tolist()
    entry_columns: list[int] = picked.col.tolist()
    values: list[float] = picked.data.tolist()
    right = list(builder.right)
    for row, column, value in builder.entries:
        entry_rows.append(row)
        entry_columns.append(column)
        values.append(value)
    for a, b, v in dict.fromkeys(builder.envelopes):
        corners = (
            [(lower[a], lower[b]), (upper[a], upper[b])] if v > 0 else [(upper[a], lower[b]), (lower[a], upper[b])]
        )
        sign = 1.0 if v > 0 else -1.0
        for at_a, at_b in corners:
            # sign * w >= sign * (at_a z_b + at_b z_a - at_a at_b)
            row = len(right)
            entry_rows += [row, row, row]
            entry_columns += [builder.new[a, b], b, a]
            values += [-sign, sign * at_a, sign * at_b]
            right.append(sign * at_a * at_b)
    total = len(right)
    matrix = sparse.coo_array((np.array(values), (entry_rows, entry_columns)), shape=(total, width)).tocsr()
    names = rows.names.take(np.array(kept, np.int64)) + Names(total - count, lambda i: f"envelope {i}")
    fresh = len(builder.new)
    free = np.full(fresh, np.inf)
    return Linearised(
        Rows(sparse.csr_array(matrix), np.full(total, -np.inf), np.array(right, np.float64), names),
        Columns(-free, free, np.zeros(fresh, bool), Names(fresh, lambda i: f"product {i}")),
    )
