"""Followers that are not convex, by global search: games worked by hand, and life without SCIP."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.solvers import scip
from tests.problems.library import game, minimise, rows


def proven(m: pyo.ConcreteModel, **options: Any) -> bl.Solution:
    """Solve; the answer is proven, certified, and says that multipliers prove nothing."""
    solution = bl.solve(m, **options)
    assert solution.status == "optimal", solution
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.assumptions == ()
    assert "multipliers prove nothing" in str(solution.certificate)
    return solution


def far_from_zero() -> pyo.ConcreteModel:
    """A follower takes the y in [-1, min(1, x + 1/2)] farthest from zero: -1, or also 1 once x >= 1/2.

    The leader's 1.2 x - y is at least -0.2 with y = -1, at x = -1, and -0.4 with y = 1, at x = 1/2, where the follower
    is indifferent. Optimality conditions hold at y = 0 as well, where the leader would get -0.6 at x = -1/2.
    """
    m = game("far_from_zero")
    x = m.x = pyo.Var(bounds=(-1, 1))
    y = m.follower.y = pyo.Var(bounds=(-1, 1))
    rows(m.follower, y <= x + 0.5)
    minimise(m.follower, -(y**2))
    minimise(m, 1.2 * x - y)
    return m


def test_stored_responses_count_only_where_the_leader_leaves_them_feasible():
    m = far_from_zero()
    solution = proven(m)
    assert solution.objective == pytest.approx(-0.4, abs=1e-6)
    assert (m.x.value, m.follower.y.value) == pytest.approx((0.5, 1.0), abs=1e-5)


def test_the_certificate_states_the_tolerance_and_checks_no_multipliers():
    line = proven(far_from_zero()).certificate.followers[0]
    assert line.is_searched
    assert (line.residuals.dual, line.residuals.stationarity, line.residuals.complementarity) == (None, None, None)
    assert abs(line.difference) <= 1e-6
    text = " ".join(str(bl.solve(far_from_zero()).certificate).split())
    assert "a response counts as optimal within 1e-06 of the optimum, relative to max(1, |optimum|)" in text


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-6])
def test_ties_do_not_grow_as_the_unit_of_the_objective_falls(unit: float):
    """Min unit (2 z - z^2) over z in [0, 1] has z = 0 alone for its optimum; the leader would like a larger one."""
    m = game("concave")
    x = m.x = pyo.Var(bounds=(0, 1))
    z = m.follower.z = pyo.Var(bounds=(0, 1))
    minimise(m.follower, unit * (2 * z - z**2))
    minimise(m, x - z)
    tie = proven(m).certificate.tie
    assert (tie.optimistic, tie.pessimistic) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_a_curved_row_is_no_obstacle():
    """The follower takes the point of the half ring 1 <= |y|^2 <= 2, y1 >= 0 that is highest: min -y2.

    At x the ring moves: |y|^2 <= 1 + x, so y = (0, sqrt(1 + x)); the leader's x - 2 y2 is least where
    1 = 1/sqrt(1 + x), at x = 0, which is worth -2.
    """
    m = game("ring")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var([1, 2], bounds=(-2, 2))
    m.follower.right = pyo.Constraint(expr=y[1] >= 0)
    m.follower.outside = pyo.Constraint(expr=y[1] ** 2 + y[2] ** 2 >= 1)
    m.follower.inside = pyo.Constraint(expr=y[1] ** 2 + y[2] ** 2 <= 1 + x)
    minimise(m.follower, -y[2])
    minimise(m, x - 2 * y[2])
    assert proven(m).objective == pytest.approx(-2, abs=1e-5)


def test_a_quadratic_integer_follower_rounds():
    """The follower takes the integer nearest to x; the leader's x - y is least at x = k - 1/2, y = k."""
    m = game("rounding")
    x = m.x = pyo.Var(bounds=(0, 4))
    y = m.follower.y = pyo.Var(bounds=(0, 4), domain=pyo.Integers)
    minimise(m.follower, (y - x) ** 2)
    minimise(m, x - y)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(-0.5, abs=1e-5)


def test_two_followers_each_by_its_own_value():
    """Each follower takes y in {-1, 1} by the sign of -x y: with x free both go with it; the leader likes them apart.

    f_1 = -x y - y^2, f_2 = x z - z^2 over [-1, 1]: y = sign x, z = -sign x, both free at x = 0. The leader's
    y z + x/2 is -1 + x/2 for x != 0 as well as at its best for x = 0, so x = -1 and -3/2.
    """
    m = game("two")
    x = m.x = pyo.Var(bounds=(-1, 1))
    m.second = bl.Follower()
    y = m.follower.y = pyo.Var(bounds=(-1, 1))
    z = m.second.z = pyo.Var(bounds=(-1, 1))
    minimise(m.follower, -x * y - y**2)
    minimise(m.second, x * z - z**2)
    minimise(m, y * z + x / 2)
    solution = proven(m)
    assert solution.objective == pytest.approx(-1.5, abs=1e-6)
    assert (m.x.value, y.value, z.value) == pytest.approx((-1, -1, 1), abs=1e-6)


def test_responses_move_with_an_equation_that_the_leader_moves():
    """The follower splits x into y1 + y2 as unequally as it can: (x, 0) or (0, x) for x <= 1.

    The leader's (y1 - y2)^2 - x is x^2 - x at that, -1/4 at x = 1/2. A stored (y1, y2) is feasible at one x only, so
    what is stored has to move; an equal split, a stationary point, would be worth -1.
    """
    m = game("split")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var([1, 2], bounds=(0, 1))
    rows(m.follower, y[1] + y[2] == x)
    minimise(m.follower, -((y[1] - y[2]) ** 2))
    minimise(m, (y[1] - y[2]) ** 2 - x)
    assert proven(m).objective == pytest.approx(-0.25, abs=1e-6)
    assert m.x.value == pytest.approx(0.5, abs=1e-3)


def torn() -> pyo.ConcreteModel:
    """The follower takes y = -1 or y = 1, and the leader asks for y = 0."""
    m = game("torn")
    m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(-1, 1))
    minimise(m.follower, -(y**2))
    m.asked = pyo.Constraint(expr=y == 0)
    minimise(m, m.x)
    return m


def test_a_game_without_a_solution_is_infeasible_and_diagnosed():
    """What is asked must be violated by 1, whichever end the follower takes."""
    assert bl.solve(torn()).status == "infeasible"
    diagnosis = bl.diagnose(torn())
    assert diagnosis.verdict == "infeasible"
    assert diagnosis.findings[0].group == "coupling rows"
    assert diagnosis.findings[0].names == ("asked",)
    assert diagnosis.findings[0].violations == pytest.approx((1.0,), abs=1e-5)


def test_a_game_with_a_solution_is_diagnosed_so():
    assert bl.diagnose(far_from_zero()).verdict == "feasible"


def test_explain_says_who_searches_and_why():
    explanation = bl.explain(far_from_zero())
    assert explanation.refusal is None
    assert "both by SCIP" in explanation.method
    assert "follower.y: the objective of follower follower is not convex in its own variables" in explanation.method


def test_a_limit_of_rounds_returns_what_is_known():
    solution = bl.solve(far_from_zero(), method=bl.ValueFunction(max_iterations=1))
    assert solution.status in {"feasible", "optimal"}
    assert solution.bound <= -0.4 + 1e-6


def test_without_scip_the_refusal_names_the_component_and_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scip, "is_installed", lambda: False)
    with pytest.raises(
        bl.NotApplicable, match=r"follower\.y: .* is not convex .*SCIP would solve it: pip install"
    ) as no:
        bl.solve(far_from_zero())
    assert no.value.where == "follower.y"
    assert "SCIP would solve it" in (bl.explain(far_from_zero()).refusal or "")


def test_other_searches_are_refused():
    with pytest.raises(bl.NotApplicable, match='use ValueFunction\\(search="global"\\)'):
        bl.solve(far_from_zero(), method=bl.ValueFunction(search="tree"))


def test_multipliers_of_a_follower_that_is_not_convex_are_refused():
    m = far_from_zero()
    m.price = bl.Multiplier(next(iter(m.follower.row.values())))
    with pytest.raises(bl.NotApplicable, match="not convex"):
        bl.solve(m)


def test_a_search_begins_at_the_values_in_the_model():
    m = far_from_zero()
    m.x.value, m.follower.y.value = 0.5, 1.0
    assert "began at the values in the model" in " ".join(bl.solve(m, warmstart=True).notes)
