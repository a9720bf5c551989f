"""Integer columns by bits: ``x = l + sum_k 2^k b_k`` with binary ``b_k``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.arrays import Columns, Floats, Integers, Matrix, Names, Product, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Bits:
    """The bits of some bounded integer columns, to stand behind all columns there are.

    Attributes
    ----------
    integers, least
        The columns ``(k,)`` and their least integers.
    owner, power
        Of each bit ``(b,)``: which of ``integers`` it belongs to, and the ``k`` of its weight ``2^k``.
    first
        Position of the first bit.
    columns
        The bits themselves.
    rows
        What they add up to, over the old columns and the bits: ``x - sum_k 2^k b_k = l``.
    """

    integers: Integers
    least: Floats
    owner: Integers
    power: Integers
    first: int
    columns: Columns
    rows: Rows

    @classmethod
    def of(cls, columns: Columns, integers: Integers) -> Bits:
        """Return the bits of the columns ``integers``, sorted, with finite bounds."""
        n, count = len(columns), len(integers)
        least, most = np.ceil(columns.lower[integers]), np.floor(columns.upper[integers])
        number = np.ceil(np.log2(most - least + 1)).astype(np.int64)
        owner = np.repeat(np.arange(count), number)
        power = np.arange(len(owner)) - (np.cumsum(number) - number)[owner]
        size = len(owner)
        names = Names(size, lambda k: f"{columns.names[int(integers[owner[k]])]}.bit[{int(power[k])}]")
        bits = Columns(np.zeros(size), np.ones(size), np.ones(size, bool), names)
        entries = (
            np.concatenate([np.ones(count), -(2.0**power)]),
            (np.concatenate([np.arange(count), owner]), np.concatenate([integers, n + np.arange(size)])),
        )
        matrix = sparse.csr_array(sparse.coo_array(entries, shape=(count, n + size)).tocsr())
        rows = Rows(matrix, least, least, Names(count, lambda k: f"bits of {columns.names[int(integers[k])]}"))
        return cls(integers, least, owner, power, n, bits, rows)

    def products(self, terms: Product, whole: Integers, other: Integers, count: int) -> tuple[Product, Matrix]:
        """Return each ``value x other``, ``x`` the column in ``whole``, by bits, and what is linear of it.

        The first are products with bits, the second is ``value l other`` for each of ``count`` indices, over the old
        columns and the bits.
        """
        which = np.searchsorted(self.integers, whole)
        number = np.bincount(self.owner, minlength=len(self.integers))
        starts, repeats = (np.cumsum(number) - number)[which], number[which]
        term = np.repeat(np.arange(len(terms)), repeats)
        bit = starts[term] + np.arange(len(term)) - (np.cumsum(repeats) - repeats)[term]
        weighted = terms.value[term] * 2.0 ** self.power[bit]
        constant = (terms.value * self.least[which], (terms.index, other))
        linear = sparse.coo_array(constant, shape=(count, self.first + len(self.columns))).tocsr()
        return Product.of(terms.index[term], self.first + bit, other[term], weighted), sparse.csr_array(linear)
