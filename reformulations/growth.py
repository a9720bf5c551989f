"""How a program grows into a larger one: a block of columns and a block of rows are put in, and the rest stays.

The masters of column-and-constraint generation grow so from round to round: the columns and rows of one more scenario
stand behind those of the scenarios before. ::

    smaller  ( A  C )         larger  ( A  B  C )
             ( D  F )                 ( G  H  I )
                                      ( D  E  F )
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Booleans, Columns, Integers, MixedIntegerProgram, Rows


@dataclass(frozen=True, slots=True)
class Growth:
    """Numbers in the larger program: ``columns`` ``(n,)`` and ``rows`` ``(m,)`` of the smaller one, and what is new."""

    columns: Integers
    rows: Integers
    new_columns: Integers
    new_rows: Integers


def growth(smaller: MixedIntegerProgram, larger: MixedIntegerProgram, place: int) -> Growth | None:
    """Return how ``smaller`` grows into ``larger`` with new columns from ``place`` on; None where it does not.

    All columns keep their kind, and all rows their coefficients of these columns; bounds, sides and costs may differ.
    None for programs with products.
    """
    n, m, more = len(smaller.columns), len(smaller.rows), len(larger.columns) - len(smaller.columns)
    if len(smaller.products) or len(larger.products) or more < 0 or len(larger.rows) < m or place > n:
        return None
    columns, new_columns = _around(n, place, more)
    if not np.array_equal(larger.columns.integer[columns], smaller.columns.integer):
        return None
    # a row is recognised by the sum of its coefficients with random weights, zero for new columns
    weight = np.zeros(n + more)
    weight[columns] = np.random.default_rng(0).random(n)
    same: Booleans = (smaller.rows.matrix @ weight[columns]) == (larger.rows.matrix @ weight)[:m]
    rows, new_rows = _around(m, m if same.all() else int(np.argmin(same)), len(larger.rows) - m)
    kept = sparse.csr_array(larger.rows.matrix[rows][:, columns])
    apart = sparse.csr_array(kept - smaller.rows.matrix)
    return None if apart.count_nonzero() else Growth(columns, rows, new_columns, new_rows)


def in_order(program: MixedIntegerProgram, columns: Integers, rows: Integers) -> MixedIntegerProgram:
    """Return a program without products whose columns and rows stand in that order."""
    own, between = program.columns, program.rows
    return MixedIntegerProgram(
        Columns(own.lower[columns], own.upper[columns], own.integer[columns], own.names.take(columns)),
        Rows(
            sparse.csr_array(between.matrix[rows][:, columns]),
            between.lower[rows],
            between.upper[rows],
            between.names.take(rows),
        ),
        program.cost[columns],
        program.constant,
    )


def _around(count: int, place: int, more: int) -> tuple[Integers, Integers]:
    """Return where ``count`` numbers go when ``more`` are put in at ``place``, and where these are."""
    every = np.arange(count + more)
    new = every[place : place + more]
    return np.delete(every, new), new
