"""Why variables that stand for multipliers are refused where followers' responses are searched, and the way out."""

from __future__ import annotations

import numpy as np

from reformulations.programs import BilevelProgram
from reformulations.refusal import NotApplicable
from reformulations.stored_responses.nonconvex_followers import first_nonconvexity


def refuse_multiplier_variables(game: BilevelProgram) -> None:
    """Refuse the first column that stands for a multiplier: a follower has one only by its optimality conditions.

    Raises
    ------
    NotApplicable
        Naming the column, its follower, and what stands in the way of optimality conditions.
    """
    for place, column in enumerate(game.multipliers.column[:1].tolist()):
        raise NotApplicable(game.columns.names[column], _reason(game, place))


def _reason(game: BilevelProgram, place: int) -> str:
    owner = _owner(game, int(game.multipliers.matrix[[place]].indices[0]))
    stands = f"it stands for a multiplier of {game.players[owner]}"
    whole = np.flatnonzero(game.follower_columns & game.columns.integer)
    mine = whole[game.column_owner[whole] == owner]
    if len(mine):
        name = game.columns.names[int(mine[0])]
        return f"{stands}, which decides an integer variable ({name}) and has none; relax that variable"
    if len(whole):
        name, other = game.columns.names[int(whole[0])], game.players[int(game.column_owner[whole[0]])]
        return (
            f"{stands}, and {other} decides an integer variable ({name}), so that responses are searched, which have "
            "no multipliers; relax that variable, or let the leader decide it"
        )
    refused = first_nonconvexity(game)
    if refused is not None:
        return (
            f"{stands}, which a game with followers that are not convex ({refused.where}) does not have; "
            "use its objective instead"
        )
    return f"{stands}, which responses do not have; use bl.KKT()"


def _owner(game: BilevelProgram, position: int) -> int:
    m, n = len(game.rows), len(game.columns)
    return int(game.row_owner[position] if position < m else game.column_owner[(position - m) % n])
