"""How a program grows into a larger one: columns and rows are added, and what was there stays.

The masters of column-and-constraint generation grow so from round to round. Columns and rows are recognised by name::

    smaller   rows  A x                 larger, its columns and rows in another order   ( A  B ) (x)
                                                                                        ( C  D ) (y)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Integers, MixedIntegerProgram, Names, Rows


@dataclass(frozen=True, slots=True)
class Growth:
    """Where the larger program keeps what the smaller one has, and what it adds.

    ``columns`` ``(n,)`` and ``rows`` ``(m,)`` are numbers in the larger program: first those of the smaller one, in its
    order, then the others.
    """

    columns: Integers
    rows: Integers

    def applied(self, larger: MixedIntegerProgram) -> MixedIntegerProgram:
        """Return the larger program in that order."""
        columns, rows, (x, y) = larger.columns, larger.rows, (self.columns, self.rows)
        return MixedIntegerProgram(
            Columns(columns.lower[x], columns.upper[x], columns.integer[x], Names.of(list(columns.names.take(x)))),
            Rows(
                sparse.csr_array(rows.matrix[y][:, x]), rows.lower[y], rows.upper[y], Names.of(list(rows.names.take(y)))
            ),
            larger.cost[x],
            larger.constant,
        )


def growth(smaller: MixedIntegerProgram, larger: MixedIntegerProgram) -> Growth | None:
    """Return how ``smaller`` grows into ``larger``; None where it does not.

    It does where the larger program has all its columns, of the same kind, and all its rows, with the same coefficients
    of these columns. Bounds, sides and costs may differ. None for programs with products.
    """
    if len(smaller.products) or len(larger.products):
        return None
    columns = _order(smaller.columns.names, larger.columns.names)
    rows = _order(smaller.rows.names, larger.rows.names)
    if columns is None or rows is None:
        return None
    n, m = len(smaller.columns), len(smaller.rows)
    apart = sparse.csr_array(larger.rows.matrix[rows[:m]][:, columns[:n]] - smaller.rows.matrix)
    same = np.array_equal(larger.columns.integer[columns[:n]], smaller.columns.integer)
    return Growth(columns, rows) if same and apart.count_nonzero() == 0 else None


def _order(smaller: Names, larger: Names) -> Integers | None:
    """Return the larger's numbers of the smaller's names, then the others; None where one is missing or not unique."""
    place = {name: position for position, name in enumerate(larger)}
    if len(place) < len(larger):
        return None
    found = [place.pop(name, -1) for name in smaller]
    return None if -1 in found else np.array([*found, *place.values()], np.int64)
