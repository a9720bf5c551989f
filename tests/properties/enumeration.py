"""Optima of small games by enumerating active sets: numpy, scipy's linprog, and no big-M.

Every follower's KKT conditions are written down for the arrays of a random game; integers of the leader are
enumerated; sides are then declared active or idle one by one, each time with a linear program that cuts off
what has no point or cannot be better.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import inf, isfinite

import numpy as np
from scipy.optimize import linprog

from tests.properties.strategies import Game, Player, Row

SLACK = 1e-6


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
        mine = _sides(player, p, total, fixed)
        sides += mine
        owner += [k] * len(mine)
    n, count = p + total, len(sides)
    cost = game.sense * np.array([*game.cost, *game.cost_of_followers] + [0.0] * count)
    upper_rows, upper_sides, equal_rows, equal_sides = [], [], [], []
    for row in game.rows:
        form = np.concatenate([_form(row, p, total, fixed), np.zeros(count)])
        for sign, side in ((1.0, row.upper), (-1.0, -row.lower)):
            if isfinite(side):
                upper_rows.append(sign * form)
                upper_sides.append(side)
    for i, side in enumerate(sides):
        form = np.concatenate([side.form, np.zeros(count)])
        if side.tight:
            equal_rows.append(form)
            equal_sides.append(side.offset)
        else:
            upper_rows.append(-form)
            upper_sides.append(-side.offset)
        bounds.append((None, None) if side.tight else (0.0, None))
        assert i + n == len(bounds) - 1
    for k, player in enumerate(game.players):
        gradient, constant = _gradient(player, p, total)
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

    def __init__(self, program: tuple, bounds: list, sides: list[Side], n: int, pairs: list[int], least: float) -> None:
        self._program, self._bounds, self._sides, self._n, self._pairs = program, bounds, sides, n, pairs
        self.least, self.point, self.unbounded = least, None, False

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
        if answer.status == 4:  # numerical difficulties: once more, another way
            answer = linprog(
                cost, rows if len(rows) else None, offsets or None, left, right, bounds, method="highs-ipm"
            )
        if answer.status not in (0, 2, 3):
            raise AssertionError(answer.message)
        status = {0: "optimal", 2: "infeasible", 3: "unbounded"}[answer.status]
        return status, answer.fun if status == "optimal" else -inf, answer.x if status == "optimal" else None

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


def _form(row: Row, p: int, total: int, fixed: tuple[float | None, ...]) -> np.ndarray:
    form = np.array([*row.on_leader, *row.on_followers], float)
    for i, j, value in row.switched:
        form[p + j] += value * fixed[i]
    assert len(form) == p + total
    return form


def _sides(player: Player, p: int, total: int, fixed: tuple[float | None, ...]) -> list[Side]:
    """Return the sides of the player's rows and bounds; the opposite sides of an equality are one."""
    found = []
    columns = [p + j for j in player.columns]
    forms = [(_form(row, p, total, fixed), row.lower, row.upper) for row in player.rows]
    forms += [(np.eye(p + total)[c], player.lower[j], player.upper[j]) for j, c in enumerate(columns)]
    for form, lower, upper in forms:
        if lower == upper:
            found.append(Side(form, lower, form[columns], tight=True))
            continue
        for sign, side in ((1.0, lower), (-1.0, upper)):
            if isfinite(side):
                found.append(Side(sign * form, sign * side, sign * form[columns], tight=False))
    return found


def _gradient(player: Player, p: int, total: int) -> tuple[np.ndarray, np.ndarray]:
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


def by_vertices(game: Game) -> float | None:
    """Return the optimum of a game of prices: over all vertices of the followers, the prices that make them optimal.

    At given prices the leader's objective is linear in ``y``, so a vertex of the optimal face is best for it; at a
    given vertex it is linear in the prices, and "this vertex is optimal" says that its cone of active sides holds
    the gradient.
    """
    p, total = len(game.lower), len(game.cost_of_followers)
    free = (None,) * p
    sides = [_sides(player, p, total, free) for player in game.players]
    corners = [_vertices(player, mine, p) for player, mine in zip(game.players, sides, strict=True)]
    best = None
    for chosen in product(*corners):
        y = np.concatenate(chosen)
        value = _best_prices(game, sides, y)
        if value is not None and (best is None or game.sense * value < game.sense * best):
            best = value
    return best


def _vertices(player: Player, sides: list[Side], p: int) -> list[np.ndarray]:
    q = len(player.columns)
    found: list[np.ndarray] = []
    own, offset = np.array([side.own for side in sides]), np.array([side.offset for side in sides])
    tight = np.array([side.tight for side in sides])
    for chosen in combinations(range(len(sides)), q):
        matrix = own[list(chosen)]
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        y = np.linalg.solve(matrix, offset[list(chosen)])
        slack = own @ y - offset
        inside = (slack >= -1e-9).all() and (abs(slack[tight]) <= 1e-9).all()
        if inside and not any(np.allclose(y, other) for other in found):
            found.append(y)
    return found


def _best_prices(game: Game, sides: list[list[Side]], y: np.ndarray) -> float | None:
    p, total = len(game.lower), len(y)
    active = [
        [side for side in mine if abs(side.own @ y[list(player.columns)] - side.offset) <= 1e-9]
        for player, mine in zip(game.players, sides, strict=True)
    ]
    count = sum(len(mine) for mine in active)
    cost = np.array(game.cost, float)
    rows, right = [], []
    bounds: list[tuple[float | None, float | None]] = list(zip(game.lower, game.upper, strict=True))
    start = p
    for weight, player, mine in zip(game.priced, game.players, active, strict=True):
        cost += weight * np.array(player.prices) @ y[list(player.columns)]
        gradient, constant = _gradient(player, p, total)
        block = np.zeros((len(constant), p + count))
        block[:, :p] = gradient[:, :p]
        for side in mine:
            block[:, start] = -side.own
            bounds.append((None, None) if side.tight else (0.0, None))
            start += 1
        rows.extend(block)
        right.extend(-constant)
    answer = linprog(game.sense * np.concatenate([cost, np.zeros(count)]), None, None, np.array(rows), right, bounds)
    if answer.status == 2:
        return None
    if answer.status != 0:
        raise AssertionError(answer.message)
    return game.sense * answer.fun + float(np.array(game.cost_of_followers) @ y)
