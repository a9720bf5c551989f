"""Rows for the products of a menu, by hand and against enumeration."""

from __future__ import annotations

from itertools import product as combinations

import numpy as np
from scipy import sparse

from reformulations.choices import Factors, choice_rows
from reformulations.programs import Names, Rows

INF = np.inf


def rows_of(matrix: list[list[float]], lower: list[float], upper: list[float]) -> Rows:
    return Rows(sparse.csr_array(np.array(matrix)), np.array(lower), np.array(upper), Names(len(lower), str))


def factors(binary: list[int], low: float, high: float) -> Factors:
    """Products of the columns in ``binary`` with column 3, in columns 4, 5, ..."""
    count = len(binary)
    one = np.ones(count)
    return Factors(np.array(binary), np.full(count, 3), 4 + np.arange(count), low * one, high * one)


def test_products_of_all_items_sum_to_the_other_factor() -> None:
    """b0 + b1 + b2 = 1 times y in [1, 4] is w0 + w1 + w2 = y; in units of a half the row is the same menu."""
    binary = np.array([True, True, True, False])
    for unit in (1.0, 0.5):
        menu = rows_of([[unit, unit, unit, 0]], [unit], [unit])
        found = choice_rows(menu, binary, factors([0, 1, 2], 1.0, 4.0), 7)
        assert found.matrix.toarray().tolist() == [[0, 0, 0, -1, 1, 1, 1]]
        assert (found.lower.tolist(), found.upper.tolist()) == ([0], [0])


def test_items_without_a_product_leave_room_for_it() -> None:
    """Items 0 and 2 in y in [1, 4]: y - 4 (1 - b0 - b2) <= w0 + w2 <= y - (1 - b0 - b2)."""
    menu = rows_of([[1, 1, 1, 0]], [1], [1])
    found = choice_rows(menu, np.array([True, True, True, False]), factors([0, 2], 1.0, 4.0), 6)
    assert found.matrix.toarray().tolist() == [[-1, 0, -1, -1, 1, 1], [-4, 0, -4, -1, 1, 1]]
    assert found.lower.tolist() == [-INF, -4]
    assert found.upper.tolist() == [-1, INF]
    for item, y in combinations(range(3), (1.0, 2.5, 4.0)):
        b = np.eye(3)[item]
        activity = found.matrix @ np.array([*b, y, b[0] * y, b[2] * y])
        assert np.all(found.lower <= activity)
        assert np.all(activity <= found.upper)


def test_rows_that_are_no_menu_give_nothing() -> None:
    """At most one, weights that differ, a column that is not binary, one item of three."""
    some = factors([0, 1, 2], 0.0, 1.0)
    binary = np.array([True, True, True, False])
    assert len(choice_rows(rows_of([[1, 1, 1, 0]], [-INF], [1]), binary, some, 7)) == 0
    assert len(choice_rows(rows_of([[1, 2, 1, 0]], [1], [1]), binary, some, 7)) == 0
    assert len(choice_rows(rows_of([[1, 1, 1, 1]], [1], [1]), binary, some, 7)) == 0
    assert len(choice_rows(rows_of([[1, 1, 1, 0]], [1], [1]), binary, factors([1], 0.0, 1.0), 5)) == 0
    assert len(choice_rows(rows_of([[1, 1, 1, 0]], [1], [1]), binary, factors([], 0.0, 1.0), 4)) == 0
