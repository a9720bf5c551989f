"""Leader columns that follow from the followers' responses: totals, revenues, costs kept as variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Booleans, Integers, Role


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
    products, and with a column that moves with the responses, determines it; and so on. Rows
    with a product of two moving columns are left alone: with everything else held, what is found
    is affine in the followers' columns.
    """
    candidate = _unseen(program)
    moving = program.follower_columns | _stands_for_multiplier(program)
    rows, held = _equalities(program), _stands_for_multiplier(program)
    matrix, terms = program.rows.matrix, program.rows.products
    by_column = sparse.csc_array(matrix)
    open_count = np.asarray((matrix != 0) @ candidate.astype(np.int64))
    found_columns: list[int] = []
    found_rows: list[int] = []
    pending = [int(i) for i in np.flatnonzero(rows & (open_count == 1))]
    while pending:
        row = pending.pop()
        used = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]][
            matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]] != 0
        ]
        new = used[candidate[used]]
        mine = terms.index == row
        left, right = terms.left[mine], terms.right[mine]
        factors = np.concatenate([left, right])
        if len(new) != 1 or candidate[factors].any() or not moving[np.concatenate([used, factors])].any():
            continue
        if (moving[left] & ~held[left] & moving[right] & ~held[right]).any():
            continue
        column = int(new[0])
        candidate[column], moving[column] = False, True
        found_columns.append(column)
        found_rows.append(row)
        touched = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        open_count[touched] -= 1
        pending.extend(int(i) for i in touched if rows[i] and open_count[i] <= 1)
    return Determined(np.array(found_columns, np.int64), np.array(found_rows, np.int64))
