"""Convex quadratic leaders against a grid of leader decisions, each with the follower's unique response."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from bilevel.testing import Game, declare, enumerated, games

POINTS = 7


def with_one_strictly_convex_follower(game: Game) -> Game:
    """Keep of a game its first leader variable (the others fixed) and make responses unique."""
    (player,) = game.players
    size = len(player.columns)
    identity = tuple(tuple(float(i == j) for j in range(size)) for i in range(size))
    upper = (game.upper[0], *game.lower[1:])
    return replace(
        game,
        upper=upper,
        integer=(False,) * len(game.lower),
        rows=(),
        players=(replace(player, root=(*player.root, *identity)),),
    )


def response(game: Game, x: float) -> np.ndarray | None:
    """Return the follower's response to the first leader variable at ``x``; None where it has none."""
    held = replace(game, lower=(x, *game.lower[1:]), upper=(x, *game.upper[1:]))
    return enumerated(held).y


def test_no_grid_point_is_better_and_the_answer_is_a_response():
    seen: Counter[str] = Counter()

    @settings(max_examples=settings.default.max_examples)
    @given(games(curved=True), st.integers(-3, 3), st.integers(-3, 3))
    def agree(drawn: Game, a: int, b: int) -> None:
        game = with_one_strictly_convex_follower(drawn)
        m = declare(game)
        distance = (m.x[0] - a) ** 2 + (m.follower[0].y[0] - b) ** 2
        m.goal.deactivate()
        m.distance = pyo.Objective(expr=distance)
        try:
            solution = bl.solve(m)
        except (bl.NoBound, bl.InfeasibleFollower) as refusal:
            seen[type(refusal).__name__] += 1
            return
        seen[solution.status] += 1
        grid = np.linspace(game.lower[0], game.upper[0], POINTS)
        responses = [(x, response(game, float(x))) for x in grid]
        values = [(x - a) ** 2 + (y[0] - b) ** 2 for x, y in responses if y is not None]
        if solution.status == "infeasible":
            assert not values
            return
        assert solution.status == "optimal"
        assert solution.objective <= min(values, default=np.inf) + 1e-5
        x = solution.value(m.x[0])
        y = response(game, min(max(x, game.lower[0]), game.upper[0]))
        if y is not None:  # rounding of x may leave an equality of the follower without a point
            assert solution.objective == pytest.approx((x - a) ** 2 + (y[0] - b) ** 2, rel=1e-4, abs=1e-4)

    agree()
    assert seen["optimal"] >= 0.7 * sum(seen.values())
