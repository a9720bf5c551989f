"""Rows that tie the products of one choice among several: a menu of which exactly one item is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Booleans, Floats, Integers, Matrix, Names, Rows


@dataclass(frozen=True, slots=True)
class Factors:
    """Products ``w_k = b_k y_k``, all arrays ``(k,)``: positions of the three columns, and the bounds of ``y_k``."""

    binary: Integers
    other: Integers
    product: Integers
    lower: Floats
    upper: Floats


def choice_rows(rows: Rows, is_binary: Booleans, factors: Factors, n: int) -> Rows:
    """Return rows of width ``n`` that hold for the products of a menu with the same other factor.

    For each row ``sum_{g in G} b_g = 1`` of binary columns, and each ``y`` with ``L <= y <= U`` that is multiplied by
    the items ``S`` of ``G``::

        y - U (1 - sum_S b_g)  <=  sum_S w_g  <=  y - L (1 - sum_S b_g),        sum_G w_g = y  with all items

    They are implied where the binary columns are integers, and without them they are the row times ``y`` (Sherali and
    Adams, SIAM J. Discrete Math. 3, 1990): the envelopes of the single products let ``sum_G w_g`` be anything between
    ``y - (|G| - 1)(U - y)`` and ``|G| y``, for ``L = 0``.
    """
    position_of_menu = _menu_rows(rows, is_binary)
    menus = sparse.csr_array(rows.matrix[position_of_menu])
    member = sparse.coo_array(sparse.csc_array(menus)[:, factors.binary])
    size = np.diff(menus.indptr)
    key = np.stack([member.row.astype(np.int64), factors.other[member.col]])
    groups, group = np.unique(key, axis=1, return_inverse=True)
    group, count = group.ravel(), groups.shape[1]
    taken = np.bincount(group, minlength=count)
    whole = taken == size[groups[0]]
    kept = np.flatnonzero(whole | (taken > 1))
    item = np.full(count, -1)
    item[kept] = np.arange(len(kept))
    used = item[group] >= 0
    term, position = member.col[used].astype(np.int64), item[group[used]]
    first = np.zeros(len(kept), np.int64)
    first[position] = term
    low, high, whole = factors.lower[first], factors.upper[first], whole[kept]
    sides = [_sums(factors, term, position, groups[1][kept], np.where(whole, 0.0, side), n) for side in (low, high)]
    partial = np.flatnonzero(~whole)
    menu = position_of_menu[groups[0][kept]]
    # with all items one row says it, without some there are two
    return Rows(
        sparse.csr_array(sides[0]),
        np.where(whole, 0.0, -np.inf),
        np.where(whole, 0.0, -low),
        Names(len(kept), lambda i: f"products of the choice {rows.names[int(menu[i])]} from above"),
    ).append(
        Rows(
            sparse.csr_array(sides[1][partial]),
            -high[partial],
            np.full(len(partial), np.inf),
            Names(len(partial), lambda i: f"products of the choice {rows.names[int(menu[partial[i]])]} from below"),
        )
    )


def _menu_rows(rows: Rows, is_binary: Booleans) -> Integers:
    """Return the rows that say ``sum of binary columns = 1``, in whatever unit."""
    matrix = rows.matrix
    size = np.diff(matrix.indptr)
    right = np.repeat(rows.upper, size)
    fits = is_binary[matrix.indices] & (matrix.data == right) & (right != 0)
    row = np.repeat(np.arange(len(rows)), size)
    all_fit = np.bincount(row[fits], minlength=len(rows)) == size
    found = all_fit & (size > 1) & (rows.lower == rows.upper)
    found[rows.products.index] = False
    return np.flatnonzero(found)


def _sums(factors: Factors, term: Integers, position: Integers, other: Integers, side: Floats, n: int) -> Matrix:
    """Return ``sum w - y - side sum b`` of each group, ``(groups, n)``."""
    count = len(other)
    entries = np.concatenate([np.ones(len(term)), -np.ones(count), -side[position]])
    row = np.concatenate([position, np.arange(count), position])
    column = np.concatenate([factors.product[term], other, factors.binary[term]])
    matrix = sparse.csr_array(sparse.coo_array((entries, (row, column)), shape=(count, n)).tocsr())
    matrix.eliminate_zeros()
    return matrix
