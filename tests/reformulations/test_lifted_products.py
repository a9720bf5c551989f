from __future__ import annotations

import numpy as np
import pytest

from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.lifted_products import LiftedProducts, liftable, with_gradients
from reformulations.programs import BilevelProgram
from reformulations.refusal import NotApplicable
from tests.certificate.games import INF, game


def lifted(program: BilevelProgram):
    return LiftedProducts(~liftable(program)).apply(program)


def worked_by_hand() -> BilevelProgram:
    """Max y over 2 y + x y <= 6 : m, y >= 0: y = 6 / (2 + x), m = 1 / (2 + x)."""
    return game(
        {"leader": ("min", {"y": 1, "x": 1}), "f": ("max", {"y": 1})},
        {"x": ("leader", 0, 4), "y": ("f", 0, INF)},
        {"work": ("f", {"y": 2, "x*y": 1}, -INF, 6)},
    )


def test_the_followers_row_is_linear_and_the_leader_defines_the_product() -> None:
    reduced, chains = lifted(worked_by_hand())
    image = reduced.program
    assert list(image.columns.names) == ["x", "y", "x*y"]
    assert image.rows.matrix.toarray().tolist() == [[0, 2, 1], [0, 0, 1]]
    assert image.row_owner.tolist() == [1, 0]
    assert image.column_owner.tolist() == [0, 1, 0]
    products = image.rows.products
    assert [products.index.tolist(), products.left.tolist(), products.right.tolist()] == [[1], [0], [1]]
    assert products.value.tolist() == [-1]
    assert (chains.lifted.tolist(), chains.own.tolist(), chains.other.tolist()) == ([2], [1], [0])


@pytest.mark.parametrize("x", [0.0, 1.0, 4.0])
def test_the_optimum_and_its_multiplier_satisfy_the_conditions(x: float) -> None:
    """Columns x, y, w, multipliers of work and of y >= 0, q = x m. At the optimum every row of the MPEC holds."""
    reduced, chains = lifted(worked_by_hand())
    optimality = KKT().apply(Canonical().apply(reduced.program).program)
    mpec = with_gradients(optimality.program, chains).program
    y, multiplier = 6 / (2 + x), 1 / (2 + x)
    point = np.array([x, y, x * y, multiplier, 0.0, x * multiplier])
    activity = mpec.rows.activity(point)
    assert np.all(activity >= mpec.rows.lower - 1e-12)
    assert np.all(activity <= mpec.rows.upper + 1e-12)
    assert mpec.complementarity.slacks(point)[0] == pytest.approx(0, abs=1e-12)
    wrong = point + np.array([0, 0, 0, 0.1, 0, 0.1 * x])
    gradient = mpec.rows.matrix[mpec.stationarity.row] @ wrong - mpec.rows.lower[mpec.stationarity.row]
    assert abs(gradient[0]) == pytest.approx(0.1 * (2 + x))


def test_a_row_whose_own_columns_stand_in_products_only_stays_the_followers() -> None:
    """X y <= 6 is y + w <= 6 with w = (x - 1) y."""
    program = game(
        {"leader": ("min", {"y": 1}), "f": ("max", {"y": 1})},
        {"x": ("leader", 1, 4), "y": ("f", 0, INF)},
        {"work": ("f", {"x*y": 1}, -INF, 6)},
    )
    reduced, chains = lifted(program)
    assert reduced.program.rows.matrix.toarray().tolist() == [[0, 1, 1], [0, 1, 1]]
    assert chains.shift.tolist() == [1]
    optimality = KKT().apply(Canonical().apply(reduced.program).program)
    mpec = with_gradients(optimality.program, chains).program
    x, y, multiplier = 3.0, 2.0, 1 / 3
    point = np.array([x, y, (x - 1) * y, multiplier, 0.0, (x - 1) * multiplier])
    activity = mpec.rows.activity(point)
    assert np.all((activity >= mpec.rows.lower - 1e-12) & (activity <= mpec.rows.upper + 1e-12))


def test_a_square_of_the_leader_is_a_number_to_the_follower() -> None:
    program = game(
        {"leader": ("min", {"y": 1}), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 2), "y": ("f", 0, INF)},
        {"need": ("f", {"y": 1, "x*x": -1}, 0, INF)},
    )
    reduced, chains = lifted(program)
    assert reduced.program.rows.matrix.toarray().tolist() == [[0, 1, -1], [0, 0, 1]]
    assert len(chains) == 0
    mpec = KKT().apply(Canonical().apply(reduced.program).program).program
    assert len(with_gradients(mpec, chains).program.columns) == len(mpec.columns)


def test_the_way_back_drops_what_was_added() -> None:
    reduced, _ = lifted(worked_by_hand())
    point = np.arange(float(reduced.program.point_size))
    assert reduced.recover(point).tolist() == [0, 1, 3, 5, 6, 8, 9]


def test_a_product_of_two_own_columns_is_refused() -> None:
    program = game(
        {"leader": ("min", {"y": 1}), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 2), "y": ("f", 0, 3)},
        {"disc": ("f", {"y*y": 1, "x": -1}, -INF, 0)},
    )
    with pytest.raises(NotApplicable, match=r"disc: the product y\*y of the follower's own variables"):
        lifted(program)
