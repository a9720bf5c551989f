"""What a lower level must satisfy before its optimality conditions may replace it."""

from __future__ import annotations

import numpy as np

from reformulations.convexity import convex_terms
from reformulations.programs import BilevelProgram, CanonicalGame, Product, Role
from reformulations.refusal import NotApplicable


def require_continuous_followers(program: BilevelProgram) -> None:
    """Refuse followers with integer columns: their optimality has no multipliers.

    Raises
    ------
    NotApplicable
        Naming the first integer column of a follower.
    """
    for column in np.flatnonzero(program.follower_columns & program.columns.integer)[:1]:
        player = program.players[int(program.column_owner[column])]
        raise NotApplicable(
            program.columns.names[int(column)],
            f"follower {player} decides an integer variable, so optimality conditions do not describe its responses; "
            "relax the variable, let the leader decide it, or use bl.ValueFunction()",
        )


def require_convex_followers(game: CanonicalGame) -> None:
    """Refuse followers whose objective is not convex in their own columns.

    The Hessian of each follower's own columns must be positive semidefinite, up to
    :data:`reformulations.convexity.TOLERANCE` relative to its largest entry.

    Raises
    ------
    NotApplicable
        Naming a follower and a column of a direction of negative curvature.
    """
    lower = game.lower
    position = np.full(len(game.columns), -1, np.int64)
    position[lower.columns] = np.arange(len(lower.columns))
    entries = lower.gradient.tocoo()
    partner = position[entries.col]
    same = (partner >= 0) & (lower.column_owner[entries.row] == lower.column_owner[partner])
    rows, columns, values = entries.row[same], partner[same], entries.data[same]
    half = rows <= columns
    weights = np.where(rows == columns, 0.5, 1.0)[half] * values[half]
    form = Product.of(np.zeros(int(half.sum()), np.int64), rows[half], columns[half], weights)
    for term in np.flatnonzero(~convex_terms(form, len(lower.columns)))[:1]:
        column = int(form.left[term])
        player = game.players[int(lower.column_owner[column])]
        raise NotApplicable(
            game.columns.names[int(lower.columns[column])],
            f"the objective of follower {player} is not convex in its own variables, so optimality conditions do not "
            "describe its responses; make its quadratic terms positive semidefinite, or use bl.ValueFunction()",
        )


def require_followers(program: BilevelProgram) -> None:
    """Refuse a game without followers.

    Raises
    ------
    NotApplicable
        When no player is a follower.
    """
    if not np.any(program.roles == Role.FOLLOWER):
        raise NotApplicable("the game", "it has no follower; declare one with bl.Follower, or use a Pyomo solver")
