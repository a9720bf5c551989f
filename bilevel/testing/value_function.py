"""Optima by the followers' value function: every decision of the leader in turn, its followers by scipy.

No optimality conditions, no multipliers: at a decision ``x`` each follower's optimum ``v_k(x)`` is found first, then
the leader's best (or worst) over the responses ``y`` with ``f_k(x, y) <= v_k(x)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from math import inf, isfinite

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from bilevel.testing.active_sets import enumerated
from bilevel.testing.games import Game, Numbers, Player, Row

FACE = 1e-9
"""By how much a response may miss its follower's optimum, relative to it; a worst response takes all of it."""

ROOM = 1e-7
"""By how much a response may miss a row of the leader."""

INFEASIBLE = 2
"""What scipy says of a program without a point."""


@dataclass
class Held:
    """Rows ``forms[i] @ y <= sides[i]`` over the followers' columns, the leader's decision held."""

    forms: list[np.ndarray]
    sides: list[float]

    def with_row(self, form: np.ndarray, side: float) -> Held:
        """Return these rows and one more."""
        return Held([*self.forms, form], [*self.sides, side])


def by_value_function(game: Game, *, worst: bool = False) -> float | None:
    """Return the optimum over all decisions of a leader with bounded integers; None where none has a response.

    Parameters
    ----------
    game
        Its followers are linear and may be integer; convex quadratic ones where ``worst`` is False.
    worst
        Break ties against the leader, whose rows must then hold for every optimal response.

    Raises
    ------
    ValueError
        When a column of the leader is continuous: ask :func:`on_grid`.
    """
    if not all(game.integer):
        raise ValueError("the leader has a continuous column, so its decisions cannot be listed; use on_grid")
    axes = [range(int(low), int(high) + 1) for low, high in zip(game.lower, game.upper, strict=True)]
    return _best(game, product(*axes), worst=worst)


def on_grid(game: Game, points: int = 13) -> float | None:
    """Return the best value over a grid of decisions; an optimum is at least as good."""
    axes = [
        [float(v) for v in range(int(low), int(high) + 1)] if integer else np.linspace(low, high, points).tolist()
        for low, high, integer in zip(game.lower, game.upper, game.integer, strict=True)
    ]
    return _best(game, product(*axes), worst=False)


def _best(game: Game, decisions: Iterable[tuple[float, ...]], *, worst: bool) -> float | None:
    values = [value_at(game, tuple(float(v) for v in x), worst=worst) for x in decisions]
    known = [game.sense * value for value in values if value is not None]
    return game.sense * min(known) if known else None


def value_at(game: Game, x: Numbers, *, worst: bool = False) -> float | None:
    """Return the leader's value at ``x``: None without a response that fits its rows, infinite where unbounded."""
    if any(player.root or any(map(any, player.cross)) for player in game.players):
        return enumerated(replace(game, lower=x, upper=x, integer=(False,) * len(x))).value
    faces = Held([], [])
    for player in game.players:
        own = _rows(player.rows, x)
        cost = _gradient(game, player, x)
        optimum = _least(game, cost, own)
        if optimum is None or not isfinite(optimum):
            return None
        faces = Held([*faces.forms, *own.forms], [*faces.sides, *own.sides])
        faces = faces.with_row(cost, optimum + FACE * max(1.0, abs(optimum)))
    leading = game.sense * _leading(game, x)
    coupling = _rows(game.rows, x)
    if worst:
        least = [_least(game, -form, faces) for form in coupling.forms]
        if any(low is None or -low > side + ROOM for low, side in zip(least, coupling.sides, strict=True)):
            return None
        opposed = _least(game, -leading, faces)
        return None if opposed is None else game.sense * (_constant(game, x) - opposed)
    both = Held([*faces.forms, *coupling.forms], [*faces.sides, *coupling.sides])
    value = _least(game, leading, both)
    return None if value is None else game.sense * (_constant(game, x) + value)


def _constant(game: Game, x: Numbers) -> float:
    return game.sense * float(np.dot(game.cost, x))


def _leading(game: Game, x: Numbers) -> np.ndarray:
    """Return the gradient of the leader's objective by the followers' columns, its own at ``x``."""
    gradient = np.array(game.cost_of_followers, float)
    for weight, player in zip(game.priced, game.players, strict=bool(game.priced)):
        gradient[list(player.columns)] += weight * np.array(x) @ np.array(player.prices)
    return gradient


def _gradient(game: Game, player: Player, x: Numbers) -> np.ndarray:
    """Return the gradient of what a player minimises by the followers' columns, zero but for its own."""
    gradient = np.zeros(len(game.cost_of_followers))
    gradient[list(player.columns)] = player.sense * (np.array(player.cost) + np.array(x) @ np.array(player.prices))
    return gradient


def _rows(rows: Iterable[Row], x: Numbers) -> Held:
    held = Held([], [])
    for row in rows:
        form = np.array(row.on_followers, float)
        for i, j, value in row.switched:
            form[j] += value * x[i]
        shift = float(np.dot(row.on_leader, x))
        for sign, side in ((1.0, row.upper), (-1.0, row.lower)):
            if isfinite(side):
                held = held.with_row(sign * form, sign * (side - shift))
    return held


def _least(game: Game, cost: np.ndarray, rows: Held) -> float | None:
    """Return the least ``cost @ y`` over rows and bounds: None without a point, minus infinity where unbounded."""
    lower = np.array([bound for player in game.players for bound in player.lower])
    upper = np.array([bound for player in game.players for bound in player.upper])
    whole = np.array([flag for player in game.players for flag in player.whole()], np.int64)
    constraints = LinearConstraint(np.array(rows.forms), -inf, np.array(rows.sides)) if rows.forms else None
    answer = milp(cost, integrality=whole, bounds=Bounds(lower, upper), constraints=constraints)
    if answer.status == INFEASIBLE:
        return None
    if answer.status == 0:
        return float(answer.fun)
    # unbounded, or not told apart from infeasible: is there any point?
    there = milp(0 * cost, integrality=whole, bounds=Bounds(lower, upper), constraints=constraints)
    return -inf if there.status == 0 else None
