"""Games on which other solvers of games were reported to be wrong: each method answers rightly here, or refuses.

Each docstring says what went wrong elsewhere, and how the right answer is worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.declaring import game, maximise, minimise, rows
from tests.stress.answers import answers
from tests.stress.sources import arrays_of

Stated = tuple[pyo.ConcreteModel, float]


def sentinel_as_big_m() -> Stated:
    """A solver's infinity of 1e20 served as an M, and the follower's worst response was certified.

    The follower wants the least y >= x - 50 in [0, 1000]; leader max y - x/2, 0 <= x <= 1000: 950 - 500 at x = 1000.
    """
    m = game("sentinel")
    x = m.x = pyo.Var(bounds=(0, 1000))
    y = m.follower.y = pyo.Var(bounds=(0, 1000))
    rows(m.follower, y >= x - 50)
    minimise(m.follower, y)
    maximise(m, y - 0.5 * x)
    return m, 450.0


def upper_bound_of_the_follower() -> Stated:
    """With y <= 10 on the variable a peer let the leader choose y.

    max y, y <= x + 3, 0 <= y <= 10 gives y = x + 3; the leader minimises x + y over x >= 2: 2 + 5.
    """
    m = game("upper bound")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(bounds=(0, 10))
    rows(m.follower, y <= x + 3)
    maximise(m.follower, x + y)
    rows(m, x >= 2)
    minimise(m, x + y)
    return m, 7.0


def response_that_is_not_the_best() -> Stated:
    """A generation of columns ended at (3, 6), where the follower would have taken 2.5.

    y >= (3 x - 4) / 2 and y >= 3 - x, so x - 4 y falls along the first of them, to (4, 4), where 2 x + y = 12.
    """
    m = game("worse response")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, -x - y <= -3, -2 * x + y <= 0, 2 * x + y <= 12, 3 * x - 2 * y <= 4)
    minimise(m.follower, y)
    minimise(m, x - 4 * y)
    return m, -12.0


def quantities(sense: int) -> Stated:
    """A follower that maximises had a multiplier of the wrong sign; with the costs minimised all was well.

    Two firms that follow a leader: price 13 - q1 - q2 - Q, cost 1, each follower's conditions in one program.
    q = (12 - Q) / 3 each; the leader's (12 - 2 q - Q) Q = (4 - Q / 3) Q is greatest at Q = 6: 12.
    """
    m = game("quantities")
    Q = m.Q = pyo.Var(domain=pyo.NonNegativeReals)
    q = m.follower.q = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    price = 13 - q[1] - q[2] - Q
    profit = price * q[1] - q[1] + price * q[2] - q[2] + q[1] * q[2]
    m.follower.goal = pyo.Objective(expr=profit if sense == pyo.maximize else -profit, sense=sense)
    maximise(m, price * Q - Q)
    return m, 12.0


def fruits(cap: float, leader: int, follower: int) -> Stated:
    """With both senses turned a peer found no solution; the other way it did.

    Each of two buyers takes 3 i fruits: from the other at p + 0.01, or from the market at 0.1; selling earns less than
    any fruit costs. The leader wants what is bought and sold between them to agree, so nothing may be bought there:
    0, at a price of at least 0.09.
    """
    m = game("fruits")
    p = m.p = pyo.Var(bounds=(0, cap))
    buyers = (1, 2)
    market, bought, sold = (pyo.Var(buyers, bounds=(0, 10)) for _ in range(3))
    m.follower.market, m.follower.bought, m.follower.sold = market, bought, sold
    rows(m.follower, *(-market[i] + sold[i] - bought[i] == -3 * i for i in buyers))
    gain = sum(-0.1 * market[i] - bought[i] * (p + 0.01) + sold[i] * (p - 0.003) for i in buyers)
    m.follower.goal = pyo.Objective(expr=gain * -follower, sense=follower)
    rows(m, sum(sold[i] - bought[i] for i in buyers) == 0)
    fee = sum(0.01 * bought[i] + 0.003 * sold[i] for i in buyers)
    m.goal = pyo.Objective(expr=fee * -leader, sense=leader)
    return m, 0.0


def row_of_the_leader_that_the_follower_does_not_see() -> Stated:
    """The follower's bounds had no multipliers that could be asked for, and its row on x alone belongs to nobody.

    max x + y, x + y <= 8 gives y = 8 - x; the leader's y + 2 x <= 9 leaves x <= 1, and -x + 4 y = 32 - 5 x is 27.
    """
    m = game("row on x")
    x = m.x = pyo.Var()
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, x + y <= 8, x + 0 * y <= 4)
    minimise(m.follower, -x - y)
    rows(m, y + 2 * x <= 9)
    minimise(m, -x + 4 * y)
    return m, 27.0


def leader_without_influence() -> Stated:
    """The leader's variable is nowhere, and a peer gave the leader the follower's: max y in [0, 1] is 1."""
    m = game("no influence")
    m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 1))
    maximise(m.follower, y)
    minimise(m, y + 0 * m.x)
    return m, 1.0


def widely_bounded_integer(most: int) -> Stated:
    """Whether a program with an integer in [0, most] had a solution depended on most.

    3 x + 2 y = 5 with y in [0, 1]: y = 1 at x = 1, which is the only x with a response.
    """
    m = game("integer")
    x = m.x = pyo.Var(bounds=(0, most), domain=pyo.Integers)
    y = m.follower.y = pyo.Var(bounds=(0, 1))
    rows(m.follower, 3 * x + 2 * y == 5)
    minimise(m.follower, y)
    maximise(m, x)
    return m, 1.0


def bound_multiplier_as_a_price() -> Stated:
    """Multipliers of bounds declared on the variable were forgotten, and what rests on them was zero.

    min y1 + 3 y2, y1 + y2 = 5, y1 <= 2 on the variable: the bound is worth 1 - 3 = -2 a unit; leader max x - bound's
    multiplier with x in [0, 1], y's free of x: 1 + 2.
    """
    m = game("bound's price")
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var([1, 2], bounds={1: (0, 2), 2: (0, None)})
    rows(m.follower, y[1] + y[2] == 5)
    minimise(m.follower, y[1] + 3 * y[2])
    m.worth = bl.Multiplier(y[1], bound="upper")
    maximise(m, x - m.worth)
    return m, 3.0


def row_written_the_other_way_round() -> Stated:
    """The same rows with one turned gave a point that broke them.

    y >= 3 - x and y <= (3 x - 4) / 2 meet at (2, 1); beyond, y = max(0, 3 - x), so x - 4 y rises: 2 - 4.
    """
    m = game("turned row")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    rows(m.follower, -x - y <= -3, -2 * x + y <= 0, 2 * x + y <= 12, -3 * x + 2 * y <= -4)
    minimise(m.follower, y)
    minimise(m, x - 4 * y)
    return m, -2.0


def exports(*, on_variables: bool) -> Stated:
    """With bounds on the variables a peer forgot their multipliers, and the bill was 0.

    A house needs 1: own power or imports at 1 each, exports e earn the tariff. Own power and imports reach 20, so a
    unit more costs 1, and that is the price. The utility needs 2 + imports - exports at 1, pays the price for exports,
    and does not want both: 2 - e + e, whatever the exports.
    """
    m = game("exports")
    bought, tariff, sells = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(0, 10)), pyo.Var(domain=pyo.Binary)
    m.bought, m.tariff, m.sells = bought, tariff, sells
    y = m.follower.y = pyo.Var(["exports", "imports", "own"], bounds=(0, 10) if on_variables else None)
    sides = () if on_variables else (side for one in y.values() for side in (one >= 0, one <= 10))
    rows(m.follower, y["imports"] - y["exports"] + y["own"] == 1, *sides)
    minimise(m.follower, y["own"] + y["imports"] - tariff * y["exports"])
    price = m.price = bl.Multiplier(m.follower.row[1])
    both_ways = (y["exports"] <= 10 * sells, y["imports"] <= 10 * (1 - sells))
    rows(m, bought + y["exports"] - y["imports"] == 2, *both_ways)
    minimise(m, bought + price * y["exports"])
    return m, 2.0


MAX, MIN = pyo.maximize, pyo.minimize
GAMES: dict[str, Callable[[], Stated]] = {
    "sentinel as M": sentinel_as_big_m,
    "upper bound": upper_bound_of_the_follower,
    "worse response": response_that_is_not_the_best,
    "quantities, maximised": lambda: quantities(MAX),
    "quantities, minimised": lambda: quantities(MIN),
    **{f"fruits {a:+d}{b:+d}": lambda a=a, b=b: fruits(0.1, a, b) for a in (MAX, MIN) for b in (MAX, MIN)},
    "row on x": row_of_the_leader_that_the_follower_does_not_see,
    "no influence": leader_without_influence,
    **{f"integer to {most}": lambda most=most: widely_bounded_integer(most) for most in (9, 2**20 + 2, 2**30 + 2)},
    "bound's price": bound_multiplier_as_a_price,
    "turned row": row_written_the_other_way_round,
    "exports, bounds": lambda: exports(on_variables=True),
    "exports, rows": lambda: exports(on_variables=False),
}


@pytest.mark.parametrize("name", GAMES)
def test_no_method_is_wrong_where_a_peer_was(name: str):
    model, optimum = GAMES[name]()
    found = answers(arrays_of(model), time_limit=20.0)
    auto, *others = found
    assert (auto.status, auto.holds, auto.value) == ("optimal", True, pytest.approx(optimum, rel=1e-6, abs=1e-6))
    for answer in others:
        assert answer.status in ("optimal", "NoBound", "NotApplicable"), answer
        assert answer.value == pytest.approx(optimum, rel=1e-6, abs=1e-6) or answer.value is None, answer


def test_a_bound_costs_no_more_than_the_same_row_does():
    """A peer wrote a multiplier and a complementarity for each side of each variable, also where there is no bound.

    Both sides of a variable share an integer by big-M: three for three variables, beside that of the leader.
    """
    as_bounds, as_rows = (bl.compile(exports(on_variables=flag)[0]).program for flag in (True, False))
    assert len(as_bounds.columns) == len(as_rows.columns)
    assert as_bounds.columns.integer.sum() == as_rows.columns.integer.sum() == 4
    assert len(as_bounds.rows) == len(as_rows.rows) - 6


def test_a_side_without_a_bound_has_no_complementarity():
    """Without three upper bounds: three complementarities fewer, and each is an integer where they are indicators."""
    closed, opened = (exports(on_variables=True)[0] for _ in range(2))
    opened.follower.y.setub(None)
    sizes = [bl.compile(m, method=bl.KKT(complementarity=bl.Indicator())).program.columns for m in (closed, opened)]
    assert [columns.integer.sum() for columns in sizes] == [1 + 6, 1 + 3]


def test_a_game_that_ends_infeasible_says_which_row_no_response_satisfies():
    """A peer ended with "infeasible", and its users asked for the reason.

    y = max(3 - x, (3 x - 4) / 2) with 2 x + y <= 12 is 4 at most, at x = 4; the leader asks for 5, which the follower
    could do, as at (3, 6), but does not.
    """
    m, _ = response_that_is_not_the_best()
    m.least = pyo.Constraint(expr=m.follower.y >= 5)
    assert bl.solve(m).status == "infeasible"
    diagnosis = bl.diagnose(m)
    assert [(found.group, found.names) for found in diagnosis.findings] == [("coupling rows", ("least",))]
    assert diagnosis.findings[0].violations == pytest.approx((1.0,))


@pytest.mark.parametrize("leader", [MAX, MIN])
@pytest.mark.parametrize("follower", [MAX, MIN])
def test_fruits_that_no_allowed_price_makes_dear_enough_leave_no_point(leader: int, follower: int):
    """At prices up to 0.05 both buy, and nobody sells; strong duality leaves a product and does not apply."""
    assert {a.status for a in answers(arrays_of(fruits(0.05, leader, follower)[0]), 20.0)} <= {
        "infeasible",
        "NotApplicable",
    }


def impossible(domain: Any, followers: int) -> pyo.ConcreteModel:
    """A peer answered y = 0, which is no response: max y, y <= 2, but the leader wants y <= 0; min -x, x in 0..5."""
    m = pyo.ConcreteModel("impossible")
    m.x = pyo.Var(bounds=(0, 5), domain=pyo.Integers)
    m.follower = bl.Follower(range(followers))
    for block in m.follower.values():
        block.y = pyo.Var(domain=domain)
        rows(block, block.y <= 2)
        maximise(block, block.y)
    rows(m, *(block.y <= 0 for block in m.follower.values()))
    minimise(m, -m.x)
    return m


@pytest.mark.parametrize("domain", [pyo.Reals, pyo.Integers, pyo.NonNegativeIntegers])
@pytest.mark.parametrize("followers", [1, 3])
def test_a_row_of_the_leader_does_not_bind_the_follower(domain: Any, followers: int):
    """There is no point, whatever the method."""
    found = answers(arrays_of(impossible(domain, followers)), 20.0)
    assert found[0].status == "infeasible"
    assert {answer.status for answer in found} <= {"infeasible", "NoBound"}


@pytest.mark.parametrize("sense", [MAX, MIN])
def test_an_integer_follower_has_one_answer_in_both_senses(sense: int):
    """A peer's answers differed, by whether the follower maximised or minimised the negative.

    Items of worth 5, 4, 3 and weight 3, 2, 1, capacity x in 0..6: at x = 3 worth 7 by the last two; leader min
    worth - 3 x: 0, 3-3, 4-6, 7-9, 8-12, 9-15, 12-18: -6 at 5 and 6.
    """
    m = game("items")
    x = m.x = pyo.Var(bounds=(0, 6), domain=pyo.Integers)
    y = m.follower.y = pyo.Var([1, 2, 3], domain=pyo.Binary)
    worth = 5 * y[1] + 4 * y[2] + 3 * y[3]
    rows(m.follower, 3 * y[1] + 2 * y[2] + y[3] <= x)
    m.follower.goal = pyo.Objective(expr=worth if sense == MAX else -worth, sense=sense)
    minimise(m, worth - 3 * x)
    for answer in answers(arrays_of(m), 20.0):
        assert (answer.status, answer.value) == ("optimal", pytest.approx(-6.0)), answer


def test_an_infimum_that_an_integer_response_leaves_open_is_not_called_an_optimum():
    """A peer ended with an error. y is the least integer with y >= 3 - x and y >= (3 x - 4) / 2; 2 x + y <= 12.

    Beyond x = 10/3 it is 4, at 10/3 it is 3: x - 4 y comes near 10/3 - 16 from above and does not reach it.
    """
    m = game("open end")
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeIntegers)
    rows(m.follower, -x - y <= -3, -2 * x + y <= 0, 2 * x + y <= 12, 3 * x - 2 * y <= 4)
    minimise(m.follower, y)
    minimise(m, x - 4 * y)
    solution = bl.solve(m)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert 10 / 3 - 16 < solution.objective < 10 / 3 - 16 + 1e-2
    assert solution.bound == pytest.approx(10 / 3 - 16, rel=1e-5)
    assert solution.status == "feasible"
