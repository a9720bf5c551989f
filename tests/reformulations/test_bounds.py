from __future__ import annotations

from dataclasses import replace
from itertools import product as combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from bilevel.compiler.bounding import derive_bounds
from bilevel.testing.optima import branch, least
from reformulations.bases import basis_bounds, independent_directions
from reformulations.bounds import BASIS, COLUMN, INTERVAL, RELAXATION, USER, Bounds, Source, assumptions, padded
from reformulations.canonical import Canonical
from reformulations.interval_bounds import interval_bounds
from reformulations.kkt import KKT
from reformulations.programs import MPEC, BilevelProgram, MixedIntegerProgram, Names
from reformulations.relaxation import relaxation
from tests.certificate.games import INF, game

CHEAP = ("min", {"x": 1})


def kkt_of(program: BilevelProgram) -> MPEC:
    return KKT().apply(Canonical().apply(program).program).program


def by_name(mpec: MPEC, values: np.ndarray) -> dict[str, float]:
    return dict(zip(mpec.complementarity.names, np.round(values, 9).tolist(), strict=True))


def purchase(**bounds: tuple[float, float]) -> MPEC:
    """Min 3 y s.t. y >= x : need, l <= y <= u."""
    return kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", *bounds.get("x", (0, 4))), "y": ("f", *bounds.get("y", (0, 10)))},
            {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
        )
    )


def test_multipliers_that_add_up_to_a_constant_are_bounded_by_intervals() -> None:
    """3 = need + lower, both nonnegative: each is at most 3, padded by 1e-3."""
    mpec = purchase(y=(0, INF))
    _, bounds = interval_bounds(mpec)
    assert bounds.multiplier_upper == pytest.approx([3.001, 3.001], abs=1e-7)
    assert np.all(bounds.multiplier_upper >= 3)
    assert bounds.argument.tolist() == [INTERVAL, INTERVAL]
    assert bounds.source.tolist() == [Source.DERIVED, Source.DERIVED]


def test_bases_bound_what_intervals_cannot() -> None:
    """3 = need + lower - upper: as bases need = 3, lower = 3 and upper = -3 < 0, so upper is never positive."""
    mpec = purchase()
    found = basis_bounds(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert found is not None
    assert by_name(mpec, found[0]) == {"need": 0, "lower bound of y": 0, "upper bound of y": 0}
    assert by_name(mpec, found[1]) == {"need": 3, "lower bound of y": 3, "upper bound of y": 0}


def test_bases_range_over_the_gradient() -> None:
    """Min (x - 1) y, 0 <= y <= 5: with x in [0, 4] the gradient is in [-1, 3]: lower <= 3, upper <= 1."""
    mpec = kkt_of(
        game({"leader": CHEAP, "f": ("min", {"x*y": 1, "y": -1})}, {"x": ("leader", 0, 4), "y": ("f", 0, 5)}, {})
    )
    found = basis_bounds(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert found is not None
    assert by_name(mpec, found[1]) == {"lower bound of y": 3, "upper bound of y": 1}


@pytest.mark.parametrize(("cost", "low", "high"), [(-5, -5, 0), (5, 0, 5)])
def test_bases_give_equalities_both_signs(cost: float, low: float, high: float) -> None:
    """Min c y, y == x : e. Stationarity c - e = 0, so e = c; zero is kept in the range."""
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": cost})},
            {"x": ("leader", 0, 4), "y": ("f", -INF, INF)},
            {"e": ("f", {"y": 1, "x": -1}, 0, 0)},
        )
    )
    found = basis_bounds(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert found is not None
    assert (found[0][0], found[1][0]) == (low, high)


def test_bases_are_not_used_for_multipliers_that_are_variables() -> None:
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 0, 4), "price": ("leader", 0, 9), "y": ("f", 0, 10)},
            {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
            stands_for={"price": "need"},
        )
    )
    assert basis_bounds(mpec, 1, mpec.columns.lower, mpec.columns.upper) is None


def test_parallel_rows_have_one_direction() -> None:
    """2 y >= x, y >= 0, -y >= -9 and y == 3 - x are parallel in y; z >= 0 is not, nor y + z >= 1."""
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3, "z": 1})},
            {"x": ("leader", 0, 4), "y": ("f", 0, 9), "z": ("f", 0, INF)},
            {
                "twice": ("f", {"y": 2, "x": -1}, 0, INF),
                "equal": ("f", {"y": 1, "x": 1}, 3, 3),
                "sum": ("f", {"y": 1, "z": 1}, 1, INF),
            },
        )
    )
    label = by_name(mpec, independent_directions(mpec, np.arange(len(mpec.complementarity))))
    assert label["twice"] == label["equal"] == label["lower bound of y"] == label["upper bound of y"]
    assert len({label["twice"], label["sum"], label["lower bound of z"]}) == 3


def test_rows_whose_multipliers_are_variables_have_a_direction_of_their_own() -> None:
    """All rows are parallel, but need and again have prices: only the other three exclude each other."""
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 0, 4), "p": ("leader", 0, 9), "q": ("leader", 0, 9), "y": ("f", 0, 10)},
            {
                "need": ("f", {"y": 1, "x": -1}, 0, INF),
                "again": ("f", {"y": 1}, 0.5, INF),
                "same": ("f", {"y": 1}, 1, INF),
            },
            stands_for={"p": "need", "q": "again"},
        )
    )
    label = by_name(mpec, independent_directions(mpec, np.arange(len(mpec.complementarity))))
    assert label["same"] == label["lower bound of y"] == label["upper bound of y"]
    assert len({label["same"], label["need"], label["again"]}) == 3


def test_relaxation_is_the_optimality_system_with_the_duality_row() -> None:
    """Min 3 y, y - x >= 0 : a, y >= 0 : b, -y >= -10 : c over 0 <= x <= 4.

    Rows over x, y, a, b, c: y - x >= 0; -a - b + c = -3; and the gap 3 y - a x + 10 c <= 0,
    whose product -a x is bounded below by -4 a for a >= 0 of no upper bound.
    """
    mpec = purchase()
    relaxed = relaxation(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    rows = relaxed.program.rows
    assert list(relaxed.program.columns.names)[:2] == ["x", "y"]
    assert np.array_equal(rows.matrix.toarray(), [[-1, 1, 0, 0, 0], [0, 0, -1, -1, 1], [0, 3, -4, 0, 10]])
    assert np.array_equal(rows.lower, [0, -3, -INF])
    assert np.array_equal(rows.upper, [INF, -3, 0])
    assert relaxed.row.tolist() == [0, -1, -1]
    assert relaxed.multiplier.tolist() == [2, 3, 4]
    assert relaxed.bounded.tolist() == [-1, 1, 1]


def test_relaxation_keeps_the_equilibrium_of_followers_that_interact() -> None:
    """f: min y^2 + y z - 7 y, g: max z, both in [0, 4]: z = 4 with multiplier 1, y = 1.5 with none.

    y^2 + y z is convex in y alone, so a tangent in y and z together would cut this point off.
    """
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y*y": 1, "y*z": 1, "y": -7}), "g": ("max", {"z": 1})},
            {"x": ("leader", 0, 1), "y": ("f", 0, 4), "z": ("g", 0, 4)},
            {},
        )
    )
    relaxed = relaxation(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    point = np.zeros(len(mpec.columns))
    point[:3] = 0, 1.5, 4
    assert holds(relaxed.program, point[relaxed.columns])


def holds(program: MixedIntegerProgram, known: np.ndarray, room: float = 0.0) -> bool:
    """Tell whether a linear program has a point whose first columns are ``known``."""
    lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
    lower[: len(known)], upper[: len(known)] = known - room, known + room
    fixed = replace(program.columns, lower=lower, upper=upper)
    return least(np.zeros(len(lower)), program.rows, fixed)[0] == 0


def test_padding_only_loosens_and_keeps_zero() -> None:
    """5 -> 5.001, -5 -> -4.999, 1e4 -> 1e4 + 0.01, 0 and what is rounding -> 0, infinity stays."""
    bound = np.array([5.0, -5.0, 1e4, 0.0, 1e-10, -1e-10, INF])
    assert padded(bound).tolist() == pytest.approx([5.001, -4.999, 10000.01, 0.0, 0.0, 0.0, INF])
    assert padded(bound)[3:6].tolist() == [0.0, 0.0, 0.0]


def test_bounds_remember_who_tightened_them_last() -> None:
    mpec = purchase()
    unknown = Bounds.unknown(mpec)
    assert unknown.argument.tolist() == [0, 0, 0]
    derived = unknown.tightened(np.zeros(3), np.array([3.0, INF, 5.0]), BASIS)
    given_ = derived.tightened(np.full(3, -INF), np.array([4.0, 7.0, 2.0]), USER, Source.GIVEN)
    assert given_.multiplier_upper.tolist() == [3, 7, 2]
    assert given_.source.tolist() == [Source.DERIVED, Source.GIVEN, Source.GIVEN]
    assert given_.argument.tolist() == [BASIS, USER, USER]


def test_bounds_of_the_column_itself_are_known() -> None:
    mpec = purchase()
    upper = mpec.columns.upper.copy()
    upper[mpec.complementarity.multiplier] = 7
    unknown = Bounds.unknown(replace(mpec, columns=replace(mpec.columns, upper=upper)))
    assert unknown.multiplier_upper.tolist() == [7, 7, 7]
    assert unknown.argument.tolist() == [COLUMN] * 3


def test_given_lower_bound_of_an_equality_is_no_longer_derived() -> None:
    """A multiplier in [-10, 10] by derivation and >= -3 by the user rests on the user."""
    mpec = purchase()
    derived = Bounds.unknown(mpec).tightened(np.full(3, -10.0), np.full(3, 10.0), BASIS)
    free = replace(derived, multiplier_lower=np.full(3, -10.0))
    given_ = free.tightened(np.array([-3.0, -20.0, -20.0]), np.full(3, 20.0), USER, Source.GIVEN)
    assert given_.source.tolist() == [Source.GIVEN, Source.DERIVED, Source.DERIVED]


def test_assumptions_name_what_is_not_derived() -> None:
    names = Names.of(["a", "b", "c", "d", "e"])
    bounds = Bounds(
        np.array([0.0, 0.0, -2.0, 0.0, 0.0]),
        np.array([1.0, 5.0, 2.0, 4.0, 3.0]),
        np.array([1.0, 1.0, INF, 8.0, 1.0]),
        np.array([Source.DERIVED, Source.GIVEN, Source.GIVEN, Source.GIVEN, Source.GIVEN]),
        np.zeros(5, np.int64),
        np.array([Source.DERIVED, Source.DERIVED, Source.NONE, Source.ASSUMED, Source.DERIVED]),
    )
    assert assumptions(names, bounds) == (
        "multiplier bound given, not derived: b <= 5, -2 <= c <= 2, d <= 4 and 1 more",
        "slack bound assumed, not derived: d <= 8",
    )


def test_a_slack_is_bounded_where_its_multiplier_is_zero() -> None:
    """Min 3 y, y >= x, 0 <= x <= 4, y <= 10: y = x whenever need is not slack, and it never is.

    With need = 0 stationarity says lower = 3 + upper > 0, so y = 0 and x = 0: the slack of need is 0.
    That of the lower bound is y = x <= 4, that of the upper one at most 10.
    """
    mpec = purchase()
    bounds = derive_bounds(mpec).bounds
    slack = by_name(mpec, bounds.slack_upper)
    assert slack["lower bound of y"] >= 4
    assert slack["upper bound of y"] >= 10
    assert np.all(np.isfinite(bounds.slack_upper))


SMALL = st.integers(-3, 3)
NONZERO = st.sampled_from([-2.0, -1.0, 1.0, 2.0])


@st.composite
def followers_game(draw: st.DrawFn, count: int, alias: bool = False) -> BilevelProgram:  # noqa: FBT001, FBT002
    """A leader with x in [-2, 2] and v in [0, 3], and small followers that see both, and each other's costs."""
    columns = {"x": ("leader", -2.0, 2.0), "v": ("leader", 0.0, 3.0)}
    players: dict[str, tuple[str, dict[str, float]]] = {"leader": CHEAP}
    rows: dict[str, tuple[str, dict[str, float], float, float]] = {}
    own = {f"f{k}": [f"y{k}{i}" for i in range(draw(st.integers(1, 2)))] for k in range(count)}
    for k, (name, mine) in enumerate(own.items()):
        cost: dict[str, float] = {y: float(draw(SMALL)) for y in mine}
        for y in mine:
            low = draw(st.sampled_from([0.0, 0.0, -1.0, -INF]))
            columns[y] = (name, low, draw(st.sampled_from([2.0, 5.0, INF])))
            if draw(st.booleans()):
                cost[f"{y}*{y}"] = draw(st.sampled_from([0.5, 1.0]))
            cost[f"{draw(st.sampled_from(['x', 'v']))}*{y}"] = float(draw(SMALL))
            if count > 1 and draw(st.booleans()):
                cost[f"{draw(st.sampled_from(own[f'f{1 - k}']))}*{y}"] = float(draw(st.sampled_from([-1, 1])))
        players[name] = (draw(st.sampled_from(["min"])), cost)
        for j in range(draw(st.integers(1, 3))):
            terms = {draw(st.sampled_from(mine)): draw(NONZERO)}
            for other in [*mine, "x", "v"]:
                terms.setdefault(other, float(draw(SMALL)))
            right = float(draw(SMALL))
            sides = draw(st.sampled_from([(right, INF), (-INF, right), (right, right), (right, right + 2)]))
            rows[f"row{k}{j}"] = (name, terms, *sides)
    if alias:
        columns["price"] = ("leader", -INF, INF)
    return game(players, columns, rows, stands_for={"price": "row00"} if alias else None)


def equilibria(mpec: MPEC, data: st.DataObject) -> list[np.ndarray]:
    """Return optimality points at some decisions of the leader, found by branching on the pairs."""
    follower = mpec.stationarity.column
    cost = np.zeros(len(mpec.columns))
    cost[follower] = [data.draw(SMALL) for _ in follower]
    found = []
    for decision in ((-2, 0), (0.5, 3), (2, 1.5)):
        lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
        lower[:2] = upper[:2] = decision
        lower[follower], upper[follower] = np.maximum(lower[follower], -1e4), np.minimum(upper[follower], 1e4)
        fixed = replace(mpec, columns=replace(mpec.columns, lower=lower, upper=upper), cost=cost)
        value, point = branch(fixed)
        found += [point] if value < INF else []
    return found


def dual_face(mpec: MPEC, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return ``A, b, lower, upper`` of the multipliers ``(p,)`` that are optimal with the columns of ``point``."""
    pairs = mpec.complementarity
    conditions = mpec.rows.matrix[mpec.stationarity.row].toarray()
    matrix = conditions[:, pairs.multiplier]
    rest = point.copy()
    rest[pairs.multiplier] = 0
    right = mpec.rows.upper[mpec.stationarity.row] - conditions @ rest
    positive = pairs.slacks(point) > 1e-6
    lower = np.where(pairs.equality, -INF, 0.0)
    return matrix, right, lower, np.where(positive & ~pairs.equality, 0.0, INF)


def solve_face(face: tuple[np.ndarray, ...], cost: np.ndarray, low: np.ndarray, high: np.ndarray) -> float | None:
    matrix, right, lower, upper = face
    bounds = np.stack([np.maximum(lower, low), np.minimum(upper, high)], axis=1)
    if np.any(bounds[:, 0] > bounds[:, 1]):
        return None
    answer = optimize.linprog(cost, A_eq=matrix, b_eq=right, bounds=bounds)
    return None if answer.status == 2 else (float(answer.fun) if answer.status == 0 else -INF)


@settings(max_examples=70)
@given(st.data(), st.integers(1, 2))
def test_some_optimal_multipliers_satisfy_all_bounds_at_every_decision(data: st.DataObject, count: int) -> None:
    mpec = kkt_of(data.draw(followers_game(count)))
    derived = derive_bounds(mpec, threads=1)
    points = equilibria(mpec, data)
    assert not (points and derived.infeasible)
    bounds, pairs = derived.bounds, mpec.complementarity
    nothing, primal = np.zeros(len(pairs)), mpec.stationarity.column
    for point in points:
        face = dual_face(mpec, point)
        assert solve_face(face, nothing, bounds.multiplier_lower, bounds.multiplier_upper) == 0
        assert np.all(pairs.slacks(point)[pairs.pairs] <= bounds.slack_upper[pairs.pairs] + 1e-6)
        assert np.all(point[primal] >= derived.mpec.columns.lower[primal] - 1e-6)
        assert np.all(point[primal] <= derived.mpec.columns.upper[primal] + 1e-6)


@settings(max_examples=40)
@given(st.data(), st.booleans())
def test_bounds_of_intervals_and_of_variables_hold_for_all_multipliers(data: st.DataObject, alias: bool) -> None:  # noqa: FBT001
    mpec = kkt_of(data.draw(followers_game(1, alias)))
    derived = derive_bounds(mpec, threads=1)
    bounds, pairs = derived.bounds, mpec.complementarity
    free = np.full(len(pairs), INF)
    claimed = np.isin(pairs.multiplier, mpec.aliases.matrix.indices) | (bounds.argument == INTERVAL)
    for point, j in combinations(equilibria(mpec, data), np.flatnonzero(claimed)):
        face = dual_face(mpec, point)
        unit = np.zeros(len(pairs))
        unit[j] = 1
        high, low = solve_face(face, -unit, -free, free), solve_face(face, unit, -free, free)
        assert high is not None
        assert low is not None
        assert -high <= bounds.multiplier_upper[j] + 1e-6
        assert low >= bounds.multiplier_lower[j] - 1e-6


@settings(max_examples=40)
@given(st.data(), st.integers(1, 2))
def test_relaxation_holds_every_optimality_point(data: st.DataObject, count: int) -> None:
    mpec = kkt_of(data.draw(followers_game(count)))
    points, columns = equilibria(mpec, data), mpec.columns
    lower, upper = columns.lower.copy(), columns.upper.copy()
    follower = mpec.stationarity.column
    lower[follower], upper[follower] = np.maximum(lower[follower], -1e4), np.minimum(upper[follower], 1e4)
    for player in range(1, count + 1):
        relaxed = relaxation(mpec, player, lower, upper)
        for point in points:
            assert holds(relaxed.program, point[relaxed.columns], 1e-6)


def test_relaxations_are_the_argument_where_bases_are_too_many() -> None:
    """Here price stands for need: bases may not be used. 3 = need + lower - upper over the gap row gives need <= 3."""
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 1, 4), "price": ("leader", -INF, INF), "y": ("f", 0, 10)},
            {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
            stands_for={"price": "need"},
        )
    )
    bounds = derive_bounds(mpec).bounds
    assert by_name(mpec, bounds.argument)["need"] == RELAXATION
    assert 3 <= by_name(mpec, bounds.multiplier_upper)["need"] < INF
