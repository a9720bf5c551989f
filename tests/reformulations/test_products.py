from __future__ import annotations

from itertools import product as combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from reformulations.follower_products import FollowerProducts
from reformulations.products import BinaryProducts
from reformulations.programs import (
    MPEC,
    BilevelProgram,
    Columns,
    Complementarity,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Rows,
    Stationarity,
)
from reformulations.refusal import NotApplicable

INF = np.inf
Column = tuple[str, float, float, bool]
Terms = dict[tuple[str, str], float]


def terms(products: dict[tuple[int, str, str], float], names: list[str]) -> Product:
    keys = np.array([[i, names.index(a), names.index(b)] for i, a, b in products], np.int64).reshape(-1, 3)
    return Product.of(keys[:, 0], keys[:, 1], keys[:, 2], np.array(list(products.values()), float))


def program(
    columns: list[Column],
    objective: Terms,
    rows: list[tuple[dict[str, float], Terms, float, float]] | None = None,
    cost: dict[str, float] | None = None,
) -> MPEC:
    """Return an MPEC without a lower level: columns ``(name, lower, upper, integer)``."""
    rows = rows or []
    names, n = [column[0] for column in columns], len(columns)
    matrix = np.array([[linear.get(name, 0.0) for name in names] for linear, *_ in rows]).reshape(-1, n)
    in_rows = {(i, a, b): v for i, (_, products, _, _) in enumerate(rows) for (a, b), v in products.items()}
    none, nothing = np.empty(0, np.int64), sparse.csr_array((0, n))
    return MPEC(
        columns=Columns(
            np.array([column[1] for column in columns]),
            np.array([column[2] for column in columns]),
            np.array([column[3] for column in columns]),
            Names.of(names),
        ),
        rows=Rows(
            sparse.csr_array(matrix),
            np.array([row[2] for row in rows]),
            np.array([row[3] for row in rows]),
            Names.of([f"row{i + 1}" for i in range(len(rows))]),
            terms(in_rows, names),
        ),
        cost=np.array([(cost or {}).get(name, 0.0) for name in names]),
        constant=0.0,
        products=terms({(0, a, b): v for (a, b), v in objective.items()}, names),
        complementarity=Complementarity(nothing, np.empty(0), none, none, np.empty(0, bool), none, none, Names.of([])),
        stationarity=Stationarity(none, none),
        aliases=MultiplierColumns(none, nothing),
    )


def optimum(mpec: MPEC, fixed: dict[str, float] | None = None) -> tuple[float, np.ndarray]:
    """Solve an MPEC without complementarities and products."""
    assert len(mpec.products) == 0
    assert len(mpec.rows.products) == 0
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    for name, value in (fixed or {}).items():
        k = list(mpec.columns.names).index(name)
        lower[k] = upper[k] = value
    rows = optimize.LinearConstraint(mpec.rows.matrix, mpec.rows.lower, mpec.rows.upper)
    integer = mpec.columns.integer
    box = optimize.Bounds(lower, upper)
    answer = optimize.milp(mpec.cost, constraints=rows, bounds=box, integrality=integer, options={"mip_rel_gap": 0})
    if answer.status != 0:
        return INF, np.empty(0)
    # The mixed-integer solver violates rows by 1e-6; its linear program at the integers found does not.
    whole = np.round(answer.x)
    box = optimize.Bounds(np.where(integer, whole, lower), np.where(integer, whole, upper))
    answer = optimize.milp(mpec.cost, constraints=rows, bounds=box)
    assert answer.status == 0
    return mpec.constant + float(answer.fun), answer.x


def test_binary_times_bounded_column_is_a_column_in_four_rows() -> None:
    """Min b y, -2 <= y <= 3. Image: min w, w <= 3 b, w >= -2 b, w <= y + 2 (1 - b), w >= y - 3 (1 - b)."""
    mpec = program([("b", 0, 1, True), ("y", -2, 3, False)], {("b", "y"): 1.0})
    image = BinaryProducts().apply(mpec).program
    assert image.columns.names[2] == "b*y"
    assert (image.columns.lower[2], image.columns.upper[2]) == (-2, 3)
    assert np.array_equal(image.cost, [0, 0, 1])
    assert np.array_equal(image.rows.matrix.toarray(), [[-3, 0, 1], [2, 0, 1], [2, -1, 1], [-3, -1, 1]])
    assert np.array_equal(image.rows.lower, [-INF, 0, -INF, -3])
    assert np.array_equal(image.rows.upper, [0, INF, 2, INF])
    assert len(image.products) == 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_new_column_is_the_product_wherever_the_binary_is_zero_or_one(sign: float) -> None:
    """Least and greatest w agree at every (b, y): the envelope leaves a single point."""
    mpec = program([("b", 0, 1, True), ("y", -2, 3, False)], {("b", "y"): sign})
    image = BinaryProducts().apply(mpec).program
    for b, y in combinations((0.0, 1.0), (-2.0, -0.5, 0.0, 3.0)):
        assert optimum(image, {"b": b, "y": y})[0] == pytest.approx(sign * b * y, abs=1e-9)


def test_same_pair_in_objective_and_row_shares_one_column_and_the_way_back_drops_it() -> None:
    mpec = program([("y", 0, 4, False), ("b", 0, 1, True)], {("b", "y"): 2.0}, [({"y": 1.0}, {("b", "y"): 3.0}, 1, 5)])
    reduced = BinaryProducts().apply(mpec)
    assert len(reduced.program.columns) == 3
    assert np.array_equal(reduced.program.rows.matrix.toarray()[0], [1, 0, 3])
    assert np.array_equal(reduced.recover(np.array([4.0, 1, 4])), [4, 1])


def test_square_of_a_binary_is_the_binary() -> None:
    mpec = program([("b", 0, 1, True)], {("b", "b"): -5.0})
    image = BinaryProducts().apply(mpec).program
    assert np.array_equal(image.cost, [-5])
    assert len(image.columns) == 1


def test_integer_column_is_written_by_bits() -> None:
    """Min -x y + 3 y, 1 <= x <= 4 integer, y in [-1, 2]: at x = 4, y = 2 it is -2; at x = 1, y = -1 also -2."""
    mpec = program([("x", 1, 4, True), ("y", -1, 2, False)], {("x", "y"): -1.0}, cost={"y": 3.0})
    reduced = BinaryProducts().apply(mpec)
    image = reduced.program
    assert list(image.columns.names)[2:4] == ["x.bit[0]", "x.bit[1]"]
    assert np.array_equal(image.rows.matrix.toarray()[0], [1, 0, -1, -2, 0, 0])
    assert optimum(image)[0] == pytest.approx(-2)
    for x, y in combinations((1.0, 2.0, 3.0, 4.0), (-1.0, 0.5, 2.0)):
        value, point = optimum(image, {"x": x, "y": y})
        assert value == pytest.approx(3 * y - x * y, abs=1e-9)
        assert np.allclose(reduced.recover(point), [x, y])


def test_integer_stays_where_expansion_is_switched_off() -> None:
    mpec = program([("x", 1, 4, True), ("y", -1, 2, False)], {("x", "y"): -1.0})
    assert len(BinaryProducts(largest_range=1).apply(mpec).program.products) == 1


def test_convex_square_of_an_integer_stays_and_its_products_with_a_binary_go() -> None:
    """x^2 + b x: the square is convex and stays, b x is written by rows."""
    mpec = program([("x", -3, 3, True), ("b", 0, 1, True)], {("x", "x"): 1.0, ("b", "x"): 1.0})
    image = BinaryProducts().apply(mpec).program
    assert (list(image.products.left), list(image.products.right)) == ([0], [0])


def test_convex_form_with_an_unbounded_column_stays_whole() -> None:
    """(y - b)^2 with y free needs no bound: it is convex."""
    mpec = program([("y", -INF, INF, False), ("b", 0, 1, True)], {("y", "y"): 1.0, ("b", "b"): 1.0, ("y", "b"): -2.0})
    assert len(BinaryProducts().apply(mpec).program.products) == 3


def test_bound_that_a_row_implies_is_used() -> None:
    """2 y <= 6 bounds y <= 3."""
    mpec = program([("b", 0, 1, True), ("y", 0, INF, False)], {("b", "y"): -1.0}, [({"y": 2.0}, {}, -INF, 6)])
    assert optimum(BinaryProducts().apply(mpec).program)[0] == pytest.approx(-3)


def test_column_without_bound_is_refused_by_name() -> None:
    mpec = program([("b", 0, 1, True), ("supply", 0, INF, False)], {("b", "supply"): -1.0})
    with pytest.raises(NotApplicable, match=r"supply: no finite bound can be derived .* product with b"):
        BinaryProducts().apply(mpec)


def test_column_with_a_useless_bound_is_refused_by_name() -> None:
    mpec = program([("b", 0, 1, True), ("supply", 0, 1e9, False)], {("b", "supply"): -1.0})
    with pytest.raises(NotApplicable, match=r"supply: the smallest bound found, 1e\+09"):
        BinaryProducts().apply(mpec)


def test_product_of_two_continuous_columns_stays() -> None:
    mpec = program([("x", 0, 1, False), ("y", 0, 1, False)], {("x", "y"): 1.0})
    assert len(BinaryProducts().apply(mpec).program.products) == 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_image_has_the_optimum_of_enumeration(data: st.DataObject) -> None:
    """Two binaries, one integer in -1..2, one continuous column on a grid of its bounds: bilinear in it."""
    columns: list[Column] = [("b", 0, 1, True), ("c", 0, 1, True), ("x", -1, 2, True), ("y", -2, 3, False)]
    names, weight = [column[0] for column in columns], st.integers(-3, 3)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:] if (a, b) != ("y", "y")]
    # A convex square of the integer would stay in the objective.
    objective = {pair: float(data.draw(st.integers(-3, 0) if pair == ("x", "x") else weight)) for pair in pairs}
    in_row = {pair: float(data.draw(weight)) for pair in pairs}
    room = float(data.draw(st.integers(0, 6)))
    cost = {name: float(data.draw(weight)) for name in names}
    mpec = program(columns, objective, [({}, in_row, -INF, room)], cost)
    best = INF
    for b, c, x in combinations((0, 1), (0, 1), (-1, 0, 1, 2)):
        base, at_one = (mpec.rows.activity(np.array([b, c, x, y], float))[0] for y in (0, 1))
        slope, low, high = at_one - base, -2.0, 3.0
        if slope > 0:
            high = min(high, (room - base) / slope)
        if slope < 0:
            low = max(low, (room - base) / slope)
        if low <= high and (slope != 0 or base <= room):
            best = min(best, *(mpec.objective(np.array([b, c, x, y], float)) for y in (low, high)))
    reduced = BinaryProducts().apply(mpec)
    value, point = optimum(reduced.program)
    assert value == pytest.approx(best, abs=1e-6)
    if best < INF:
        assert mpec.objective(reduced.recover(point)) == pytest.approx(best, abs=1e-6)


def bilevel(
    columns: list[tuple[str, int, float, float, bool]],
    rows: list[tuple[int, dict[str, float], Terms, float, float]],
    cost: dict[int, dict[str, float]] | None = None,
    multipliers: MultiplierColumns | None = None,
) -> BilevelProgram:
    """Columns ``(name, owner, lower, upper, integer)``, rows ``(owner, linear, products, lower, upper)``."""
    names, n, players = [column[0] for column in columns], len(columns), 3
    matrix = np.array([[row[1].get(name, 0.0) for name in names] for row in rows])
    linear = np.array([[(cost or {}).get(p, {}).get(name, 0.0) for name in names] for p in range(players)])
    in_rows = {(i, a, b): v for i, row in enumerate(rows) for (a, b), v in row[2].items()}
    return BilevelProgram(
        players=("leader", "one", "two"),
        roles=np.array([0, 1, 1]),
        columns=Columns(
            np.array([column[2] for column in columns], float),
            np.array([column[3] for column in columns], float),
            np.array([column[4] for column in columns]),
            Names.of(names),
        ),
        column_owner=np.array([column[1] for column in columns]),
        rows=Rows(
            sparse.csr_array(matrix),
            np.array([row[3] for row in rows], float),
            np.array([row[4] for row in rows], float),
            Names.of([f"row{i + 1}" for i in range(len(rows))]),
            terms(in_rows, names),
        ),
        row_owner=np.array([row[0] for row in rows]),
        objectives=Objectives(np.ones(players), np.zeros(players), sparse.csr_array(linear)),
        multipliers=multipliers or MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(rows) + 2 * n))),
    )


def test_product_in_a_follower_row_becomes_a_column_of_that_follower() -> None:
    """Row y + 2 x y <= 6, 0 <= y <= 5: y + 2 w <= 6, and the envelope of w with L = -0.05, U = 5.05."""
    game = bilevel([("x", 0, 0, 1, True), ("y", 1, 0, 5, False)], [(1, {"y": 1.0}, {("x", "y"): 2.0}, -INF, 6)])
    image = FollowerProducts().apply(game).program
    assert list(image.column_owner) == [0, 1, 1]
    assert list(image.row_owner) == [1] * 5
    assert len(image.rows.products) == 0
    assert np.allclose(
        image.rows.matrix.toarray(), [[0, 1, 2], [-5.05, 0, 1], [0.05, 0, 1], [0.05, -1, 1], [-5.05, -1, 1]]
    )
    assert np.allclose(image.rows.lower[1:], [-INF, 0, -INF, -5.05])
    assert np.allclose(image.rows.upper[1:], [0, INF, 0.05, INF])


def solved(game: BilevelProgram, x: float) -> np.ndarray:
    """Return the primal-dual point of follower 1 at the leader's decision ``x`` = column 0."""
    n, m = len(game.columns), len(game.rows)
    own, matrix = game.column_owner == 1, game.rows.matrix.toarray()
    shift = matrix[:, 0] * x
    at_least, at_most = game.rows.lower - shift, game.rows.upper - shift
    low, high = np.isfinite(at_least), np.isfinite(at_most)
    answer = optimize.linprog(
        game.objectives.linear.toarray()[1, own],
        np.vstack([matrix[high][:, own], -matrix[low][:, own]]),
        np.concatenate([at_most[high], -at_least[low]]),
        bounds=np.stack([game.columns.lower[own], game.columns.upper[own]], axis=1),
        method="highs",
    )
    assert answer.status == 0
    point = np.zeros(game.point_size)
    point[0], point[:n][own] = x, answer.x
    duals = np.zeros(m)
    duals[high] += answer.ineqlin.marginals[: high.sum()]
    duals[low] -= answer.ineqlin.marginals[high.sum() :]
    point[n : n + m] = duals
    point[n + m : 2 * n + m][own] = answer.lower.marginals
    point[2 * n + m :][own] = answer.upper.marginals
    return point


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.data())
def test_recovered_multipliers_satisfy_the_kkt_conditions_of_the_source(data: st.DataObject) -> None:
    """Random rows sum a_n y_n + x sum d_n y_n <= r of two columns; x = 0 and x = 1; LP multipliers of the image."""
    weight = st.integers(-3, 3)
    rows = []
    for _ in range(data.draw(st.integers(1, 3))):
        linear = {name: float(data.draw(weight)) for name in ("y", "z")}
        products = {("x", name): float(data.draw(weight)) for name in ("y", "z")}
        rows.append((1, {**linear, "x": float(data.draw(weight))}, products, -INF, 3.0 + data.draw(st.integers(0, 5))))
    cost = {1: {name: float(data.draw(weight)) for name in ("y", "z")}}
    game = bilevel([("x", 0, 0, 1, True), ("y", 1, 0, 4, False), ("z", 1, -2, 3, False)], rows, cost)
    if len(game.rows.products) == 0:
        return
    reduced = FollowerProducts().apply(game)
    n, m = 3, len(rows)
    for x in (0.0, 1.0):
        # y = z = 0 is feasible: every right-hand side is at least 3 and x weighs at most 3.
        point = reduced.recover(solved(reduced.program, x))
        z, dual, lower, upper = np.split(point, [n, n + m, 2 * n + m])
        at_one = game.rows.products.hessian
        active = game.rows.matrix.toarray() + np.array([at_one(n, i).toarray()[0] * x for i in range(m)])
        slope = game.objectives.linear.toarray()[1] - active.T @ dual - lower - upper
        assert np.allclose(slope[1:], 0, atol=1e-7)
        slack = game.rows.upper - game.rows.activity(z)
        assert slack.min() >= -1e-7
        assert np.allclose(dual * slack, 0, atol=1e-7)
        assert dual.max(initial=0.0) <= 1e-9
        assert np.allclose(lower * (z - game.columns.lower), 0, atol=1e-7)
        assert np.allclose(upper * (game.columns.upper - z), 0, atol=1e-7)


def test_columns_that_stand_for_multipliers_follow_their_rows_and_bounds() -> None:
    """Price = multiplier of row1 + 2 lower bound of y + 3 upper bound of y, before and after."""
    n, m = 3, 1
    entries = np.zeros((1, m + 2 * n))
    entries[0, [0, m + 1, m + n + 1]] = [1, 2, 3]
    alias = MultiplierColumns(np.array([2]), sparse.csr_array(entries))
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, 5, False), ("price", 0, -INF, INF, False)]
    game = bilevel(columns, [(1, {}, {("x", "y"): 1.0}, -INF, 6)], multipliers=alias)
    reduced = FollowerProducts().apply(game)
    image = reduced.program
    assert image.multipliers.matrix.shape == (1, len(image.rows) + 2 * len(image.columns))
    point = np.arange(image.point_size, dtype=float)
    assert image.multipliers.matrix @ point[len(image.columns) :] == alias.matrix @ reduced.recover(point)[n:]


def test_bound_is_propagated_from_the_rows_of_the_followers_own() -> None:
    """Y >= 0 and y + z <= 4, z >= 0: y <= 4, up to rounding."""
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, INF, False), ("z", 1, 0, INF, False)]
    rows = [(1, {"z": 1.0}, {("x", "y"): 1.0}, -INF, 6), (1, {"y": 1.0, "z": 1.0}, {}, -INF, 4)]
    image = FollowerProducts().apply(bilevel(columns, rows)).program
    assert image.rows.matrix.toarray()[2, 0] == pytest.approx(-4.04)


def test_bound_from_another_players_row_is_not_used() -> None:
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, INF, False)]
    rows = [(1, {"y": 1.0}, {("x", "y"): 1.0}, 2, INF), (0, {"y": 1.0}, {}, -INF, 4)]
    with pytest.raises(NotApplicable, match=r"y: no finite bound .* product with x"):
        FollowerProducts().apply(bilevel(columns, rows))


def test_product_with_another_followers_column_belongs_to_the_row_of_its_follower() -> None:
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, 5, False), ("z", 2, 0, 3, False)]
    image = FollowerProducts().apply(bilevel(columns, [(1, {"y": 1.0}, {("x", "z"): 1.0}, 2, INF)])).program
    assert list(image.column_owner) == [0, 1, 2, 1]
    assert list(image.row_owner) == [1] * 5


def test_product_of_two_leader_columns_in_a_follower_row_becomes_a_leader_column() -> None:
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, 5, False), ("p", 0, 0, 3, False)]
    image = FollowerProducts().apply(bilevel(columns, [(1, {"y": 1.0}, {("x", "p"): 1.0}, 2, INF)])).program
    assert list(image.column_owner) == [0, 1, 0, 0]
    assert list(image.row_owner) == [1, 0, 0, 0, 0]


def test_square_of_the_binary_in_a_follower_row_is_the_binary() -> None:
    columns = [("x", 0, 0, 1, True), ("y", 1, 0, 5, False)]
    image = FollowerProducts().apply(bilevel(columns, [(1, {"y": 1.0}, {("x", "x"): 4.0}, 2, INF)])).program
    assert np.array_equal(image.rows.matrix.toarray(), [[4, 1]])


def test_continuous_leader_column_is_refused_with_row_and_columns() -> None:
    columns = [("x", 0, 0, 1, False), ("y", 1, 0, 5, False)]
    game = bilevel(columns, [(1, {"y": 1.0}, {("x", "y"): 1.0}, 2, INF)])
    with pytest.raises(NotApplicable, match=r"row1: the product x\*y .* exact only .* is a bounded integer"):
        FollowerProducts().apply(game)


def test_follower_row_without_its_own_columns_and_leader_rows_keep_their_products() -> None:
    columns = [("x", 0, 0, 1, False), ("y", 1, 0, 5, False), ("z", 2, 0, 3, False)]
    rows = [(1, {"x": 1.0}, {("x", "z"): 1.0}, 2, INF), (0, {}, {("x", "y"): 1.0}, 2, INF)]
    game = bilevel(columns, rows)
    reduced = FollowerProducts().apply(game)
    assert len(reduced.program.rows.products) == 2
    assert reduced.recover.matrix.shape == (game.point_size, game.point_size)
