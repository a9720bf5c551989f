"""Optima of games of prices by enumerating the vertices of the followers' polytopes."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from scipy.optimize import linprog

from bilevel.testing.active_sets import Side, gradient_of, sides_of
from bilevel.testing.games import Game, Player

ROOM = 1e-9
INFEASIBLE = 2
"""What scipy's linprog says of a program without a point."""


def by_vertices(game: Game) -> float | None:
    """Return the optimum of a game of prices: over all vertices of the followers, the prices that make them optimal.

    At given prices the leader's objective is linear in ``y``, so a vertex of the optimal face is best for it; at a
    given vertex it is linear in the prices, and "this vertex is optimal" says that its cone of active sides holds
    the gradient.
    """
    p, total = len(game.lower), len(game.cost_of_followers)
    free = (None,) * p
    sides = [sides_of(player, p, total, free) for player in game.players]
    corners = [_vertices(player, mine) for player, mine in zip(game.players, sides, strict=True)]
    best = None
    for chosen in product(*corners):
        y = np.concatenate(chosen)
        value = _best_prices(game, sides, y)
        if value is not None and (best is None or game.sense * value < game.sense * best):
            best = value
    return best


def _vertices(player: Player, sides: list[Side]) -> list[np.ndarray]:
    q = len(player.columns)
    found: list[np.ndarray] = []
    own, offset = np.array([side.own for side in sides]), np.array([side.offset for side in sides])
    tight = np.array([side.tight for side in sides])
    for chosen in combinations(range(len(sides)), q):
        matrix = own[list(chosen)]
        if abs(np.linalg.det(matrix)) < ROOM:
            continue
        y = np.linalg.solve(matrix, offset[list(chosen)])
        slack = own @ y - offset
        inside = (slack >= -ROOM).all() and (abs(slack[tight]) <= ROOM).all()
        if inside and not any(np.allclose(y, other) for other in found):
            found.append(y)
    return found


def _best_prices(game: Game, sides: list[list[Side]], y: np.ndarray) -> float | None:
    p, total = len(game.lower), len(y)
    active = [
        [side for side in mine if abs(side.own @ y[list(player.columns)] - side.offset) <= ROOM]
        for player, mine in zip(game.players, sides, strict=True)
    ]
    count = sum(len(mine) for mine in active)
    cost = np.array(game.cost, float)
    rows: list[np.ndarray] = []
    right: list[float] = []
    bounds: list[tuple[float | None, float | None]] = list(zip(game.lower, game.upper, strict=True))
    start = p
    for weight, player, mine in zip(game.priced, game.players, active, strict=True):
        cost += weight * np.array(player.prices) @ y[list(player.columns)]
        gradient, constant = gradient_of(player, p, total)
        block = np.zeros((len(constant), p + count))
        block[:, :p] = gradient[:, :p]
        for side in mine:
            block[:, start] = -side.own
            bounds.append((None, None) if side.tight else (0.0, None))
            start += 1
        rows.extend(block)
        right.extend(-constant)
    answer = linprog(game.sense * np.concatenate([cost, np.zeros(count)]), None, None, np.array(rows), right, bounds)
    if answer.status == INFEASIBLE:
        return None
    if answer.status != 0:
        raise AssertionError(answer.message)
    return game.sense * float(answer.fun or 0.0) + float(np.array(game.cost_of_followers) @ y)
