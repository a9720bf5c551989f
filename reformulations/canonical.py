"""Canonical form: every player minimises, every follower row is ``>=`` or ``==``, bounds are rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    CanonicalGame,
    Floats,
    Integers,
    LowerLevel,
    Matrix,
    MultiplierColumns,
    Names,
    Product,
    Rows,
)
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class Canonical:
    """Bring a game to canonical form.

    Source, for each follower with sense ``s`` in {+1, -1}::

        min s f(y, z)   s.t.   L <= A z <= U : m,   l <= y <= u : m_lower, m_upper

    Image: ``A z >= L : a``, ``-A z >= -U : b`` (one ``==`` row where ``L == U``) and the same for
    the bounds, all multipliers of inequalities nonnegative. The way back gives the multipliers as
    the user reads them, ``d(f optimum)/d(right-hand side)``::

        m = s (a - b),   m_lower = s a,   m_upper = -s b

    (a fixed column, ``l == u``, has its whole multiplier in ``m_lower``, of either sign).
    Follower rows without a column of that follower move to the upper level. Exact always.

    Raises
    ------
    NotApplicable
        When a follower's row still has products, or a multiplier column refers to nothing.
    """

    def apply(self, program: BilevelProgram) -> Reduced[CanonicalGame]:
        """Return the canonical game; ``recover`` maps ``(z, multipliers)`` to a primal-dual point."""
        stays = rows_with_own_columns(program)
        _refuse_products(program, stays)
        lower, duals = _lower_level(program, stays)
        cost, constant, products = _leader_objective(program)
        upper = np.flatnonzero(~stays)
        game = CanonicalGame(
            players=program.players,
            columns=program.columns,
            rows=_take_rows(program.rows, upper),
            cost=cost,
            constant=constant,
            products=products,
            lower=lower,
            aliases=_aliases(program, duals),
        )
        n = len(program.columns)
        matrix = sparse.block_diag([sparse.eye_array(n), duals], format="csr")
        return Reduced(game, Recovery(sparse.csr_array(matrix), np.zeros(program.point_size)))


def _owned_entries(matrix: Matrix, row_owner: Integers, column_owner: Integers) -> Booleans:
    """Mask the entries of ``matrix`` whose row and column have the same owner."""
    row_of_entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.asarray(row_owner[row_of_entry] == column_owner[matrix.indices])


def rows_with_own_columns(program: BilevelProgram) -> Booleans:
    """Mask the followers' rows ``(m,)`` that hold a column of their follower: the others bind only the leader."""
    matrix = program.rows.matrix
    own = _owned_entries(matrix, program.row_owner, program.column_owner) & (matrix.data != 0)
    row_of_entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    found = np.zeros(len(program.rows), bool)
    found[row_of_entry[own]] = True
    products = program.rows.products
    owner = program.row_owner[products.index]
    for side in (products.left, products.right):
        found[products.index[program.column_owner[side] == owner]] = True
    return found & program.follower_rows


def _refuse_products(program: BilevelProgram, stays: Booleans) -> None:
    products = program.rows.products
    for term in np.flatnonzero(stays[products.index])[:1]:
        names = program.columns.names
        pair = f"{names[int(products.left[term])]} * {names[int(products.right[term])]}"
        raise NotApplicable(
            program.rows.names[int(products.index[term])],
            f"the product {pair} in a follower's row is not linear; it is exact only when one factor is binary",
        )


def _take_rows(rows: Rows, picked: Integers) -> Rows:
    position = np.full(len(rows), -1, np.int64)
    position[picked] = np.arange(len(picked))
    kept = rows.products.take(position[rows.products.index] >= 0)
    return Rows(
        sparse.csr_array(rows.matrix[picked]),
        rows.lower[picked],
        rows.upper[picked],
        rows.names.take(picked),
        Product(position[kept.index], kept.left, kept.right, kept.value),
    )


def _leader_objective(program: BilevelProgram) -> tuple[Floats, float, Product]:
    objectives = program.objectives
    sense = objectives.sense[LEADER]
    cost = sense * np.asarray(objectives.linear[[LEADER]].toarray()).ravel()
    mine = objectives.products.take(objectives.products.index == LEADER)
    products = Product(mine.index, mine.left, mine.right, sense * mine.value)
    return cost, float(sense * objectives.constant[LEADER]), products


def _gradient(program: BilevelProgram, columns: Integers) -> tuple[Floats, Matrix]:
    """Return ``cost`` ``(q,)`` and ``gradient`` ``(q, n)`` of each column's owner's objective."""
    objectives, owner = program.objectives, program.column_owner
    n = len(program.columns)
    linear = sparse.csc_array(objectives.linear)
    player_of_entry, column_of_entry = linear.indices, np.repeat(np.arange(n), np.diff(linear.indptr))
    own = owner[column_of_entry] == player_of_entry
    cost = np.zeros(n)
    cost[column_of_entry[own]] = linear.data[own]
    products = objectives.products
    rows, partners, values = [], [], []
    for side, other in ((products.left, products.right), (products.right, products.left)):
        mine = owner[side] == products.index
        rows.append(side[mine])
        partners.append(other[mine])
        values.append(products.value[mine])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(partners)))
    full = sparse.csr_array(sparse.coo_array(entries, shape=(n, n)).tocsr())
    sense = objectives.sense[owner[columns]]
    gradient = sparse.csr_array(sparse.diags_array(sense) @ full[columns])
    return sense * cost[columns], gradient


def _lower_level(program: BilevelProgram, stays: Booleans) -> tuple[LowerLevel, Matrix]:
    """Return the lower level and the map ``(m + 2 n, p)`` from its multipliers to the user's."""
    n, m = len(program.columns), len(program.rows)
    columns, row = np.flatnonzero(program.follower_columns), np.flatnonzero(stays)
    lower, upper = program.columns.lower[columns], program.columns.upper[columns]
    floor, ceiling = program.rows.lower[row], program.rows.upper[row]
    equal, fixed = floor == ceiling, lower == upper
    sides = [np.isfinite(floor), np.isfinite(ceiling) & ~equal, np.isfinite(lower), np.isfinite(upper) & ~fixed]
    counts = [int(mask.sum()) for mask in sides]
    starts = np.cumsum([0, *counts])
    total = int(starts[-1])

    def stacked(*parts: np.ndarray) -> np.ndarray:
        return np.concatenate([part[mask] for part, mask in zip(parts, sides, strict=True)])

    owner_of_row, owner_of_column = program.row_owner[row], program.column_owner[columns]
    owner = stacked(owner_of_row, owner_of_row, owner_of_column, owner_of_column)
    source = stacked(row, row, m + columns, m + n + columns)
    sign = np.repeat([1.0, -1.0, 1.0, -1.0], counts) * program.objectives.sense[owner]
    duals = sparse.coo_array((sign, (source, np.arange(total))), shape=(m + 2 * n, total))
    matrix = _stacked_matrix(program.rows.matrix[row], columns, n, sides)
    never = np.zeros_like(equal), np.zeros_like(fixed)
    cost, gradient = _gradient(program, columns)
    lower_level = LowerLevel(
        columns=columns,
        column_owner=owner_of_column,
        cost=cost,
        gradient=gradient,
        matrix=matrix,
        own=_own_part(matrix, owner, program.column_owner, columns),
        offset=stacked(floor, -ceiling, lower, -upper),
        equality=stacked(equal, never[0], fixed, never[1]),
        from_bound=np.arange(total) >= starts[2],
        opposite=_opposites(sides, starts),
        owner=owner,
        names=_row_names(program, [row[sides[0]], row[sides[1]], columns[sides[2]], columns[sides[3]]]),
    )
    return lower_level, sparse.csr_array(duals.tocsr())


def _stacked_matrix(rows: Matrix, columns: Integers, n: int, sides: list[Booleans]) -> Matrix:
    q = len(columns)
    unit = sparse.csr_array((np.ones(q), (np.arange(q), columns)), shape=(q, n))
    blocks = [rows[sides[0]], -rows[sides[1]], unit[sides[2]], -unit[sides[3]]]
    matrix = sparse.csr_array(sparse.vstack(blocks, format="csr"))
    matrix.eliminate_zeros()
    return matrix


def _own_part(matrix: Matrix, owner: Integers, column_owner: Integers, columns: Integers) -> Matrix:
    keep = _owned_entries(matrix, owner, column_owner)
    position = np.full(matrix.shape[1], -1, np.int64)
    position[columns] = np.arange(len(columns))
    row_of_entry = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[keep]
    entries = (matrix.data[keep], (row_of_entry, position[matrix.indices[keep]]))
    shape = (matrix.shape[0], len(columns))
    return sparse.csr_array(sparse.coo_array(entries, shape=shape).tocsr())


def _opposites(masks: list[Booleans], starts: Integers) -> Integers:
    opposite = np.full(int(starts[-1]), -1, np.int64)
    for first, second in ((0, 1), (2, 3)):
        here = np.where(masks[first], starts[first] + np.cumsum(masks[first]) - 1, -1)
        there = np.where(masks[second], starts[second] + np.cumsum(masks[second]) - 1, -1)
        both = masks[first] & masks[second]
        opposite[here[both]], opposite[there[both]] = there[both], here[both]
    return opposite


def _row_names(program: BilevelProgram, sources: list[Integers]) -> Names:
    rows, columns = program.rows.names, program.columns.names
    below, above, low, high = sources
    return (
        rows.take(below)
        + rows.take(above)
        + Names(len(low), lambda i: f"lower bound of {columns[int(low[i])]}")
        + Names(len(high), lambda i: f"upper bound of {columns[int(high[i])]}")
    )


def _aliases(program: BilevelProgram, duals: Matrix) -> MultiplierColumns:
    matrix = sparse.csr_array(program.multipliers.matrix @ duals)
    matrix.eliminate_zeros()
    for empty in np.flatnonzero(np.diff(matrix.indptr) == 0)[:1]:
        column = int(program.multipliers.column[empty])
        raise NotApplicable(
            program.columns.names[column],
            "it stands for the multiplier of a bound that is infinite or of a row without its follower's variables",
        )
    return MultiplierColumns(program.multipliers.column, matrix)
