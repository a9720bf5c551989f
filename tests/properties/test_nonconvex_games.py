"""Random games whose follower is not convex, against enumeration of its faces at many decisions of the leader."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

import bilevel as bl
from tests.properties.nonconvex_games import QuadraticGame, quadratic_games

DECISIONS = np.linspace(-1, 1, 41)


def proven_optimum(game: QuadraticGame) -> str:
    """Solve; the point is attained by enumeration at its decision, and no decision of the grid is better."""
    model = game.declare()
    solution = bl.solve(model)
    offered = min(game.best(x)[1] for x in DECISIONS)
    if solution.status == "infeasible":
        assert offered == np.inf
        return "infeasible"
    assert solution.status == "optimal", solution
    assert solution.certificate.holds
    x, y = model.x.value, np.array([model.follower.y[i].value for i in model.follower.y])
    optimum, _ = game.best(x, 1e-6)
    assert game.is_feasible(x, y, 1e-6)
    assert game.follower(x, y) <= optimum + 1e-5
    assert solution.objective == pytest.approx(game.leader(x, y), abs=1e-9)
    assert solution.objective <= offered + 1e-6 * max(1.0, abs(offered))
    return "optimal"


def test_answers_are_attained_and_no_decision_is_better():
    seen: Counter[str] = Counter()

    @settings(max_examples=12)
    @given(quadratic_games())
    def agree(game: QuadraticGame) -> None:
        seen[proven_optimum(game)] += 1

    agree()
    assert seen["optimal"] >= 8


@pytest.mark.long
@settings(max_examples=200)
@given(quadratic_games())
def test_more_answers_are_attained_and_no_decision_is_better(game: QuadraticGame):
    proven_optimum(game)
