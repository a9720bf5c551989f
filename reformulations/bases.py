"""Bounds of multipliers from bases of independent active rows."""

from __future__ import annotations

from itertools import combinations, islice
from math import comb

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import MPEC, Floats, Integers

LARGEST_COUNT = 30_000
"""More bases than this are not enumerated."""

MOST_ROWS = 250
"""A follower with more rows has more than ``LARGEST_COUNT`` bases, unless all its rows are parallel."""

WELL_CONDITIONED = 1e12
SINGULAR = 1e15
"""Condition numbers of ``B B'``: up to the first a basis is used, from the second on it is none; between: give up."""


def basis_bounds(mpec: MPEC, player: int, lower: Floats, upper: Floats) -> tuple[Floats, Floats] | None:
    """Bound some optimal multipliers of follower ``player`` at every leader decision in the box.

    At an optimal ``y``, ``V' lambda = g`` with ``g = grad_y f`` has a solution of the right signs whose
    support is a set of linearly independent active rows (Caratheodory's theorem for cones), hence
    ``lambda_B = (V_B')^+ g`` for one of the finitely many bases ``B`` of the row space of ``V``.
    The bound is the largest such entry over all bases that can have the right signs, with ``g``
    ranging over its interval. It holds for *some* optimal multipliers, so it is valid only where the
    multipliers of this follower are nobody's variables. Returns ``(lower, upper)`` over the
    follower's entries, or None: too many bases, an unbounded gradient, or multipliers in use.
    """
    pairs = mpec.complementarity
    entries = np.flatnonzero(pairs.owner == player)
    used = set(mpec.aliases.matrix.indices.tolist())
    if len(entries) > MOST_ROWS or used & set(pairs.multiplier[entries].tolist()):
        return None
    own, low, high = _system(mpec, entries, lower, upper)
    if not (np.isfinite(low).all() and np.isfinite(high).all()) or own.size == 0:
        return None
    rank = int(np.linalg.matrix_rank(own))
    if rank == 0 or comb(len(entries), rank) > LARGEST_COUNT:
        return None
    return _enumerate(own, rank, pairs.equality[entries], low, high)


def independent_directions(mpec: MPEC, entries: Integers) -> Integers:
    """Label the rows ``entries`` of one follower by the direction of their part on its own columns.

    Some optimal multipliers have a support of independent rows (as in :func:`basis_bounds`), so of
    all rows with one label at most one multiplier is positive. Rows whose multipliers are somebody's
    variables get labels of their own: with those held, the argument applies to the others.
    """
    pairs = mpec.complementarity
    used = set(mpec.aliases.matrix.indices.tolist())
    stationarity = sparse.csc_array(mpec.rows.matrix[mpec.stationarity.row])
    labels: dict[tuple[object, ...], int] = {}
    result = np.empty(len(entries), np.int64)
    for k, column in enumerate(pairs.multiplier[entries].tolist()):
        begin, end = stationarity.indptr[column : column + 2]
        order = np.argsort(stationarity.indices[begin:end])
        where, values = stationarity.indices[begin:end][order], stationarity.data[begin:end][order]
        key: tuple[object, ...] = ("used", column)
        if column not in used and len(values):
            key = (tuple(where.tolist()), tuple(np.round(values / values[0], 12).tolist()))
        result[k] = labels.setdefault(key, len(labels))
    return result


def _system(mpec: MPEC, entries: Integers, lower: Floats, upper: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ``V`` ``(p, q)`` and the interval ``(q,)`` of the gradient over the box."""
    pairs = mpec.complementarity
    stationarity = sparse.csr_array(mpec.rows.matrix[mpec.stationarity.row])
    is_multiplier, place = np.zeros(len(mpec.columns), bool), np.full(len(mpec.columns), -1, np.int64)
    is_multiplier[pairs.multiplier] = True
    place[pairs.multiplier[entries]] = np.arange(len(entries))
    condition = np.repeat(np.arange(stationarity.shape[0]), np.diff(stationarity.indptr))
    here = place[stationarity.indices] >= 0
    mine, where = np.unique(condition[here], return_inverse=True)
    own = np.zeros((len(entries), len(mine)))
    own[place[stationarity.indices[here]], where] = -stationarity.data[here]
    primal = np.where(is_multiplier[stationarity.indices], 0.0, stationarity.data)
    gradient = sparse.csr_array((primal, stationarity.indices, stationarity.indptr), shape=stationarity.shape)
    constant = -mpec.rows.upper[mpec.stationarity.row][mine]
    least, most = activity_range(sparse.csr_array(gradient[mine]), lower, upper)
    return own, least + constant, most + constant


def _enumerate(own: Floats, rank: int, equality: np.ndarray, low: Floats, high: Floats) -> tuple[Floats, Floats] | None:
    p = len(own)
    least, most = np.zeros(p), np.zeros(p)
    scale = np.maximum(np.abs(low), np.abs(high)).max() + 1e-12
    subsets = combinations(range(p), rank)
    while batch := list(islice(subsets, 2000)):
        index = np.array(batch)
        blocks = own[index]
        grams = blocks @ blocks.transpose(0, 2, 1)
        condition = np.linalg.cond(grams)
        if np.any((condition > WELL_CONDITIONED) & (condition < SINGULAR)):
            return None
        good = condition <= WELL_CONDITIONED
        inverse = np.linalg.inv(grams[good]) @ blocks[good]
        positive, negative = np.maximum(inverse, 0.0), np.minimum(inverse, 0.0)
        top = positive @ high + negative @ low
        bottom = positive @ low + negative @ high
        sets, free = index[good], equality[index[good]]
        possible = np.all(free | (top >= -1e-9 * scale), axis=1)
        np.maximum.at(most, sets[possible], top[possible])
        np.minimum.at(least, sets[possible], np.where(free, bottom, 0.0)[possible])
    return least, most
