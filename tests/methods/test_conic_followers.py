"""Followers with second-order cones: decisions, multipliers and what is refused."""

from __future__ import annotations

import sys
from math import hypot, sqrt
from random import Random
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.solvers import scip


def disc(least_radius: float = 0.0, most_radius: float = 4.0) -> Any:
    """Maximise ``-y1 - r/2`` over the radius ``r``; the follower minimises ``y1 + y2`` over the disc of that radius.

    The follower answers ``y1 = y2 = -r/sqrt(2)``, so the leader gets ``r (1/sqrt(2) - 1/2)``: ``r`` is greatest.
    """
    m = pyo.ConcreteModel()
    m.r = pyo.Var(bounds=(least_radius, most_radius))
    m.f = bl.Follower()
    m.f.y = pyo.Var([1, 2])
    m.f.disc = pyo.Constraint(expr=m.f.y[1] ** 2 + m.f.y[2] ** 2 <= m.r**2)
    m.f.cost = pyo.Objective(expr=m.f.y[1] + m.f.y[2])
    m.gain = pyo.Objective(expr=-m.f.y[1] - 0.5 * m.r, sense=pyo.maximize)
    return m


def alone(follower: Any, row: Any, goal: Any, sense: Any = pyo.minimize) -> Any:
    """Declare one follower with two variables, a row and an objective, and a leader who decides nothing."""
    m = pyo.ConcreteModel()
    m.f = follower
    m.f.y = pyo.Var([1, 2], bounds=(-10, 10))
    m.f.row = pyo.Constraint(expr=row(m.f.y))
    m.f.goal = pyo.Objective(expr=goal(m.f.y), sense=sense)
    m.nothing = pyo.Objective(expr=0.0)
    return m


def test_leader_moves_the_radius_of_a_disc():
    solution = bl.solve(disc(), gap=1e-3)
    assert solution.status == "optimal"
    assert solution.certificate.holds
    assert solution.bound >= 4 * (sqrt(0.5) - 0.5) - 1e-6
    assert solution.objective == pytest.approx(4 * (sqrt(0.5) - 0.5), abs=1e-5)
    assert solution.value(solution.game.variables[0]) == pytest.approx(4.0, abs=1e-6)


def test_a_curved_optimum_is_closed_to_a_small_gap_by_global_search():
    """Tangents leave a gap of 3e-4 here: the objective within 1e-7 says where the response is within 3e-4 only."""
    solution = bl.solve(disc(), gap=1e-6)
    assert solution.status == "optimal"
    assert solution.bound == pytest.approx(4 * (sqrt(0.5) - 0.5), abs=2e-6)
    assert "the bound by global search" in solution.method


def test_without_scip_a_curved_optimum_keeps_its_gap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scip, "is_installed", lambda: False)
    solution = bl.solve(disc(), gap=1e-6)
    assert solution.status == "feasible"
    assert solution.certificate.holds
    assert solution.bound >= 4 * (sqrt(0.5) - 0.5) - 1e-6
    assert solution.gap <= 1e-3


def test_multiplier_of_a_disc_is_the_derivative_of_the_optimum():
    """Min ``y1 + y2`` over ``y1**2 + y2**2 <= R`` is ``-sqrt(2 R)``, its derivative ``-1/sqrt(2 R)``: -1/4 at 8."""
    m = alone(bl.Follower(), lambda y: y[1] ** 2 + y[2] ** 2 <= 8, lambda y: y[1] + y[2])
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert pyo.value(m.f.goal) == pytest.approx(-4.0, abs=1e-6)
    assert solution.multiplier(m.f.row) == pytest.approx(-0.25, abs=1e-5)


def test_multiplier_of_a_row_from_below_has_the_other_sign():
    """The same disc as ``-(y1**2 + y2**2) >= -8``, for a maximiser of ``-y1 - y2``: d 4/d(-8) is -1/4 again."""
    m = alone(bl.Follower(), lambda y: -(y[1] ** 2) - y[2] ** 2 >= -8, lambda y: -y[1] - y[2], sense=pyo.maximize)
    solution = bl.solve(m)
    assert pyo.value(m.f.goal) == pytest.approx(4.0, abs=1e-6)
    assert solution.multiplier(m.f.row) == pytest.approx(-0.25, abs=1e-5)


@pytest.mark.parametrize("right", [0.5, 2.0])
def test_multiplier_of_a_parabola_equals_finite_differences(right: float):
    """Min ``y2 - y1`` over ``y1**2 - y2 <= R``: ``y1 = 1/2``, ``y2 = 1/4 - R``, optimum ``-1/4 - R``, derivative -1."""

    def optimum(side: float) -> tuple[float, float]:
        m = alone(bl.Follower(), lambda y: y[1] ** 2 - y[2] <= side, lambda y: y[2] - y[1])
        solution = bl.solve(m)
        return pyo.value(m.f.goal), solution.multiplier(m.f.row)

    step = 1e-2
    difference = (optimum(right + step)[0] - optimum(right - step)[0]) / (2 * step)
    value, multiplier = optimum(right)
    assert value == pytest.approx(-0.25 - right, abs=1e-6)
    assert multiplier == pytest.approx(difference, abs=1e-4)
    assert multiplier == pytest.approx(-1.0, abs=1e-4)


def test_rotated_cone_needs_nonnegative_factors():
    """``p**2 <= l v`` is two cones until ``l`` and ``v`` have signs; then min ``l + v`` at ``p = 3`` is 6."""

    def game(**bounds: Any) -> Any:
        m = pyo.ConcreteModel()
        m.f = bl.Follower()
        m.f.p, m.f.l, m.f.v = pyo.Var(), pyo.Var(**bounds), pyo.Var(**bounds)
        m.f.at = pyo.Constraint(expr=m.f.p >= 3)
        m.f.cone = pyo.Constraint(expr=m.f.p**2 <= m.f.l * m.f.v)
        m.f.cost = pyo.Objective(expr=m.f.l + m.f.v)
        m.nothing = pyo.Objective(expr=0.0)
        return m

    with pytest.raises(bl.NotApplicable, match=r"f\.cone: the quadratic row describes two parts"):
        bl.solve(game(), solver="highs")
    with pytest.raises(bl.UnboundedFollower, match="f: its objective is unbounded"):
        bl.solve(game())
    m = game(bounds=(0, None))
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert pyo.value(m.f.cost) == pytest.approx(6.0, abs=1e-6)
    assert solution.multiplier(m.f.at) == pytest.approx(2.0, abs=1e-4)


def test_quadratic_objectives_and_cones_go_together():
    """The point of the disc of radius 1 nearest to (2, 0) is (1, 0): the follower minimises ``(y1 - 2)**2 + y2**2``."""
    m = alone(bl.Follower(), lambda y: y[1] ** 2 + y[2] ** 2 <= 1, lambda y: (y[1] - 2) ** 2 + y[2] ** 2)
    solution = bl.solve(m)
    assert solution.certificate.holds
    assert pyo.value(m.f.y[1]) == pytest.approx(1.0, abs=1e-4)
    assert solution.multiplier(m.f.row) == pytest.approx(-1.0, abs=1e-3)


def test_apex_has_no_finite_multiplier():
    """Min ``y1`` over ``y2**2 <= y1**2``, ``y1 >= 0`` is at the apex, where the row's gradient is zero."""
    m = alone(bl.Follower(), lambda y: y[2] ** 2 <= y[1] ** 2, lambda y: y[1] + 0.5 * y[2])
    m.f.y[1].setlb(0)
    solution = bl.solve(m)
    assert solution.certificate.holds
    with pytest.raises(bl.BilevelError, match="no finite multiplier"):
        solution.multiplier(m.f.row)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (lambda y: y[1] * y[2] <= 1, "is not convex"),
        (lambda y: y[1] ** 2 + y[2] ** 2 >= 1, "is not convex"),
        (lambda y: y[1] ** 2 + y[2] ** 2 == 1, "an equality of quadratic terms is not convex"),
        (lambda y: (0, y[1] ** 2 + y[2] ** 2, 1), "a quadratic range is not convex"),
    ],
)
def test_rows_that_are_not_convex_are_refused_by_name_where_highs_is_to_solve(row: Any, reason: str):
    with pytest.raises(bl.NotApplicable, match=reason) as refusal:
        bl.solve(alone(bl.Follower(), row, lambda y: y[1]), solver="highs")
    assert refusal.value.where == "f.row"


def test_multiplier_of_a_cone_as_a_variable_is_refused():
    m = disc()
    m.price = bl.Multiplier(m.f.disc)
    with pytest.raises(bl.NotApplicable, match=r"f\.disc: the multiplier of a quadratic row cannot be a variable"):
        bl.solve(m)


def test_a_game_without_a_point_is_infeasible():
    """The leader asks for ``y1 >= 3`` on a disc of radius 2 at most."""
    m = disc(most_radius=2.0)
    m.far = pyo.Constraint(expr=m.f.y[1] >= 3)
    assert bl.solve(m).status == "infeasible"


@pytest.mark.parametrize("seed", range(4))
def test_random_discs_equal_their_closed_form(seed: int):
    """The answer is ``y = -r a/|a|``; the leader's ``k r + c'y`` is linear in ``r`` in [0, 2]: best at an end."""
    draw = Random(seed)
    a, c, k = [draw.uniform(-1, 1) for _ in "12"], [draw.uniform(-1, 1) for _ in "12"], draw.uniform(-1, 1)
    m = pyo.ConcreteModel()
    m.r = pyo.Var(bounds=(0, 2))
    m.f = bl.Follower()
    m.f.y = pyo.Var([0, 1])
    m.f.disc = pyo.Constraint(expr=m.f.y[0] ** 2 + m.f.y[1] ** 2 <= m.r**2)
    m.f.cost = pyo.Objective(expr=a[0] * m.f.y[0] + a[1] * m.f.y[1])
    m.loss = pyo.Objective(expr=k * m.r + c[0] * m.f.y[0] + c[1] * m.f.y[1])
    solution = bl.solve(m, gap=1e-3)
    slope = k - (a[0] * c[0] + a[1] * c[1]) / hypot(*a)
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(min(0.0, 2 * slope), abs=1e-3)
    assert solution.bound <= min(0.0, 2 * slope) + 1e-6


def test_without_clarabel_tangents_certify(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "clarabel", None)
    solution = bl.solve(alone(bl.Follower(), lambda y: y[1] ** 2 + y[2] ** 2 <= 8, lambda y: y[1] + y[2]))
    (line,) = solution.certificate.followers
    assert solution.status == "optimal"
    assert line.cones.solver == "tangents"
    assert solution.multiplier(solution.game.constraints[0]) == pytest.approx(-0.25, abs=1e-4)
