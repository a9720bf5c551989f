"""When bounds of multipliers and slacks that hold for one game hold for another as well."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Matrix, Product


def covers(wide: BilevelProgram, narrow: BilevelProgram) -> bool:
    """Tell whether bounds of the lower level derived for ``wide`` are bounds for ``narrow``.

    They are where each KKT point of ``narrow`` is one of ``wide``: the followers are the same, and the leader has the
    same rows with sides, and columns with bounds, no wider than before. The leader's objective does not matter,
    because no bound is derived from it. Games with products in followers' rows are never covered: the rows that
    replace the products depend on the bounds of all columns.
    """
    theirs, columns = wide.follower_rows, wide.follower_columns
    if wide.rows.matrix.shape != narrow.rows.matrix.shape or not np.array_equal(wide.roles, narrow.roles):
        return False
    if theirs[wide.rows.products.index].any() or theirs[narrow.rows.products.index].any():
        return False
    same_rows = (
        _is_same(wide.rows.matrix, narrow.rows.matrix)
        and _are_same(wide.rows.products, narrow.rows.products)
        and _is_within(narrow.rows.lower, narrow.rows.upper, wide.rows.lower, wide.rows.upper, theirs)
    )
    same_columns = (
        _is_within(narrow.columns.lower, narrow.columns.upper, wide.columns.lower, wide.columns.upper, columns)
        and not (wide.columns.integer & ~narrow.columns.integer).any()
    )
    return bool(same_rows and same_columns and _same_goals(wide, narrow))


def _same_goals(wide: BilevelProgram, narrow: BilevelProgram) -> bool:
    first, second = wide.objectives, narrow.objectives
    followers = np.flatnonzero(wide.roles != LEADER)
    mine = [goals.products.take(goals.products.index != LEADER) for goals in (first, second)]
    return bool(
        np.array_equal(first.sense[followers], second.sense[followers])
        and _is_same(sparse.csr_array(first.linear[followers]), sparse.csr_array(second.linear[followers]))
        and _are_same(*mine)
    )


def _is_within(*arrays: np.ndarray) -> bool:
    """Tell whether the first interval lies in the second everywhere, and is equal where the mask says so."""
    low, high, least, most, equal = arrays
    fixed = (low == least) & (high == most)
    return bool(np.all(np.where(equal, fixed, (low >= least) & (high <= most))))


def _is_same(first: Matrix, second: Matrix) -> bool:
    return (
        np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.indices, second.indices)
        and np.array_equal(first.data, second.data)
    )


def _are_same(first: Product, second: Product) -> bool:
    items = ("index", "left", "right", "value")
    return all(np.array_equal(getattr(first, item), getattr(second, item)) for item in items)
