"""A game in which some of the leader's conditions may be violated at a price."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.determined import determined_columns
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Product,
    Rows,
    widened,
)


@dataclass(frozen=True, slots=True)
class Elastic:
    """A game with violations as columns of the leader, who minimises their sum.

    ``matrix`` ``(k, N)`` adds up the violation columns of each of the ``k`` conditions.
    """

    program: BilevelProgram
    matrix: Matrix

    def violations(self, point: Floats) -> Floats:
        """Return the violation of each condition ``(k,)`` at a point of the game, ``(N,)`` or longer."""
        return np.asarray(self.matrix @ point[: self.matrix.shape[1]])


def side_name(program: BilevelProgram, position: int) -> str:
    """Return the name of a row, ``position < m``, or of a lower or upper bound, by position among ``m + 2 n``."""
    m, n = len(program.rows), len(program.columns)
    if position < m:
        return program.rows.names[position]
    side, column = divmod(position - m, n)
    return f"{'lower' if side == 0 else 'upper'} bound of {program.columns.names[column]}"


def side_owner(program: BilevelProgram, position: int) -> int:
    """Return the player that owns a row or bound, by position among ``m + 2 n``."""
    m = len(program.rows)
    if position < m:
        return int(program.row_owner[position])
    return int(program.column_owner[(position - m) % len(program.columns)])


def coupling_conditions(program: BilevelProgram) -> Integers:
    """Return the leader's conditions on the followers' responses, as positions among ``m + 2 n``.

    Rows of the leader, and rows of followers without a column of their own, that contain a column which
    moves with the responses: a follower's, a multiplier's, or one that the leader's equality rows
    determine (those rows are definitions and none of the conditions); and the bounds of multiplier columns
    and determined columns.
    """
    m, n = len(program.rows), len(program.columns)
    determined = determined_columns(program)
    tracked = np.zeros(n, bool)
    tracked[program.multipliers.column] = True
    tracked[determined.column] = True
    moving = tracked | program.follower_columns
    entries, terms = program.rows.matrix.tocoo(), program.rows.products
    touched, own = np.zeros(m, bool), np.zeros(m, bool)
    used = entries.data != 0
    for row, column in (
        (entries.row[used], entries.col[used]),
        (terms.index, terms.left),
        (terms.index, terms.right),
    ):
        touched[row[moving[column]]] = True
        own[row[program.column_owner[column] == program.row_owner[row]]] = True
    conditions = touched & ~(program.follower_rows & own)
    conditions[determined.row] = False
    lower = np.flatnonzero(tracked & np.isfinite(program.columns.lower))
    upper = np.flatnonzero(tracked & np.isfinite(program.columns.upper))
    return np.concatenate([np.flatnonzero(conditions), m + lower, m + n + upper]).astype(np.int64)


def elastic(program: BilevelProgram, conditions: Integers) -> Elastic:
    """Return the game with ``conditions`` ``(k,)`` elastic, positions among ``m + 2 n``.

    ::

        min  1'(e + f)   s.t.  a <= g(z) + e - f <= b,   e, f >= 0    for each condition  a <= g(z) <= b

    and all else as it was, the followers' problems among it: the optimum is the least total violation with which
    every follower responds optimally.
    """
    m, n = len(program.rows), len(program.columns)
    rows = _with_bounds_as_rows(program, conditions)
    place = np.where(conditions < m, conditions, m + np.cumsum(conditions >= m) - 1)
    below, above = np.isfinite(rows.lower[place]), np.isfinite(rows.upper[place])
    condition = np.concatenate([np.flatnonzero(below), np.flatnonzero(above)])
    sign = np.repeat([1.0, -1.0], [int(below.sum()), int(above.sum())])
    count, size = len(condition), n + len(condition)
    entries = (sign, (place[condition], n + np.arange(count)))
    added = sparse.coo_array(entries, shape=(len(rows), size)).tocsr()
    names = [f"violation of {side_name(program, int(conditions[k]))}" for k in condition]
    loose = Columns(np.zeros(count), np.full(count, np.inf), np.zeros(count, bool), Names.of(names))
    columns = _without_bounds(program, conditions).append(loose)
    image = replace(
        program,
        columns=columns,
        column_owner=np.concatenate([program.column_owner, np.full(count, LEADER)]),
        rows=replace(rows, matrix=sparse.csr_array(widened(rows.matrix, size) + added)),
        row_owner=np.concatenate([program.row_owner, np.full(len(rows) - m, LEADER)]),
        multipliers=_moved(program.multipliers, (n, m), (size, len(rows))),
    )
    total = np.concatenate([np.zeros(n), np.ones(count)])
    matrix = sparse.coo_array((np.ones(count), (condition, n + np.arange(count))), shape=(len(conditions), size))
    return Elastic(with_leader_cost(image, total), sparse.csr_array(matrix.tocsr()))


def with_leader_cost(program: BilevelProgram, cost: Floats) -> BilevelProgram:
    """Return the game whose leader minimises ``cost @ z``."""
    goals = program.objectives
    others = widened(goals.linear, len(cost))[1:]
    sense, constant = goals.sense.copy(), goals.constant.copy()
    sense[LEADER], constant[LEADER] = 1.0, 0.0
    linear = sparse.vstack([sparse.csr_array(cost[np.newaxis, :]), others], format="csr")
    products: Product = goals.products.take(goals.products.index != LEADER)
    objectives = replace(goals, sense=sense, constant=constant, linear=sparse.csr_array(linear), products=products)
    return replace(program, objectives=objectives)


def _bounded(program: BilevelProgram, conditions: Integers) -> tuple[Integers, Booleans]:
    """Return the columns of the bounds among the conditions, and which of them are lower ones."""
    m, n = len(program.rows), len(program.columns)
    bounds = conditions[conditions >= m] - m
    return bounds % n, bounds < n


def _with_bounds_as_rows(program: BilevelProgram, conditions: Integers) -> Rows:
    column, is_lower = _bounded(program, conditions)
    count, n = len(column), len(program.columns)
    matrix = sparse.csr_array((np.ones(count), column, np.arange(count + 1)), shape=(count, n))
    m = len(program.rows)
    names = [side_name(program, int(position)) for position in conditions[conditions >= m]]
    return program.rows.append(
        Rows(
            matrix,
            np.where(is_lower, program.columns.lower[column], -np.inf),
            np.where(is_lower, np.inf, program.columns.upper[column]),
            Names.of(names),
        )
    )


def _without_bounds(program: BilevelProgram, conditions: Integers) -> Columns:
    column, is_lower = _bounded(program, conditions)
    lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
    lower[column[is_lower]], upper[column[~is_lower]] = -np.inf, np.inf
    return replace(program.columns, lower=lower, upper=upper)


def _moved(multipliers: MultiplierColumns, old: tuple[int, int], new: tuple[int, int]) -> MultiplierColumns:
    """Return the definitions over the multipliers of a game grown from ``(n, m)`` to ``new`` at its ends."""
    (n, m), (size, rows) = old, new
    entries = sparse.coo_array(multipliers.matrix)
    place = np.concatenate([np.arange(m), rows + np.arange(n), rows + size + np.arange(n)])[entries.col]
    shape = (len(multipliers), rows + 2 * size)
    matrix: Matrix = sparse.csr_array(sparse.coo_array((entries.data, (entries.row, place)), shape=shape).tocsr())
    return replace(multipliers, matrix=matrix)
