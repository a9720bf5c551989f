"""Unknowns that an equation ties are merged, and nothing else changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from reformulations.contraction import contracted
from reformulations.weights import Conflict, conflict, solve


def system(*equations: dict[int, float], unknowns: int) -> sparse.csc_array:
    """One column an equation, one row an unknown."""
    matrix = np.zeros((unknowns, len(equations)))
    for e, terms in enumerate(equations):
        for k, coefficient in terms.items():
            matrix[k, e] = coefficient
    return sparse.csc_array(matrix)


def test_chain_of_ties_becomes_one_unknown() -> None:
    """2 a - 2 b == 0, b - c == 0 and 3 c == 6, written with -wanted on the right: one equation 3 g == 6 is left."""
    equations = system({0: 2, 1: -2}, {1: 1, 2: -1}, {2: 3}, unknowns=3)
    small = contracted(equations, np.array([0.0, 0.0, -6.0]), np.zeros(3, bool))
    assert small.matrix.toarray().tolist() == [[3.0]]
    assert small.group.tolist() == [0, 0, 0]
    assert solve(equations, np.array([0.0, 0.0, -6.0]), np.zeros(3, bool)).tolist() == [2.0, 2.0, 2.0]


def test_pair_with_a_wanted_product_is_no_tie() -> None:
    """Equations a - b == 1 and b == 1: a = 2."""
    equations, wanted = system({0: 1, 1: -1}, {1: 1}, unknowns=2), np.array([-1.0, -1.0])
    assert solve(equations, wanted, np.zeros(2, bool)).tolist() == [2.0, 1.0]


def test_free_equations_tie_nothing() -> None:
    """Equations a - b == 0 is free, a == 1 and b is not asked for: zero."""
    equations, wanted = system({0: 1, 1: -1}, {0: 1}, unknowns=2), np.array([0.0, -1.0])
    assert solve(equations, wanted, np.array([True, False])).tolist() == [1.0, 0.0]


def test_equations_that_say_the_same_stand_once() -> None:
    """Equations a == 2, 2 a == 4, 3 a == 6."""
    equations, wanted = system({0: 1}, {0: 2}, {0: 3}, unknowns=1), np.array([-2.0, -4.0, -6.0])
    assert contracted(equations, wanted, np.zeros(3, bool)).matrix.nnz == 1


def test_conflict_names_the_cycle_of_the_source() -> None:
    """Equations a == b == c, a == 1, c == 2: the chain a, b, c."""
    equations = system({0: 1, 1: -1}, {1: 1, 2: -1}, {0: 1}, {2: 1}, unknowns=3)
    wanted, free = np.array([0.0, 0.0, -1.0, -2.0]), np.zeros(4, bool)
    assert isinstance(solve(equations, wanted, free), Conflict)
    found = conflict(equations, wanted, free)
    assert found is not None
    assert set(found.unknowns) == {0, 1, 2}


def test_parameter_that_is_zero_but_for_rounding_is_no_contradiction() -> None:
    """Seven equations that (0, 3, -1, 3, 3, 1) solves; least squares finds its zero as 1e-16."""
    known = np.array([0.0, 3, -1, 3, 3, 1])
    equations = system(
        {1: -1.5, 4: 1.5},
        {0: 1, 2: 2, 3: 2, 4: 1},
        {1: -1, 2: -1, 3: -1},
        {1: 1, 2: 2, 5: 2},
        {0: -1, 1: 2, 3: -1, 4: 1},
        {2: 1, 3: 2, 4: 1},
        {0: 2, 2: 1},
        unknowns=6,
    )
    weights = solve(equations, -(known @ equations), np.zeros(7, bool))
    assert not isinstance(weights, Conflict)
    np.testing.assert_allclose(weights @ equations, known @ equations, atol=1e-9)


@given(st.integers(0, 10_000))
def test_weights_satisfy_every_equation_that_is_not_free(seed: int) -> None:
    """Right-hand sides made from known weights: the system is consistent, and what is found satisfies it."""
    draw = np.random.default_rng(seed)
    known = draw.integers(-3, 4, 6).astype(float)
    matrix = draw.choice([0.0, 0.0, 0.0, 1.0, -1.0, 2.0], size=(6, 9))
    matrix[:, :3] = 0.0
    for e in range(3):
        first, second = draw.choice(6, 2, replace=False)
        matrix[first, e], matrix[second, e] = 1.5, -1.5
        known[second] = known[first]
    wanted = -(known @ matrix)
    free = draw.random(9) < 0.2
    weights = solve(sparse.csc_array(matrix), np.where(free, 7.0, wanted), free)
    assert not isinstance(weights, Conflict)
    np.testing.assert_allclose((weights @ matrix)[~free], -wanted[~free], atol=1e-8)
