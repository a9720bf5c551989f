"""Leader columns that follow from the followers' responses: totals, revenues and costs kept as variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Booleans, Integers, Matrix, Product, Role


@dataclass(frozen=True, slots=True)
class Determined:
    """Leader columns ``(k,)`` and the equality rows ``(k,)`` that say what they are, in an order of computation."""

    column: Integers
    row: Integers

    def __len__(self) -> int:
        return len(self.column)


def determined_columns(program: BilevelProgram) -> Determined:
    """Find the leader columns that equality rows of the leader compute from the followers' columns.

    ::

        revenue == sum_t price_t charge_t,    profit == revenue - cost

    A column is a candidate if it is continuous, stands for no multiplier, and no follower sees it in
    a row or objective. A leader's equality row with one candidate that is not determined yet, outside
    products, and with a column that moves with the responses (a follower's, a multiplier's, or one
    determined before) determines it. Rows with a product of two such columns are left alone, so that with
    everything else held, multipliers too, each column found is affine in the followers' columns.
    """
    search = _Search.of(program)
    pending = [int(i) for i in np.flatnonzero(search.usable & (search.unknown == 1))]
    found: list[tuple[int, int]] = []
    while pending:
        row = pending.pop()
        column = search.determined_by(row)
        if column is None:
            continue
        found.append((column, row))
        pending.extend(search.settle(column))
    columns, rows = zip(*found, strict=True) if found else ((), ())
    return Determined(np.array(columns, np.int64), np.array(rows, np.int64))


@dataclass(slots=True)
class _Search:
    """What is known so far; ``unknown`` counts the candidates left in each row, products included."""

    matrix: Matrix
    incidence: Matrix
    by_column: sparse.csc_array
    candidate: Booleans
    moving: Booleans
    usable: Booleans
    unknown: Integers

    @classmethod
    def of(cls, program: BilevelProgram) -> _Search:
        matrix, terms, n = program.rows.matrix, program.rows.products, len(program.columns)
        entries = matrix.tocoo()
        used = entries.data != 0
        row = np.concatenate([entries.row[used], terms.index, terms.index])
        column = np.concatenate([entries.col[used], terms.left, terms.right])
        incidence = sparse.csr_array(sparse.coo_array((np.ones(len(row)), (row, column)), shape=matrix.shape).tocsr())
        incidence.data[:] = 1.0
        stands = np.zeros(n, bool)
        stands[program.multipliers.column] = True
        candidate = _unseen(program) & ~stands
        moving = program.follower_columns | stands
        usable = (program.row_owner == LEADER) & program.rows.equality
        in_products = np.zeros(n, bool)
        in_products[terms.left] = in_products[terms.right] = True
        may_move = program.follower_columns | (candidate & in_products)
        usable[terms.index[may_move[terms.left] & may_move[terms.right]]] = False
        unknown = np.asarray(incidence @ candidate.astype(np.float64)).astype(np.int64)
        return cls(matrix, incidence, sparse.csc_array(incidence), candidate, moving, usable, unknown)

    def determined_by(self, row: int) -> int | None:
        """Return the one candidate that the row determines, if there is one."""
        used = self.incidence.indices[self.incidence.indptr[row] : self.incidence.indptr[row + 1]]
        new = used[self.candidate[used]]
        if len(new) != 1 or not self.moving[used].any():
            return None
        column = int(new[0])
        return column if self._is_linear_in(row, column) else None

    def settle(self, column: int) -> list[int]:
        """Note that the column is determined; return the rows that are worth another look."""
        self.candidate[column], self.moving[column] = False, True
        touched = self.by_column.indices[self.by_column.indptr[column] : self.by_column.indptr[column + 1]]
        self.unknown[touched] -= 1
        return [int(i) for i in touched if self.usable[i] and self.unknown[i] == 1]

    def _is_linear_in(self, row: int, column: int) -> bool:
        begin, end = self.matrix.indptr[row : row + 2]
        return bool(np.any((self.matrix.indices[begin:end] == column) & (self.matrix.data[begin:end] != 0)))


def _unseen(program: BilevelProgram) -> Booleans:
    """Mask the leader's continuous columns that stand in no follower's row or objective."""
    entries, terms = program.rows.matrix.tocoo(), program.rows.products
    goals, priced = program.objectives.linear.tocoo(), program.objectives.products
    follower = program.roles == Role.FOLLOWER
    seen = np.zeros(len(program.columns), bool)
    seen[entries.col[program.follower_rows[entries.row] & (entries.data != 0)]] = True
    seen[goals.col[follower[goals.row] & (goals.data != 0)]] = True
    for products, mask in ((terms, program.follower_rows), (priced, follower)):
        seen[_factors(products.take(mask[products.index]))] = True
    return np.asarray((program.column_owner == LEADER) & ~program.columns.integer & ~seen)


def _factors(products: Product) -> Integers:
    return np.concatenate([products.left, products.right])
