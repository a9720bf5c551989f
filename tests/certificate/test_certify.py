"""Certificates: right answers pass, and each kind of planted error is caught by its name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

from bilevel.certificate.certify import Certificate, certify
from reformulations.optimality import residuals
from reformulations.programs import BilevelProgram
from tests.certificate.games import INF, game, point


def dispatch() -> BilevelProgram:
    """Return a game of one plant owner and a market.

    Leader: max 3 a - x^2, 0 <= x <= 4. Market: min x a + 2 b, a + b >= 5 : lambda, a + 2 b <= 9 : nu,
    0 <= a <= 3, 0 <= b. At x = 1 the market takes a = 3, b = 2; lambda = 2, the bound of a saves
    1 - 2 = -1 a unit, nu = 0. Leader: 9 - 1 = 8. Market: 3 + 4 = 7.
    """
    return game(
        players={"leader": ("max", {"a": 3, "x*x": -1}), "market": ("min", {"x*a": 1, "b": 2})},
        columns={"x": ("leader", 0, 4), "a": ("market", 0, 3), "b": ("market", 0, INF)},
        rows={
            "demand": ("market", {"a": 1, "b": 1}, 5, INF),
            "fuel": ("market", {"a": 1, "b": 2}, -INF, 9),
            "tax": ("leader", {"x": 1, "a": 1}, -INF, 4),
        },
    )


def response() -> np.ndarray:
    return point(dispatch(), x=1, a=3, b=2, demand=2, upper_a=-1)


def broken(**values: float) -> Certificate:
    program = dispatch()
    given_values = {"x": 1, "a": 3, "b": 2, "demand": 2, "upper_a": -1} | values
    return certify(program, point(program, **given_values))


def says(certificate: Certificate, *words: str) -> bool:
    """Whether one failure has all the words, and the certificate fails."""
    return not certificate.holds and any(all(word in failure for word in words) for failure in certificate.failures)


def test_optimal_response_with_its_multipliers_holds() -> None:
    certificate = certify(dispatch(), response(), bound=8.0)
    assert certificate.holds, certificate.failures
    assert certificate.is_proven
    assert (certificate.objective, certificate.gap) == (pytest.approx(8), pytest.approx(0))
    line = certificate.followers[0]
    assert (line.objective, line.optimum) == (pytest.approx(7), pytest.approx(7))


def test_nothing_is_proven_without_a_bound_or_under_an_assumption_or_with_an_open_gap() -> None:
    assert not certify(dispatch(), response()).is_proven
    assert not certify(dispatch(), response(), bound=8.0, assumptions=("demand: |multiplier| <= 9",)).is_proven
    half_open = certify(dispatch(), response(), bound=8.5)
    assert half_open.holds
    assert not half_open.is_proven
    assert half_open.gap == pytest.approx(0.5 / 8)


def test_a_bound_on_the_wrong_side_of_the_objective_is_caught() -> None:
    """The leader maximises and has 8: an upper bound of 7.9 is false."""
    assert says(certify(dispatch(), response(), bound=7.9), "bound", "7.9", "8")


def test_a_bound_that_the_point_beats_is_caught_however_large_the_gap_asked() -> None:
    assert says(certify(dispatch(), response(), bound=7.9, gap=0.1), "bound", "7.9", "8")
    assert certify(dispatch(), response(), bound=8.1, gap=0.1).is_proven


@pytest.mark.parametrize("off", [1e-3, -1e-3])
def test_wrong_response_is_caught(off: float) -> None:
    """Too little of b breaks the demand; too much of it costs more than the market need pay."""
    certificate = broken(b=2 + off)
    assert says(certificate, "market", "demand") if off < 0 else says(certificate, "solved again", "7.002", "7")


def test_wrong_sign_of_a_multiplier_is_caught() -> None:
    assert says(broken(fuel=0.5), "fuel", "wrong sign")
    assert says(broken(demand=-2), "demand", "wrong sign")
    assert says(broken(upper_a=1), "upper bound of a", "wrong sign")
    assert says(broken(lower_b=-0.01), "lower bound of b", "wrong sign")


def test_multiplier_of_an_absent_bound_is_caught() -> None:
    assert says(broken(upper_b=-0.01), "upper bound of b", "wrong sign")


def test_missing_bound_multiplier_is_caught() -> None:
    assert says(broken(upper_a=0), "market: a", "gradient of the Lagrangian")


def test_multiplier_of_a_slack_row_is_caught() -> None:
    """Fuel: 3 + 4 = 7 < 9."""
    assert says(broken(fuel=-0.3), "fuel", "slack")


def test_violated_leader_row_bound_and_integer_are_caught() -> None:
    """At x = 1.5, a = 3 the tax row has 4.5 > 4; x = 4.5 is beyond its bound."""
    assert says(broken(x=1.5), "tax", "violated")
    assert says(broken(x=4.5), "x", "a bound is violated")
    integer = replace(dispatch(), columns=replace(dispatch().columns, integer=np.array([True, False, False])))
    assert says(certify(integer, point(integer, x=0.5, a=3, b=2, demand=2, upper_a=-1.5)), "x", "not an integer")


def test_violated_follower_bound_is_caught() -> None:
    assert says(broken(a=3.1, b=1.9), "market", "upper bound of a", "violated")


def test_false_claim_of_optimality_is_caught_although_all_multipliers_look_response() -> None:
    """The maximiser of a on [0, 3] with a row that a = 1 meets by itself: no multiplier, no optimum."""
    program = game(
        players={"leader": ("min", {"x": 1}), "greedy": ("max", {"a": 1})},
        columns={"x": ("leader", 0, 4), "a": ("greedy", 0, 3)},
        rows={},
    )
    certificate = certify(program, point(program, x=0, a=1, upper_a=1))
    assert says(certificate, "greedy", "1", "solved again", "3")
    assert certificate.followers[0].difference == pytest.approx(2 / 3)


def test_not_a_number_never_passes() -> None:
    assert not broken(demand=np.nan).holds
    assert not broken(b=np.nan).holds
    assert not broken(x=np.nan).holds


def test_a_point_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        certify(dispatch(), response()[:-1])


def test_column_that_stands_for_a_multiplier_must_equal_it() -> None:
    """Leader's price p is the multiplier of need, 2: at p = 2.1 the certificate fails."""
    program = game(
        players={"leader": ("min", {"p": 1}), "market": ("min", {"a": 2})},
        columns={"p": ("leader", -INF, INF), "a": ("market", 0, INF)},
        rows={"need": ("market", {"a": 1}, 5, INF)},
        stands_for={"p": "need"},
    )
    assert certify(program, point(program, p=2, a=5, need=2)).holds
    assert says(certify(program, point(program, p=2.1, a=5, need=2)), "p", "multiplier")


def test_maximising_follower_has_multipliers_in_its_own_sense() -> None:
    """Sales: max 4 a - a^2, a <= x : lambda. At x = 1: a = 1, value 3, and d(4 x - x^2)/dx = 2 = lambda > 0."""
    program = game(
        players={"leader": ("min", {"x": 2, "a": -1}), "sales": ("max", {"a": 4, "a*a": -1})},
        columns={"x": ("leader", 0, 9), "a": ("sales", 0, INF)},
        rows={"cap": ("sales", {"a": 1, "x": -1}, -INF, 0)},
    )
    assert certify(program, point(program, x=1, a=1, cap=2)).holds
    assert says(certify(program, point(program, x=1, a=1, cap=-2)), "cap", "wrong sign")
    assert says(certify(program, point(program, x=1, a=0.9, cap=2)), "sales", "solved again", "2.79", "3")


@pytest.mark.parametrize(("cost", "level"), [(2.0, 1.0), (-2.0, 4.0)])
def test_range_row_has_a_multiplier_of_the_side_it_meets(cost: float, level: float) -> None:
    """Min c a, 1 <= a <= 4 as one row: c = 2 stops at 1, c = -2 at 4; the multiplier is c either way."""
    program = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a": cost})},
        columns={"x": ("leader", 0, 1), "a": ("f", -INF, INF)},
        rows={"range": ("f", {"a": 1}, 1, 4)},
    )
    assert certify(program, point(program, a=level, range=cost)).holds
    assert says(certify(program, point(program, a=5 - level, range=cost)), "range", "slack")


@pytest.mark.parametrize("cost", [2.0, -2.0])
def test_bounds_of_a_fixed_column_are_an_equality(cost: float) -> None:
    """Min c a with a = 3: either bound may carry the derivative c, whatever its sign."""
    program = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a": cost})},
        columns={"x": ("leader", 0, 1), "a": ("f", 3, 3)},
        rows={},
    )
    assert certify(program, point(program, a=3, lower_a=cost)).holds
    assert certify(program, point(program, a=3, upper_a=cost)).holds
    assert not certify(program, point(program, a=3, lower_a=cost, upper_a=cost)).holds


def test_product_of_leader_and_follower_in_a_row_counts_in_row_and_gradient() -> None:
    """Min a, x a >= 6 : lambda. At x = 2: a = 3, lambda = 1/x = 0.5."""
    program = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a": 1})},
        columns={"x": ("leader", 0, 9), "a": ("f", 0, INF)},
        rows={"r": ("f", {"x*a": 1}, 6, INF)},
    )
    assert certify(program, point(program, x=2, a=3, r=0.5)).holds
    assert says(certify(program, point(program, x=2, a=3, r=1)), "f: a", "gradient")


def test_infeasible_and_unbounded_followers_are_named() -> None:
    impossible = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a": 1})},
        columns={"x": ("leader", 0, 9), "a": ("f", 0, 1)},
        rows={"r": ("f", {"a": 1, "x": 1}, 6, INF)},
    )
    assert says(certify(impossible, point(impossible, x=2, a=1)), "f", "solved again", "infeasible")
    falling = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a": -1})},
        columns={"x": ("leader", 0, 9), "a": ("f", 0, INF)},
        rows={},
    )
    assert says(certify(falling, point(falling)), "f", "solved again", "unbounded")


def test_nonconvex_follower_is_solved_again_globally() -> None:
    """Min -a^2 over [-1, 2] is -4 at 2; -1, a local optimum with multiplier 2 of its bound, is worth -1."""
    program = game(
        players={"leader": ("min", {"x": 1}), "f": ("min", {"a*a": -1})},
        columns={"x": ("leader", 0, 9), "a": ("f", -1, 2)},
        rows={},
    )
    best, local = certify(program, point(program, a=2)), certify(program, point(program, a=-1, lower_a=2))
    assert best.holds
    assert best.followers[0].residuals.stationarity is None
    assert "global search: f: not convex, so multipliers prove nothing" in str(best).replace("\n", " ")
    assert says(local, "f", "-1", "-4")


def test_integer_follower_is_solved_again_as_it_is() -> None:
    """Max 3 a + 2 b, 2 a + 2 b <= 3 + x, integer: at x = 0 it takes a = 1, b = 0, value 3 (relaxed 4.5)."""
    program = game(
        players={"leader": ("min", {"a": 1}), "f": ("max", {"a": 3, "b": 2})},
        columns={"x": ("leader", 0, 1), "a": ("f", 0, 9), "b": ("f", 0, 9)},
        rows={"r": ("f", {"a": 2, "b": 2, "x": -1}, -INF, 3)},
        integer=("a", "b"),
    )
    assert certify(program, point(program, a=1)).holds
    assert says(certify(program, point(program, b=1)), "f", "2", "solved again", "3")
    assert says(certify(program, point(program, a=1.5)), "a", "violated")


def test_nash_followers_are_each_solved_at_the_other_ones_decision() -> None:
    """Cournot: firm i maximises (12 - a - b) q_i; at a = b = 4 nobody moves; at a = b = 3 each would make 4.5."""
    program = game(
        players={
            "leader": ("min", {"x": 1}),
            "one": ("max", {"a": 12, "a*a": -1, "a*b": -1}),
            "two": ("max", {"b": 12, "b*b": -1, "a*b": -1}),
        },
        columns={"x": ("leader", 0, 1), "a": ("one", 0, 9), "b": ("two", 0, 9)},
        rows={},
    )
    assert certify(program, point(program, a=4, b=4)).holds
    certificate = certify(program, point(program, a=3, b=3))
    assert says(certificate, "one", "18", "20.25")
    assert says(certificate, "two", "18", "20.25")


def test_rows_nearly_met_do_not_make_the_follower_infeasible() -> None:
    """Want a = x and a <= 1; the leader's x is 5e-7 too large."""
    program = game(
        players={"leader": ("min", {"x": -1}), "f": ("min", {"a": 1})},
        columns={"x": ("leader", 0, 2), "a": ("f", 0, 1)},
        rows={"same": ("f", {"a": 1, "x": -1}, 0, 0)},
    )
    assert certify(program, point(program, x=1 + 5e-7, a=1, same=1)).holds


def test_thousand_followers_are_certified_together_and_the_false_one_is_named() -> None:
    count = 1000
    program = game(
        players={"leader": ("min", {"x": 1})} | {f"f[{i}]": ("min", {f"y[{i}]": 1}) for i in range(count)},
        columns={"x": ("leader", 0, 9)} | {f"y[{i}]": (f"f[{i}]", 0, 9) for i in range(count)},
        rows={f"r[{i}]": (f"f[{i}]", {f"y[{i}]": 1, "x": 1}, 3, INF) for i in range(count)},
    )
    values = {"x": 1.0} | {f"y[{i}]": 2.0 for i in range(count)} | {f"r[{i}]": 1.0 for i in range(count)}
    assert certify(program, point(program, **values)).holds
    certificate = certify(program, point(program, **(values | {"y[700]": 2.5})))
    assert says(certificate, "f[700]", "2.5", "solved again", "2")
    assert len(str(certificate).splitlines()) < 40


@given(st.integers(0, 10_000))
def test_multipliers_of_random_followers_are_derivatives_of_the_optimum(seed: int) -> None:
    """The residuals vanish at the multipliers of linprog, which are derivatives of the minimum.

    A maximising follower's optimum is minus that minimum; its multipliers change sign. By finite
    differences of linprog's own values where the optimum is smooth.
    """
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    names, sense = [f"y{i}" for i in range(n)], str(rng.choice(["min", "max"]))
    sign = 1.0 if sense == "min" else -1.0
    matrix, cost = rng.normal(size=(m, n)).round(2), rng.normal(size=n).round(2)
    kind = rng.choice(["<=", ">=", "=="], size=m, p=[0.45, 0.45, 0.1])
    side = matrix @ rng.uniform(1, 4, n)
    upper = np.where(kind != ">=", side, INF)
    lower = np.where(kind != "<=", side, -INF)

    sides = np.stack([lower, upper])
    bounds = np.stack([np.zeros(n), np.full(n, 5.0)])

    def optimum(sides: np.ndarray, bounds: np.ndarray) -> tuple[float, np.ndarray]:
        rows, right_side = np.vstack([-matrix, matrix]), np.concatenate([-sides[0], sides[1]])
        kept = np.isfinite(right_side)
        answer = linprog(sign * cost, rows[kept], right_side[kept], bounds=bounds.T, method="highs-ds")
        assume(answer.status == 0)
        return sign * answer.fun, answer.x

    value, solution = optimum(sides, bounds)

    def derivative(step_sides: np.ndarray | float, step_bounds: np.ndarray | float) -> float:
        step = 1e-4
        ahead = (optimum(sides + step * step_sides, bounds + step * step_bounds)[0] - value) / step
        behind = (value - optimum(sides - step * step_sides, bounds - step * step_bounds)[0]) / step
        assume(abs(ahead - behind) < 1e-6)  # at a kink there is no derivative
        return (ahead + behind) / 2

    program = game(
        players={"leader": ("min", {"x": 1}), "f": (sense, dict(zip(names, cost, strict=True)))},
        columns={"x": ("leader", 0, 1)} | dict.fromkeys(names, ("f", 0, 5)),
        rows={f"r{j}": ("f", dict(zip(names, matrix[j], strict=True)), lower[j], upper[j]) for j in range(m)},
    )
    row = [derivative(e, 0.0) for e in np.eye(m)]
    left = [derivative(0.0, np.stack([e, 0 * e])) for e in np.eye(n)]
    right = [derivative(0.0, np.stack([0 * e, e])) for e in np.eye(n)]
    at = np.concatenate([[0.0], solution, row, [0.0], left, [0.0], right])
    found = residuals(program, at)[0]
    assert max(worst.value for _, worst in found.kinds()) < 1e-6, found
    assert certify(program, at).holds
    turned = at.copy()
    turned[1 + n : 1 + n + m] *= -1
    assert np.allclose(row, 0, atol=1e-3) or not certify(program, turned).holds


@given(st.integers(0, 10_000))
def test_random_quadratic_followers_hold_at_the_optimum_and_fail_beside_it(seed: int) -> None:
    """Max or min of a form with its optimum y0 inside the box: any other y with a worse value must fail."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    names = [f"y{i}" for i in range(n)]
    factor = rng.integers(-2, 3, (n, n)).astype(float) + 3 * np.eye(n)
    hessian, centre = factor.T @ factor, rng.uniform(1, 4, n)
    sense = str(rng.choice(["min", "max"]))
    sign = 1.0 if sense == "min" else -1.0
    slope = -sign * hessian @ centre
    curved = {
        f"{names[i]}*{names[j]}": sign * hessian[i, j] / (2 if i == j else 1) for i in range(n) for j in range(i, n)
    }
    program = game(
        players={"leader": ("min", {"x": 1}), "f": (sense, curved | dict(zip(names, slope, strict=True)))},
        columns={"x": ("leader", 0, 1)} | dict.fromkeys(names, ("f", -5, 5)),
        rows={},
    )
    values = dict(zip(names, centre, strict=True))
    assert certify(program, point(program, **values)).holds
    values["y0"] += 0.01
    assert not certify(program, point(program, **values)).holds
