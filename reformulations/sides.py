"""Two-sided rows written side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans, Columns, Floats, Integers, Matrix, Names, Product, Rows, freeze


@dataclass(frozen=True, slots=True)
class Sides:
    """Inequalities ``linear @ z + products(z) >= limit``, each a side of the row ``source``; ``q`` over ``n`` columns.

    ``room`` ``(q,)`` is how far away the other side of the row is: infinite without one, zero for an equality.
    """

    linear: Matrix
    products: Product
    limit: Floats
    source: Integers
    room: Floats
    names: Names

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.limit)

    def take(self, chosen: Integers) -> Sides:
        """Return the sides at the positions ``chosen``."""
        return Sides(
            sparse.csr_array(self.linear[chosen]),
            _at(self.products, chosen, np.ones(len(chosen))),
            self.limit[chosen],
            self.source[chosen],
            self.room[chosen],
            self.names.take(chosen),
        )

    def curved(self) -> Booleans:
        """Mask the sides with products."""
        found = np.zeros(len(self), bool)
        found[self.products.index] = True
        return found


def sides_of(rows: Rows) -> Sides:
    """Return the finite lower sides of rows, then their finite upper ones, signs turned; an equality has both."""
    low, high = np.flatnonzero(np.isfinite(rows.lower)), np.flatnonzero(np.isfinite(rows.upper))
    source = np.concatenate([low, high])
    sign = np.repeat([1.0, -1.0], [len(low), len(high)])
    return Sides(
        sparse.csr_array(sparse.diags_array(sign, shape=(len(sign), len(sign))) @ rows.matrix[source]),
        _at(rows.products, source, sign),
        np.concatenate([rows.lower[low], -rows.upper[high]]),
        source,
        (rows.upper - rows.lower)[source],
        rows.names.take(source),
    )


def bounds_of(columns: Columns, own: Integers) -> Rows:
    """Return the bounds of the columns ``own`` as rows over all columns."""
    itself = sparse.csr_array(sparse.eye_array(len(columns), format="csr")[own])
    return Rows(itself, columns.lower[own], columns.upper[own], columns.names.take(own))


def _at(products: Product, source: Integers, sign: Floats) -> Product:
    """Return the products of index ``source[i]`` times ``sign[i]``, with index ``i``."""
    order = np.argsort(products.index, kind="stable")
    begin = np.searchsorted(products.index[order], source)
    count = np.searchsorted(products.index[order], source, side="right") - begin
    index = np.repeat(np.arange(len(source)), count)
    inside = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    term = order[np.repeat(begin, count) + inside]
    return Product(index, products.left[term], products.right[term], sign[index] * products.value[term])
