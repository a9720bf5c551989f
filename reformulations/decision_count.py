"""How many decisions integer columns leave: menus and budgets leave far fewer than the product of the ranges."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, log2

import numpy as np

from reformulations.programs import Floats, Integers, Rows


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """Disjoint rows ``sum of binary columns <= b`` among integer columns; ``group`` ``(q,)`` is a column's row, or -1.

    With ``f`` columns of a row undecided and ``r`` of its budget ``(g,)`` left, at most ``sum_{k <= r} C(f, k)``
    decisions are.
    """

    group: Integers
    budget: Integers

    @classmethod
    def of(cls, rows: Rows, integers: Integers, lower: Floats, upper: Floats) -> DecisionCount:
        """Choose rows, the smallest budgets first, over the columns ``integers`` ``(q,)`` within bounds ``(q,)``."""
        binary = np.flatnonzero((lower >= 0) & (upper <= 1))
        position = np.full(rows.matrix.shape[1], -1)
        position[integers[binary]] = binary
        has_products = np.isin(np.arange(len(rows)), rows.products.index)
        group, budget, found = np.full(len(integers), -1), list[int](), list[tuple[int, Integers]]()
        for row in np.flatnonzero(np.isfinite(rows.upper) & ~has_products).tolist():
            entries = slice(*rows.matrix.indptr[row : row + 2])
            members, weights = position[rows.matrix.indices[entries]], rows.matrix.data[entries]
            if len(members) > 1 and members.min() >= 0 and weights.min() == weights.max() > 0:
                found.append((int(np.floor(rows.upper[row] / weights[0] + 1e-9)), members))
        for most, members in sorted(found, key=lambda one: (one[0], -len(one[1]))):
            if np.all(group[members] < 0):
                group[members] = len(budget)
                budget.append(most)
        return cls(group, np.array(budget, np.int64))

    def bits(self, lower: Floats, upper: Floats) -> float:
        """Return the binary logarithm of the most decisions that bounds ``(q,)`` leave."""
        alone = self.group < 0
        grouped, bins = self.group[~alone], len(self.budget)
        free = np.bincount(grouped, (upper > lower)[~alone], bins).astype(int).tolist()
        left = (self.budget - np.bincount(grouped, lower[~alone], bins).astype(int)).tolist()
        counts = (sum(comb(f, k) for k in range(min(r, f) + 1)) for f, r in zip(free, left, strict=True))
        return float(np.log2(np.maximum(upper - lower + 1, 1)[alone]).sum()) + sum(log2(max(c, 1)) for c in counts)
