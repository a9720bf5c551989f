"""Slater points that follow the leader, and the row by which they bound multipliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from reformulations.programs import (
    MPEC,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    Names,
    Product,
    Rows,
)

LARGEST_POLICY = 20_000
"""More coefficients than this are not searched for."""

SMALLEST_MARGIN = 1e-6
"""Margins below this may be rounding."""


@dataclass(frozen=True, slots=True)
class SlaterProgram:
    """A linear program for a policy ``y0(x) = p + P x`` with margins, and how to read its solution.

    Columns: ``p`` ``(q,)``, then ``P`` ``(q, r)`` by rows, then the margins of the inequalities, then
    absolute values. ``own`` are the MPEC's columns of the follower, ``followed`` those ``x`` that
    stand in its equality rows, ``entries`` its complementarity entries.
    """

    program: MixedIntegerProgram
    own: Integers
    followed: Integers
    entries: Integers


def slater_program(mpec: MPEC, player: int, lower: Floats, upper: Floats) -> SlaterProgram | None:
    """Return the search for a policy that is strictly feasible for every ``x`` in the box.

    Rows ``V y + U x >= w`` (``==``) of the follower, ``x`` the columns of others, centre ``m`` and radius
    ``d`` of their box, ``R = U + V P``::

        max sum_j min(s_j / scale_j, 1)
        s.t. V_j p + R_j m - |R_j| d - w_j >= s_j >= 0    inequalities
             R_j = 0,  V_j p = w_j                        equalities

    (rows with fixed ``x`` only have ``R_j d = 0`` anyway). None when the box of an ``x`` is unbounded
    or the policy is too large.
    """
    pairs = mpec.complementarity
    entries = np.flatnonzero(pairs.owner == player)
    own = _own_columns(mpec, entries)
    slack = sparse.csc_array(pairs.slack[entries])
    inside = np.zeros(len(mpec.columns), bool)
    inside[own] = True
    others = np.flatnonzero((np.diff(slack.indptr) > 0) & ~inside)
    if not (np.isfinite(lower[others]).all() and np.isfinite(upper[others]).all()):
        return None
    equality = pairs.equality[entries]
    in_equalities = np.diff(sparse.csc_array(pairs.slack[entries[equality]]).indptr) > 0
    followed = others[in_equalities[others] & (upper[others] > lower[others])]
    if len(own) * max(len(followed), 1) > LARGEST_POLICY:
        return None
    centre, radius = 0.5 * (lower[others] + upper[others]), 0.5 * (upper[others] - lower[others])
    parts = _Parts(
        sparse.csr_array(slack[:, own]),
        sparse.csr_array(slack[:, others]),
        pairs.offset[entries],
        equality,
        centre,
        radius,
        np.searchsorted(others, followed),
    )
    return SlaterProgram(_program(parts), own, followed, entries)


@dataclass(frozen=True, slots=True)
class _Parts:
    own: Matrix
    others: Matrix
    offset: Floats
    equality: Booleans
    centre: Floats
    radius: Floats
    followed: Integers


def _own_columns(mpec: MPEC, entries: Integers) -> Integers:
    conditions = sparse.csc_array(mpec.rows.matrix[mpec.stationarity.row])
    block = sparse.csc_array(conditions[:, mpec.complementarity.multiplier[entries]])
    return np.sort(mpec.stationarity.column[np.unique(block.indices)])


def _program(parts: _Parts) -> MixedIntegerProgram:
    q, r = parts.own.shape[1], len(parts.followed)
    strict, tight = np.flatnonzero(~parts.equality), np.flatnonzero(parts.equality)
    margins, absolutes = len(strict), len(strict) * r
    width = q + q * r + margins + absolutes
    middle = parts.centre[parts.followed][np.newaxis, :]
    # V P m, the policy's part of the rows at the centre of the box
    at_middle = sparse.csr_array(sparse.kron(parts.own, middle))
    spread = sparse.csr_array(sparse.kron(-sparse.eye_array(margins), parts.radius[parts.followed][np.newaxis, :]))
    constant = np.asarray(parts.others @ parts.centre) - parts.offset
    held = np.zeros(len(parts.centre), bool)
    held[parts.followed] = True
    unfollowed = np.asarray(abs(parts.others) @ np.where(held, 0.0, parts.radius))
    equalities = _rows([parts.own[tight], at_middle[tight]], width, -constant[tight], -constant[tight])
    pieces = [parts.own[strict], at_middle[strict], -sparse.eye_array(margins), spread]
    inequalities = _rows(pieces, width, unfollowed[strict] - constant[strict], None)
    rows = equalities.append(inequalities)
    if r:
        rows = rows.append(_slopes(parts, tight, strict, width))
    scale = 1.0 + np.abs(parts.offset[strict])
    free = np.full(q + q * r, np.inf)
    columns = Columns(
        np.concatenate([-free, np.zeros(margins + absolutes)]),
        np.concatenate([free, scale, np.full(absolutes, np.inf)]),
        np.zeros(width, bool),
        Names(width, lambda i: f"policy {i}"),
    )
    cost = np.zeros(width)
    cost[q + q * r : q + q * r + margins] = -1.0 / scale
    return MixedIntegerProgram(columns, rows, cost, 0.0)


def _slopes(parts: _Parts, tight: Integers, strict: Integers, width: int) -> Rows:
    """Return ``R_j = 0`` for equalities and ``a_j >= |R_j|`` for inequalities, one row an entry of ``x``."""
    q, r = parts.own.shape[1], len(parts.followed)
    slope = sparse.csr_array(sparse.kron(parts.own, sparse.eye_array(r)))
    direct = parts.others[:, parts.followed].toarray()
    flat = (tight[:, np.newaxis] * r + np.arange(r)).ravel()
    fixed = -direct[tight].ravel()
    rows = _rows([sparse.csr_array((len(flat), q)), slope[flat]], width, fixed, fixed)
    flat = (strict[:, np.newaxis] * r + np.arange(r)).ravel()
    for sign in (1.0, -1.0):
        pieces = [
            sparse.csr_array((len(flat), q)),
            sign * slope[flat],
            sparse.csr_array((len(flat), len(strict))),
            sparse.eye_array(len(flat)),
        ]
        rows = rows.append(_rows(pieces, width, -sign * direct[strict].ravel(), None))
    return rows


def _rows(pieces: Sequence[Any], width: int, lower: Floats, upper: Floats | None) -> Rows:
    block = sparse.csr_array(sparse.hstack(pieces, format="csr"))
    matrix = sparse.csr_array((block.data, block.indices, block.indptr), shape=(block.shape[0], width))
    top = np.full(len(lower), np.inf) if upper is None else upper
    return Rows(matrix, lower, top, Names(len(lower), lambda i: f"policy row {i}"))


def slater_row(mpec: MPEC, search: SlaterProgram, solution: Floats) -> Rows | None:
    """Return the row by which the policy found bounds every optimal multiplier, products included.

    For ``y0`` feasible with margins ``s`` and every KKT point ``(y, lambda)`` at ``x``::

        s' lambda <= lambda' (V y0 + U x - w) = lambda' V (y0 - y) = (grad_y f)' (y0(x) - y)

    by complementarity and stationarity; linear up to the products of ``grad_y f`` with ``y`` and ``x``.
    None when no margin is positive.
    """
    q, r = len(search.own), len(search.followed)
    point, slope = solution[:q], solution[q : q + q * r].reshape(q, r)
    pairs, size = mpec.complementarity, len(mpec.columns)
    strict = search.entries[~pairs.equality[search.entries]]
    margin = solution[q + q * r : q + q * r + len(strict)]
    # half of the margin found is claimed, so that rounding of the policy cannot spoil it
    margin = np.where(margin > SMALLEST_MARGIN, 0.5 * margin, 0.0)
    if not margin.any():
        return None
    condition_of = np.full(size, -1, np.int64)
    condition_of[mpec.stationarity.column] = mpec.stationarity.row
    conditions = condition_of[search.own]
    gradient = sparse.csc_array(mpec.rows.matrix[conditions])
    is_multiplier = np.zeros(size, bool)
    is_multiplier[pairs.multiplier] = True
    entries = gradient.tocoo()
    kept = ~is_multiplier[entries.col]
    n, column, value = entries.row[kept], entries.col[kept].astype(np.int64), entries.data[kept]
    cost = -mpec.rows.upper[conditions]
    linear = np.zeros(size)
    linear[pairs.multiplier[strict]] += margin
    np.add.at(linear, search.own, cost)
    np.add.at(linear, search.followed, -(cost @ slope))
    np.add.at(linear, column, -value * point[n])
    left = [search.own[n]] + [np.full(len(n), search.followed[i]) for i in range(r)]
    values = [value] + [-value * slope[n, i] for i in range(r)]
    products = Product.of(
        np.zeros(len(n) * (r + 1), np.int64),
        np.concatenate(left),
        np.tile(column, r + 1),
        np.concatenate(values),
    )
    matrix = sparse.csr_array(linear[np.newaxis, :])
    return Rows(matrix, np.array([-np.inf]), np.array([float(cost @ point)]), Names(1, lambda _: "slater"), products)
