"""Ties: the leader's objective over all optimal responses, by hand and by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bilevel as bl
from bilevel.certificate.certify import certify
from bilevel.certificate.ties import TieGap
from reformulations.programs import BilevelProgram
from tests.certificate.games import INF, game, point


def ties(program: BilevelProgram, **values: float) -> TieGap:
    certificate = certify(program, point(program, **values))
    assert certificate.holds, certificate.failures
    return certificate.tie


def price_game(limit: float = INF) -> BilevelProgram:
    """Return a game in which a buyer takes its need q + o >= 5 from the leader at p or elsewhere at 1.

    Leader: max p q. Buyer: min p q + o, 0 <= q, o <= 5. At p = 1 the buyer is indifferent: the leader
    gets between 0 and 5. The leader's row lets it deliver at most ``limit``.
    """
    return game(
        players={"leader": ("max", {"p*q": 1}), "buyer": ("min", {"p*q": 1, "o": 1})},
        columns={"p": ("leader", 0, 2), "q": ("buyer", 0, 5), "o": ("buyer", 0, 5)},
        rows={"need": ("buyer", {"q": 1, "o": 1}, 5, INF), "capacity": ("leader", {"q": 1}, -INF, limit)},
    )


def test_indifferent_buyer_gives_the_leader_all_or_nothing() -> None:
    found = ties(price_game(), p=1, q=5, o=0, need=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(5), pytest.approx(0))
    assert found.gap == pytest.approx(5)


def test_without_indifference_there_is_no_gap() -> None:
    """At p = 0.9 the buyer takes all from the leader: 4.5."""
    found = ties(price_game(), p=0.9, q=5, o=0, need=0.9, lower_o=0.1)
    assert (found.optimistic, found.gap) == (pytest.approx(4.5), pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_a_multiplier_that_is_small_by_the_unit_of_its_row_is_one(size: float) -> None:
    """Follower: max -y / 10, 2 y >= -x, -1 <= y <= 0. At x = 1 it has one answer, y = -1/2, for the multiplier -1/20.

    With the row a million times as large the multiplier is -5e-8, below what HiGHS takes for zero.
    """
    program = game(
        players={"leader": ("min", {"y": 1}), "follower": ("max", {"y": -0.1})},
        columns={"x": ("leader", 0, 1), "y": ("follower", -1, 0)},
        rows={"row": ("follower", {"x": size, "y": 2 * size}, 0, INF)},
    )
    found = ties(program, x=1, y=-0.5, row=-0.05 / size)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(-0.5), pytest.approx(-0.5))


@pytest.mark.parametrize("size", [1.0, 1e-4, 1e6])
def test_ties_of_an_integer_follower_do_not_depend_on_the_unit_of_its_objective(size: float) -> None:
    """Follower: min z + w, z in {0, 1}, 2 z + w >= x. At x = 1 it ties: (1, 0) or (0, 1); the leader minimises w."""
    program = game(
        players={"leader": ("min", {"w": 1}), "follower": ("min", {"z": size, "w": size})},
        columns={"x": ("leader", 0, 1), "z": ("follower", 0, 1), "w": ("follower", 0, 3)},
        rows={"row": ("follower", {"x": -1, "z": 2, "w": 1}, 0, INF)},
        integer=("z",),
    )
    found = ties(program, x=1, z=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))


def test_leader_rows_bind_the_best_response_only_and_broken_ones_are_named() -> None:
    """Deliveries up to 3: the best fitting response is worth 3. A leader who pays for q would meet 5 > 3."""
    found = ties(price_game(limit=3), p=1, q=3, o=2, need=1)
    assert (found.optimistic, found.pessimistic, found.violated) == (pytest.approx(3), pytest.approx(0), ())
    paying = game(
        players={"leader": ("min", {"q": 2}), "buyer": ("min", {"q": 1, "o": 1})},
        columns={"p": ("leader", 0, 2), "q": ("buyer", 0, 5), "o": ("buyer", 0, 5)},
        rows={"need": ("buyer", {"q": 1, "o": 1}, 5, INF), "capacity": ("leader", {"q": 1}, -INF, 3)},
    )
    found = ties(paying, q=0, o=5, need=1)
    assert (found.optimistic, found.pessimistic, found.violated) == (
        pytest.approx(0, abs=1e-9),
        pytest.approx(10),
        ("capacity",),
    )


def test_unbounded_tie_is_infinite() -> None:
    """A follower that minimises a does not care about b >= 0, which the leader pays for."""
    program = game(
        players={"leader": ("min", {"b": 1}), "f": ("min", {"a": 1})},
        columns={"a": ("f", 0, INF), "b": ("f", 0, INF)},
        rows={},
    )
    found = ties(program, lower_a=1)
    assert (found.optimistic, found.pessimistic, found.gap) == (pytest.approx(0), INF, INF)


def test_quadratic_follower_is_free_only_along_its_flat_directions() -> None:
    """Min (a + b - 2)^2, 0 <= a, b <= 3: every a + b = 2 is optimal. Leader: max a + 3 b, from 2 to 6."""
    program = game(
        players={
            "leader": ("max", {"a": 1, "b": 3}),
            "f": ("min", {"a*a": 1, "b*b": 1, "a*b": 2, "a": -4, "b": -4, "": 4}),
        },
        columns={"a": ("f", 0, 3), "b": ("f", 0, 3)},
        rows={},
    )
    found = ties(program, a=0, b=2)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(6, abs=1e-5), pytest.approx(2, abs=1e-5))


def test_quadratic_follower_with_a_unique_response_has_no_gap() -> None:
    """Max 4 a - a^2 + x a at x = 1 gives a = 2.5."""
    program = game(
        players={"leader": ("min", {"x": 2, "a": -1}), "f": ("max", {"a": 4, "a*a": -1, "x*a": 1})},
        columns={"x": ("leader", 0, 9), "a": ("f", 0, INF)},
        rows={},
    )
    found = ties(program, x=1, a=2.5)
    assert found.optimistic == pytest.approx(-0.5, abs=1e-6)
    assert found.gap == pytest.approx(0, abs=1e-6)


def test_several_followers_are_taken_together() -> None:
    """Two indifferent followers with y in [0, 1] and [0, 2]: the leader gets from 0 to 1 + 2 * 2."""
    program = game(
        players={"leader": ("max", {"a": 1, "b": 2}), "one": ("min", {"": 1}), "two": ("max", {"": 1})},
        columns={"a": ("one", 0, 1), "b": ("two", 0, 2)},
        rows={},
    )
    found = ties(program, a=0.3, b=0.7)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(5), pytest.approx(0, abs=1e-9))


def test_integer_follower() -> None:
    """Max a + b, a + b <= 2, integer: the three splits are worth 0, 1, 2 to the leader who maximises b."""
    program = game(
        players={"leader": ("max", {"b": 1}), "f": ("max", {"a": 1, "b": 1})},
        columns={"a": ("f", 0, 2), "b": ("f", 0, 2)},
        rows={"r": ("f", {"a": 1, "b": 1}, -INF, 2)},
        integer=("a", "b"),
    )
    found = ties(program, a=1, b=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(2), pytest.approx(0, abs=1e-6))


def test_convex_leader_has_one_end_and_the_other_is_not_claimed() -> None:
    """Leader: min (a - 1)^2 over an indifferent a in [0, 3]: at best 0; the worst, 4, is not a convex problem."""
    program = game(
        players={"leader": ("min", {"a*a": 1, "a": -2, "": 1}), "f": ("min", {"": 0})},
        columns={"a": ("f", 0, 3)},
        rows={},
    )
    found = ties(program, a=1)
    assert found.optimistic == pytest.approx(0, abs=1e-6)
    assert found.pessimistic is None
    assert found.gap is None
    assert "not a convex problem" in found.reason


def test_convex_leader_over_a_unique_response_has_both_ends() -> None:
    """Min a^2 of a follower that wants a = 2: 4 and 4."""
    program = game(
        players={"leader": ("min", {"a*a": 1}), "f": ("min", {"a*a": 1, "a": -4})},
        columns={"a": ("f", 0, 3)},
        rows={},
    )
    found = ties(program, a=2)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(4, abs=1e-5), pytest.approx(4, abs=1e-5))


def test_followers_that_use_each_other_have_no_tie_gap_and_say_why() -> None:
    program = game(
        players={
            "leader": ("min", {"x": 1}),
            "one": ("max", {"a": 12, "a*a": -1, "a*b": -1}),
            "two": ("max", {"b": 12, "b*b": -1, "a*b": -1}),
        },
        columns={"x": ("leader", 0, 1), "a": ("one", 0, 9), "b": ("two", 0, 9)},
        rows={},
    )
    found = ties(program, a=4, b=4)
    assert found.gap is None
    assert "each other" in found.reason


def test_multiplier_columns_are_held_and_it_is_said() -> None:
    """The leader earns p b with p the multiplier 2 of need; b in [0, 1] is free: 0 to 2."""
    program = game(
        players={"leader": ("max", {"p*b": 1}), "market": ("min", {"a": 2})},
        columns={"p": ("leader", -INF, INF), "a": ("market", 0, INF), "b": ("market", 0, 1)},
        rows={"need": ("market", {"a": 1}, 5, INF)},
        stands_for={"p": "need"},
    )
    certificate = certify(program, point(program, p=2, a=5, b=1, need=2))
    assert certificate.holds
    assert (certificate.tie.optimistic, certificate.tie.pessimistic) == (
        pytest.approx(2),
        pytest.approx(0, abs=1e-9),
    )
    assert certificate.tie.multipliers_held
    assert "held" in str(certificate)


def revenue_game(**bounds: tuple[float, float]) -> BilevelProgram:
    """Return the price game with the leader's revenue as a variable: max r - 0.2 q, r == p q.

    At p = 1 the buyer is indifferent between q = 5, worth 5 - 1 = 4 to the leader, and q = 0, worth 0. The
    leader's profit is one more variable: w == r - 0.2 q.
    """
    return game(
        players={"leader": ("max", {"w": 1}), "buyer": ("min", {"p*q": 1, "o": 1})},
        columns={
            "p": ("leader", 0, 2),
            "r": ("leader", *bounds.get("r", (-INF, INF))),
            "w": ("leader", *bounds.get("w", (-INF, INF))),
            "q": ("buyer", 0, 5),
            "o": ("buyer", 0, 5),
        },
        rows={
            "profit": ("leader", {"w": 1, "r": -1, "q": 0.2}, 0, 0),
            "revenue": ("leader", {"r": 1, "p*q": -1}, 0, 0),
            "need": ("buyer", {"q": 1, "o": 1}, 5, INF),
        },
    )


def test_revenue_kept_as_a_variable_is_computed_anew_for_each_response() -> None:
    found = ties(revenue_game(), p=1, q=5, r=5, w=4, need=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(4), pytest.approx(0, abs=1e-9))
    assert found.violated == ()


def test_solution_of_a_game_with_a_revenue_variable_shows_both_values() -> None:
    """Sell at 0 <= p <= 2 to a buyer who pays 1 elsewhere: p = 1, q = 5 is worth 5, and 0 if ties go against it."""
    m = pyo.ConcreteModel()
    m.p, m.revenue = pyo.Var(bounds=(0, 2)), pyo.Var(bounds=(None, 50))
    m.buyer = bl.Follower()
    m.buyer.q, m.buyer.o = pyo.Var(bounds=(0, 5)), pyo.Var(bounds=(0, 5))
    m.buyer.need = pyo.Constraint(expr=m.buyer.q + m.buyer.o >= 5)
    m.buyer.bill = pyo.Objective(expr=m.p * m.buyer.q + m.buyer.o)
    m.earns = pyo.Constraint(expr=m.revenue == m.p * m.buyer.q)
    m.profit = pyo.Objective(expr=m.revenue, sense=pyo.maximize)
    solution = bl.solve(m, method=bl.KKT())
    assert solution.objective == pytest.approx(5)
    assert solution.certificate is not None
    tie = solution.certificate.tie
    assert (tie.optimistic, tie.pessimistic) == (pytest.approx(5), pytest.approx(0, abs=1e-6))


def test_bound_of_a_computed_column_holds_for_the_best_response_and_is_named_for_the_worst() -> None:
    """1 <= r <= 3: at best q = 3 with w = 3 - 0.6; at worst q = 0 with r = 0 below its bound."""
    found = ties(revenue_game(r=(1, 3)), p=1, q=2, o=3, r=2, w=1.6, need=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(2.4), pytest.approx(0, abs=1e-9))
    assert found.violated == ("lower bound of r",)


def test_computed_column_without_ties_has_no_gap() -> None:
    """At p = 0.9 the buyer takes all from the leader: 4.5 - 1."""
    found = ties(revenue_game(), p=0.9, q=5, r=4.5, w=3.5, need=0.9, lower_o=0.1)
    assert (found.optimistic, found.gap) == (pytest.approx(3.5), pytest.approx(0, abs=1e-9))


def test_leader_columns_that_a_follower_sees_or_that_no_row_determines_are_held() -> None:
    """The follower is free to choose 0 <= a <= 2 and sees s; s == a and u + v == a say what the leader wants.

    Leader: min s + u + 2 v at s = a = 1, u = v = 0.5: all of s, u, v are decisions, so that the value stays 2.5.
    """
    program = game(
        players={"leader": ("min", {"s": 1, "u": 1, "v": 2}), "f": ("min", {"s": 1})},
        columns={"s": ("leader", 0, 2), "u": ("leader", 0, 2), "v": ("leader", 0, 2), "a": ("f", 0, 2)},
        rows={"meet": ("leader", {"s": 1, "a": -1}, 0, 0), "split": ("leader", {"u": 1, "v": 1, "a": -1}, 0, 0)},
    )
    found = ties(program, s=1, u=0.5, v=0.5, a=1)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(2.5), pytest.approx(2.5))


def test_integer_follower_with_a_total() -> None:
    """Max a + b, a + b <= 2, integer; t == 2 b is worth 0, 2, 4 to the leader who maximises it."""
    program = game(
        players={"leader": ("max", {"t": 1}), "f": ("max", {"a": 1, "b": 1})},
        columns={"t": ("leader", 0, 9), "a": ("f", 0, 2), "b": ("f", 0, 2)},
        rows={"r": ("f", {"a": 1, "b": 1}, -INF, 2), "twice": ("leader", {"t": 1, "b": -2}, 0, 0)},
        integer=("a", "b"),
    )
    found = ties(program, a=1, b=1, t=2)
    assert (found.optimistic, found.pessimistic) == (pytest.approx(4), pytest.approx(0, abs=1e-6))


@given(st.integers(0, 10_000))
def test_ties_of_random_linear_followers_equal_enumeration(seed: int) -> None:
    """Min c y over sum y <= 2, 0 <= y <= 1, c in {-1, 0, 1}: the vertices are the 0-1 points, all integral."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    names = [f"y{i}" for i in range(n)]
    cost, gain = rng.integers(-1, 2, n), rng.integers(-3, 4, n)
    sense = str(rng.choice(["min", "max"]))
    vertices = np.array([v for v in itertools.product((0.0, 1.0), repeat=n) if sum(v) <= 2])
    best = vertices[np.isclose(vertices @ cost, (vertices @ cost).min())]
    program = game(
        players={
            "leader": (sense, dict(zip(names, gain, strict=True))),
            "f": ("min", dict(zip(names, cost, strict=True))),
        },
        columns={name: ("f", 0, 1) for name in names},  # noqa: C420  (one owner and two bounds each)
        rows={"r": ("f", dict.fromkeys(names, 1.0), -INF, 2)},
    )
    values = dict(zip(names, best[rng.integers(len(best))], strict=True))
    found = certify(program, point(program, **values)).tie
    low, high = (best @ gain).min(), (best @ gain).max()
    expected = (low, high) if sense == "min" else (high, low)
    assert (found.optimistic, found.pessimistic) == pytest.approx(expected, abs=1e-6)
