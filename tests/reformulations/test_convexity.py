from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from reformulations.convexity import convex_terms, is_convex
from reformulations.programs import Product


def form(hessian: np.ndarray | sparse.sparray) -> Product:
    """Return the terms of 1/2 z'H z."""
    upper = sparse.triu(sparse.coo_array(hessian)).tocoo()
    value = np.where(upper.row == upper.col, upper.data / 2, upper.data)
    row, column = upper.row.astype(np.int64), upper.col.astype(np.int64)
    return Product.of(np.zeros(len(value), np.int64), row, column, value)


def path(n: int) -> sparse.dia_array:
    """Return the Laplacian of a path: smallest eigenvalue exactly 0."""
    diagonal = np.full(n, 2.0)
    diagonal[[0, -1]] = 1
    off = np.full(n - 1, -1.0)
    return sparse.diags_array([off, diagonal, off], offsets=[-1, 0, 1])


def test_each_block_is_judged_on_its_own() -> None:
    """z0^2 + z1^2 + z0 z1 is convex (det 3), z2 z3 is not, z4^2 is, -z5^2 is not."""
    product = Product.of(
        np.zeros(6, np.int64),
        np.array([0, 1, 0, 2, 4, 5]),
        np.array([0, 1, 1, 3, 4, 5]),
        np.array([1.0, 1, 1, 1, 1, -1]),
    )
    mask = convex_terms(product, 6)
    judged = {(int(a), int(b)): bool(c) for a, b, c in zip(product.left, product.right, mask, strict=True)}
    assert judged == {(0, 0): True, (0, 1): True, (1, 1): True, (2, 3): False, (4, 4): True, (5, 5): False}
    assert not is_convex(product, 6)


def test_nothing_is_convex() -> None:
    assert is_convex(Product.none(), 3)


@pytest.mark.parametrize("n", [3, 40, 2500])
def test_singular_form_is_convex_and_slightly_below_it_is_not(n: int) -> None:
    assert is_convex(form(path(n)), n)
    assert not is_convex(form(path(n) - 1e-6 * sparse.eye_array(n)), n)


def test_scale_of_one_block_does_not_hide_another() -> None:
    """Entries of 1e12 beside z1 z2: the tolerance is relative to each block."""
    hessian = np.diag([1e12, 1.0, 1.0])
    hessian[1, 2] = hessian[2, 1] = 1.1
    assert not is_convex(form(hessian), 3)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.data())
def test_answer_is_that_of_the_eigenvalues_of_the_whole(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    entries = data.draw(st.lists(st.integers(-3, 3), min_size=n * n, max_size=n * n))
    half = np.array(entries, float).reshape(n, n)
    sparse_pattern = np.array(data.draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))).reshape(n, n)
    factor = half * sparse_pattern
    hessian = factor @ factor.T - data.draw(st.sampled_from([0.0, 0.0, 0.5, 2.0])) * np.eye(n)
    assert is_convex(form(hessian), n) == bool(np.linalg.eigvalsh(hessian)[0] >= -1e-8)
