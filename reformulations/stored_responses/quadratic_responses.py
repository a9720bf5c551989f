"""Stored responses of quadratic followers, and the master that holds what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import widened
from reformulations.interval import activity_range
from reformulations.programs import (
    LEADER,
    Columns,
    Floats,
    Matrix,
    Names,
    Product,
    Rows,
)
from reformulations.sides import Sides, bounds_of, sides_of
from reformulations.spatial import Indicators, SpatialProgram
from reformulations.stored_responses.moving_responses import composed
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint

_NEAR = 1e-7
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What a follower could play whatever the leader does.

    Attributes
    ----------
    follower
        Position among the followers.
    point, slope
        Its columns are ``point + slope @ x``: ``(n,)``, zero outside the follower's columns, and ``(n, n)``.
    worth
        Its objective as a function of the leader's columns: ``linear @ x + products(x) >= limit`` says that it is
        nonnegative.
    sides
        Those of the follower's rows that some decision of the leader breaks: where all hold, the response is feasible.
    """

    follower: int
    point: Floats
    slope: Matrix
    worth: Sides
    sides: Sides

    def says_the_same(self, other: Response) -> bool:
        """Whether the other response adds nothing."""
        near = np.abs(self.point - other.point) <= _SAME * (1 + np.abs(self.point))
        same = self.follower == other.follower and bool(np.all(near))
        return same and bool(abs(self.slope - other.slope).max() <= _SAME)


def response_of(relaxation: QuadraticHighPoint, follower: int, point: Floats, slope: Matrix | None = None) -> Response:
    """Return the response ``y(x) = point + slope @ x``, and where it is feasible.

    Parameters
    ----------
    relaxation
        The high-point relaxation, ``n`` columns of the game.
    follower
        Position among the followers.
    point
        ``(n,)``, of which only the follower's columns count.
    slope
        ``(n, n)``, from the leader's columns to the follower's; None for a response that keeps still.
    """
    game, player, n = relaxation.game, int(relaxation.followers[follower]), len(relaxation.game.columns)
    leader = game.column_owner == LEADER
    point = np.where(game.column_owner == player, point, 0.0)
    slope = sparse.csr_array((n, n)) if slope is None else slope
    rows = game.rows.append(bounds_of(game.columns, np.flatnonzero(np.diff(slope.indptr))))
    held = composed(rows.matrix, rows.products, slope, point, leader)
    theirs = np.concatenate(
        [relaxation.decided & (game.row_owner == player), np.ones(len(rows) - len(game.rows), bool)]
    )
    sides = sides_of(
        Rows(
            held.linear,
            np.where(theirs, rows.lower - held.offset, -np.inf),
            np.where(theirs, rows.upper - held.offset, np.inf),
            rows.names,
            held.products.take(theirs[held.products.index]),
        )
    )
    box = relaxation.program.columns
    moved = sides.curved() | (np.diff(sides.linear.indptr) > 0)
    broken = moved & (_least(sides, box.lower[:n], box.upper[:n]) < sides.limit - _NEAR)
    goal = relaxation.products.take(relaxation.products.index == follower)
    goal = Product(np.zeros(len(goal), np.int64), goal.left, goal.right, goal.value)
    worth = composed(relaxation.linear[[follower]], goal, slope, point, leader)
    never, name = np.full(1, np.inf), Names.of([game.players[player]])
    objective = sides_of(Rows(worth.linear, -worth.offset, never, name, worth.products))
    return Response(follower, point, slope, objective, sides.take(np.flatnonzero(broken)))


def quadratic_master(relaxation: QuadraticHighPoint, responses: Sequence[Response]) -> SpatialProgram:
    """Return the relaxation with what the stored responses say, minimised.

    ::

        v <= f(x, y_k),     or     g_i(x, y_k) <= 0  for some row i that the leader can break

    one of them by a binary with rows on condition, or the first alone where no row can be broken. A row counts as
    broken where it is met with equality, so that the program is closed and keeps every bilevel feasible point: its
    optimum is a lower bound (Mitsos, Lemonidis and Barton, Journal of Global Optimization 42, 2008,
    doi:10.1007/s10898-007-9260-z).
    """
    base = relaxation.program
    columns, rows, conditions = base.columns, base.rows, _Conditions([], [], [])
    for number, response in enumerate(responses, 1):
        written = _written(relaxation, response, number, len(columns))
        columns = columns.append(written.columns)
        rows = rows.append(written.rows)
        conditions = conditions + written.conditions
    width = len(columns)
    rows = Rows(widened(rows.matrix, width), rows.lower, rows.upper, rows.names, rows.products)
    cost = np.concatenate([base.cost, np.zeros(width - len(base.columns))])
    return replace(base, columns=columns, rows=rows, cost=cost, indicators=conditions.indicators(width))


Body = dict[int, float]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """Rows ``body @ z <= side`` that hold where a binary is one."""

    binary: list[int]
    body: list[Body]
    side: list[float]

    def __add__(self, other: _Conditions) -> _Conditions:
        return _Conditions(self.binary + other.binary, self.body + other.body, self.side + other.side)

    def indicators(self, width: int) -> Indicators:
        """Return them over ``width`` columns."""
        yes = np.ones(len(self.binary), bool)
        return Indicators(np.array(self.binary, np.int64), yes, _matrix(self.body, width), np.array(self.side))


@dataclass(frozen=True, slots=True)
class _Written:
    columns: Columns
    rows: Rows
    conditions: _Conditions


def _written(relaxation: QuadraticHighPoint, response: Response, number: int, first: int) -> _Written:
    """Write a response: binaries of what it says, if that is several things, then a column for what has products."""
    worth, sides = response.worth, response.sides
    forms = [(worth, 0), *((sides, i) for i in range(len(sides)))]
    curved = [k for k, (part, i) in enumerate(forms) if part.curved()[i]]
    binaries = len(forms) if len(forms) > 1 else 0
    place = {k: first + binaries + i for i, k in enumerate(curved)}
    names = [f"case {k} of response {number}" for k in range(binaries)] + [f"form {k} of {number}" for k in curved]
    least, most = np.repeat([0.0, -np.inf], [binaries, len(curved)]), np.repeat([1.0, np.inf], [binaries, len(curved)])
    columns = Columns(least, most, np.arange(len(names)) < binaries, Names.of(names))
    bodies = [{place[k]: 1.0} if k in place else _linear(*form) for k, form in enumerate(forms)]
    bodies[0] = {int(relaxation.value[response.follower]): 1.0, **{j: -c for j, c in bodies[0].items()}}
    limits = [-float(worth.limit[0]), *sides.limit.tolist()]
    defined = [{place[k]: -1.0, **_linear(*forms[k])} for k in curved]
    if binaries:
        stated, low, high = dict.fromkeys(range(first, first + binaries), 1.0), 1.0, np.inf
    else:
        stated, low, high = bodies[0], -np.inf, limits[0]
    rows = Rows(
        _matrix([*defined, stated], first + len(names)),
        np.array([0.0] * len(curved) + [low]),
        np.array([0.0] * len(curved) + [high]),
        Names.of([*names[binaries:], f"response {number}"]),
        _stacked([part.products.take(part.products.index == i) for part, i in (forms[k] for k in curved)]),
    )
    conditions = _Conditions([*range(first, first + binaries)], bodies[:binaries], limits[:binaries])
    return _Written(columns, rows, conditions)


def _linear(sides: Sides, index: int) -> Body:
    begin, end = sides.linear.indptr[index : index + 2]
    return dict(zip(sides.linear.indices[begin:end].tolist(), sides.linear.data[begin:end].tolist(), strict=True))


def _matrix(bodies: Sequence[Body], width: int) -> Matrix:
    row = np.repeat(np.arange(len(bodies)), [len(body) for body in bodies])
    column = np.array([j for body in bodies for j in body], np.int64)
    data = np.array([c for body in bodies for c in body.values()], np.float64)
    return sparse.csr_array(sparse.coo_array((data, (row, column)), shape=(len(bodies), width)).tocsr())


def _stacked(parts: Sequence[Product]) -> Product:
    """Return products with each part's number as their index."""
    found = Product.none()
    for number, part in enumerate(parts):
        found = found + Product(np.full(len(part), number, np.int64), part.left, part.right, part.value)
    return found


def _least(sides: Sides, lower: Floats, upper: Floats) -> Floats:
    """Return the least value of each side over a box, by interval arithmetic."""
    least, _ = activity_range(sides.linear, lower, upper)
    found = least.copy()
    np.add.at(found, sides.products.index, _least_products(sides.products, lower, upper))
    return found


def _least_products(terms: Product, lower: Floats, upper: Floats) -> Floats:
    """Return the least value of each product over the box."""
    with np.errstate(invalid="ignore"):
        ends = np.stack([a[terms.left] * b[terms.right] for a in (lower, upper) for b in (lower, upper)]) * terms.value
    least = np.where(np.isnan(ends), -np.inf, ends).min(axis=0, initial=np.inf)
    crosses = (lower[terms.left] <= 0) & (upper[terms.left] >= 0)
    return np.where((terms.left == terms.right) & crosses & (terms.value > 0), 0.0, least)
