"""What a follower could play as a function of the leader's decision: a fixed response, or one that moves with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, Booleans, Floats, Matrix
from reformulations.stored_responses.high_point import HighPoint

TIGHT = 1e-7
"""Relative distance up to which a row or bound counts as active."""

_SMALL = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """The response ``y(x) = point + slope @ x`` of a follower; integer columns stay where they are.

    Attributes
    ----------
    follower
        Position among the followers.
    point
        ``(n,)``, zero outside the follower's columns.
    slope
        ``(n, n)``, from the leader's columns to the follower's continuous ones.
    swaps
        Pairs of switching rows: what the first switches off is replaced by what the second could switch off
        (:func:`reformulations.stored_responses.switches.substitutes`).
    """

    follower: int
    point: Floats
    slope: Matrix
    swaps: tuple[tuple[int, int], ...] = ()


def fixed_rule(relaxation: HighPoint, follower: int, point: Floats) -> Rule:
    """Return the rule that plays the follower's columns of ``point`` ``(n,)``, whatever the leader does."""
    game, n = relaxation.game, len(relaxation.game.columns)
    mine = game.column_owner == relaxation.followers[follower]
    whole = np.where(game.columns.integer, np.round(point), point)
    return Rule(follower, np.where(mine, whole, 0.0), sparse.csr_array((n, n)))


def affine_rule(relaxation: HighPoint, follower: int, point: Floats, row_duals: Floats, column_duals: Floats) -> Rule:
    """Return the rule that keeps active what is active at ``point``, the integers fixed.

    With the integers of a response fixed, its continuous part ``w`` solves a linear program with an optimal
    basis; where the leader moves from ``x0``, it remains optimal as long as it is feasible, and moves ``w`` along::

        W_T (w - w0) = -X_T (x - x0)        T: active rows and bounds, linearly independent, nonzero multipliers first

    (multiparametric linear programming: Gal and Nedoma, Management Science 18(7), 1972). Any slope gives a valid
    rule: where it is feasible is for the block to say. Followers whose continuous columns stand in products keep still.

    Parameters
    ----------
    relaxation
        The high-point relaxation.
    follower
        Position among the followers.
    point
        ``(n,)``: the leader's decision and the response, optimal for its integers.
    row_duals, column_duals
        Multipliers ``(m,)`` of the game's rows and ``(n,)`` of its columns in that linear program.
    """
    game = relaxation.game
    still = fixed_rule(relaxation, follower, point)
    player = int(relaxation.followers[follower])
    moving = np.flatnonzero((game.column_owner == player) & ~game.columns.integer)
    leader = np.flatnonzero(game.column_owner == LEADER)
    if not len(moving) or _multiplied(relaxation)[moving].any():
        return still
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    matrix, activity = game.rows.matrix[rows], game.rows.activity(point)[rows]
    tight = _at_side(activity, game.rows.lower[rows], game.rows.upper[rows])
    active = np.flatnonzero(tight)
    own_active = np.flatnonzero(_at_side(point[moving], game.columns.lower[moving], game.columns.upper[moving]))
    unit = np.eye(len(moving))[own_active]
    left = np.vstack([matrix[active][:, moving].toarray(), unit])
    right = np.vstack([-matrix[active][:, leader].toarray(), np.zeros((len(unit), len(leader)))])
    weight = np.concatenate([np.abs(row_duals[rows[active]]), np.abs(column_duals[moving[own_active]])])
    basis = _independent(left[np.argsort(-weight, kind="stable")])
    chosen = np.argsort(-weight, kind="stable")[basis]
    slope = np.linalg.pinv(left[chosen]) @ right[chosen] if len(chosen) else np.zeros((len(moving), len(leader)))
    slope[np.abs(slope) < _SMALL] = 0.0
    full = sparse.lil_array((len(game.columns), len(game.columns)))
    full[moving[:, None], leader[None, :]] = slope
    matrix_of_rule = sparse.csr_array(full)
    start = still.point - matrix_of_rule @ np.where(game.column_owner == LEADER, point, 0.0)
    return Rule(follower, start, matrix_of_rule)


def _multiplied(relaxation: HighPoint) -> Booleans:
    found = np.zeros(len(relaxation.game.columns), bool)
    for terms in (relaxation.game.rows.products, relaxation.game.objectives.products):
        found[terms.left], found[terms.right] = True, True
    return found


def _at_side(value: Floats, lower: Floats, upper: Floats) -> Booleans:
    room = TIGHT * (1 + np.abs(value))
    return np.asarray((np.abs(value - lower) <= room) | (np.abs(upper - value) <= room))


def _independent(vectors: Floats) -> list[int]:
    """Return the rows of ``vectors`` that are not combinations of earlier ones (Gram-Schmidt, twice)."""
    chosen: list[int] = []
    basis = np.zeros((0, vectors.shape[1]))
    for i, vector in enumerate(vectors):
        size = float(np.linalg.norm(vector))
        rest = vector - basis.T @ (basis @ vector)
        rest -= basis.T @ (basis @ rest)
        left = float(np.linalg.norm(rest))
        if left > 1e-8 * max(size, 1e-300) and len(chosen) < vectors.shape[1]:
            chosen.append(i)
            basis = np.vstack([basis, rest / left])
    return chosen
