"""Optima of small games by enumerating active sets: numpy, scipy's linprog, and no big-M.

Every follower's KKT conditions are written down for the arrays of a random game; integers of the leader are
enumerated; sides are then declared active or idle one by one, each time with a linear program that cuts off
what has no point or cannot be better.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf, isfinite
from typing import Any

import numpy as np
from scipy.optimize import linprog

from bilevel.testing.games import Game, Player, Row

SLACK = 1e-6
DIFFICULT = 4
"""What scipy's linprog calls numerical difficulties."""


@dataclass(frozen=True)
class Side:
    """``form @ z >= offset`` over ``z = (x, y)``, an equality where ``tight``; ``own`` is its part on own columns."""

    form: np.ndarray
    offset: float
    own: np.ndarray
    tight: bool


@dataclass(frozen=True)
class Found:
    """The leader's optimum in its own sense and a point ``(x, y)``; infinite where unbounded, None where infeasible."""

    value: float | None
    x: np.ndarray | None = None
    y: np.ndarray | None = None


def enumerated(game: Game) -> Found:
    """Return the optimistic optimum of a game without products in the leader's objective."""
    choices = [
        [float(v) for v in range(int(low), int(high) + 1)] if whole else [None]
        for low, high, whole in zip(game.lower, game.upper, game.integer, strict=True)
    ]
    best = Found(None)
    least = inf
    for fixed in product(*choices):
        found = _with_integers(game, fixed, least)
        if found.value is not None and game.sense * found.value < least:
            best, least = found, game.sense * found.value
    return best


def _with_integers(game: Game, fixed: tuple[float | None, ...], least: float) -> Found:
    p, total = len(game.lower), len(game.cost_of_followers)
    bounds: list[tuple[float | None, float | None]] = [
        (_or_none(low), _or_none(high)) if value is None else (value, value)
        for low, high, value in zip(game.lower, game.upper, fixed, strict=True)
    ]
    bounds += [(None, None)] * total
    sides: list[Side] = []
    owner: list[int] = []
    for k, player in enumerate(game.players):
        mine = sides_of(player, p, total, fixed)
        sides += mine
        owner += [k] * len(mine)
    n, count = p + total, len(sides)
    cost = game.sense * np.array([*game.cost, *game.cost_of_followers] + [0.0] * count)
    upper_rows, upper_sides, equal_rows, equal_sides = [], [], [], []
    for row in game.rows:
        form = np.concatenate([_form(row, p, fixed), np.zeros(count)])
        for sign, side in ((1.0, row.upper), (-1.0, -row.lower)):
            if isfinite(side):
                upper_rows.append(sign * form)
                upper_sides.append(side)
    for one in sides:
        form = np.concatenate([one.form, np.zeros(count)])
        if one.tight:
            equal_rows.append(form)
            equal_sides.append(one.offset)
        else:
            upper_rows.append(-form)
            upper_sides.append(-one.offset)
        bounds.append((None, None) if one.tight else (0.0, None))
    for k, player in enumerate(game.players):
        gradient, constant = gradient_of(player, p, total)
        multipliers = np.array(
            [side.own if owner[i] == k else np.zeros_like(player.cost) for i, side in enumerate(sides)]
        )
        equal_rows.extend(np.hstack([gradient, -multipliers.T.reshape(len(constant), count)]))
        equal_sides.extend(-constant)
    pairs = [i for i, side in enumerate(sides) if not side.tight]
    program = (cost, np.array(upper_rows).reshape(-1, n + count), upper_sides, np.array(equal_rows), equal_sides)
    search = _Search(program, bounds, sides, n, pairs, least)
    search.visit({})
    if search.point is None:
        return Found(game.sense * -inf if search.unbounded else None)
    value = game.sense * search.least
    return Found(value, search.point[:p], search.point[p:n])


class _Search:
    """Depth first over which sides are active, with the best point so far."""

    def __init__(
        self, program: tuple[Any, ...], bounds: list[Any], sides: list[Side], n: int, pairs: list[int], least: float
    ) -> None:
        self._program, self._bounds, self._sides, self._n, self._pairs = program, bounds, sides, n, pairs
        self.least, self.unbounded = least, False
        self.point: np.ndarray | None = None

    def visit(self, decided: dict[int, bool]) -> None:
        if self.unbounded:
            return
        status, value, z = self._solve(decided)
        if status == "infeasible" or (status == "optimal" and value >= self.least - 1e-9 * max(1.0, abs(self.least))):
            return
        worst = self._worst_pair(decided, z)
        if worst is None:
            if status == "unbounded":
                self.unbounded, self.point = True, None
            else:
                self.least, self.point = value, z
            return
        for active in (True, False):
            self.visit({**decided, worst: active})

    def _solve(self, decided: dict[int, bool]) -> tuple[str, float, np.ndarray | None]:
        cost, rows, offsets, equal_rows, equal_sides = self._program
        bounds, fixed = list(self._bounds), []
        for i, active in decided.items():
            if active:
                fixed.append(np.concatenate([self._sides[i].form, np.zeros(len(self._sides))]))
            else:
                bounds[self._n + i] = (0.0, 0.0)
        right = [*equal_sides, *(self._sides[i].offset for i, active in decided.items() if active)]
        left = np.vstack([equal_rows, *fixed]) if fixed else equal_rows
        answer = linprog(cost, rows if len(rows) else None, offsets or None, left, right, bounds)
        if answer.status == DIFFICULT:  # numerical difficulties: once more, another way
            answer = linprog(
                cost, rows if len(rows) else None, offsets or None, left, right, bounds, method="highs-ipm"
            )
        if answer.status not in (0, 2, 3):
            raise AssertionError(answer.message)
        status = {0: "optimal", 2: "infeasible", 3: "unbounded"}[answer.status]
        return (
            status,
            float(answer.fun or 0.0) if status == "optimal" else -inf,
            answer.x if status == "optimal" else None,
        )

    def _worst_pair(self, decided: dict[int, bool], z: np.ndarray | None) -> int | None:
        """Return the undecided side that violates complementarity most (any where there is no point)."""
        left = [i for i in self._pairs if i not in decided]
        if not left:
            return None
        if z is None:
            return left[0]
        gaps = [min(self._sides[i].form @ z[: self._n] - self._sides[i].offset, z[self._n + i]) for i in left]
        worst = int(np.argmax(gaps))
        return left[worst] if gaps[worst] > SLACK else None


def _form(row: Row, p: int, fixed: tuple[float | None, ...]) -> np.ndarray:
    form = np.array([*row.on_leader, *row.on_followers], float)
    for i, j, value in row.switched:
        chosen = fixed[i]
        if chosen is None:
            raise ValueError("only a column of the leader that is an integer switches a follower's")
        form[p + j] += value * chosen
    return form


def sides_of(player: Player, p: int, total: int, fixed: tuple[float | None, ...]) -> list[Side]:
    """Return the sides of the player's rows and bounds; the opposite sides of an equality are one."""
    found = []
    columns = [p + j for j in player.columns]
    forms = [(_form(row, p, fixed), row.lower, row.upper) for row in player.rows]
    forms += [(np.eye(p + total)[c], player.lower[j], player.upper[j]) for j, c in enumerate(columns)]
    for form, lower, upper in forms:
        if lower == upper:
            found.append(Side(form, lower, form[columns], tight=True))
            continue
        for sign, side in ((1.0, lower), (-1.0, upper)):
            if isfinite(side):
                found.append(Side(sign * form, sign * side, sign * form[columns], tight=False))
    return found


def gradient_of(player: Player, p: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient by the player's own columns of what it minimises: ``matrix @ (x, y) + constant``."""
    columns = [p + j for j in player.columns]
    matrix = np.zeros((len(columns), p + total))
    matrix[:, :p] = player.sense * np.array(player.prices).T
    matrix[:, p:] += player.sense * np.array(player.cross).T
    if player.root:
        root = np.array(player.root)
        matrix[:, columns] += root.T @ root
    return matrix, player.sense * np.array(player.cost)


def _or_none(bound: float) -> float | None:
    return bound if isfinite(bound) else None
