"""All optimal multipliers of a follower at a point: a polyhedron, and where its columns come from.

A follower's optimal multipliers are those that satisfy its optimality conditions together with one of its optima,
whichever that is. For objective ``f`` (in its own sense, ``s = +1`` where it minimises and ``-1`` where it maximises),
rows ``a <= g(y) <= b`` and bounds ``l <= y <= u`` at an optimum ``y0``::

    grad f(y0) = sum_j lambda_j grad g_j(y0) + mu_lower + mu_upper
    s lambda_j >= 0 where only a_j is met,  <= 0 where only b_j is,  0 where none is,  free where both are
    s mu_lower >= 0 where l is met, else 0;   s mu_upper <= 0 where u is met, else 0

For convex followers with linear rows the set does not depend on which optimum ``y0`` is (Rockafellar, Convex Analysis,
1970, theorem 28.3), so that the ends of a multiplier over it are the one-sided derivatives of the follower's optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.optimality import PrimalDualPoint, jacobian, row_scales
from reformulations.programs import (
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    MixedIntegerProgram,
    Names,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.responses import reached

TOLERANCE = 1e-6
"""Relative; sides this near are met, and what a certified point misses by so little is let through."""


@dataclass(frozen=True, slots=True)
class DualFace:
    """The optimal multipliers of one follower as the points of a program without cost.

    ``targets`` ``(k,)`` are the positions of the program's columns among the ``m + 2 n`` multipliers of the game.
    """

    program: MixedIntegerProgram
    targets: Integers


def dual_face(game: BilevelProgram, point: Floats, player: int) -> DualFace:
    """Return the optimal multipliers of follower ``player`` at a primal-dual ``point`` ``(n + m + 2 n,)``.

    The multipliers of the point belong to the face up to :data:`TOLERANCE`.

    Raises
    ------
    NotApplicable
        For a follower with integer columns: its optimum has no multipliers.
    """
    own = np.flatnonzero(game.column_owner == player)
    for column in own[game.columns.integer[own]][:1]:
        raise NotApplicable(
            game.columns.names[int(column)],
            f"follower {game.players[player]} decides an integer variable, so its optimum has no multipliers",
        )
    at, n, m = PrimalDualPoint.of(game, point), len(game.columns), len(game.rows)
    gradients = sparse.csr_array(jacobian(game.rows.matrix, game.rows.products, at.columns)[:, own])
    mine = np.flatnonzero((game.row_owner == player) & (np.diff(gradients.indptr) > 0))
    sense = float(game.objectives.sense[player])
    row_range = _ranges(*_met_rows(game, at, mine), sense)
    low, high = _met_bounds(game, at, own)
    fixed = game.columns.lower[own] == game.columns.upper[own]
    never = np.zeros(len(own), bool)
    # one equality: its whole multiplier is that of the lower bound, of either sign
    bound_ranges = _ranges(low | fixed, fixed, sense), _ranges(never, high & ~fixed, sense)
    lower, upper = (np.concatenate([row_range[k], *(part[k] for part in bound_ranges)]) for k in (0, 1))
    targets = np.concatenate([mine, m + own, m + n + own])
    present = np.concatenate([at.rows, at.lower, at.upper])[targets]
    room = TOLERANCE * (1 + np.abs(present))
    eye = sparse.eye_array(len(own))
    matrix = sparse.csr_array(sparse.hstack([gradients[mine].T, eye, eye], format="csr"))
    wanted = jacobian(game.objectives.linear, game.objectives.products, at.columns)[[player]].toarray().ravel()[own]
    explained = matrix @ present
    slip = TOLERANCE * (1 + np.maximum(np.abs(wanted), abs(matrix) @ np.abs(present)))
    names = Names(len(targets), lambda k: str(targets[k]))
    program = MixedIntegerProgram(
        Columns(
            reached(lower, present, room, -1.0), reached(upper, present, room, 1.0), np.zeros(len(targets), bool), names
        ),
        Rows(
            matrix,
            reached(wanted, explained, slip, -1.0),
            reached(wanted, explained, slip, 1.0),
            game.columns.names.take(own),
        ),
        np.zeros(len(targets)),
        0.0,
    )
    return DualFace(program, targets)


def _met_rows(game: BilevelProgram, at: PrimalDualPoint, rows: Integers) -> tuple[Booleans, Booleans]:
    activity = game.rows.activity(at.columns)[rows]
    room = TOLERANCE * row_scales(game.rows, at.columns)[rows]
    return activity <= game.rows.lower[rows] + room, activity >= game.rows.upper[rows] - room


def _met_bounds(game: BilevelProgram, at: PrimalDualPoint, columns: Integers) -> tuple[Booleans, Booleans]:
    value = at.columns[columns]
    room = TOLERANCE * (1 + np.abs(value))
    return value <= game.columns.lower[columns] + room, value >= game.columns.upper[columns] - room


def _ranges(at_lower: Booleans, at_upper: Booleans, sense: float) -> tuple[Floats, Floats]:
    """Return the ends of the multipliers, in the sign of the follower's own sense."""
    positive, negative = np.where(at_lower, np.inf, 0.0), np.where(at_upper, -np.inf, 0.0)
    return (negative, positive) if sense > 0 else (-positive, -negative)
