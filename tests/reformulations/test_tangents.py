from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.testing.optima import least
from reformulations.programs import MixedIntegerProgram, Product
from reformulations.tangents import FIRST_POINTS, epigraph, squares, tangents
from tests.certificate.games import INF, mixed_integer_program


def products(terms: dict[tuple[int, int], float]) -> Product:
    pairs = np.array(list(terms), np.int64).reshape(-1, 2)
    return Product.of(np.zeros(len(pairs), np.int64), pairs[:, 0], pairs[:, 1], np.array(list(terms.values()), float))


def test_form_is_split_into_squares() -> None:
    """a^2 + 2 a b + b^2 + 3 c^2 = 2 ((a + b) / sqrt 2)^2 + 3 c^2: the other eigenvalue of the first block is 0."""
    parts = squares(products({(0, 0): 1, (0, 1): 2, (1, 1): 1, (2, 2): 3}), 4)
    assert sorted(parts.weight) == pytest.approx([2, 3])
    assert parts.factor.shape == (2, 4)
    point = np.array([1.0, 4.0, -2.0, 9.0])
    assert parts.value(point) == pytest.approx(25 + 12)


def test_no_products_have_no_squares() -> None:
    assert len(squares(Product.none(), 3)) == 0


def test_tangent_of_each_square_at_its_point() -> None:
    """3 c^2 at c = 2: t >= 12 c - 12."""
    row = tangents(squares(products({(1, 1): 3}), 2), np.array([2.0]))
    assert np.abs(row.matrix.toarray()).tolist() == [[0, 12, 1]]
    assert row.lower.tolist() == [-12]


def quadratic(low: float, high: float) -> MixedIntegerProgram:
    """Min (z - 1.3)^2 = z^2 - 2.6 z + 1.69 over low <= z <= high."""
    return mixed_integer_program({"z*z": 1, "z": -2.6, "": 1.69}, {"z": (low, high)}, {})


def test_image_has_a_column_a_square_and_tangents_over_its_range() -> None:
    """Here z in [0, 4]: tangents at 0, 0.5, ..., 4: t - 2 s z >= -s^2."""
    image, parts = epigraph(quadratic(0, 4))
    assert len(parts) == 1
    assert image.cost.tolist() == [-2.6, 1]
    assert image.columns.lower.tolist() == [0, 0]
    assert len(image.products) == 0
    at = np.linspace(0, 4, FIRST_POINTS)
    sign = np.sign(parts.factor.toarray()[0, 0])
    slopes = np.sort(image.rows.matrix.toarray()[:, 0])
    assert slopes == pytest.approx(np.sort(-2 * at))
    assert sign in (-1, 1)
    assert np.sort(image.rows.lower) == pytest.approx(np.sort(-(at**2)))


def test_optimum_of_the_image_is_a_bound_short_by_what_is_stated() -> None:
    """The range is 4, so each square is short by at most (4 / 8 / 2)^2 = 1/16; here the bound is -0.06."""
    image, _ = epigraph(quadratic(0, 4))
    bound = image.constant + least(image.cost, image.rows, image.columns)[0]
    assert -1 / 16 - 1e-9 <= bound <= 0
    assert bound == pytest.approx(-0.06)


def test_tangents_at_the_optimum_close_the_gap() -> None:
    """After t >= 2.6 z - 1.69 the least value of t - 2.6 z + 1.69 is 0."""
    image, parts = epigraph(quadratic(0, 4))
    rows = image.rows.append(tangents(parts, parts.roots(np.array([1.3]))))
    assert image.constant + least(image.cost, rows, image.columns)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(-INF, INF), (0, INF), (-INF, 5)])
def test_infinite_range_has_a_finite_bound(low: float, high: float) -> None:
    """The outer tangents bound the fall of -2.6 z: the least value is finite and at most 0."""
    image, _ = epigraph(quadratic(low, high))
    bound = image.constant + least(image.cost, image.rows, image.columns)[0]
    assert -INF < bound <= 1e-9


@settings(max_examples=60)
@given(st.data())
def test_image_is_below_the_form_everywhere_and_the_split_is_exact(data: st.DataObject) -> None:
    """Forms sum_k (v_k z)^2 with random v, one or two blocks; at any z the t allowed reach down below the squares."""
    n = data.draw(st.integers(1, 4))
    entry = st.integers(-2, 2)
    factors = np.array(data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=1, max_size=3)), float)
    half = factors.T @ factors
    terms = {(i, j): half[i, j] * (1 if i == j else 2) for i in range(n) for j in range(i, n) if half[i, j]}
    parts = squares(products(terms), n)
    point = np.array([data.draw(st.floats(-5, 5)) for _ in range(n)])
    assert parts.value(point) == pytest.approx(float(np.sum((factors @ point) ** 2)), abs=1e-8)
    assert np.all(parts.weight > 0)
    at = parts.roots(np.array([data.draw(st.floats(-5, 5)) for _ in range(n)]))
    heights = parts.weight * parts.roots(point) ** 2
    row = tangents(parts, at)
    assert np.all(row.activity(np.concatenate([point, heights])) >= row.lower - 1e-8)
