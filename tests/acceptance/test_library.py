"""The library of classical problems over every method, against an oracle that solves each follower again."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.testing.responses import followers, regret, violation
from tests.problems.library import LIBRARY, Problem, knapsack_interdiction, moore_bard_leader_integer, switched_lines

BINARY_LINKED = (moore_bard_leader_integer, knapsack_interdiction, switched_lines)
"""The leader acts on the followers through binaries and bounded integers only."""


def check(problem: Problem, solution: bl.Solution) -> None:
    """Status and value are right, and every follower responds optimally by an oracle outside the package."""
    m = problem.model
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.assumptions == ()
    assert solution.objective == pytest.approx(problem.optimum, rel=1e-6, abs=1e-6)
    assert solution.bound == pytest.approx(problem.optimum, rel=2e-6, abs=2e-6)
    (goal,) = m.component_data_objects(pyo.Objective, descend_into=False)
    assert pyo.value(goal) == pytest.approx(solution.objective, rel=1e-9, abs=1e-9)
    assert violation(m) <= 1e-6
    for follower in followers(m):
        assert regret(follower, m) <= 1e-6 * max(1.0, abs(pyo.value(follower.goal)))


METHODS = {
    "big-M": bl.KKT(),
    "branching": bl.Branching(),
    "SOS1": bl.KKT(complementarity=bl.SOS1()),
    "indicator": bl.KKT(complementarity=bl.Indicator()),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("declare", LIBRARY, ids=lambda declare: declare.__name__)
def test_every_method_finds_the_published_optimum(declare: Callable[[], Problem], method: bl.KKT | bl.Branching):
    problem = declare()
    check(problem, bl.solve(problem.model, method=method))


@pytest.mark.parametrize("declare", LIBRARY, ids=lambda declare: declare.__name__)
def test_scip_finds_the_published_optimum_with_derived_big_m(declare: Callable[[], Problem]):
    problem = declare()
    check(problem, bl.solve(problem.model, method=bl.KKT(), solver="scip"))


@pytest.mark.parametrize("declare", BINARY_LINKED, ids=lambda declare: declare.__name__)
def test_strong_duality_finds_the_published_optimum_where_binaries_link(declare: Callable[[], Problem]):
    problem = declare()
    check(problem, bl.solve(problem.model, method=bl.StrongDuality()))


@pytest.mark.parametrize("declare", sorted(set(LIBRARY) - set(BINARY_LINKED), key=lambda d: d.__name__))
def test_strong_duality_is_refused_where_a_continuous_variable_links(declare: Callable[[], Problem]):
    """The strong-duality row then holds the product of a leader's and a follower's continuous quantities."""
    with pytest.raises(bl.NotApplicable, match=r"has no binary factor.*use bl\.KKT\(\)"):
        bl.solve(declare().model, method=bl.StrongDuality())


@pytest.mark.parametrize(
    ("name", "best", "worst"),
    [("bard_1991_ties", -1, 10), ("bard_1991_prices", 2, 8), ("yezza", 1.5, 3.5), ("two_tolls", 60, 20)],
)
def test_ties_are_broken_for_the_leader_and_the_other_value_is_told(name: str, best: float, worst: float):
    """At the leader's decision found, the follower's ties are worth ``best`` to ``worst`` to the leader."""
    (declare,) = (declare for declare in LIBRARY if declare.__name__ == name)
    tie = bl.solve(declare().model).certificate.tie
    assert (tie.optimistic, tie.pessimistic) == pytest.approx((best, worst), abs=1e-6)


def test_prices_are_the_multipliers_of_the_followers_rows():
    """investment: at a capacity of 50 the third unit sets the price, 15; strategic_bidding: lost load, 1000."""
    for name, price in (("investment", 15.0), ("strategic_bidding", 1000.0)):
        (declare,) = (declare for declare in LIBRARY if declare.__name__ == name)
        m = declare().model
        solution = bl.solve(m)
        assert solution.multiplier(m.follower.balance) == pytest.approx(price)
        assert solution.value(m.price) == pytest.approx(price)
