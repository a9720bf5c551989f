"""The most decisions that bounds, menus and budgets leave, against enumeration."""

from __future__ import annotations

from itertools import product
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from reformulations.decision_count import DecisionCount
from reformulations.programs import Names, Rows


def rows(matrix: list[list[float]], lower: list[float], upper: list[float]) -> Rows:
    return Rows(sparse.csr_array(np.array(matrix)), np.array(lower), np.array(upper), Names(len(lower), str))


def test_a_menu_a_budget_and_a_range_multiply() -> None:
    """One of 3 items at most (4), at most 2 of 4 sites (1 + 4 + 6), an integer in 0..7 (8): 352."""
    budget = rows([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 2, 2, 2, 2, 0]], [1, -np.inf], [1, 5])
    lower, upper = np.zeros(8), np.append(np.ones(7), 7.0)
    count = DecisionCount.of(budget, np.arange(8), lower, upper)
    assert count.bits(lower, upper) == pytest.approx(log2(352))
    lower[0], upper[3], upper[7] = 1, 0, 0
    assert count.bits(lower, upper) == pytest.approx(log2(1 * (1 + 3 + 3)))


@given(st.integers(0, 10_000))
def test_no_decision_is_forgotten(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix = random.integers(0, 2, (3, 5)).astype(float) * random.integers(1, 3, (3, 1))
    row = rows(matrix.tolist(), [-np.inf] * 3, random.integers(0, 6, 3).tolist())
    lower = np.zeros(5)
    upper = np.where(random.random(5) < 0.8, 1.0, 2.0)
    count = DecisionCount.of(row, np.arange(5), lower, upper)
    lower = np.where(random.random(5) < 0.2, upper, lower)
    points = np.array(list(product(*(np.arange(a, b + 1) for a, b in zip(lower, upper, strict=True)))))
    feasible = int(np.all(points @ matrix.T <= row.upper + 1e-9, axis=1).sum())
    assert 2 ** count.bits(lower, upper) >= feasible - 1e-9
