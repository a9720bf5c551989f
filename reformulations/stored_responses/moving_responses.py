"""Responses of quadratic followers that move with the leader, so that what is active stays active."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.optimality import jacobian
from reformulations.programs import Booleans, Floats, Integers, Matrix, Product
from reformulations.responses import OwnTerms
from reformulations.sides import Sides, bounds_of, sides_of
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint

_ACTIVE = 1e-6
"""Relative distance up to which a side counts as active."""

_SMALL = 1e-10

MOST_COLUMNS = 200
"""Followers with more continuous columns keep still: the linear system is dense."""


def slopes_of(relaxation: QuadraticHighPoint, follower: int, point: Floats) -> list[Matrix]:
    """Return how a response moves with the leader to first order, ``(n, n)`` each; none where it may keep still.

    ::

        H dy - A' dl = -H_x dx,     A dy = -A_x dx         A: gradients of active sides, H: Hessian of the Lagrangian

    with sides that are linearly independent, those that the leader moves first, solved with the least norm
    (sensitivity analysis: Fiacco 1983). Where more sides are active than are independent, there is one slope with
    the first ones and one with the last ones. Any slope gives a valid rule, since where it is feasible and what it is
    worth is written for all decisions. A straight move breaks a curved side to second order, which a response that is a
    little inside of it affords. None where no active side moves with the leader: then a response that keeps still is
    feasible around.

    Parameters
    ----------
    relaxation
        The high-point relaxation.
    follower
        Position among the followers.
    point
        The leader's decision and the follower's response ``(n,)``.
    """
    game, player = relaxation.game, int(relaxation.followers[follower])
    own = np.flatnonzero((game.column_owner == player) & ~game.columns.integer)
    leader = np.flatnonzero(relaxation.linking)
    if not 0 < len(own) <= MOST_COLUMNS:
        return []
    active = _active(relaxation, player, own, point)
    matrix = jacobian(active.linear, active.products, point).toarray()
    moved = np.abs(matrix[:, leader]).max(axis=1, initial=0.0) > _SMALL
    if not moved.any():
        return []
    first, last = np.argsort(~moved, kind="stable"), np.argsort(moved, kind="stable")[::-1]
    chosen = {tuple(sorted(_independent(matrix[:, own], order))) for order in (first, last)}
    goal = relaxation.products.take(relaxation.products.index == follower)
    goal = Product(np.zeros(len(goal), np.int64), goal.left, goal.right, goal.value)
    linear = relaxation.linear[[follower]]
    return [_slope(active.take(np.array(kept, np.int64)), linear, goal, point, own, leader) for kept in sorted(chosen)]


def _independent(matrix: Floats, order: Integers) -> list[int]:
    """Return rows that are linearly independent, taken in order."""
    kept: list[int] = []
    for i in order.tolist():
        if np.linalg.matrix_rank(matrix[[*kept, i]], tol=_ACTIVE) > len(kept):
            kept.append(i)
    return kept


def _slope(active: Sides, linear: Matrix, goal: Product, point: Floats, own: Integers, leader: Integers) -> Matrix:
    n = len(point)
    matrix = jacobian(active.linear, active.products, point).toarray()
    gradient = jacobian(linear, goal, point).toarray().ravel()
    multipliers = np.linalg.lstsq(matrix[:, own].T, gradient[own], rcond=None)[0]
    hessian = goal.hessian(n).toarray()
    for i in np.flatnonzero(active.curved()).tolist():
        hessian -= multipliers[i] * active.products.hessian(n, i).toarray()
    k, q = len(own), len(multipliers)
    system = np.zeros((k + q, k + q))
    system[:k, :k] = hessian[np.ix_(own, own)]
    system[:k, k:], system[k:, :k] = matrix[:, own].T, matrix[:, own]
    right = -np.concatenate([hessian[np.ix_(own, leader)], matrix[:, leader]])
    moves = np.linalg.lstsq(system, right, rcond=None)[0][:k]
    moves[np.abs(moves) < _SMALL] = 0.0
    slope = np.zeros((n, n))
    slope[np.ix_(own, leader)] = moves
    return sparse.csr_array(slope)


def composed(matrix: Matrix, products: Product, slope: Matrix, point: Floats, leader: Booleans) -> OwnTerms:
    """Return ``matrix @ z + products(z)`` with ``z = x + slope @ x + point``, as forms of the leader's columns ``x``.

    Parameters
    ----------
    matrix, products
        The forms, ``k`` of them over ``n`` columns.
    slope
        ``(n, n)``, from the leader's columns to others.
    point
        ``(n,)``, zero in the leader's columns.
    leader
        Mask ``(n,)``.
    """
    move = sparse.csr_array(slope + sparse.diags_array(leader.astype(np.float64)))
    count = matrix.shape[0]
    left, right = sparse.csr_array(move[products.left]), sparse.csr_array(move[products.right])
    scale = sparse.csr_array(
        sparse.coo_array((products.value, (products.index, np.arange(len(products)))), shape=(count, len(products)))
    )
    by_left = sparse.diags_array(point[products.left], shape=(len(products), len(products))) @ right
    by_right = sparse.diags_array(point[products.right], shape=(len(products), len(products))) @ left
    linear = sparse.csr_array(matrix @ move + scale @ (by_left + by_right))
    linear.data[np.abs(linear.data) < _SMALL] = 0.0
    linear.eliminate_zeros()
    offset = np.asarray(matrix @ point) + products.evaluate(point, count)
    return OwnTerms(linear, _product_of(left, right, products), offset)


def _product_of(left: Matrix, right: Matrix, products: Product) -> Product:
    """Return ``sum_t value_t (left_t @ x) (right_t @ x)`` by index."""
    index, one, other, value = [], [], [], []
    for t in range(len(products)):
        a, b = slice(*left.indptr[t : t + 2]), slice(*right.indptr[t : t + 2])
        first, second = np.meshgrid(left.indices[a], right.indices[b], indexing="ij")
        one.append(first.ravel())
        other.append(second.ravel())
        value.append(products.value[t] * np.outer(left.data[a], right.data[b]).ravel())
        index.append(np.full(first.size, products.index[t]))
    if not index:
        return Product.none()
    return Product.of(*(np.concatenate(part) for part in (index, one, other, value)))


def _active(relaxation: QuadraticHighPoint, player: int, own: Integers, point: Floats) -> Sides:
    game = relaxation.game
    sides = sides_of(game.rows.append(bounds_of(game.columns, own)))
    theirs = np.concatenate([relaxation.decided & (game.row_owner == player), np.ones(len(own), bool)])
    room = sides.linear @ point + sides.products.evaluate(point, len(sides)) - sides.limit
    first = np.isfinite(sides.limit) & (np.abs(room) <= _ACTIVE * (1 + np.abs(sides.limit)))
    chosen = np.flatnonzero(first & theirs[sides.source])
    _, kept = np.unique(sides.source[chosen], return_index=True)  # an equality once
    return sides.take(chosen[np.sort(kept)])
