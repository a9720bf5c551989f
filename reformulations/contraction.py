"""Sparse linear systems with unknowns that must be equal made smaller, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from reformulations.arrays import Booleans, Floats, Integers, Matrix

DUST = 1e-12
"""What is smaller than this, relative to the terms it was added up from, is rounding."""

PAIR = 2

DIGITS = 2.0**40
"""Right-hand sides that agree in this part of their binary mantissa are the same."""


@dataclass(frozen=True, slots=True)
class Contracted:
    """The system ``sum_g weight[g] * matrix[g, e] == -wanted[e]`` over groups of equal unknowns.

    ``matrix`` is ``(G, E')``, ``wanted`` ``(E',)``; ``group`` ``(K,)`` is the group of each unknown of the
    source, ``equation`` ``(E',)`` the equation of the source behind each that is left.
    """

    matrix: Matrix
    wanted: Floats
    group: Integers
    equation: Integers


def contracted(by_equation: sparse.csc_array, wanted: Floats, free: Booleans) -> Contracted:
    """Merge unknowns that an equation ``a w_1 - a w_2 == 0`` ties, and drop ``free`` and repeated equations.

    Source: ``sum_k weight[k] * by_equation[k, e] == -wanted[e]`` for every ``e`` that is not ``free``,
    ``by_equation`` ``(K, E)``. Both systems have the same solutions.
    """
    held = np.flatnonzero(~free)
    columns = sparse.csc_array(by_equation[:, held])
    tied = _ties(columns, wanted[held])
    group = _groups(columns, np.flatnonzero(tied))
    # a tie says nothing of groups, and ties are most of what there is
    held, columns = held[~tied], sparse.csc_array(columns[:, ~tied])
    right = wanted[held]
    row, equation = group[columns.indices], np.repeat(np.arange(len(held)), np.diff(columns.indptr))
    shape = (int(group.max(initial=-1)) + 1, len(held))
    total = sparse.csc_array(sparse.coo_array((columns.data, (row, equation)), shape=shape).tocsc())
    size = sparse.csc_array(sparse.coo_array((np.abs(columns.data), (row, equation)), shape=shape).tocsc())
    # both have the same pattern, since conversion adds up duplicates and keeps zeros
    total.data = np.where(np.abs(total.data) > DUST * size.data, total.data, 0.0)
    total.eliminate_zeros()
    kept = np.flatnonzero(((np.diff(total.indptr) > 0) | (right != 0)) & ~_repeated(total, right))
    return Contracted(sparse.csr_array(total[:, kept]), right[kept], group, held[kept])


def _ties(columns: sparse.csc_array, right: Floats) -> Booleans:
    """Mask the equations that say that two unknowns are equal."""
    tied = (np.diff(columns.indptr) == PAIR) & (right == 0)
    first = columns.indptr[:-1][tied]
    one, two = columns.data[first], columns.data[first + 1]
    tied[tied] = np.abs(one + two) <= DUST * np.abs(one)
    return np.asarray(tied)


def _groups(columns: sparse.csc_array, ties: Integers) -> Integers:
    """Number the unknowns so that those linked by a chain of ties have the same number."""
    count, first = columns.shape[0], columns.indptr[ties]
    entries = (np.ones(len(ties), np.int8), (columns.indices[first], columns.indices[first + 1]))
    _, group = csgraph.connected_components(sparse.coo_array(entries, shape=(count, count)), directed=False)
    return np.asarray(group, np.int64)


def _repeated(matrix: sparse.csc_array, right: Floats) -> Booleans:
    """Mask the equations in one unknown that say what an earlier one says."""
    repeated = np.zeros(matrix.shape[1], bool)
    alone = np.flatnonzero(np.diff(matrix.indptr) == 1)
    entry = matrix.indptr[alone]
    unknown = matrix.indices[entry]
    mantissa, exponent = np.frexp(right[alone] / matrix.data[entry])
    rounded = np.round(mantissa * DIGITS)
    order = np.lexsort((alone, rounded, exponent, unknown))
    same = np.ones(max(len(alone) - 1, 0), bool)
    for key in (unknown, exponent, rounded):
        same &= key[order][1:] == key[order][:-1]
    repeated[alone[order][1:][same]] = True
    return repeated
