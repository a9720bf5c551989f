"""Quadratic rows that are convex, written as second-order cones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans, Floats, Integers, Product, Rows
from reformulations.canonical import rows_with_own_columns
from reformulations.conic.cones import Cones
from reformulations.interval import propagate
from reformulations.programs import LEADER, BilevelProgram, Role
from reformulations.refusal import NotApplicable

FLAT = 1e-10
"""Eigenvalues below this part of the largest count as zero: rounding of dense eigenvalues is 1e-15."""


def cone_rows(program: BilevelProgram) -> Cones:
    """Return the cones of a game's convex quadratic rows, those of followers and of the leader.

    ::

        z'Pz + q'z <= r,  P = sum_i w_i v_i v_i' semidefinite:
                                               u = ((t + c)/(2 sqrt c), (t - c)/(2 sqrt c), sqrt(w_i) v_i'z)
        (z, 1)'G(z, 1) <= 0,  one negative eigenvalue -w_0, and
        v_0'(z, 1) of one sign over the bounds and linear rows:
                                               u = (sqrt(w_0) v_0'(z, 1), sqrt(w_i) v_i'(z, 1))

    with ``t = r - q'z``. The second are norms of affine terms below affine terms and products of
    nonnegative ones, ``p**2 + q**2 <= l v``. Rows must be convex in the columns of all players together:
    then one linear row is a tangent for every decision of the others.

    Left alone are rows whose products all have a leader's binary factor, and rows that are not convex but have
    no product of two columns of the follower they belong to: they are linear in each decision of the others.

    Raises
    ------
    NotApplicable
        For a follower's quadratic row that is not convex, or not known to be.
    """
    found: list[_Cone] = []
    curved = np.unique(program.rows.products.index)
    wanted = _candidates(program)
    boxes: dict[int, tuple[Floats, Floats]] = {}
    for row in curved[wanted[curved]].tolist():
        owner = int(program.row_owner[row])
        if owner not in boxes:
            boxes[owner] = _box(program, owner)
        try:
            found.append(_cone(program, row, boxes[owner]))
        except NotApplicable:
            if _is_curved(program, row):
                raise
    return _assembled(program, found)


def follower_cones(program: BilevelProgram) -> Integers:
    """Return the rows of followers that are cones.

    Raises
    ------
    NotApplicable
        As :func:`cone_rows`.
    """
    row = cone_rows(program).row
    return np.asarray(row[program.follower_rows[row]])


@dataclass(frozen=True, slots=True)
class _Cone:
    row: int
    side: float
    columns: Integers
    factor: Floats
    offset: Floats


def _candidates(program: BilevelProgram) -> Booleans:
    """Mask the rows with products that are not a leader's binary column times another."""
    products, columns = program.rows.products, program.columns
    binary = columns.binary & (program.column_owner == LEADER)
    stands_for = np.zeros(len(columns), bool)
    stands_for[program.multipliers.column] = True
    plain = np.zeros(len(program.rows), bool)
    plain[products.index[~(binary[products.left] | binary[products.right])]] = True
    players = program.roles[program.row_owner]
    follower = rows_with_own_columns(program) & plain
    leader = plain & (players == Role.LEADER)
    leader[products.index[stands_for[products.left] | stands_for[products.right]]] = False
    return np.asarray(follower | leader)


def _is_curved(program: BilevelProgram, row: int) -> bool:
    """Tell whether a follower's row has a product of its own columns: the others are linear where the rest is held."""
    products, owner = program.rows.products, program.row_owner[row]
    own = (program.column_owner[products.left] == owner) & (program.column_owner[products.right] == owner)
    return bool(program.roles[owner] == Role.FOLLOWER and (own & (products.index == row)).any())


def _box(program: BilevelProgram, owner: int) -> tuple[Floats, Floats]:
    """Return bounds that hold wherever ``owner`` decides: of its rows, and of the leader's own."""
    rows, columns = program.rows, program.columns
    entries = rows.matrix.tocoo()
    others = np.zeros(len(rows), bool)
    others[entries.row[program.column_owner[entries.col] != LEADER]] = True
    usable = (program.row_owner == owner) | ((program.row_owner == LEADER) & ~others)
    usable[rows.products.index] = False
    picked = np.flatnonzero(usable)
    part = Rows(sparse.csr_array(rows.matrix[picked]), rows.lower[picked], rows.upper[picked], rows.names.take(picked))
    return propagate(part, columns.lower, columns.upper)


def _cone(program: BilevelProgram, row: int, box: tuple[Floats, Floats]) -> _Cone:
    rows, name = program.rows, program.rows.names[row]
    lower, upper = rows.lower[row], rows.upper[row]
    if np.isfinite(lower) and np.isfinite(upper):
        kind = "an equality of quadratic terms" if lower == upper else "a quadratic range"
        raise NotApplicable(name, f"{kind} is not convex; write the convex side of it alone")
    side = 1.0 if np.isfinite(upper) else -1.0
    products = rows.products.take(rows.products.index == row)
    begin, end = rows.matrix.indptr[row : row + 2]
    linear = dict(
        zip(rows.matrix.indices[begin:end].tolist(), (side * rows.matrix.data[begin:end]).tolist(), strict=True)
    )
    right = upper if side > 0 else -lower
    curved = np.union1d(products.left, products.right)
    form = _form(products, side, curved)
    weight, vector = np.linalg.eigh(form)
    largest = np.abs(weight).max()
    if weight[0] >= -FLAT * largest:
        return _bowl(row, side, curved, weight, vector, linear, right)
    return _branch(program, row, side, curved, form, linear, right, box)


def _form(products: Product, side: float, columns: Integers) -> Floats:
    """Return the symmetric matrix of the products over ``columns``."""
    matrix = np.zeros((len(columns), len(columns)))
    left, right = np.searchsorted(columns, products.left), np.searchsorted(columns, products.right)
    np.add.at(matrix, (left, right), 0.5 * side * products.value)
    np.add.at(matrix, (right, left), 0.5 * side * products.value)
    return matrix


def _bowl(
    row: int,
    side: float,
    curved: Integers,
    weight: Floats,
    vector: Floats,
    linear: dict[int, float],
    right: float,
) -> _Cone:
    """Write ``z'Pz <= t`` as a cone; ``c = r`` makes it the plain norm where ``t`` is constant."""
    kept = np.flatnonzero(weight > FLAT * weight[-1])
    columns = np.union1d(curved, np.array([*linear], np.int64))
    squares = np.zeros((len(kept), len(columns)))
    squares[:, np.searchsorted(columns, curved)] = (np.sqrt(weight[kept]) * vector[:, kept]).T
    slope = np.zeros(len(columns))
    slope[np.searchsorted(columns, np.array([*linear], np.int64))] = [-value for value in linear.values()]
    constant = right if right > 0 else 1.0
    width = 2 * np.sqrt(constant)
    head, tail = (right + constant) / width, (right - constant) / width
    if not linear and right > 0:
        return _Cone(row, side, columns, np.vstack([slope / width, squares]), np.array([head, *np.zeros(len(kept))]))
    factor = np.vstack([slope / width, slope / width, squares])
    return _Cone(row, side, columns, factor, np.array([head, tail, *np.zeros(len(kept))]))


def _branch(
    program: BilevelProgram,
    row: int,
    side: float,
    curved: Integers,
    form: Floats,
    linear: dict[int, float],
    right: float,
    box: tuple[Floats, Floats],
) -> _Cone:
    """Write ``(z, 1)'G(z, 1) <= 0`` with one negative eigenvalue as the half of a cone that the bounds choose."""
    name = program.rows.names[row]
    columns = np.union1d(curved, np.array([*linear], np.int64))
    size, at = len(columns), np.searchsorted(columns, curved)
    matrix = np.zeros((size + 1, size + 1))
    matrix[np.ix_(at, at)] = form
    for column, value in linear.items():
        matrix[np.searchsorted(columns, column), size] += 0.5 * value
        matrix[size, np.searchsorted(columns, column)] += 0.5 * value
    matrix[size, size] = -right
    weight, vector = np.linalg.eigh(matrix)
    noise = FLAT * np.abs(weight).max()
    if (weight < -noise).sum() != 1:
        raise NotApplicable(name, _why_not_convex(program, row, form, curved))
    chosen = [0, *np.flatnonzero(weight > noise)]
    factor = (np.sqrt(np.abs(weight[chosen])) * vector[:, chosen]).T
    factor[np.abs(factor) < FLAT * np.abs(factor).max()] = 0.0
    sign = _sign(factor[0], columns, box)
    if sign is None:
        term = " + ".join(
            f"{factor[0, j]:g}*{program.columns.names[int(columns[j])]}" for j in np.flatnonzero(factor[0, :-1])
        )
        raise NotApplicable(
            name,
            f"the quadratic row describes two parts, which only bounds can tell apart: give bounds so that "
            f"{term} + {factor[0, -1]:g} has one sign",
        )
    factor[0] *= sign
    return _Cone(row, side, columns, factor[:, :size], factor[:, size])


def _sign(head: Floats, columns: Integers, box: tuple[Floats, Floats]) -> Literal[1, -1] | None:
    """Return the sign that an affine term ``(k + 1,)`` has over the box, zero counting as either; None for both."""
    slope, constant = head[:-1], head[-1]
    used = np.flatnonzero(slope)
    low, high = box[0][columns[used]], box[1][columns[used]]
    ends = np.stack([slope[used] * low, slope[used] * high])
    room = 1e-9 * (1 + np.abs(ends[np.isfinite(ends)]).sum() + abs(constant))
    if constant + ends.min(axis=0).sum() >= -room:
        return 1
    return -1 if constant + ends.max(axis=0).sum() <= room else None


def _why_not_convex(program: BilevelProgram, row: int, form: Floats, curved: Integers) -> str:
    own = program.column_owner[curved] == program.row_owner[row]
    if not own.all() and np.linalg.eigvalsh(form[np.ix_(own, own)]).min(initial=0.0) >= -FLAT * np.abs(form).max():
        return (
            "the quadratic row is not convex in the variables of all players together (a tangent would hold for one "
            "decision of the others only); keep other players' variables linear in it, or on the smaller side of a norm"
        )
    return "the quadratic row is not convex; followers need convex rows, such as norms below linear terms"


def _assembled(program: BilevelProgram, found: list[_Cone]) -> Cones:
    sizes = np.array([len(cone.offset) for cone in found], np.int64)
    widths = np.repeat(np.array([len(cone.columns) for cone in found], np.int64), sizes)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n, total = len(program.columns), int(start[-1])
    entries = sparse.coo_array(
        (
            np.concatenate([np.empty(0), *[cone.factor.ravel() for cone in found]]),
            (
                np.repeat(np.arange(total), widths),
                np.concatenate([np.empty(0, np.int64), *[np.tile(cone.columns, len(cone.offset)) for cone in found]]),
            ),
        ),
        shape=(total, n),
    )
    factor = sparse.csr_array(entries.tocsr())
    factor.eliminate_zeros()
    row = np.array([cone.row for cone in found], np.int64)
    return Cones(
        row,
        np.array([cone.side for cone in found], np.float64),
        start,
        factor,
        np.concatenate([np.empty(0), *[cone.offset for cone in found]]),
        program.rows.names.take(row),
    )
