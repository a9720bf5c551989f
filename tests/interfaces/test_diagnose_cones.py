"""Diagnoses of games whose followers have second-order cones, on one disc whose response is known by hand."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl

scip = pytest.mark.skipif(not bl.solvers.scip.is_installed(), reason="SCIP is an extra")


def disc() -> Any:
    """Min ``y1 + y2`` over the disc of the leader's radius ``1 <= r <= 4``: ``y1 = y2 = -r/sqrt(2)``."""
    m = pyo.ConcreteModel()
    m.r = pyo.Var(bounds=(1, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var([1, 2])
    m.f.disc = pyo.Constraint(expr=m.f.y[1] ** 2 + m.f.y[2] ** 2 <= m.r**2)
    m.f.cost = pyo.Objective(expr=m.f.y[1] + m.f.y[2])
    m.gain = pyo.Objective(expr=-m.f.y[1] - 0.5 * m.r, sense=pyo.maximize)
    return m


def with_integer() -> Any:
    """The disc with an integer above ``y1``, which changes nothing."""
    m = disc()
    m.f.z = pyo.Var(domain=pyo.Integers, bounds=(-3, 3))
    m.f.above = pyo.Constraint(expr=m.f.z >= m.f.y[1])
    return m


def the_finding(model: Any) -> tuple[str, str, tuple[str, ...]]:
    diagnosis = bl.diagnose(model)
    assert diagnosis.verdict == "infeasible", str(diagnosis)
    assert len(diagnosis.findings) == 1, str(diagnosis)
    found = diagnosis.findings[0]
    return found.group, found.player, found.names


@pytest.mark.parametrize("game", [disc, pytest.param(with_integer, marks=scip)])
def test_a_game_with_a_solution_is_called_feasible(game: Any):
    assert bl.diagnose(game()).verdict == "feasible"


def test_a_row_beyond_the_disc():
    """``y1 >= 5`` where ``|y1| <= r <= 4``."""
    m = disc()
    m.far = pyo.Constraint(expr=m.f.y[1] >= 5)
    assert the_finding(m) == ("all rows", "leader, f", ("far", "f.disc", "upper bound of r"))


def test_a_row_that_only_the_curve_excludes():
    """``y1 + y2 <= sqrt(2) r <= 5.657`` on the disc, and 8 in its box: ``y1 + y2 >= 5.7`` takes tangents to refute."""
    m = disc()
    m.far = pyo.Constraint(expr=m.f.y[1] + m.f.y[2] >= 5.7)
    assert the_finding(m) == ("all rows", "leader, f", ("far", "f.disc", "upper bound of r"))
    m.far.set_value(m.f.y[1] + m.f.y[2] >= 5.6)
    assert the_finding(m)[0] == "coupling rows"


def test_a_follower_that_can_never_respond():
    m = disc()
    m.f.least = pyo.Constraint(expr=m.f.y[1] >= 5)
    assert the_finding(m) == ("follower rows", "f", ("f.least", "f.disc", "upper bound of r"))


def test_a_row_that_no_best_response_satisfies():
    """``y1 = -0.7071 r`` misses ``y1 >= -0.7 r`` and satisfies ``y1 >= -0.71 r``; the other row is not to blame."""
    m = disc()
    m.far = pyo.Constraint(expr=m.f.y[1] >= -0.7 * m.r)
    m.harmless = pyo.Constraint(expr=m.f.y[2] <= 5)
    assert the_finding(m) == ("coupling rows", "leader", ("far",))
    assert bl.solve(m).status == "infeasible"
    m.far.set_value(m.f.y[1] >= -0.71 * m.r)
    assert bl.diagnose(m).verdict == "feasible"


@scip
def test_a_row_that_no_best_response_of_an_integer_follower_satisfies():
    """At ``r = 1``, where it is missed least, by ``0.7071 - 0.7``."""
    m = with_integer()
    m.far = pyo.Constraint(expr=m.f.y[1] >= -0.7 * m.r)
    assert the_finding(m) == ("coupling rows", "leader", ("far",))
    assert bl.diagnose(m).findings[0].violations == pytest.approx([sqrt(0.5) - 0.7], abs=1e-5)


def test_a_row_that_one_decision_satisfies():
    """``y1 = -1.4`` at ``r = 1.4 sqrt(2)`` alone, which gives ``1.4 - 0.7 sqrt(2)``."""
    m = disc()
    m.only = pyo.Constraint(expr=m.f.y[1] == -1.4)
    assert bl.diagnose(m).verdict == "feasible"
    solution = bl.solve(m)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(1.4 - 0.7 * sqrt(2), abs=1e-5)


@scip
def test_a_follower_whose_cone_bounds_it_at_some_prices():
    """``t - p (y1 + y2)`` over ``|y| <= t`` is bounded where ``p <= 1/sqrt(2)``, at ``p = 0.6``, say."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.p = pyo.Var(bounds=(0.6, 0.9))
    m.f = bl.Follower()
    m.f.y = pyo.Var([1, 2])
    m.f.t = pyo.Var(bounds=(0, None))
    m.f.cone = pyo.Constraint(expr=m.f.y[1] ** 2 + m.f.y[2] ** 2 <= m.f.t**2)
    m.f.least = pyo.Constraint(expr=m.f.y[1] >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.t - m.p * (m.f.y[1] + m.f.y[2]))
    m.gain = pyo.Objective(expr=m.f.y[1] + m.f.t - 3 * m.x - 5 * m.p)
    assert bl.diagnose(m).verdict == "feasible"
