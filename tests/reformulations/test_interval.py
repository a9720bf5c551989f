from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from reformulations.interval import activity_range, propagate
from reformulations.programs import Names, Product, Rows

INF = np.inf


def rows(matrix: list[list[float]], lower: list[float], upper: list[float], products: Product | None = None) -> Rows:
    names = Names(len(lower), str)
    return Rows(
        sparse.csr_array(np.array(matrix, float)),
        np.array(lower, float),
        np.array(upper, float),
        names,
        products or Product.none(),
    )


def test_activity_takes_each_column_at_the_end_that_its_sign_asks_for() -> None:
    """2 a - 3 b with a in [-1, 4], b in [1, 2]: between -2 - 6 and 8 - 3; an empty row is 0."""
    matrix = sparse.csr_array(np.array([[2.0, -3.0], [0.0, 0.0]]))
    least, most = activity_range(matrix, np.array([-1.0, 1.0]), np.array([4.0, 2.0]))
    assert least.tolist() == [-8, 0]
    assert most.tolist() == [5, 0]


def test_activity_with_an_infinite_end_is_infinite_on_that_side_only() -> None:
    """Here a - b with a >= 0 and b in [0, 1]: at least -1. A stored zero times infinity is nothing."""
    matrix = sparse.csr_array((np.array([1.0, -1.0, 0.0]), np.array([0, 1, 2]), np.array([0, 3])), shape=(1, 3))
    least, most = activity_range(matrix, np.array([0.0, 0.0, -INF]), np.array([INF, 1.0, INF]))
    assert (least[0], most[0]) == (-1, INF)


def test_one_row_bounds_each_of_its_columns_by_the_others() -> None:
    """Here a + 2 b <= 6, a, b >= 0: a <= 6 and b <= 3, loosened by 1e-9 relative."""
    lower, upper = propagate(rows([[1, 2]], [-INF], [6]), np.zeros(2), np.full(2, INF))
    assert lower.tolist() == [0, 0]
    assert upper == pytest.approx([6, 3], rel=2e-9)
    assert np.all(upper >= [6, 3])


def test_a_zero_stays_a_zero() -> None:
    """Here a + b == 0 with both nonnegative fixes both at exactly 0."""
    lower, upper = propagate(rows([[1, 1]], [0], [0]), np.zeros(2), np.full(2, INF))
    assert lower.tolist() == [0, 0]
    assert upper.tolist() == [0, 0]


def test_bounds_travel_along_a_chain_of_rows() -> None:
    """Here a <= 2, b <= 2 a, c <= 3 b: b <= 4 and c <= 12."""
    chain = rows([[-2, 1, 0], [0, -3, 1]], [-INF, -INF], [0, 0])
    _, upper = propagate(chain, np.zeros(3), np.array([2.0, INF, INF]))
    assert upper == pytest.approx([2, 4, 12], rel=1e-8)


def test_two_free_columns_of_a_row_say_nothing_of_each_other() -> None:
    lower, upper = propagate(rows([[1, 1, 1]], [2], [2]), np.array([-INF, -INF, 0.0]), np.array([INF, INF, 1.0]))
    assert lower.tolist() == [-INF, -INF, 0]
    assert upper.tolist() == [INF, INF, 1]


def test_the_only_unbounded_column_of_a_row_is_bounded_on_both_sides() -> None:
    """Here a + b == 2 with b in [0, 1]: a in [1, 2]."""
    lower, upper = propagate(rows([[1, 1]], [2], [2]), np.array([-INF, 0.0]), np.array([INF, 1.0]))
    assert lower == pytest.approx([1, 0], rel=2e-9)
    assert upper == pytest.approx([2, 1], rel=2e-9)


def test_rows_with_products_are_left_out() -> None:
    """Here a + a b <= 1 does not say a <= 1."""
    products = Product.of(np.array([0]), np.array([0]), np.array([1]), np.ones(1))
    _, upper = propagate(rows([[1, 0]], [-INF], [1], products), np.array([0.0, -5.0]), np.array([INF, 5.0]))
    assert upper.tolist() == [INF, 5]


def test_contradicting_rows_end_with_crossed_bounds_and_no_warning() -> None:
    """Here a >= 3 and a <= 1, then b between a and infinity: the bounds cross, which is the proof."""
    lower, upper = propagate(
        rows([[1, 0], [1, 0], [-1, 1]], [3, -INF, 0], [INF, 1, INF]), np.full(2, -INF), np.full(2, INF)
    )
    assert lower[0] > upper[0]


def test_arguments_are_left_as_they_were() -> None:
    lower, upper = np.zeros(2), np.full(2, INF)
    propagate(rows([[1, 2]], [-INF], [6]), lower, upper)
    assert lower.tolist() == [0, 0]
    assert upper.tolist() == [INF, INF]


COEFFICIENT = st.sampled_from([-3.0, -1.0, 0.0, 0.5, 1.0, 1e3, 0.1, -7e-3])
NUMBER = st.floats(-10, 10)


@given(st.data(), st.integers(1, 4), st.integers(1, 4))
def test_no_feasible_point_is_cut_off(data: st.DataObject, n: int, m: int) -> None:
    """The rows and the box are drawn around a point, which must stay inside."""
    point = np.array(data.draw(st.lists(NUMBER, min_size=n, max_size=n)))
    matrix = np.array(data.draw(st.lists(st.lists(COEFFICIENT, min_size=n, max_size=n), min_size=m, max_size=m)))
    room = st.sampled_from([0.0, 0.0, 0.5, 3.0, INF])
    around = [np.array(data.draw(st.lists(room, min_size=k, max_size=k))) for k in (n, n, m, m)]
    activity = matrix @ point
    block = rows(matrix.tolist(), (activity - around[2]).tolist(), (activity + around[3]).tolist())
    lower, upper = propagate(block, point - around[0], point + around[1], rounds=30)
    assert np.all(lower <= point + 1e-9)
    assert np.all(upper >= point - 1e-9)
    assert np.all(lower >= point - around[0])
    assert np.all(upper <= point + around[1])
    least, most = activity_range(block.matrix, lower, upper)
    assert np.all(least <= activity + 1e-6)
    assert np.all(most >= activity - 1e-6)


def test_sweeps_end_where_bounds_contradict_each_other() -> None:
    """Here a = 10 b and b = 10 a with 1 <= a <= 2: b >= 10 by the second and b <= 0.2 by the first, and no further."""
    lower, upper = propagate(rows([[1, -10], [-10, 1]], [0, 0], [0, 0]), np.array([1.0, -INF]), np.array([2.0, INF]))
    assert lower == pytest.approx([1, 10])
    assert upper == pytest.approx([2, 0.2])
