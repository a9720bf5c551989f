from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from reformulations.arrays import Columns, Names, Product, Rows, widened
from reformulations.recovery import Recovery, Reduced

INF = np.inf


def test_identity_returns_the_point() -> None:
    assert Recovery.identity(3)(np.array([1.0, 2, 3])).tolist() == [1, 2, 3]


def test_selection_reads_columns_and_gives_zero_where_nothing_is_picked() -> None:
    """(z2, 0, z0) of z = (7, 8, 9)."""
    recover = Recovery.selecting(np.array([2, -1, 0]), 3)
    assert recover(np.array([7.0, 8, 9])).tolist() == [9, 0, 7]


def test_composition_is_affine() -> None:
    """Outer y = 2 y + 1 after inner z -> (z0 + z1, 5): 2 (z0 + z1) + 1."""
    inner = Recovery(sparse.csr_array(np.array([[1.0, 1.0], [0.0, 0.0]])), np.array([0.0, 5.0]))
    outer = Recovery(sparse.csr_array(np.array([[2.0, 0.0], [0.0, 3.0]])), np.array([1.0, 1.0]))
    both = outer @ inner
    assert both(np.array([3.0, 4.0])).tolist() == [15, 16] == outer(inner(np.array([3.0, 4.0]))).tolist()


def test_composition_is_associative_and_identity_is_neutral() -> None:
    draw = np.random.default_rng(1)
    one, two, three = (
        Recovery(sparse.csr_array(draw.integers(-2, 3, (2, 2)).astype(float)), draw.integers(-2, 3, 2).astype(float))
        for _ in range(3)
    )
    point = np.array([1.0, -4.0])
    assert ((one @ two) @ three)(point).tolist() == (one @ (two @ three))(point).tolist()
    assert (one @ Recovery.identity(2))(point).tolist() == one(point).tolist()


def test_reduction_without_remarks_assumes_nothing() -> None:
    reduced = Reduced("program", Recovery.identity(1))
    assert (reduced.assumes, reduced.notes) == ((), ())


def columns() -> Columns:
    return Columns(np.array([0.0, -1]), np.array([1.0, INF]), np.array([True, False]), Names.of(["b", "y"]))


def test_arrays_of_a_program_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        columns().lower[0] = 5.0


def test_matrices_are_sorted_and_added_up_without_touching_the_given_one() -> None:
    """2 z1 + 3 z0 + 1 z1, written in that order: scipy could not sort it later, the arrays being read-only."""
    given = sparse.csr_array((np.array([2.0, 3, 1]), np.array([1, 0, 1]), np.array([0, 3])), shape=(1, 2))
    rows = Rows(given, np.zeros(1), np.ones(1), Names.of(["row"]))
    assert rows.matrix.indices.tolist() == [0, 1]
    assert rows.matrix.data.tolist() == [3, 3]
    assert rows.matrix.tolil().toarray().tolist() == [[3, 3]]
    assert given.indices.tolist() == [1, 0, 1]


def test_arrays_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"upper has shape \(1,\), expected \(2,\)"):
        Columns(np.zeros(2), np.zeros(1), np.zeros(2, bool), Names.of(["a", "b"]))
    with pytest.raises(ValueError, match="1 names for 2 rows"):
        Rows(sparse.csr_array((2, 1)), np.zeros(2), np.zeros(2), Names.of(["a"]))


def test_columns_are_appended_behind() -> None:
    both = columns().append(columns())
    assert list(both.names) == ["b", "y", "b", "y"]
    assert both.upper.tolist() == [1, INF, 1, INF]
    assert both.binary.tolist() == [True, False, True, False]


def test_names_are_made_on_demand() -> None:
    asked: list[int] = []
    names = Names(1_000_000, lambda i: asked.append(i) or f"row {i}")  # type: ignore[func-returns-value]
    assert names.take(np.array([7, 9]))[1] == "row 9"
    assert names[-1] == "row 999999"
    assert asked == [9, 999_999]
    with pytest.raises(IndexError):
        names[1_000_000]


def test_product_adds_up_repeated_pairs_and_drops_zeros() -> None:
    """2 a b + 3 b a - 5 c a + 5 a c + b^2 = 5 a b + b^2."""
    form = Product.of(
        np.zeros(5, np.int64), np.array([0, 1, 2, 0, 1]), np.array([1, 0, 0, 2, 1]), np.array([2.0, 3, -5, 5, 1])
    )
    assert (form.left.tolist(), form.right.tolist(), form.value.tolist()) == ([0, 1], [1, 1], [5, 1])
    assert form.evaluate(np.array([2.0, 3, 9]), 1).tolist() == [30 + 9]
    assert form.hessian(3).toarray().tolist() == [[0, 5, 0], [5, 2, 0], [0, 0, 0]]
    assert (form + form).value.tolist() == [10, 2]


def test_rows_are_appended_with_their_products() -> None:
    """z0 z1 <= 4 behind z0 >= 1, over three columns in the end."""
    one = Rows(sparse.csr_array(np.array([[1.0]])), np.array([1.0]), np.array([INF]), Names.of(["one"]))
    product = Product.of(np.array([0]), np.array([0]), np.array([1]), np.ones(1))
    two = Rows(sparse.csr_array((1, 3)), np.array([-INF]), np.array([4.0]), Names.of(["two"]), product)
    both = one.append(two)
    assert both.matrix.shape == (2, 3)
    assert both.products.index.tolist() == [1]
    assert both.activity(np.array([2.0, 5.0, 0.0])).tolist() == [2, 10]
    assert list(both.names) == ["one", "two"]
    assert both.equality.tolist() == [False, False]


def test_widening_appends_empty_columns() -> None:
    matrix = sparse.csr_array(np.array([[1.0, 2.0]]))
    assert widened(matrix, 3).toarray().tolist() == [[1, 2, 0]]
    assert widened(matrix, 2) is matrix
