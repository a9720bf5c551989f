"""Pessimistic games through ``bl.solve``: worked examples, and random games against lexicographic evaluation."""

from __future__ import annotations

from collections import Counter

import pyomo.environ as pyo
import pytest
from hypothesis import given, settings

import bilevel as bl
from bilevel.testing import Game, badly_scaled, by_value_function, declare, degenerate_games


def zeng() -> pyo.ConcreteModel:
    """Zeng (2020), example 1: optimistic -252 at (0, 2), pessimistic -80 at (10, 0)."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    m.total = pyo.Constraint(expr=m.x[1] + m.x[2] <= 10)

    @m.Follower()
    def f(f):
        f.y = pyo.Var([1, 2, 3, 4], domain=pyo.NonNegativeReals)
        f.left = pyo.Constraint(expr=sum(f.y[i] for i in f.y) <= 10 - m.x[1] - m.x[2])
        f.lift = pyo.Constraint(expr=-f.y[1] + f.y[4] <= 0.8 * m.x[1] + 0.8 * m.x[2])
        f.cap = pyo.Constraint(expr=f.y[2] + f.y[4] <= 4 * m.x[2])
        f.cost = pyo.Objective(expr=-10 * sum(f.y[i] for i in f.y))

    m.cost = pyo.Objective(expr=-8 * m.x[1] - 6 * m.x[2] - 25 * m.f.y[1] - 30 * m.f.y[2] + 2 * m.f.y[3] + 16 * m.f.y[4])
    return m


@pytest.mark.parametrize(("pessimistic", "value", "decision"), [(False, -252, (0, 2)), (True, -80, (10, 0))])
def test_zeng_differs_by_the_way_ties_are_broken(
    pessimistic: object, value: float, decision: tuple[float, float]
) -> None:
    m = zeng()
    solution = bl.solve(m, pessimistic=bool(pessimistic), threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(value, rel=1e-6)
    assert [pyo.value(m.x[1]), pyo.value(m.x[2])] == pytest.approx(decision, abs=1e-6)


def test_a_coupling_row_must_hold_for_every_optimal_response() -> None:
    """max x with y indifferent in [0, 1 + x], row y <= 1.5: optimistic x = 2, pessimistic x = 0.5."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))

    @m.Follower()
    def f(f):
        f.y = pyo.Var(bounds=(0, 5))
        f.cap = pyo.Constraint(expr=f.y <= 1 + m.x)
        f.nothing = pyo.Objective(expr=0 * f.y)

    m.limit = pyo.Constraint(expr=m.f.y <= 1.5)
    m.goal = pyo.Objective(expr=m.x, sense=pyo.maximize)
    assert bl.solve(m, threads=1).objective == pytest.approx(2)
    assert bl.solve(m, pessimistic=True, threads=1).objective == pytest.approx(0.5)


def test_price_games_are_refused_by_name() -> None:
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(0, 1))

    @m.Follower()
    def f(f):
        f.y = pyo.Var(bounds=(0, 5))
        f.bill = pyo.Objective(expr=(m.price - 0.5) * f.y)

    m.goal = pyo.Objective(expr=m.price * m.f.y, sense=pyo.maximize)
    with pytest.raises(bl.NotApplicable, match=r"f: its objective has the product"):
        bl.solve(m, pessimistic=True)


def check(game: Game, stated: Game | None = None) -> str:
    """Compare with the worst of the optimal responses to each decision, found by linear programs.

    ``stated`` is the game in other units.
    """
    expected = by_value_function(game, worst=True)
    try:
        solution = bl.solve(declare(stated or game), pessimistic=True, threads=1)
    except (bl.InfeasibleFollower, bl.InfeasibleGame):
        assert expected is None
        return "infeasible"
    if expected is None:
        assert solution.status == "infeasible"
    else:
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)
    return solution.status


GAMES = degenerate_games() | degenerate_games(followers=2)


@settings(max_examples=60)
@given(GAMES)
def test_value_equals_lexicographic_evaluation(game: Game):
    check(game)


@settings(max_examples=20)
@given(badly_scaled(GAMES))
def test_units_of_rows_and_of_followers_objectives_do_not_matter(pair: tuple[Game, Game]):
    check(*pair)


def test_a_row_in_small_units_binds_the_worst_response():
    """Follower: max -y / 10, 2e6 y >= -1e6 x, y in [-1, 0]; its one answer is y = -x/2, and the leader wants least y.

    The row's multiplier is -5e-8: taken for zero, y = 0 would be an optimal response too.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Binary)

    @m.Follower()
    def f(f):
        f.y = pyo.Var(bounds=(-1, 0))
        f.row = pyo.Constraint(expr=2e6 * f.y >= -1e6 * m.x)
        f.goal = pyo.Objective(expr=-0.1 * f.y, sense=pyo.maximize)

    m.goal = pyo.Objective(expr=m.f.y)
    solution = bl.solve(m, pessimistic=True, threads=1)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(-0.5))


@pytest.mark.long
def test_value_equals_lexicographic_evaluation_on_300_games():
    """The follower's value first, then the leader's worst: the leader's binaries are enumerated."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300)
    @given(GAMES)
    def agree(game: Game) -> None:
        seen[check(game)] += 1

    agree()
    assert seen.total() >= 300
    assert seen["optimal"] >= 200
