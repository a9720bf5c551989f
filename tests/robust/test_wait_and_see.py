"""Followers that respond after nature has moved, against brute force over decisions, scenarios and responses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from bilevel.errors import NotApplicable
from tests.robust.agreement import assert_agrees


def posted_price(within: object) -> pyo.ConcreteModel:
    """Max p y where the buyer, after learning its value u, buys y in [0, 1] to maximise (u - p) y."""
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(0, 10))
    m.worth = bl.Uncertain(within=within)
    m.later = bl.Recourse()
    m.later.buyer = bl.Follower()
    m.later.buyer.amount = pyo.Var(bounds=(0, 1))
    m.later.buyer.surplus = pyo.Objective(expr=(m.worth - m.price) * m.later.buyer.amount, sense=pyo.maximize)
    m.revenue = pyo.Objective(expr=m.price * m.later.buyer.amount, sense=pyo.maximize)
    return m


def test_a_price_is_set_before_the_buyer_learns_what_the_good_is_worth() -> None:
    """Worth 3 or 5: at the price 3 the buyer is willing in both, tied in one; above 3 it may not buy at all."""
    m = posted_price(bl.uncertainty.Scenarios([5, 3]))
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(3)
    assert pyo.value(m.price) == pytest.approx(3)
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_a_row_in_small_units_holds_the_response_where_it_is() -> None:
    """Follower: max -y / 10, 2e6 y >= -1e6 u, y in [-1, 0]: it answers y = -u / 2, which costs the leader u / 2.

    The row's multiplier is -5e-8: taken for zero, y = 0 would be an optimal response too.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=bl.uncertainty.Scenarios([1.0, 0.5]))
    m.later = bl.Recourse()
    m.later.f = bl.Follower()
    m.later.f.y = pyo.Var(bounds=(-1, 0))
    m.later.f.row = pyo.Constraint(expr=2e6 * m.later.f.y >= -1e6 * m.u)
    m.later.f.goal = pyo.Objective(expr=-0.1 * m.later.f.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=m.x - m.later.f.y)
    assert_agrees(m, 0.5)


def test_a_continuous_set_is_refused_with_the_way_out() -> None:
    with pytest.raises(NotApplicable, match=r"later\.buyer: .* give bl\.uncertainty\.Scenarios"):
        bl.solve(posted_price(bl.uncertainty.Box(3, 5)))


def test_a_follower_beside_recourse_that_mentions_nature_is_refused_with_the_way_out() -> None:
    m = posted_price(bl.uncertainty.Scenarios([5, 3]))
    m.early = bl.Follower()
    m.early.y = pyo.Var(bounds=(0, 1))
    m.early.goal = pyo.Objective(expr=m.worth * m.early.y)
    with pytest.raises(NotApplicable, match=r"early: .*declare it inside the block of recourse"):
        bl.solve(m)


def test_scenarios_of_a_distribution_have_a_follower_each() -> None:
    """Worth 2 or 6, probabilities 1/2 each up to 0.1: price 2 sells always, price 6 with probability 0.4 at worst."""
    worth = {"low": 2, "high": 6}
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(0, 10))
    ball = bl.uncertainty.DistributionBall({"low": 0.5, "high": 0.5}, linf=0.1)
    m.share = bl.Uncertain(list(worth), within=ball)

    @m.Recourse(list(worth))
    def later(block, k):  # type: ignore[no-untyped-def]
        block.buyer = bl.Follower()
        block.buyer.amount = pyo.Var(bounds=(0, 1))
        block.buyer.surplus = pyo.Objective(expr=(worth[k] - m.price) * block.buyer.amount, sense=pyo.maximize)
        block.paid = pyo.Var(bounds=(0, 10))
        block.bill = pyo.Constraint(expr=block.paid == m.price * block.buyer.amount)

    m.revenue = pyo.Objective(expr=sum(m.share[k] * m.later[k].paid for k in worth), sense=pyo.maximize)
    solution = bl.solve(m)
    assert solution.objective == pytest.approx(2.4)
    assert pyo.value(m.price) == pytest.approx(6)


@dataclass(frozen=True)
class Instance:
    """Min a'z + max_u {b'r + q'y},  z in {0,1}^2;  r >= d'y + e'u + g'z, 0 <= r <= 9;  y solves, in [0, 2]^2,
    min (c + C z + N u)'y  s.t.  w'y >= h + k'z + l u.
    """

    numbers: np.ndarray
    scenarios: np.ndarray

    def part(self, start: int, shape: tuple[int, ...]) -> np.ndarray:
        return self.numbers[start : start + int(np.prod(shape))].reshape(shape)


def model_of(case: Instance) -> pyo.ConcreteModel:
    two = [0, 1]
    a, q, d, c, w, g, k = (case.part(2 * i, (2,)) for i in range(7))
    big, n, (b, e, h, slope) = case.part(14, (2, 2)), case.part(18, (2,)), case.part(20, (4,))
    m = pyo.ConcreteModel()
    m.z = pyo.Var(two, domain=pyo.Binary)
    m.u = bl.Uncertain(within=bl.uncertainty.Scenarios([float(u) for u in case.scenarios]))
    m.later = bl.Recourse()
    m.later.r = pyo.Var(bounds=(0, 9))
    m.later.f = bl.Follower()
    m.later.f.y = pyo.Var(two, bounds=(0, 2))
    y = m.later.f.y
    cost = sum((c[i] + sum(big[i, j] * m.z[j] for j in two) + n[i] * m.u) * y[i] for i in two)
    m.later.f.goal = pyo.Objective(expr=cost)
    m.later.f.need = pyo.Constraint(
        expr=sum(w[i] * y[i] for i in two) >= h + sum(k[j] * m.z[j] for j in two) + slope * m.u
    )
    m.later.cover = pyo.Constraint(
        expr=m.later.r >= sum(d[i] * y[i] for i in two) + e * m.u + sum(g[j] * m.z[j] for j in two)
    )
    m.cost = pyo.Objective(expr=sum(a[j] * m.z[j] for j in two) + b * m.later.r + sum(q[i] * y[i] for i in two))
    return m


def brute_force(case: Instance) -> float:
    """Return the optimum over all decisions; infinite where each has a scenario without an answer."""
    a, q, d, c, w, g, k = (case.part(2 * i, (2,)) for i in range(7))
    big, n, (b, e, h, slope) = case.part(14, (2, 2)), case.part(18, (2,)), case.part(20, (4,))
    best = np.inf
    for z in np.array(list(product((0.0, 1.0), repeat=2))):
        worst = -np.inf
        for u in case.scenarios:
            price, need = c + big @ z + n * u, h + k @ z + slope * u
            follower = linprog(price, A_ub=[-w], b_ub=[-need], bounds=[(0, 2)] * 2)
            if follower.status == 2:
                worst = np.inf
                break
            leader = linprog(
                [*q, b],
                A_ub=[[*-w, 0], [*price, 0], [*d, -1]],
                b_ub=[-need, follower.fun + 1e-9, -e * u - g @ z],
                bounds=[(0, 2), (0, 2), (0, 9)],
            )
            worst = max(worst, np.inf if leader.status == 2 else leader.fun)
        best = min(best, a @ z + worst)
    return best


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    numbers = [draw(st.integers(-3, 3)) for _ in range(24)]
    numbers[8:10] = [draw(st.sampled_from([-2, -1, 1, 2])) for _ in range(2)]
    numbers[20] = draw(st.integers(0, 3))  # recourse costs, so that it is bounded by its need
    count = draw(st.integers(2, 4))
    scenarios = draw(st.lists(st.integers(-2, 2), min_size=count, max_size=count, unique=True))
    return Instance(np.array(numbers, float), np.array(scenarios, float))


def check(case: Instance) -> None:
    assert_agrees(model_of(case), brute_force(case))


@given(instances())
@settings(max_examples=60, deadline=None)
def test_random_games_agree_with_brute_force(case: Instance) -> None:
    check(case)


@pytest.mark.long
@given(instances())
@settings(max_examples=300, deadline=None)
def test_many_random_games_agree_with_brute_force(case: Instance) -> None:
    check(case)
