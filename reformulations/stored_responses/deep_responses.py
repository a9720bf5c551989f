"""Responses of quadratic followers that stay feasible where the leader moves a little: they say more when stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans
from reformulations.programs import LEADER, BilevelProgram, Columns, Names, Product, Rows
from reformulations.responses import HeldGame, QuadraticResponses, quadratic_response_program
from reformulations.sides import sides_of
from reformulations.spatial import appended


def deep_response(held: HeldGame, player: int, target: float) -> QuadraticResponses | None:
    """Return the program of the response within ``target`` that keeps farthest from sides that the leader moves.

    ::

        max t   s.t.   the follower's rows at the decision held,   f(x, y) <= target,
                       g_i(x, y) >= t (1 + |limit_i|)  for each side that the leader moves,   0 <= t <= 1

    The last column is ``t``. None where the leader moves no row of the follower. (Points with a Slater property make
    cuts that cut off a neighbourhood: Mitsos, Lemonidis and Barton, Journal of Global Optimization 42, 2008.)

    Parameters
    ----------
    held
        The game at the leader's decision.
    player
        The follower.
    target
        Objective, as minimised, that the response must reach.
    """
    found = quadratic_response_program(held, np.array([player]))
    program, rows = found.program, found.program.rows
    sides = sides_of(rows)
    sides = sides.take(np.flatnonzero(_moved(held.game)[found.rows][sides.source]))
    if not len(sides):
        return None
    k = len(sides)
    goal = sparse.csr_array(np.concatenate([program.cost, [0.0]])[None, :])
    deep = appended(
        sides.linear, np.full(k, len(program.columns)), -(1 + np.abs(sides.limit)), len(program.columns) + 1
    )
    terms = program.products
    inner = Rows(
        sparse.csr_array(sparse.vstack([deep, goal], format="csr")),
        np.concatenate([sides.limit, [-np.inf]]),
        np.concatenate([np.full(k, np.inf), [target - program.constant]]),
        Names(k + 1, lambda i: f"depth {i}"),
        sides.products + Product(terms.index + k, terms.left, terms.right, terms.value),
    )
    columns = program.columns.append(Columns(np.zeros(1), np.ones(1), np.zeros(1, bool), Names.of(["depth"])))
    cost = np.concatenate([np.zeros(len(program.columns)), [-1.0]])
    image = replace(program, columns=columns, rows=rows.append(inner), cost=cost, constant=0.0, products=Product.none())
    return replace(found, program=image)


def _moved(game: BilevelProgram) -> Booleans:
    """Mask the rows ``(m,)`` with columns of the leader."""
    rows, leader = game.rows, game.column_owner == LEADER
    entries, moved = rows.matrix.tocoo(), np.zeros(len(game.rows), bool)
    moved[entries.row[leader[entries.col] & (entries.data != 0)]] = True
    for side in (rows.products.left, rows.products.right):
        moved[rows.products.index[leader[side]]] = True
    return moved
