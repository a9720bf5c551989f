"""The relaxation of a quadratic game in which the followers respond at will, as a spatial branch and bound takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import widened
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Product,
    Role,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.spatial import SpatialProgram
from reformulations.stored_responses.first_order import first_order_conditions
from reformulations.stored_responses.follower_forms import (
    decided_rows,
    linking_columns,
    own_objectives,
    refuse_interaction,
)
from reformulations.stored_responses.multiplier_variables import refuse_multiplier_variables


@dataclass(frozen=True, slots=True)
class QuadraticHighPoint:
    """A game without its followers' global optimality: everybody's rows, the leader's objective, minimised.

    Attributes
    ----------
    game
        The game, ``n`` columns.
    program
        Its columns first, then one for each follower's objective, then those of first-order conditions.
    followers
        The players ``(k,)`` that are followers.
    value
        The columns ``(k,)`` of ``program`` that hold what each follower minimises, without the terms that it does
        not decide.
    decided
        Mask ``(m,)`` of the followers' rows with columns of that follower; the others restrict the leader alone.
    linking
        Mask ``(n,)`` of the leader's columns in such rows, or in products with a follower's columns in its objective.
    linear, products
        What each follower minimises: ``(k, n)``, and products of index 0 to k - 1.
    """

    game: BilevelProgram
    program: SpatialProgram
    followers: Integers
    value: Integers
    decided: Booleans
    linking: Booleans
    linear: Matrix
    products: Product

    def held_at(self, point: Floats, top: Floats) -> SpatialProgram:
        """Return the program at the linking columns of ``point``, followers' objectives at most ``top`` ``(k,)``."""
        columns = self.program.columns
        lower, upper = columns.lower.copy(), columns.upper.copy()
        fixed = np.flatnonzero(self.linking)
        lower[fixed] = upper[fixed] = np.clip(point[fixed], lower[fixed], upper[fixed])
        upper[self.value] = top
        return replace(self.program, columns=Columns(lower, upper, columns.integer, columns.names))


def quadratic_high_point(game: BilevelProgram) -> QuadraticHighPoint:
    """Return the relaxation of a game with quadratic objectives and rows: its optimum is nowhere above the game's.

    ::

        min F(x, y)   s.t.   everybody's rows and bounds,   v_p = s_p f_p(x, y_p)   for each follower p,
                             first-order conditions of each follower

    (:func:`reformulations.stored_responses.first_order.first_order_conditions`). Nothing need be convex.

    Raises
    ------
    NotApplicable
        When followers use each other's columns, a column stands for a multiplier, or nature plays.
    """
    _refuse(game)
    followers = np.flatnonzero(game.roles == Role.FOLLOWER)
    n, k = len(game.columns), len(followers)
    decided = decided_rows(game)
    linear, products = own_objectives(game, followers)
    sense, free = float(game.objectives.sense[LEADER]), np.full(k, np.inf)
    names = Names(k, lambda i: f"objective of {game.players[int(followers[i])]}")
    definition = Rows(
        sparse.csr_array(sparse.hstack([-linear, sparse.eye_array(k)], format="csr")),
        np.zeros(k),
        np.zeros(k),
        names,
        Product(products.index, products.left, products.right, -products.value),
    )
    columns = game.columns.append(Columns(-free, free, np.zeros(k, bool), names))
    rows, exclusive = game.rows.append(definition), [np.empty((0, 2), np.int64)]
    for position, player in enumerate(followers.tolist()):
        mine = products.take(products.index == position)
        form = Product(np.zeros(len(mine), np.int64), mine.left, mine.right, mine.value)
        found = first_order_conditions(game, player, decided, linear[[position]], form, len(columns))
        columns, rows = columns.append(found.columns), rows.append(found.rows)
        exclusive.append(found.exclusive)
    goals = game.objectives.products.take(game.objectives.products.index == LEADER)
    cost = sparse.csr_array(sense * game.objectives.linear[[LEADER]])
    program = SpatialProgram(
        columns,
        Rows(widened(rows.matrix, len(columns)), rows.lower, rows.upper, rows.names, rows.products),
        widened(cost, len(columns)).toarray().ravel(),
        sense * float(game.objectives.constant[LEADER]),
        Product(np.zeros(len(goals), np.int64), goals.left, goals.right, sense * goals.value),
        np.concatenate(exclusive),
    )
    linking = linking_columns(game, decided, products)
    return QuadraticHighPoint(game, program, followers, n + np.arange(k), decided, linking, linear, products)


def _refuse(game: BilevelProgram) -> None:
    for player in np.flatnonzero((game.roles != Role.LEADER) & (game.roles != Role.FOLLOWER))[:1]:
        raise NotApplicable(game.players[int(player)], "only a leader and followers are treated by ValueFunction()")
    refuse_multiplier_variables(game)
    refuse_interaction(game)
