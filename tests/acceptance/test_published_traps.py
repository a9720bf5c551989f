"""Traps of big-M's and of solvers that are described in print: no method walks into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.declaring import game, maximise, minimise, rows
from tests.problems.markets import strategic_bidding
from tests.stress.answers import Answer, answers
from tests.stress.sources import arrays_of


def assert_right(model: pyo.ConcreteModel, optimum: float) -> None:
    """The automatic method has the optimum; the others have it too, or refuse."""
    auto, *others = answers(arrays_of(model), time_limit=20.0)
    assert _is_right(auto, optimum), auto
    for answer in others:
        assert _is_right(answer, optimum) or answer.status in ("NoBound", "NotApplicable"), answer


def _is_right(answer: Answer, optimum: float) -> bool:
    return answer.status == "optimal" and answer.holds is True and answer.value == pytest.approx(optimum, rel=1e-6)


def gate_of_the_leader(big: float) -> tuple[Any, float]:
    """The leader pays 1 for a gate without which y = 5 may not be, and the follower wants y = 5: it has to pay."""
    m = game("gate")
    z = m.z = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(bounds=(0, 5))
    maximise(m.follower, y)
    rows(m, y <= big * z)
    minimise(m, z)
    return m, 1.0


def gate_before_the_follower(big: float) -> tuple[Any, float]:
    """The gate costs 3 and lets y through, which may be 5 and earns that: 2 is left."""
    m = game("gate")
    z = m.z = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, y <= big * z, y <= 5)
    maximise(m.follower, y)
    maximise(m, y - 3 * z)
    return m, 2.0


def gate_before_the_cheap_one(big: float) -> tuple[Any, float]:
    """y1 + y2 = 5 at costs 1 and 2, y1 behind a gate that costs 3; the leader pays for y2: 3 with it, 5 without."""
    m = game("gate")
    z = m.z = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, y[1] <= big * z, y[1] + y[2] == 5, y[2] <= 7)
    minimise(m.follower, y[1] + 2 * y[2])
    minimise(m, y[2] + 3 * z)
    return m, 3.0


def gate_of_an_integer_follower(big: float) -> tuple[Any, float]:
    """The follower opens the gate itself, which costs it 3 and lets in y <= 5 - x, worth 5 each.

    min y - 2 x is 4 - 2.
    """
    m = game("gate")
    x = m.x = pyo.Var(domain=pyo.Binary)
    y, z = m.follower.y, m.follower.z = pyo.Var(domain=pyo.NonNegativeReals), pyo.Var(domain=pyo.Binary)
    rows(m.follower, y <= big * z, y + x <= 5)
    maximise(m.follower, 5 * y - 3 * z)
    minimise(m, y - 2 * x)
    return m, 2.0


GATES = [gate_of_the_leader, gate_before_the_follower, gate_before_the_cheap_one, gate_of_an_integer_follower]


@pytest.mark.parametrize("big", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
def test_nothing_trickles_through_a_gate_that_is_almost_shut(gate: Callable[[float], tuple[Any, float]], big: float):
    """A binary of 1e-6 passes for zero, and 1e6 times as much as that through the row that it is to shut."""
    assert_right(*gate(big))


@pytest.mark.parametrize("bound", [10.0, 100.0])
def test_a_bound_that_is_too_small_is_not_believed(bound: float):
    """The price is 1000: within 100, as printed in a tutorial, there is no solution."""
    with pytest.raises(bl.NotApplicable, match="no solution within bounds that are not derived"):
        bl.solve(strategic_bidding().model, method=bl.KKT(complementarity=bl.BigM(bounds=bound)))


def test_a_bound_that_cuts_off_the_best_response_leaves_nothing_called_optimal():
    """s costs 150 where y at 1 is not enough: with multipliers up to 100 only x = 0 is left, worth 0 and not 10.

    min y + 150 s, y + s >= 2, y <= 2 - x, x in [0, 2], leader max 5 x: at x > 0 s = x at a multiplier of 150.
    """
    m = game("too small")
    x = m.x = pyo.Var(bounds=(0, 2))
    y, s = m.follower.y, m.follower.s = pyo.Var(bounds=(0, 9)), pyo.Var(bounds=(0, 9))
    rows(m.follower, y + s >= 2, x + y <= 2)
    minimise(m.follower, y + 150 * s)
    maximise(m, 5 * x)
    given = bl.solve(m, method=bl.KKT(complementarity=bl.BigM(bounds=100.0)))
    assert given.objective == pytest.approx(0.0, abs=1e-6)
    assert given.status == "feasible"
    assert given.certificate is not None
    assert any("not derived" in assumption for assumption in given.certificate.assumptions)
    assert_right(m, 10.0)


@pytest.mark.parametrize("bound", [1e6, 1e8, 1e15, 1e20])
def test_a_bound_beyond_what_integers_can_hold_is_refused(bound: float):
    with pytest.raises(bl.NoBound, match="is above 1e"):
        bl.solve(strategic_bidding().model, method=bl.KKT(complementarity=bl.BigM(bounds=bound)))


@pytest.mark.parametrize("least", [1e-6, 1e-7, 1e-9])
def test_multipliers_as_small_as_a_tolerance_leave_the_game_feasible(least: float):
    """Bounds of [0, 1e-7] on a multiplier made presolve call a feasible program infeasible.

    min least y1 + y2, y1 + y2 >= x, y1 <= 4: y1 = min(x, 4), with a multiplier of ``least`` as long as y2 = 0.
    Leader max 2 y2 - x over x in [0, 10]: 12 - 10 at x = 10; min y2 - x is best where it costs nothing, -4.
    """
    for sense, weights, optimum in ((pyo.maximize, (2, -1), 2.0), (pyo.minimize, (2, -1), -4.0)):
        m = game("narrow")
        x = m.x = pyo.Var(bounds=(0, 10))
        y = m.follower.y = pyo.Var([1, 2], bounds={1: (0, 4), 2: (0, None)})
        rows(m.follower, y[1] + y[2] >= x)
        minimise(m.follower, least * y[1] + y[2])
        m.goal = pyo.Objective(expr=weights[0] * y[2] + weights[1] * x, sense=sense)
        assert_right(m, optimum)


def test_a_product_that_is_not_convex_is_not_answered_by_a_stationary_point():
    """min a1 - a1 a2 with a1 + a2 <= 6 is -6.25 at (2.5, 3.5); a solver of convex programs says 0.

    The follower takes a2 = 6 - a1, and a1 - a1 (6 - a1) is least at a1 = 2.5.
    """
    m = game("product")
    a1 = m.a1 = pyo.Var(bounds=(0, 6))
    a2 = m.follower.a2 = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, a1 + a2 <= 6)
    maximise(m.follower, a2)
    minimise(m, a1 - a1 * a2)
    assert_right(m, -6.25)


def test_the_same_product_of_a_follower_is_refused_by_all_but_global_search():
    """At x = 0 the follower takes a = (2.5, 3.5): 2.5 - 8.75 = -6.25, where a local answer is 0."""
    m = game("product")
    m.x = pyo.Var(bounds=(0, 1))
    a = m.follower.a = pyo.Var([1, 2], bounds=(0, 6))
    rows(m.follower, a[1] + a[2] <= 6 - m.x)
    minimise(m.follower, a[1] - a[1] * a[2])
    minimise(m, m.x)
    found = [answer for answer in answers(arrays_of(m), 20.0) if answer.status != "NotApplicable"]
    assert [answer.status for answer in found] == ["optimal"]
    assert found[0].value == pytest.approx(0, abs=1e-6)
    solution = bl.solve(m)
    assert solution.certificate is not None
    assert solution.certificate.followers[0].objective == pytest.approx(-6.25, abs=1e-5)
