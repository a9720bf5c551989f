from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.testing.optima import branch
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import MPEC, BilevelProgram
from reformulations.strong_duality import StrongDuality, gap_rows
from tests.certificate.games import INF, game


def kkt_of(program: BilevelProgram) -> MPEC:
    return KKT().apply(Canonical().apply(program).program).program


def test_pairs_become_one_row_primal_at_most_dual() -> None:
    """Min 3 y + x y  s.t.  y + 2 x >= 4 : a,  y == z : e,  0 <= y <= 9 : b, c.

    The gap: y (3 + x) + z 0 + a (2 x - 4) + 0 e + 0 b + 9 c <= 0, in the columns x, y, z, a, e, b, c.
    """
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y": 3, "x*y": 1})},
            {"x": ("leader", 0, 1), "y": ("f", 0, 9), "z": ("f", -INF, INF)},
            {"need": ("f", {"y": 1, "x": 2}, 4, INF), "copy": ("f", {"y": 1, "z": -1}, 0, 0)},
        )
    )
    image = StrongDuality().apply(mpec).program
    assert len(image.rows) == len(mpec.rows) + 1
    assert image.rows.matrix.toarray()[-1].tolist() == [0, 3, 0, -4, 0, 0, 9]
    assert (image.rows.lower[-1], image.rows.upper[-1]) == (-INF, 0)
    products = image.rows.products
    assert products.index.tolist() == [4, 4]
    assert [(int(a), int(b)) for a, b in zip(products.left, products.right, strict=True)] == [(0, 1), (0, 3)]
    assert products.value.tolist() == [1, 2]
    assert list(image.complementarity.names) == ["copy"]
    assert image.complementarity.equality.tolist() == [True]


def test_quadratic_follower_has_its_square_twice() -> None:
    """Min y^2 - 2 y, y <= 3 : c. The gap is y (2 y - 2) + 3 c <= 0: at y = 1, c = 0 it is 0."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y*y": 1, "y": -2})},
            {"x": ("leader", 0, 1), "y": ("f", -INF, 3)},
            {},
        )
    )
    gap = gap_rows(mpec, np.array([1]))
    assert gap.matrix.toarray().tolist() == [[0, -2, 3]]
    assert gap.products.value.tolist() == [2]
    assert gap.activity(np.array([0, 1.0, 0])).tolist() == [0]


def test_each_follower_has_a_row_and_the_others_columns_are_parameters() -> None:
    """f: min y s.t. y + z >= 1 : a;  g: min z s.t. z - y >= -2 : b. Gaps y + a (z - 1), z + b (-y + 2)."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y": 1}), "g": ("min", {"z": 1})},
            {"x": ("leader", 0, 1), "y": ("f", -INF, INF), "z": ("g", -INF, INF)},
            {"one": ("f", {"y": 1, "z": 1}, 1, INF), "two": ("g", {"z": 1, "y": -1}, -2, INF)},
        )
    )
    gap = gap_rows(mpec, np.array([1, 2]))
    assert gap.matrix.toarray().tolist() == [[0, 1, 0, -1, 0], [0, 0, 1, 0, 2]]
    assert gap.products.index.tolist() == [0, 1]
    assert gap.products.left.tolist() == [2, 1]
    assert gap.products.right.tolist() == [3, 4]
    assert gap.products.value.tolist() == [1, -1]


def test_column_without_multipliers_drops_out_of_the_gap() -> None:
    """Min y^2 - 2 x y + 3 z, z >= 1 : b, y free. 2 y - 2 x = 0 makes its part of the gap 0: 3 z - b <= 0 is left."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y*y": 1, "x*y": -2, "z": 3})},
            {"x": ("leader", 0, 1), "y": ("f", -INF, INF), "z": ("f", 1, INF)},
            {},
        )
    )
    gap = gap_rows(mpec, np.array([1]))
    assert gap.matrix.toarray().tolist() == [[0, 0, 3, -1]]
    assert len(gap.products) == 0


@pytest.mark.parametrize("bounds", [(-INF, INF), (2, 2)])
def test_follower_of_equalities_only_needs_no_row(bounds: tuple[float, float]) -> None:
    """Min y^2 - 2 x y with y free, or fixed at 2: feasibility and stationarity say it all."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y*y": 1, "x*y": -2})},
            {"x": ("leader", 0, 1), "y": ("f", *bounds)},
            {},
        )
    )
    image = StrongDuality().apply(mpec).program
    assert len(image.rows) == len(mpec.rows)
    assert len(image.complementarity.pairs) == 0


SMALL = st.integers(-3, 3)


@settings(max_examples=60)
@given(st.data())
def test_gap_is_the_sum_of_the_complementarity_products(data: st.DataObject) -> None:
    """At every primal and dual feasible point of two followers, optimal or not: sum_j lambda_j slack_j."""
    terms = {name: float(data.draw(SMALL)) for name in ("y", "z", "x*y", "x*z", "w*y", "y*z", "w*z")}
    squares = {"y*y": 2.0, "z*z": 3.0}
    program = game(
        {"leader": ("min", {"x": 1}), "f": ("min", terms | squares), "g": ("max", {"w": 1, "x*w": 2, "y*w": -1})},
        {"x": ("leader", -1, 1), "y": ("f", -2, 3), "z": ("f", -1, INF), "w": ("g", 0, 2)},
        {
            "a": ("f", {name: float(data.draw(SMALL)) for name in "xyzw"} | {"y": 1}, -5, 5),
            "b": ("f", {name: float(data.draw(SMALL)) for name in "xyzw"} | {"z": 1}, -4, INF),
            "c": ("g", {name: float(data.draw(SMALL)) for name in "xyz"} | {"w": 1}, -INF, 6),
        },
    )
    mpec = kkt_of(program)
    pairs = mpec.complementarity
    cost = np.array([float(data.draw(SMALL)) for _ in range(len(mpec.columns))])
    upper = mpec.columns.upper.copy()
    upper[pairs.multiplier] = 10
    none = np.zeros(0, np.int64)
    relaxed = replace(
        mpec,
        cost=cost,
        columns=replace(mpec.columns, upper=upper),
        complementarity=replace(
            pairs,
            slack=pairs.slack[:0],
            names=pairs.names.take(none),
            **{
                item: getattr(pairs, item)[:0]
                for item in ("offset", "multiplier", "row", "equality", "opposite", "owner")
            },
        ),
    )
    _, point = branch(relaxed)
    if len(point) == 0:
        return
    products = point[pairs.multiplier] * pairs.slacks(point)
    expected = [products[pairs.owner == player].sum() for player in (1, 2)]
    assert gap_rows(mpec, np.array([1, 2])).activity(point) == pytest.approx(expected, abs=1e-6)
