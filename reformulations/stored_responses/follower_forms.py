"""What each follower decides: its rows, its part of its objective, and the leader's columns that both depend on."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Booleans, Integers, Matrix, Product
from reformulations.refusal import NotApplicable


def decided_rows(game: BilevelProgram) -> Booleans:
    """Mask the followers' rows ``(m,)`` with columns of that follower; the others restrict the leader alone."""
    matrix, terms = game.rows.matrix, game.rows.products
    row = np.repeat(np.arange(len(game.rows)), np.diff(matrix.indptr))
    own = (game.row_owner[row] == game.column_owner[matrix.indices]) & (matrix.data != 0)
    found = np.zeros(len(game.rows), bool)
    found[row[own]] = True
    for side in (terms.left, terms.right):
        found[terms.index[game.column_owner[side] == game.row_owner[terms.index]]] = True
    return np.asarray(found & game.follower_rows)


def own_objectives(game: BilevelProgram, followers: Integers) -> tuple[Matrix, Product]:
    """Return what the followers minimise: linear terms ``(k, n)`` and products, index 0..k-1, all with own columns."""
    objectives, owner = game.objectives, game.column_owner
    entries = sparse.coo_array(objectives.linear[followers])
    mine = owner[entries.col] == followers[entries.row]
    sense = objectives.sense[followers]
    kept = (entries.data[mine] * sense[entries.row[mine]], (entries.row[mine], entries.col[mine]))
    linear = sparse.csr_array(sparse.coo_array(kept, shape=(len(followers), len(game.columns))).tocsr())
    terms = objectives.products
    position = np.full(len(game.players), -1, np.int64)
    position[followers] = np.arange(len(followers))
    own = (owner[terms.left] == terms.index) | (owner[terms.right] == terms.index)
    terms = terms.take(own & (position[terms.index] >= 0))
    place = position[terms.index]
    return linear, Product(place, terms.left, terms.right, sense[place] * terms.value)


def linking_columns(game: BilevelProgram, decided: Booleans, products: Product) -> Booleans:
    """Mask the leader's columns ``(n,)`` in decided rows or in products of a follower's own objective."""
    found = np.zeros(len(game.columns), bool)
    found[sparse.csr_array(game.rows.matrix[np.flatnonzero(decided)]).indices] = True
    terms = game.rows.products.take(decided[game.rows.products.index])
    for side in (terms.left, terms.right, products.left, products.right):
        found[side] = True
    return np.asarray(found & (game.column_owner == LEADER))


def refuse_interaction(game: BilevelProgram) -> None:
    """Refuse followers whose rows or incentives hold columns of other followers.

    Raises
    ------
    NotApplicable
        Naming such a follower and the column.
    """
    owner, terms, priced = game.column_owner, game.rows.products, game.objectives.products
    entries = game.rows.matrix.tocoo()
    decided = decided_rows(game)
    incentive = (owner[priced.left] == priced.index) | (owner[priced.right] == priced.index)
    uses: list[tuple[Integers, Integers, Booleans]] = [
        (game.row_owner[entries.row], entries.col.astype(np.int64), decided[entries.row] & (entries.data != 0)),
        (game.row_owner[terms.index], terms.left, decided[terms.index]),
        (game.row_owner[terms.index], terms.right, decided[terms.index]),
        (priced.index, priced.left, incentive),
        (priced.index, priced.right, incentive),
    ]
    for player, column, counts in uses:
        other = counts & (player != LEADER) & (owner[column] != LEADER) & (owner[column] != player)
        for t in np.flatnonzero(other)[:1]:
            raise NotApplicable(
                game.players[int(player[t])],
                f"it depends on {game.columns.names[int(column[t])]} of another follower; with integer variables an "
                "equilibrium of followers is not one of its members' value functions",
            )
