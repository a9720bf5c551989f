"""Followers' own problems at held decisions of everyone else, and the set of their optimal responses.

At a point of the game, a follower ``p`` with columns ``y`` sees its rows and objective with all other
columns as numbers; products with them become linear::

    min  s_p f_p(y)   s.t.  a - (held part) <= V y <= b - (held part),   l <= y <= u

Nothing here knows of multipliers or KKT conditions of a reformulation: these are the problems a
certificate solves again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reformulations.optimality import row_scales
from reformulations.programs import (
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    Product,
    Role,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.spatial import SpatialProgram

CANCELLED = 1e-12
"""A coefficient of this part of the terms that it is the sum of counts as zero, being rounding of it."""


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """Forms with all but own columns held: ``offset + linear @ y + products(y)``, over all ``n`` columns.

    ``linear`` is ``(k, n)`` and zero outside the own columns; ``offset`` ``(k,)`` is the held part.
    """

    linear: Matrix
    products: Product
    offset: Floats

    def value(self, point: Floats) -> Floats:
        """Return the forms ``(k,)`` with the own columns at ``point`` and the others as held."""
        return np.asarray(self.offset + self.linear @ point + self.products.evaluate(point, len(self.offset)))


def own_terms(linear: Matrix, products: Product, owner: Integers, column_owner: Integers, point: Floats) -> OwnTerms:
    """Hold at ``point`` the columns that are not of the owner of each form.

    Terms that cancel, such as a price and a worth that are equal up to rounding, leave nothing (:data:`CANCELLED`).

    Parameters
    ----------
    linear, products
        The forms: ``linear @ z + products(z)``, ``k`` of them.
    owner, column_owner
        Owner of each form ``(k,)`` and of each column ``(n,)``.
    point
        Values ``(n,)``.
    """
    count = len(owner)
    entries = linear.tocoo()
    own = owner[entries.row] == column_owner[entries.col]
    left = owner[products.index] == column_owner[products.left]
    right = owner[products.index] == column_owner[products.right]
    half, none = left ^ right, ~(left | right)
    column = np.where(left, products.left, products.right)[half]
    other = np.where(left, products.right, products.left)[half]
    data = np.concatenate([entries.data[own], products.value[half] * point[other]])
    index = np.concatenate([entries.row[own], products.index[half]])
    columns = np.concatenate([entries.col[own], column])
    held = np.bincount(entries.row[~own], weights=(entries.data * point[entries.col])[~own], minlength=count)
    return OwnTerms(
        _summed(data, index, columns, linear.shape),
        products.take(left & right),
        held + products.take(none).evaluate(point, count),
    )


def _summed(data: Floats, index: Integers, columns: Integers, shape: tuple[int, ...]) -> Matrix:
    """Add the terms of each coefficient; the places stay where they cancel."""
    total, size = (
        sparse.csr_array(sparse.coo_array((terms, (index, columns)), shape=shape).tocsr())
        for terms in (data, np.abs(data))
    )
    total.sum_duplicates()
    size.sum_duplicates()
    total.data[np.abs(total.data) <= CANCELLED * size.data] = 0.0
    return total


@dataclass(frozen=True, slots=True)
class HeldGame:
    """A game at a point: what each follower's rows and objective are when everyone else stays.

    ``lower`` and ``upper`` of the columns ``(n,)``, ``row_lower`` and ``row_upper`` ``(m,)`` are the user's, moved
    to the value at the point where it violates them by less than a tolerance.
    """

    game: BilevelProgram
    point: Floats
    rows: OwnTerms
    objectives: OwnTerms
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats

    @classmethod
    def at(cls, game: BilevelProgram, point: Floats, tolerance: float) -> HeldGame:
        """Hold ``game`` at ``point`` ``(n,)``; ``tolerance`` is relative to the terms of a row."""
        owner = game.column_owner
        rows = own_terms(game.rows.matrix, game.rows.products, game.row_owner, owner, point)
        objectives = game.objectives
        goals = own_terms(objectives.linear, objectives.products, np.arange(len(game.players)), owner, point)
        activity = game.rows.activity(point)
        room = tolerance * row_scales(game.rows, point)
        column_room = tolerance * (1 + np.abs(point))
        columns = game.columns
        return cls(
            game,
            point,
            rows,
            OwnTerms(goals.linear, goals.products, goals.offset + objectives.constant),
            reached(columns.lower, point, column_room, -1.0),
            reached(columns.upper, point, column_room, 1.0),
            reached(game.rows.lower, activity, room, -1.0),
            reached(game.rows.upper, activity, room, 1.0),
        )

    def is_coupled(self) -> bool:
        """Tell whether a follower's feasible set or incentives depend on another follower's columns."""
        game = self.game
        follower = game.roles == Role.FOLLOWER

        def of_another(index_owner: Integers, columns: NDArray[np.signedinteger]) -> Booleans:
            other = game.column_owner[columns]
            return np.asarray(follower[index_owner] & follower[other] & (index_owner != other))

        decided = np.diff(self.rows.linear.indptr) > 0
        entries = game.rows.matrix.tocoo()
        in_rows = of_another(game.row_owner[entries.row], entries.col) & decided[entries.row]
        products = game.rows.products
        owner = game.row_owner[products.index]
        in_products = of_another(owner, products.left) | of_another(owner, products.right)
        priced = game.objectives.products
        own = (game.column_owner[priced.left] == priced.index) | (game.column_owner[priced.right] == priced.index)
        in_prices = own & (of_another(priced.index, priced.left) | of_another(priced.index, priced.right))
        return bool(in_rows.any() or in_products.any() or in_prices.any())


def reached(side: Floats, value: Floats, room: Floats, direction: float) -> Floats:
    """Return ``side`` moved to ``value`` where it lies beyond, in ``direction``, by at most ``room``."""
    beyond = direction * (value - side)
    return np.where((beyond > 0) & (beyond <= room), value, side)


@dataclass(frozen=True, slots=True)
class Responses:
    """The joint problem of some followers, minimised, and where its columns ``(k,)`` and rows ``(q,)`` come from."""

    program: MixedIntegerProgram
    columns: Integers
    rows: Integers


@dataclass(frozen=True, slots=True)
class QuadraticResponses:
    """As :class:`Responses`, where rows may hold products of own columns and nothing need be convex."""

    program: SpatialProgram
    columns: Integers
    rows: Integers


def response_program(held: HeldGame, players: Integers) -> Responses:
    """Return the problem of ``players``: block-diagonal, since each one's others are held.

    Each objective counts with the sign that minimises it. Rows without own columns are left out.

    Raises
    ------
    NotApplicable
        For a row with products of own columns.
    """
    found = quadratic_response_program(held, players)
    program, rows = found.program, found.program.rows
    for row in rows.products.index[:1]:
        reason = "a product of two variables of one follower; rows must be linear"
        raise NotApplicable(rows.names[int(row)], reason)
    linear = MixedIntegerProgram(program.columns, rows, program.cost, program.constant, program.products)
    return Responses(linear, found.columns, found.rows)


def quadratic_response_program(held: HeldGame, players: Integers) -> QuadraticResponses:
    """Return the problem of ``players`` with products of their own columns anywhere."""
    game = held.game
    columns = np.flatnonzero(np.isin(game.column_owner, players))
    terms = held.rows.products.take(np.isin(game.row_owner[held.rows.products.index], players))
    decided = np.diff(held.rows.linear.indptr) > 0
    decided[terms.index] = True
    rows = np.flatnonzero(np.isin(game.row_owner, players) & decided)
    sense = np.where(np.isin(np.arange(len(game.players)), players), game.objectives.sense, 0.0)
    cost = np.asarray(sense @ held.objectives.linear)
    products = held.objectives.products
    products = products.take(sense[products.index] != 0)
    position, place = np.zeros(len(game.columns), np.int64), np.zeros(len(game.rows), np.int64)
    position[columns], place[rows] = np.arange(len(columns)), np.arange(len(rows))
    program = SpatialProgram(
        columns=Columns(
            held.lower[columns], held.upper[columns], game.columns.integer[columns], game.columns.names.take(columns)
        ),
        rows=Rows(
            sparse.csr_array(held.rows.linear[rows][:, columns]),
            (held.row_lower - held.rows.offset)[rows],
            (held.row_upper - held.rows.offset)[rows],
            game.rows.names.take(rows),
            Product.of(place[terms.index], position[terms.left], position[terms.right], terms.value),
        ),
        cost=cost[columns],
        constant=float(sense @ held.objectives.offset),
        products=Product.of(
            np.zeros(len(products), np.int64),
            position[products.left],
            position[products.right],
            products.value * sense[products.index],
        ),
    )
    return QuadraticResponses(program, columns, rows)


def linearised(program: MixedIntegerProgram, point: Floats) -> MixedIntegerProgram:
    """Return the linear program of the tangent at ``point``: nowhere above a convex objective.

    ::

        min  f(y0) + grad f(y0)'(y - y0)   over the same rows and bounds

    Its optimum is a lower bound of that of ``program``
    (Frank and Wolfe, Naval Research Logistics Quarterly 3, 1956).
    """
    bend = np.asarray(program.products.hessian(len(program.columns)) @ point)
    curved = float(program.products.evaluate(point, 1)[0])
    return MixedIntegerProgram(
        program.columns, program.rows, program.cost + bend, program.constant + curved - float(bend @ point)
    )


def optimal_face(
    program: MixedIntegerProgram, point: Floats, row_duals: Floats, column_duals: Floats, threshold: float
) -> tuple[Columns, Rows]:
    """Return bounds and rows of the set of all optima of a convex program.

    ::

        {y feasible: the side of row i is met where |lambda_i| > threshold, the bound of y_j where |mu_j| > threshold,
                     Q y = Q y0}

    for one optimal pair of multipliers and the curvature at an optimum ``y0 = point``. Sides are widened to
    the value at ``point`` where that is near. Exact for exact multipliers: the gradient is the same at all optima
    (Mangasarian, Operations Research Letters 7, 1988), and each optimum is complementary to each
    optimal multiplier.

    Parameters
    ----------
    program
        A convex program with ``n`` columns and ``m`` rows, minimised.
    point
        An optimum ``(n,)``.
    row_duals, column_duals
        ``(m,)`` and ``(n,)``: derivatives of the optimum by the sides and the bounds.
    threshold
        Multipliers up to this are taken for zero.
    """
    n, columns, rows = len(program.columns), program.columns, program.rows
    room = 1e-6
    lower, upper = _tight(columns.lower, columns.upper, column_duals, point, room * (1 + np.abs(point)), threshold)
    activity = rows.activity(point)
    scale = room * row_scales(rows, point)
    row_lower, row_upper = _tight(rows.lower, rows.upper, row_duals, activity, scale, threshold)
    face = Rows(rows.matrix, row_lower, row_upper, rows.names)
    hessian = program.products.hessian(n)
    curved = np.flatnonzero(np.diff(hessian.indptr))
    if len(curved):
        bend = sparse.csr_array(hessian[curved])
        level = np.asarray(bend @ point)
        face = face.append(Rows(bend, level, level, columns.names.take(curved)))
    return Columns(lower, upper, columns.integer, columns.names), face


def _tight(
    lower: Floats, upper: Floats, dual: Floats, value: Floats, room: Floats, threshold: float
) -> tuple[Floats, Floats]:
    """Close each interval to the side that its multiplier names, and to ``value`` where that is near it."""
    at_lower, at_upper = (dual > threshold) & np.isfinite(lower), (dual < -threshold) & np.isfinite(upper)
    near_lower, near_upper = np.abs(value - lower) <= room, np.abs(value - upper) <= room
    new_upper = np.where(at_lower, np.where(near_lower, np.maximum(lower, value), lower), upper)
    new_lower = np.where(at_upper, np.where(near_upper, np.minimum(upper, value), upper), lower)
    return new_lower, new_upper
