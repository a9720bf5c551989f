"""Random games with integer followers against enumeration; about 900 of them in the long run."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from tests.problems.interdiction import interdict, optimum_by_enumeration
from tests.properties.integer_games import (
    Data,
    consistent,
    declared,
    declared_moved,
    declared_prices,
    enumerated,
    enumerated_mixed,
    enumerated_prices,
    moved_games,
    price_games,
    small_games,
    small_interdiction,
    value_at,
)

Search = Literal["rounds", "tree"]
ROUNDS, TREE = bl.ValueFunction(search="rounds"), bl.ValueFunction(search="tree")


def check(m: pyo.ConcreteModel, expected: float | None, method: bl.ValueFunction) -> bl.Solution:
    """The answer is the expected one, proven and certified; None expects infeasibility."""
    solution = bl.solve(m, method=method, threads=1)
    if expected is None:
        assert solution.status == "infeasible"
        return solution
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(expected, rel=1e-6, abs=1e-6))
    assert solution.bound == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.assumptions == ()
    return solution


@settings(max_examples=30)
@given(small_games().filter(consistent))
def test_rounds_agree_with_enumeration(data: Data):
    check(declared(data), enumerated(data), ROUNDS)


@settings(max_examples=30)
@given(small_games().filter(consistent))
def test_branch_and_cut_agrees_with_enumeration(data: Data):
    check(declared(data), enumerated(data), TREE)


@pytest.mark.long
@pytest.mark.parametrize("method", [ROUNDS, TREE])
def test_many_games_agree_with_enumeration(method: bl.ValueFunction):
    @settings(max_examples=300)
    @given(small_games().filter(consistent))
    def agrees(data: Data) -> None:
        check(declared(data), enumerated(data), method)

    agrees()


@settings(max_examples=15)
@given(small_games().filter(consistent), st.sampled_from([ROUNDS, TREE]))
def test_followers_with_a_continuous_part_agree_with_intervals(data: Data, method: bl.ValueFunction):
    """The same games with the follower's second variable continuous."""
    m = declared(data)
    m.follower.y[1].domain = pyo.Reals
    check(m, enumerated_mixed(data), method)


@settings(max_examples=15)
@given(price_games(), st.sampled_from([ROUNDS, TREE]))
def test_two_followers_that_are_priced_agree_with_enumeration(data: Data, method: bl.ValueFunction):
    check(declared_prices(data), enumerated_prices(data), method)


@pytest.mark.long
@pytest.mark.parametrize("method", [ROUNDS, TREE])
def test_many_followers_that_are_priced_agree_with_enumeration(method: bl.ValueFunction):
    @settings(max_examples=60)
    @given(price_games())
    def agrees(data: Data) -> None:
        check(declared_prices(data), enumerated_prices(data), method)

    agrees()


@settings(max_examples=3)
@given(st.integers(0, 10_000))
def test_rounds_agree_with_enumeration_of_knapsack_interdiction(seed: int):
    check(interdict(**small_interdiction(seed)), optimum_by_enumeration(**small_interdiction(seed)), ROUNDS)


@pytest.mark.long
@pytest.mark.parametrize("method", [ROUNDS, TREE])
def test_much_knapsack_interdiction_agrees_with_enumeration(method: bl.ValueFunction):
    for seed in range(20):
        check(interdict(**small_interdiction(seed)), optimum_by_enumeration(**small_interdiction(seed)), method)


@settings(max_examples=4)
@given(st.integers(0, 10_000))
def test_knapsack_interdiction_agrees_with_enumeration(seed: int):
    """Solved by branch and cut: the leader only wants what the follower does not."""
    expected = optimum_by_enumeration(**small_interdiction(seed))
    assert "branch and cut" in check(interdict(**small_interdiction(seed)), expected, bl.ValueFunction()).method


@settings(max_examples=20)
@given(moved_games())
def test_games_with_a_continuous_leader_agree_with_a_grid(data: Any):
    """The bound is nowhere above the infimum over a fine grid, and the point is as good as it up to epsilon."""
    grid = np.arange(0, 3 * 60 + 1) / 60
    near = np.clip(np.concatenate([grid, grid - 1e-7, grid + 1e-7]), 0, 3)
    infimum = min(value_at(data, x) for x in near)
    solution = bl.solve(declared_moved(data), gap=1e-5)
    assert solution.bound <= infimum + 1e-5
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective <= infimum + 1e-3
    assert solution.bound >= infimum - 0.06
