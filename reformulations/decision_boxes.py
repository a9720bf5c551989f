"""Bounds of a follower's columns where its rows change with a few binaries of the leader."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import sparse

from reformulations.interval import propagate
from reformulations.programs import LEADER, BilevelProgram, Booleans, Floats, Integers, Product, Rows

MOST_BINARIES = 8
"""With more binaries than these in a follower's products their decisions are not enumerated."""

EMPTY = 1e-6
"""Bounds that contradict each other by more, relative to their size, leave no value."""


def decision_boxes(program: BilevelProgram, player: int) -> tuple[Floats, Floats]:
    """Return bounds ``(n,)`` of the columns of a follower that hold at every decision the leader can take.

    At each decision that the leader's own rows allow on its binaries in the follower's products, these products are
    linear and bounds are propagated from the follower's rows; the hull of these boxes is returned, infinite where one
    of them is. The leader's rows exclude decisions and never tighten a follower's column, which they do not bind. A
    decision without any response of the follower does not count.
    """
    n, binaries = len(program.columns), _binaries_of(program, player)
    if len(binaries) > MOST_BINARIES or not len(binaries):
        return np.full(n, -np.inf), np.full(n, np.inf)
    leaders = _rows_of(program, LEADER)
    own = program.column_owner == LEADER
    lower, upper = np.full(n, np.inf), np.full(n, -np.inf)
    for decision in product((0.0, 1.0), repeat=len(binaries)):
        low, high = program.columns.lower.copy(), program.columns.upper.copy()
        low[binaries] = high[binaries] = decision
        of_leader = propagate(leaders, low, high)
        if _is_empty(*of_leader):
            continue
        low[own], high[own] = of_leader[0][own], of_leader[1][own]
        low, high = propagate(_rows_at(program, player, binaries, np.array(decision)), low, high)
        if _is_empty(low, high):
            continue
        lower, upper = np.minimum(lower, low), np.maximum(upper, high)
    none = lower > upper
    lower[none], upper[none] = -np.inf, np.inf
    return lower, upper


def _binaries_of(program: BilevelProgram, player: int) -> Integers:
    terms = program.rows.products.take(program.row_owner[program.rows.products.index] == player)
    factors = np.unique(np.concatenate([terms.left, terms.right]))
    decided = program.columns.binary & (program.column_owner == LEADER)
    decided[program.multipliers.column] = False
    chosen: Integers = factors[decided[factors]]
    return chosen


def _rows_of(program: BilevelProgram, player: int) -> Rows:
    mine, rows = np.flatnonzero(program.row_owner == player), program.rows
    place = np.full(len(rows), -1)
    place[mine] = np.arange(len(mine))
    terms = rows.products.take(place[rows.products.index] >= 0)
    moved = Product.of(place[terms.index], terms.left, terms.right, terms.value)
    return Rows(sparse.csr_array(rows.matrix[mine]), rows.lower[mine], rows.upper[mine], rows.names.take(mine), moved)


def _rows_at(program: BilevelProgram, player: int, binaries: Integers, decision: Floats) -> Rows:
    """Return the rows of a player at a decision: products with a decided binary are linear in the other factor."""
    rows = _rows_of(program, player)
    terms, value = rows.products, np.zeros(len(program.columns))
    value[binaries] = decision
    first, second = np.isin(terms.left, binaries), np.isin(terms.right, binaries)
    decided: Booleans = first | second
    factor = np.where(first, value[terms.left], value[terms.right])
    other = np.where(first, terms.right, terms.left)
    entries = ((terms.value * factor)[decided], (terms.index[decided], other[decided]))
    added = sparse.coo_array(entries, shape=rows.matrix.shape).tocsr()
    matrix = sparse.csr_array(rows.matrix + added)
    return Rows(matrix, rows.lower, rows.upper, rows.names, terms.take(~decided))


def _is_empty(lower: Floats, upper: Floats) -> bool:
    size = np.maximum(1.0, np.minimum(np.abs(lower), np.abs(upper)))
    with np.errstate(invalid="ignore"):  # an infinite size of two infinite bounds allows everything
        return bool(np.any(lower - upper > EMPTY * size))
