from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from reformulations.potentials import Potentials
from reformulations.programs import (
    MPEC,
    Columns,
    Complementarity,
    MultiplierColumns,
    Names,
    Product,
    Rows,
    Stationarity,
)
from tests.problems.price_systems import Follower, game, kkt_point, nonnegative

INF = np.inf


@st.composite
def random_follower(draw: st.DrawFn, leader: int) -> Follower:
    q, p = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    entry = st.integers(-3, 3)
    matrix = [[float(draw(entry)) for _ in range(q)] for _ in range(p)]
    inside = [draw(st.integers(0, 5)) for _ in range(q)]
    equality = [0] if draw(st.booleans()) else []
    room = [0 if j in equality else draw(st.integers(0, 3)) for j in range(p)]
    right = [float(np.dot(row, inside) - gap) for row, gap in zip(matrix, room, strict=True)]
    cost = [float(draw(entry)) for _ in range(q)]
    prices = {(k, draw(st.integers(0, leader - 1))): 1.0 for k in range(q)}
    return nonnegative(Follower(matrix, right, cost, equality, {}, prices), upper=10)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_any_multiple_of_each_bill_is_linear_and_equal_at_kkt_points(data: st.DataObject) -> None:
    """Each follower's bill of leader prices, times its own factor: strong duality of each component."""
    leader = 3
    followers = [data.draw(random_follower(leader)) for _ in range(data.draw(st.integers(1, 2)))]
    names, products, first = [f"p{i}" for i in range(leader)], {}, 0
    for follower in followers:
        factor = float(data.draw(st.sampled_from([-2, -1, 1, 3])))
        for (k, i), value in follower.prices.items():
            products[names[i], f"y{first + k + 1}"] = factor * value
        first += len(follower.cost)
    mpec = game(names, followers, products)
    image = Potentials().apply(mpec).program
    assert len(image.products) == 0
    x = [data.draw(st.integers(-8, 8)) / 4 for _ in names]
    point = kkt_point(mpec, followers, x)
    assert image.objective(point) == pytest.approx(mpec.objective(point), abs=1e-7, rel=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_every_combination_of_identities_is_found_and_equal_at_kkt_points(data: st.DataObject) -> None:
    """Products of sum alpha_j lambda_j slack_j + sum beta_n y_n stationarity_n for random potentials."""
    follower = data.draw(random_follower(2))
    follower = replace(follower, leader={(0, 2): float(data.draw(st.integers(-2, 2)))})
    mpec = game(["p0", "p1", "x"], [follower], {})
    n, weight = len(mpec.columns), st.integers(-4, 4)
    form = np.zeros((n, n))
    slack = mpec.complementarity.slack.toarray()
    for column, row in zip(mpec.complementarity.multiplier, slack, strict=True):
        form[column] += data.draw(weight) / 2 * row
    for column, row in zip(mpec.stationarity.column, mpec.rows.matrix.toarray()[mpec.stationarity.row], strict=True):
        form[column] += data.draw(weight) / 3 * row
    left, right = np.nonzero(form)
    products = Product.of(np.zeros(len(left), np.int64), left, right, form[left, right])
    mpec = replace(mpec, products=products)
    image = Potentials().apply(mpec).program
    assert len(image.products) == 0
    point = kkt_point(mpec, [follower], [data.draw(weight) / 2, data.draw(weight) / 2, 0.0])
    assert image.objective(point) == pytest.approx(mpec.objective(point), abs=1e-7, rel=1e-9)


def test_fifty_thousand_products_take_seconds_at_most() -> None:
    """One long path: y_t - y_(t+1) >= 0 couples all hours, so all potentials hang together."""
    q = 12_500
    follower_columns = np.arange(q, 2 * q)
    eye, step = sparse.eye_array(q), sparse.eye_array(q) - sparse.eye_array(q, k=1)
    own = sparse.vstack([step, eye]).tocsr()
    p = 2 * q
    slack = sparse.hstack([sparse.csr_array((p, q)), own, sparse.csr_array((p, p))], format="csr")
    gradient = sparse.hstack([eye, sparse.csr_array((q, q)), -own.T], format="csr")
    n = 2 * q + p
    zero, index = np.zeros(n), np.arange(q)
    mpec = MPEC(
        columns=Columns(np.full(n, -INF), np.full(n, INF), np.zeros(n, bool), Names(n, lambda k: f"z{k}")),
        rows=Rows(sparse.csr_array(gradient), -np.ones(q), -np.ones(q), Names(q, lambda k: f"stationarity{k}")),
        cost=zero,
        constant=0.0,
        products=Product(np.zeros(q, np.int64), index, follower_columns, np.ones(q)),
        complementarity=Complementarity(
            sparse.csr_array(slack),
            np.ones(p),
            np.arange(2 * q, n),
            np.full(p, -1),
            np.zeros(p, bool),
            np.full(p, -1),
            np.ones(p, np.int64),
            Names(p, lambda k: f"row{k}"),
        ),
        stationarity=Stationarity(index, follower_columns),
        aliases=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, n))),
    )
    began = perf_counter()
    image = Potentials().apply(mpec).program
    assert perf_counter() - began < 10  # about one second alone on a core; others may share it
    assert len(image.products) == 0
    assert set(image.cost.tolist()) == {0.0, -1.0, 1.0}
