from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, sparse

from reformulations.potentials import Potentials
from reformulations.programs import (
    MPEC,
    Names,
    Rows,
)
from reformulations.refusal import NotApplicable
from tests.problems.price_systems import Follower, coefficients, game, kkt_point, nonnegative

INF = np.inf


def test_price_times_quantity_is_strong_duality_with_equal_potentials() -> None:
    """Min -p y1, the follower min (p + 1) y1 + 3 y2, y1 + y2 == 1: lambda1, y >= 0: lambda2, lambda3.

    Strong duality: (p + 1) y1 + 3 y2 = lambda1. Image: min y1 + 3 y2 - lambda1.
    """
    follower = nonnegative(Follower([[1, 1]], [1], [1, 3], equality=[0], prices={(0, 0): 1}))
    mpec = game(["p"], [follower], {("p", "y1"): -1.0})
    reduced = Potentials().apply(mpec)
    assert coefficients(reduced.program) == {"y1": 1.0, "y2": 3.0, "lambda1": -1.0}
    assert len(reduced.program.products) == 0
    (note,) = reduced.notes
    assert "strong duality" in note
    assert "p*y1" in note
    for price in (0.5, 1.5, 2.5):
        point = kkt_point(mpec, [follower], [price])
        assert reduced.program.objective(point) == pytest.approx(mpec.objective(point), abs=1e-9)


def test_potentials_leave_columns_and_recovery_as_they_are() -> None:
    follower = nonnegative(Follower([[1]], [2], [1], prices={(0, 0): 1}))
    mpec = game(["p"], [follower], {("p", "y1"): -1.0})
    reduced = Potentials().apply(mpec)
    point = np.arange(len(mpec.columns), dtype=float)
    assert np.array_equal(reduced.recover(point), point)
    assert reduced.program.columns is mpec.columns


def test_profit_over_three_hours_leaves_prices_of_two_followers_linear() -> None:
    """Two types charge in three hours at the same prices; bills p'(y1..y3) + p'(y4..y6).

    Each bill is its own component: need * lambda - 7 * (multipliers of the upper bounds).
    """
    prices = {(t, t): 1.0 for t in range(3)}
    one = nonnegative(Follower([[1, 1, 1]], [10], [0, 0, 0], prices=prices), upper=7)
    two = nonnegative(Follower([[1, 1, 0.5]], [5], [0.1, 0, 0], prices=prices), upper=7)
    bills = {(f"p{t + 1}", f"y{k + t + 1}"): -1.0 for t in range(3) for k in (0, 3)}
    mpec = game(["p1", "p2", "p3"], [one, two], bills)
    image = Potentials().apply(mpec).program
    expected = {"lambda1": -10.0, "lambda5": 7.0, "lambda6": 7.0, "lambda7": 7.0}
    expected |= {"lambda8": -5.0, "lambda12": 7.0, "lambda13": 7.0, "lambda14": 7.0, "y4": 0.1}
    assert coefficients(image) == expected
    point = kkt_point(mpec, [one, two], [0.3, 0.5, 0.4])
    assert image.objective(point) == pytest.approx(mpec.objective(point), abs=1e-9)


def conejo() -> tuple[MPEC, Follower]:
    """Conejo et al. 2016: min 40000 x + 8760 (10 y1 - lambda1 y1); price = multiplier of the balance."""
    follower = nonnegative(
        Follower(
            [[1, 1, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]],
            [200, 0, -150, -100],
            [10, 12, 15],
            equality=[0],
            leader={(1, 0): 1.0},
        )
    )
    cost = {"x": 40000.0, "y1": 87600.0}
    return game(["x"], [follower], {("price", "y1"): -8760.0}, cost, {"price": {"lambda1": 1.0}}), follower


def test_strategic_bidding_of_conejo_2016_becomes_linear_exactly() -> None:
    """Balance times lambda1: lambda1 y1 = 200 lambda1 - lambda1 y2 - lambda1 y3, and the rivals'
    lambda1 y2 = 12 y2 + 150 lambda3, lambda1 y3 = 15 y3 + 100 lambda4.
    """
    mpec, follower = conejo()
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {
        "x": 40000.0,
        "y1": 87600.0,
        "y2": 8760.0 * 12,
        "y3": 8760.0 * 15,
        "lambda1": -8760.0 * 200,
        "lambda3": 8760.0 * 150,
        "lambda4": 8760.0 * 100,
    }
    for capacity in (0.0, 37.0, 50.0, 120.0, 250.0):
        point = kkt_point(mpec, [follower], [capacity])
        assert image.objective(point) == pytest.approx(mpec.objective(point), rel=1e-9)


def optimum(mpec: MPEC, lower: dict[str, float], upper: dict[str, float], largest: float) -> float:
    """Solve the linear MPEC by a mixed-integer program with a bound that fits the hand-made case."""
    assert len(mpec.products) == 0
    n, pairs = len(mpec.columns), mpec.complementarity.pairs
    p = len(pairs)
    slack = mpec.complementarity.slack.toarray()[pairs]
    choice = largest * np.eye(p)
    unit = np.eye(n)[mpec.complementarity.multiplier[pairs]]
    matrix = np.vstack(
        [
            np.hstack([mpec.rows.matrix.toarray(), np.zeros((len(mpec.rows), p))]),
            np.hstack([slack, -choice]),
            np.hstack([unit, choice]),
        ]
    )
    offset = mpec.complementarity.offset[pairs]
    low = np.concatenate([mpec.rows.lower, np.full(2 * p, -INF)])
    high = np.concatenate([mpec.rows.upper, offset, np.full(p, largest)])
    floor = np.concatenate([mpec.columns.lower, np.zeros(p)])
    ceiling = np.concatenate([mpec.columns.upper, np.ones(p)])
    names = list(mpec.columns.names)
    for name, value in lower.items():
        floor[names.index(name)] = value
    for name, value in upper.items():
        ceiling[names.index(name)] = value
    answer = optimize.milp(
        np.concatenate([mpec.cost, np.zeros(p)]),
        constraints=optimize.LinearConstraint(matrix, low, high),
        bounds=optimize.Bounds(floor, ceiling),
        integrality=np.concatenate([np.zeros(n), np.ones(p)]),
    )
    return mpec.constant + float(answer.fun) if answer.status == 0 else INF


def test_conejo_2016_has_its_published_optimum() -> None:
    mpec, _ = conejo()
    image = Potentials().apply(mpec).program
    assert optimum(image, {"x": 0}, {"x": 250}, 1000) == pytest.approx(-190000, rel=1e-6)


def test_strategic_bidding_of_fanzeres_2017_has_its_published_optimum() -> None:
    """Max price g1; min 50 y2 + 100 y3 + 1000 y4, sum y == 100: price, y1 <= q, y2, y3 <= 40, y4 <= 100: 20000."""
    caps = (-np.eye(4)).tolist()
    follower = nonnegative(
        Follower(
            [[1, 1, 1, 1], *caps], [100, 0, -40, -40, -100], [0, 50, 100, 1000], equality=[0], leader={(1, 0): 1.0}
        )
    )
    mpec = game(["q"], [follower], {("price", "y1"): -1.0}, aliases={"price": {"lambda1": 1.0}})
    image = Potentials().apply(mpec).program
    assert optimum(image, {"q": 0}, {"q": 100}, 2000) == pytest.approx(-20000, rel=1e-6)
    for bid in (5.0, 20.0, 90.0):
        point = kkt_point(mpec, [follower], [bid])
        assert image.objective(point) == pytest.approx(mpec.objective(point), rel=1e-9)


def test_price_bid_with_a_forward_contract_keeps_bid_and_dispatch_apart() -> None:
    """Max (price - 1) y1 - (price - 1) 10; min u y1 + 2 y2 + 1.5 y3 + 100 y4, sum y == 26: price; caps 10, 15, 12: 0.

    u y1 stands in the stationarity of y1 only, whose potential is therefore zero.
    """
    caps = [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]]
    follower = nonnegative(
        Follower([[1, 1, 1, 1], *caps], [26, -10, -15, -12], [0, 2, 1.5, 100], equality=[0], prices={(0, 0): 1.0})
    )
    cost = {"y1": 1.0, "price": 10.0}
    mpec = game(["u"], [follower], {("price", "y1"): -1.0}, cost, {"price": {"lambda1": 1.0}})
    image = replace(Potentials().apply(mpec).program, constant=-10.0)
    assert "u" not in coefficients(image)
    assert optimum(image, {"u": 0}, {"u": 200}, 500) == pytest.approx(0, abs=1e-6)
    for bid in (0.0, 1.7, 2.5, 120.0):
        point = kkt_point(mpec, [follower], [bid])
        assert image.objective(point) + 10 == pytest.approx(mpec.objective(point), rel=1e-9)


def test_simple_linearisation_of_pull_request_157_has_its_optimum() -> None:
    """Min x0 + price y1, x0 + y1 - y2 == 2, y1 = 0 or y2 = 0; min y3 + y2 - xe y1, y2 - y1 + y3 == 1: price: 2."""
    follower = nonnegative(Follower([[-1, 1, 1]], [1], [0, 1, 1], equality=[0], prices={(0, 0): -1.0}), upper=10)
    mpec = game(["x0", "xe"], [follower], {("price", "y1"): 1.0}, {"x0": 1.0}, {"price": {"lambda1": 1.0}})
    balance = sparse.csr_array(
        np.eye(1, len(mpec.columns)) + np.eye(1, len(mpec.columns), 2) - np.eye(1, len(mpec.columns), 3)
    )
    image = Potentials().apply(mpec).program
    image = replace(
        image, rows=image.rows.append(Rows(balance, np.array([2.0]), np.array([2.0]), Names.of(["balance"])))
    )
    box = {"x0": 10.0, "xe": 10.0}
    values = [optimum(image, {"x0": 0, "xe": 0}, box | {name: 0.0}, 100) for name in ("y1", "y2")]
    assert min(values) == pytest.approx(2, rel=1e-6)
    point = kkt_point(mpec, [follower], [2.0, 3.0])
    assert image.objective(point) == pytest.approx(mpec.objective(point), rel=1e-9)


def test_quadratic_follower_leaves_a_convex_form_of_its_own_columns() -> None:
    """Max price y1; min 2 y2 + y2^2 / 2, y1 + y2 == 10: price, y1 <= x.

    -price y1 = -10 price + 2 y2 + y2^2. At x = 4: y = (4, 6), price = 8: -32 on both sides.
    """
    follower = nonnegative(
        Follower([[1, 1], [-1, 0]], [10, 0], [0, 2], equality=[0], leader={(1, 0): 1.0}, hessian=[[0, 0], [0, 1]])
    )
    mpec = game(["x"], [follower], {("price", "y1"): -1.0}, aliases={"price": {"lambda1": 1.0}})
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y2": 2.0, "lambda1": -10.0}
    assert [(int(image.products.left[0]), int(image.products.right[0]), float(image.products.value[0]))] == [
        (2, 2, 1.0)
    ]
    point = np.array([4.0, 4, 6, 8, 8, 8, 0, 0])
    assert mpec.objective(point) == -32
    assert image.objective(point) == -32


def test_price_of_a_quadratic_follower_is_exchanged_for_its_convex_square() -> None:
    """Leader min x y1, follower min y1^2 / 2 - x y1, 0 <= y1 <= 7: x y1 = y1^2 + 7 lambda2. At x = 9: y1 = 7, 63."""
    follower = nonnegative(Follower([], [], [0], prices={(0, 0): -1.0}, hessian=[[1]]), upper=7)
    mpec = game(["x"], [follower], {("x", "y1"): 1.0})
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"lambda2": 7.0}
    assert (list(image.products.left), list(image.products.right), list(image.products.value)) == ([1], [1], [1.0])
    point = np.array([9.0, 7, 0, 2])
    assert mpec.objective(point) == image.objective(point) == 63


def test_product_with_a_bounded_integer_leader_column_may_stay() -> None:
    """The column x in 0..5 times y1 stays for a binary expansion."""
    follower = nonnegative(Follower([[1]], [2], [1]))
    mpec = game(["x"], [follower], {("x", "y1"): 1.0}, integer=("x",))
    upper = mpec.columns.upper.copy()
    upper[0] = 5.0
    image = Potentials().apply(replace(mpec, columns=replace(mpec.columns, upper=upper))).program
    assert len(image.products) == 1


def test_convex_cost_beside_a_bilinear_revenue_stays_as_it_is() -> None:
    """Min P^2 - p y1 with follower min p y1 + y1, y1 >= 2: the square stays, p y1 = 2 lambda1 - y1."""
    follower = nonnegative(Follower([[1]], [2], [1], prices={(0, 0): 1}))
    mpec = game(["p", "P"], [follower], {("P", "P"): 1.0, ("p", "y1"): -1.0})
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y1": 1.0, "lambda1": -2.0}
    assert list(image.products.left) == list(image.products.right) == [1]


def test_convex_objective_is_left_alone() -> None:
    """(P - y1)^2 is convex: nothing to do, and nothing to say."""
    follower = nonnegative(Follower([[1]], [2], [1]))
    mpec = game(["P"], [follower], {("P", "P"): 1.0, ("y1", "y1"): 1.0, ("P", "y1"): -2.0})
    reduced = Potentials().apply(mpec)
    assert reduced.notes == ()
    assert np.array_equal(reduced.program.products.value, mpec.products.value)


def test_purchase_that_is_defined_by_a_leader_row_is_linearised_through_it() -> None:
    """Min -p P, P == y1 + y2; the follower pays p (y1 + y2): p times the definition, then strong duality."""
    follower = nonnegative(Follower([[1, 2]], [4], [1, 3], prices={(0, 0): 1, (1, 0): 1}))
    mpec = game(["p", "P"], [follower], {("p", "P"): -1.0}, definitions=[{"P": 1.0, "y1": -1.0, "y2": -1.0}])
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y1": 1.0, "y2": 3.0, "lambda1": -4.0}


def test_alias_of_two_multipliers_is_replaced_by_both() -> None:
    """Rows y1 == 4 and y1 + y2 == 7, price = lambda1 - 2 lambda2; y1 times its stationarity lambda1 + lambda2 == 1
    makes price y1 = 3 lambda1 y1 - 2 y1, and lambda1 y1 = 4 lambda1. At y = (4, 3), lambda = (-4, 5): -56.
    """
    follower = Follower([[1, 0], [1, 1]], [4, 7], [1, 5], equality=[0, 1])
    mpec = game([], [follower], {("price", "y1"): -1.0}, aliases={"price": {"lambda1": 1.0, "lambda2": -2.0}})
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y1": 2.0, "lambda1": -12.0}
    point = kkt_point(mpec, [follower], [])
    assert image.objective(point) == pytest.approx(mpec.objective(point)) == pytest.approx(4 * 14)


def test_product_in_a_leader_row_becomes_linear() -> None:
    """The budget p y1 <= 100 becomes lambda1 - y1 - 3 y2 <= 100."""
    follower = nonnegative(Follower([[1, 1]], [1], [1, 3], equality=[0], prices={(0, 0): 1}))
    mpec = game(["p"], [follower], {}, row={("p", "y1"): 1.0})
    rows = Potentials().apply(mpec).program.rows
    assert len(rows.products) == 0
    assert np.array_equal(rows.matrix.toarray()[0], [0, -1, -3, 1, 0, 0])
    point = kkt_point(mpec, [follower], [0.7])
    assert rows.activity(point)[0] == pytest.approx(mpec.rows.activity(point)[0], abs=1e-9)


def test_fixed_column_in_a_product_is_its_value() -> None:
    """With x fixed at 3: 2 x y1 is 6 y1, whatever the follower does."""
    follower = nonnegative(Follower([[1]], [2], [1]))
    mpec = game(["x"], [follower], {("x", "y1"): 2.0, ("x", "x"): -1.0})
    columns = mpec.columns
    lower, upper = columns.lower.copy(), columns.upper.copy()
    lower[0] = upper[0] = 3.0
    fixed = replace(mpec, columns=replace(columns, lower=lower, upper=upper))
    image = Potentials().apply(fixed).program
    assert coefficients(image) == {"y1": 6.0}
    assert image.constant == -9.0
    assert len(image.products) == 0


def test_products_of_a_binary_leader_column_may_stay_in_objective_and_rows() -> None:
    """The product b y2 stays for the pass on binary products; p y1 beside it becomes linear."""
    follower = nonnegative(Follower([[1, 1]], [1], [1, 3], equality=[0], prices={(0, 0): 1}))
    mpec = game(["p", "b"], [follower], {("p", "y1"): -1.0, ("b", "y2"): 5.0}, row={("b", "y1"): 1.0}, integer=("b",))
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y1": 1.0, "y2": 3.0, "lambda1": -1.0}
    assert (list(image.products.left), list(image.products.right)) == ([1], [3])
    assert (list(image.rows.products.left), list(image.rows.products.right)) == ([1], [2])


def test_binary_in_a_right_hand_side_leaves_its_product_with_the_multiplier() -> None:
    """y1 >= 2 + b, bill p y1: lambda1 (2 + b) - y1, and b lambda1 stays."""
    follower = nonnegative(Follower([[1]], [2], [1], leader={(0, 1): -1.0}, prices={(0, 0): 1}))
    mpec = game(["p", "b"], [follower], {("p", "y1"): -1.0}, integer=("b",))
    image = Potentials().apply(mpec).program
    assert coefficients(image) == {"y1": 1.0, "lambda1": -2.0}
    (value,) = image.products.value
    assert [mpec.columns.names[int(k)] for k in (image.products.left[0], image.products.right[0])] == ["b", "lambda1"]
    assert value == -1.0


def test_continuous_right_hand_side_is_refused_with_the_term_and_the_way_out() -> None:
    """y1 >= x: lambda1 x in the row's identity, nowhere else."""
    follower = nonnegative(Follower([[1]], [0], [1], leader={(0, 1): -1.0}, prices={(0, 0): 1}))
    mpec = game(["p", "x"], [follower], {("p", "y1"): -1.0})
    with pytest.raises(NotApplicable, match=r"p\*y1.*x\*lambda1.*row1.*binary") as refused:
        Potentials().apply(mpec)
    assert refused.value.where == "leader's objective"


def test_inconsistent_cycle_is_refused_and_named() -> None:
    """Two rows over two columns, target lambda1 y1 alone: alpha1 + beta1 = 1, the other three sums 0. No potentials."""
    follower = Follower([[1, 1], [1, 2]], [3, 4], [1, 1])
    mpec = game([], [follower], {("lambda1", "y1"): -1.0})
    with pytest.raises(NotApplicable) as refused:
        Potentials().apply(mpec)
    for part in ("y1*lambda1", "y2*lambda1", "y1*lambda2", "y2*lambda2", "row1", "row2", "stationarity of y1"):
        assert part in refused.value.reason


def test_product_without_any_identity_is_refused_in_its_row() -> None:
    follower = nonnegative(Follower([[1]], [2], [1]))
    mpec = game(["p"], [follower], {}, row={("p", "y1"): 1.0})
    with pytest.raises(NotApplicable, match=r"budget: no identity .* p\*y1"):
        Potentials().apply(mpec)


def test_convex_square_in_a_row_is_refused_but_in_the_objective_it_is_not() -> None:
    follower = nonnegative(Follower([[1]], [2], [1]))
    with pytest.raises(NotApplicable, match="budget"):
        Potentials().apply(game(["p"], [follower], {}, row={("p", "p"): 1.0}))
    assert len(Potentials().apply(game(["p"], [follower], {("p", "p"): 1.0})).program.products) == 1


def test_concave_remainder_is_refused() -> None:
    """Max (price y1) turned round: +price y1 leaves -y2^2, which is not convex."""
    follower = nonnegative(
        Follower([[1, 1], [-1, 0]], [10, 0], [0, 2], equality=[0], leader={(1, 0): 1.0}, hessian=[[0, 0], [0, 1]])
    )
    mpec = game(["x"], [follower], {("lambda1", "y1"): 1.0})
    with pytest.raises(NotApplicable, match="y2"):
        Potentials().apply(mpec)
