from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from reformulations.programs import Names, Product, Rows
from reformulations.underestimators import linearised_below

INF = np.inf


def rows(linear: list[list[float]], upper: list[float], terms: list[tuple[int, int, int, float]]) -> Rows:
    index, left, right, value = (
        (np.array(part) for part in zip(*terms, strict=True)) if terms else [np.zeros(0, int)] * 4
    )
    count = len(upper)
    products = Product.of(index, left, right, value)
    matrix = sparse.csr_array(np.array(linear, float))
    return Rows(matrix, np.full(count, -INF), np.array(upper, float), Names(count, str), products)


def test_product_of_bounded_columns_is_a_column_above_its_envelope() -> None:
    """Here a b + a <= 6 with a in [1, 3], b in [-2, 4]: w + a <= 6, w >= b - 2 a + 2, w >= 3 b + 4 a - 12."""
    image = linearised_below(rows([[1, 0]], [6], [(0, 0, 1, 1)]), np.array([1.0, -2.0]), np.array([3.0, 4.0]))
    assert image.rows.matrix.toarray().tolist() == [[1, 0, 1], [-2, 1, -1], [4, 3, -1]]
    assert image.rows.upper.tolist() == [6, -2, 12]
    assert len(image.columns) == 1


def test_negative_product_is_a_column_below_its_envelope() -> None:
    """-a b <= 6: -w <= 6, w <= 3 b - 2 a + 6, w <= b + 4 a - 4."""
    image = linearised_below(rows([[0, 0]], [6], [(0, 0, 1, -1)]), np.array([1.0, -2.0]), np.array([3.0, 4.0]))
    assert image.rows.matrix.toarray().tolist() == [[0, 0, -1], [2, -3, 1], [-4, -1, 1]]
    assert image.rows.upper.tolist() == [6, 6, -4]


def test_unbounded_nonnegative_factor_takes_the_least_of_the_other() -> None:
    """Here a b with a >= 0 and b in [-2, 4] is at least -2 a; with a >= 1 at least b - 2 (a - 1)."""
    form = rows([[0, 0]], [6], [(0, 0, 1, 1)])
    image = linearised_below(form, np.array([0.0, -2.0]), np.array([INF, 4.0]))
    assert image.rows.matrix.toarray().tolist() == [[-2, 0]]
    shifted = linearised_below(form, np.array([1.0, -2.0]), np.array([INF, 4.0]))
    assert shifted.rows.matrix.toarray().tolist() == [[-2, 1]]
    assert shifted.rows.upper.tolist() == [4]


def test_factor_bounded_above_only_takes_the_greatest_of_the_other() -> None:
    """Here a b with a <= 0 and b in [-2, 4] is at least 4 a."""
    image = linearised_below(rows([[0, 0]], [6], [(0, 0, 1, 1)]), np.array([-INF, -2.0]), np.array([0.0, 4.0]))
    assert image.rows.matrix.toarray().tolist() == [[4, 0]]


def test_square_is_a_tangent_and_its_negative_a_secant() -> None:
    """On [0, 4]: a^2 >= 4 a - 4 (at 2), and -a^2 >= -4 a (through 0 and 4)."""
    box = np.array([0.0]), np.array([4.0])
    above = linearised_below(rows([[0]], [6], [(0, 0, 0, 1)]), *box)
    assert (above.rows.matrix.toarray().tolist(), above.rows.upper.tolist()) == ([[4]], [10])
    below = linearised_below(rows([[0]], [6], [(0, 0, 0, -1)]), *box)
    assert (below.rows.matrix.toarray().tolist(), below.rows.upper.tolist()) == ([[-4]], [6])


def test_rows_that_nothing_fits_are_dropped() -> None:
    """Here a b with both free, -a^2 with a free: nothing linear lies below. The row without products stays."""
    form = rows([[1, 0], [0, 1], [1, 1]], [1, 2, 3], [(0, 0, 1, 1), (1, 0, 0, -1)])
    image = linearised_below(form, np.full(2, -INF), np.full(2, INF))
    assert image.rows.matrix.toarray().tolist() == [[1, 1]]
    assert image.rows.upper.tolist() == [3]


VALUE = st.sampled_from([-2.0, -0.5, 1.0, 3.0])
END = st.sampled_from([0.0, 1.0, 2.5, INF])


@settings(max_examples=60)
@given(st.data())
def test_every_point_of_the_source_is_one_of_the_image(data: st.DataObject) -> None:
    """With w the products themselves, at points of the box that satisfy the source."""
    n, count = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    point = np.array([data.draw(st.floats(-3, 3)) for _ in range(n)])
    lower = point - np.array([data.draw(END) for _ in range(n)])
    upper = point + np.array([data.draw(END) for _ in range(n)])
    column = st.integers(0, n - 1)
    terms = [
        (data.draw(st.integers(0, count - 1)), data.draw(column), data.draw(column), data.draw(VALUE))
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    linear = [[float(data.draw(st.integers(-2, 2))) for _ in range(n)] for _ in range(count)]
    source = rows(linear, [0.0] * count, terms)
    source = rows(linear, source.activity(point).tolist(), terms)
    image = linearised_below(source, lower, upper)
    assert satisfied(image.rows, point, source)


def satisfied(image: Rows, point: np.ndarray, source: Rows) -> bool:
    """Tell whether some assignment of the products to the new columns satisfies the image."""
    pairs = {(int(a), int(b)) for a, b in zip(source.products.left, source.products.right, strict=True) if a != b}
    fresh = image.matrix.shape[1] - len(point)
    products = sorted(point[a] * point[b] for a, b in pairs)
    return any(
        np.all(image.matrix @ np.concatenate([point, np.array(chosen)]) <= image.upper + 1e-9)
        for chosen in permutations(products, fresh)
    )


def test_envelope_touches_at_the_corners() -> None:
    """At each corner of the box the least w is the product itself."""
    box = np.array([1.0, -2.0]), np.array([3.0, 4.0])
    image = linearised_below(rows([[0, 0]], [99], [(0, 0, 1, 1)]), *box)
    for a in (1.0, 3.0):
        for b in (-2.0, 4.0):
            least = max(
                (float(row[0] * a + row[1] * b) - limit)
                for row, limit in zip(image.rows.matrix.toarray()[1:], image.rows.upper[1:], strict=True)
            )
            assert least == pytest.approx(a * b)
