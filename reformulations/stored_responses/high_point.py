"""The relaxation of a game in which the followers respond at will, with a column for what each one's objective is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.products import BinaryProducts
from reformulations.programs import (
    LEADER,
    MPEC,
    BilevelProgram,
    Booleans,
    Columns,
    Complementarity,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    MultiplierColumns,
    Names,
    Product,
    Role,
    Rows,
    Stationarity,
)
from reformulations.refusal import NotApplicable
from reformulations.stored_responses.follower_forms import (
    decided_rows,
    linking_columns,
    own_objectives,
    refuse_interaction,
)
from reformulations.stored_responses.multiplier_variables import refuse_multiplier_variables
from reformulations.stored_responses.switching_rows import switched_columns


@dataclass(frozen=True, slots=True)
class HighPoint:
    """A game without its followers' optimality: everybody's rows, the leader's objective, minimised.

    Attributes
    ----------
    game
        The game, ``n`` columns.
    program
        Its columns first, then one for each follower's objective, then those that write products. Linear.
    followers
        The players ``(k,)`` that are followers.
    value
        The columns ``(k,)`` of ``program`` that hold what each follower minimises, without the terms that it does
        not decide.
    decided
        Mask ``(m,)`` of the followers' rows with columns of that follower; the others restrict the leader alone.
    linking
        Mask ``(n,)`` of the leader's columns in such rows, or in products with a follower's columns in its objective.
    least, most
        What the leader's linear terms in each row add up to ``(m,)``, over all points of the relaxation.
    switched
        The column ``(m,)`` that a row does nothing but switch off, or -1.
    worth
        By how much the objective of its owner improves with one more of a column ``(n,)``, products left out.
    """

    game: BilevelProgram
    program: MixedIntegerProgram
    followers: Integers
    value: Integers
    decided: Booleans
    linking: Booleans
    least: Floats
    most: Floats
    switched: Integers
    worth: Floats


def high_point(game: BilevelProgram) -> HighPoint:
    """Return the high-point relaxation of ``game``: its optimum is nowhere above the game's.

    ::

        min F(x, y)   s.t.   everybody's rows and bounds,   v_p = s_p f_p(x, y_p)   for each follower p

    Products with a binary or bounded integer factor are written exactly by linear rows.

    Raises
    ------
    NotApplicable
        When followers use each other's columns, when an objective or row multiplies two columns of one follower, when
        a column stands for a multiplier, or when a product has no integer factor.
    """
    followers = np.flatnonzero(game.roles == Role.FOLLOWER)
    _refuse(game)
    n, k = len(game.columns), len(followers)
    decided = decided_rows(game)
    own, products = own_objectives(game, followers)
    linking = linking_columns(game, decided, products)
    sense = float(game.objectives.sense[LEADER])
    goals = game.objectives.products.take(game.objectives.products.index == LEADER)
    definition = Rows(
        sparse.csr_array(sparse.hstack([-own, sparse.eye_array(k)], format="csr")),
        np.zeros(k),
        np.zeros(k),
        Names(k, lambda i: f"objective of {game.players[int(followers[i])]}"),
        Product(products.index, products.left, products.right, -products.value),
    )
    free = np.full(k, np.inf)
    columns = game.columns.append(Columns(-free, free, np.zeros(k, bool), definition.names))
    mpec = MPEC(
        columns,
        game.rows.append(definition),
        np.concatenate([sense * game.objectives.linear[[LEADER]].toarray().ravel(), np.zeros(k)]),
        float(sense * game.objectives.constant[LEADER]),
        Product(goals.index, goals.left, goals.right, sense * goals.value),
        _without_pairs(n + k),
        Stationarity(np.empty(0, np.int64), np.empty(0, np.int64)),
        MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, n + k))),
    )
    linear = BinaryProducts().apply(mpec).program
    _refuse_products(game, linear)
    program = MixedIntegerProgram(linear.columns, linear.rows, linear.cost, linear.constant)
    least, most = activity_range(leader_terms(game), game.columns.lower, game.columns.upper)
    switched = switched_columns(game, decided)
    return HighPoint(game, program, followers, n + np.arange(k), decided, linking, least, most, switched, _worth(game))


def _worth(game: BilevelProgram) -> Floats:
    owner = game.column_owner
    own = game.objectives.linear.tocsc()[owner, np.arange(len(owner))]
    return np.asarray(-game.objectives.sense[owner] * np.asarray(own).ravel())


def leader_terms(game: BilevelProgram) -> Matrix:
    """Return the rows' linear terms ``(m, n)`` in the leader's columns."""
    leader = (game.column_owner == LEADER).astype(np.float64)
    found = sparse.csr_array(game.rows.matrix @ sparse.diags_array(leader))
    found.eliminate_zeros()
    return found


def _without_pairs(width: int) -> Complementarity:
    none = np.empty(0, np.int64)
    return Complementarity(
        sparse.csr_array((0, width)), np.empty(0), none, none, np.empty(0, bool), none, none, Names.of(())
    )


def _refuse(game: BilevelProgram) -> None:
    names, owner = game.columns.names, game.column_owner
    for player in np.flatnonzero((game.roles != Role.LEADER) & (game.roles != Role.FOLLOWER))[:1]:
        raise NotApplicable(game.players[int(player)], "only a leader and followers are treated by ValueFunction()")
    refuse_multiplier_variables(game)
    priced, terms = game.objectives.products, game.rows.products
    forms: tuple[tuple[Product, Integers, Sequence[str]], ...] = (
        (priced, priced.index, game.players),
        (terms, game.row_owner[terms.index], game.rows.names),
    )
    for terms, player, where in forms:
        left, right = owner[terms.left] == player, owner[terms.right] == player
        for t in np.flatnonzero(left & right & (player != LEADER))[:1]:
            raise NotApplicable(
                where[int(terms.index[t])],
                f"the product {names[int(terms.left[t])]}*{names[int(terms.right[t])]} of a follower's own variables "
                "is not linear; ValueFunction() takes linear followers",
            )
    refuse_interaction(game)


def _refuse_products(game: BilevelProgram, mpec: MPEC) -> None:
    names = mpec.columns.names
    for terms, where in ((mpec.rows.products, mpec.rows.names), (mpec.products, None)):
        for t in range(min(len(terms), 1)):
            pair = f"{names[int(terms.left[t])]}*{names[int(terms.right[t])]}"
            place = f"the objective of {game.players[LEADER]}" if where is None else where[int(terms.index[t])]
            raise NotApplicable(
                place,
                f"the product {pair} has no binary or bounded integer factor, so it is not linear; ValueFunction() "
                "takes linear games",
            )


def tightened(
    relaxation: HighPoint, columns: Columns, least: Floats | float = -np.inf, most: Floats | float = np.inf
) -> HighPoint:
    """Return the relaxation with other bounds of its columns and of the leader's terms in rows, valid ones."""
    n = len(relaxation.game.columns)
    low, high = activity_range(leader_terms(relaxation.game), columns.lower[:n], columns.upper[:n])
    program = replace(relaxation.program, columns=columns)
    least, most = (
        np.maximum(np.maximum(low, least), relaxation.least),
        np.minimum(np.minimum(high, most), relaxation.most),
    )
    return replace(relaxation, program=program, least=least, most=most)


def relaxed_responses(relaxation: HighPoint) -> Booleans:
    """Mask the columns ``(n,)`` whose integrality the relaxation does not need once responses are stored.

    Where the leader's objective holds a follower's columns only as ``-k f`` with ``k >= 0``, the leader's rows do not
    hold them, and their lower bounds are a response to everything, only the value of the follower's objective matters,
    and stored responses say what that is.
    """
    game, program = relaxation.game, relaxation.program
    n = len(game.columns)
    chosen = np.zeros(n, bool)
    upper = sparse.csr_array(game.rows.matrix[np.flatnonzero(~relaxation.decided)]).indices
    multiplied = np.concatenate([t for p in (game.rows.products, game.objectives.products) for t in (p.left, p.right)])
    sense = game.objectives.sense
    for player in relaxation.followers.tolist():
        mine = game.column_owner == player
        if mine[upper].any() or mine[multiplied].any() or not _idles(relaxation, player):
            continue
        own = sense[player] * game.objectives.linear[[player]].toarray().ravel()[mine]
        leader = program.cost[:n][mine]
        if leader @ own <= 0 and np.linalg.matrix_rank(np.stack([own, leader])) <= 1:
            chosen |= mine
    return chosen & game.columns.integer


def _idles(relaxation: HighPoint, player: int) -> bool:
    """Tell whether a follower's rows hold with its columns at their lower bounds, whatever the leader does."""
    game, box = relaxation.game, relaxation.program.columns
    n, mine = len(game.columns), game.column_owner == player
    if not np.isfinite(game.columns.lower[mine]).all():
        return False
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    upper = np.where(mine, game.columns.lower, box.upper[:n])
    least, most = activity_range(sparse.csr_array(game.rows.matrix[rows]), np.where(mine, upper, box.lower[:n]), upper)
    return bool(np.all(most <= game.rows.upper[rows]) and np.all(least >= game.rows.lower[rows]))
