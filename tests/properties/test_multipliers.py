"""Multipliers are derivatives of the follower's optimal value, in its own sense, by the right-hand side."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf, isfinite, isinf

import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import linprog

import bilevel as bl
from bilevel.testing import Game, Numbers, Player, declare, enumerated, games

STEP = 1e-3
ROOM = 1e-5


def value(player: Player, x: Numbers) -> float:
    """Return the follower's optimal value at the leader's decision; infinite (its worst) without a response."""
    if player.root:
        return _quadratic_value(player, x)
    linear = player.sense * (np.array(player.cost) + np.array(x) @ np.array(player.prices))
    rows, sides = [np.zeros(len(linear))], [0.0]
    for row in player.rows:
        shift = float(np.dot(row.on_leader, x))
        for sign, side in ((1.0, row.upper), (-1.0, row.lower)):
            if isfinite(side):
                rows.append(sign * np.array(row.on_followers))
                sides.append(sign * (side - shift))
    answer = linprog(linear, np.array(rows), sides, bounds=list(zip(player.lower, player.upper, strict=True)))
    if answer.status == 2:
        return player.sense * inf
    if answer.status != 0:
        raise AssertionError(answer.message)
    return player.sense * answer.fun


def _quadratic_value(player: Player, x: Numbers) -> float:
    size = len(player.columns)
    alone = Game(1, x, x, (False,) * len(x), (0.0,) * len(x), (0.0,) * size, (), (player,))
    y = enumerated(alone).y
    return player.sense * inf if y is None else float(player.objective(x, y))


def bracket(player: Player, moved: list[Player], x: Numbers) -> tuple[float, float]:
    """Return the one-sided differences of the value, the smaller first; ``moved`` by one step down and up."""
    here = value(player, x)
    before, after = (value(other, x) for other in moved)
    return tuple(sorted(((here - before) / STEP, (after - here) / STEP)))


def with_side(player: Player, i: int, step: float) -> Player:
    row = player.rows[i]
    rows = list(player.rows)
    rows[i] = replace(row, lower=row.lower + step, upper=row.upper + step)
    return replace(player, rows=tuple(rows))


def with_bound(player: Player, j: int, which: str, step: float) -> Player:
    bounds = list(getattr(player, which))
    bounds[j] += step
    return replace(player, **{which: tuple(bounds)})


def agree_with(ends: tuple[float, float], differences: tuple[float, float], room: float) -> bool:
    """Tell whether two intervals are the same, infinite ends included."""
    pairs = zip(ends, differences, strict=True)
    return all(end == other if isinf(other) or isinf(end) else abs(end - other) <= room for end, other in pairs)


@pytest.mark.parametrize("curved", [False, True], ids=["linear", "quadratic"])
def test_multipliers_lie_between_the_one_sided_differences(*, curved: bool):
    """Where the value is smooth both differences are the multiplier; at a kink it lies between them.

    All senses of rows, both senses of the objective, ranges (both sides move), and bounds of variables. The range of
    a multiplier over all optimal ones ends in the two differences.
    """
    seen: Counter[str] = Counter()

    @given(games(curved=curved))
    def agree(game: Game) -> None:
        m = declare(game)
        try:
            solution = bl.solve(m)
        except (bl.NoBound, bl.InfeasibleFollower, bl.UnboundedFollower) as refusal:
            seen[type(refusal).__name__] += 1
            return
        seen[solution.status] += 1
        if solution.status != "optimal":
            return
        (player,) = game.players
        x = tuple(round(solution.value(v), 9) for v in m.x.values())
        if not isfinite(value(player, x)):
            seen["rounded away"] += 1
            return
        follower = m.follower[0]
        room = ROOM + (10 * STEP if curved else 0.0)
        for i in range(len(player.rows)):
            low, high = bracket(player, [with_side(player, i, -STEP), with_side(player, i, STEP)], x)
            multiplier = solution.multiplier(follower.row[i])
            assert low - room <= multiplier <= high + room
            answers = any(player.rows[i].on_followers)  # nothing responds to the other rows: they are the leader's
            ends = (low, high) if answers else (0.0, 0.0)
            assert agree_with(solution.multiplier_range(follower.row[i]), ends, room)
            seen["nonzero"] += abs(multiplier) > room
            seen["interval"] += ends[1] - ends[0] > 1.0
            seen["smooth"] += high - low <= 2 * room
        for j in range(len(player.columns)):
            if player.lower[j] == player.upper[j]:
                continue  # one bound alone cannot move past the other
            for which in ("lower", "upper"):
                if not isfinite(getattr(player, which)[j]):
                    assert solution.multiplier(follower.y[j], bound=which) == 0.0
                    continue
                moved = [with_bound(player, j, which, step) for step in (-STEP, STEP)]
                low, high = bracket(player, moved, x)
                multiplier = solution.multiplier(follower.y[j], bound=which)
                assert low - room <= multiplier <= high + room
                assert agree_with(solution.multiplier_range(follower.y[j], bound=which), (low, high), room)
                seen["nonzero bound"] += abs(multiplier) > room

    agree()
    assert seen["optimal"] >= 70
    assert min(seen["nonzero"], seen["smooth"], seen["nonzero bound"], seen["interval"]) >= 20
