"""Nash equilibrium among leaders, and mixed equilibrium of finite games, against enumeration."""

from __future__ import annotations

import math

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bilevel as bl

MARKET = 12


def firm() -> bl.Contender:
    """One of two firms that produce first; a third then answers both with y = (12 - q - r) / 2."""
    m = pyo.ConcreteModel()
    m.own = pyo.Var(domain=pyo.Integers, bounds=(0, MARKET))
    m.other = pyo.Var(domain=pyo.Integers, bounds=(0, MARKET))

    @m.Follower()
    def fringe(fringe: pyo.Block) -> None:
        fringe.output = pyo.Var(bounds=(0, MARKET))

    margin = MARKET - m.own - m.other - m.fringe.output
    m.fringe.profit = pyo.Objective(expr=margin * m.fringe.output, sense=pyo.maximize)
    m.profit = pyo.Objective(expr=margin * m.own, sense=pyo.maximize)
    return bl.Contender(m, m.own, {})


def duopoly() -> dict[str, bl.Contender]:
    one, two = firm(), firm()
    return {
        "one": bl.Contender(one.model, one.decides, {"two": one.model.other}),
        "two": bl.Contender(two.model, two.decides, {"one": two.model.other}),
    }


def profit(own: float, other: float) -> float:
    return own * max(MARKET - own - other, 0) / 2


def test_two_leaders_over_one_fringe_end_where_neither_gains():
    """The fringe halves the margin: q (12 - q - r)/2 is best at q = 6 - r/2, so 4 and 4, payoff 8; in whole units
    5 and 3 are an equilibrium as well (10 and 6, and 4 against 3, or 4 against 5, earn no more).
    """
    found = bl.nash(duopoly(), {"one": 0, "two": 0})
    own, other = (found.decisions[name][None] for name in ("one", "two"))
    assert found.status == "equilibrium"
    assert found.holds
    assert max(found.regrets.values()) <= 1e-6
    for mine, theirs, name in ((own, other, "one"), (other, own, "two")):
        assert found.payoffs[name] == pytest.approx(profit(mine, theirs), abs=1e-6)
        assert found.payoffs[name] == pytest.approx(max(profit(q, theirs) for q in range(MARKET + 1)), abs=1e-6)
    assert "equilibrium after" in str(found)


def test_regrets_at_a_profile_that_is_no_equilibrium_are_what_enumeration_says():
    """One round: firm one answers 0 by 6, firm two answers 6 by 3; then one would rather have 4 or 5."""
    found = bl.nash(duopoly(), {"one": 0, "two": 0}, rounds=1)
    assert found.status == "rounds"
    assert found.decisions == {"one": {None: 6.0}, "two": {None: 3.0}}
    assert found.regrets["one"] == pytest.approx(10 - profit(6, 3), abs=1e-6)
    assert found.regrets["two"] == pytest.approx(0, abs=1e-6)


def pennies(sign: int) -> bl.Contender:
    """A coin that a follower shows: max or min (2 y - 1)(2 b - 1), y = own coin."""
    m = pyo.ConcreteModel()
    m.coin, m.other = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)

    @m.Follower()
    def hand(hand: pyo.Block) -> None:
        hand.shows = pyo.Var(bounds=(0, 1))
        hand.limit = pyo.Constraint(expr=hand.shows <= m.coin)
        hand.show = pyo.Objective(expr=hand.shows, sense=pyo.maximize)

    m.win = pyo.Objective(expr=sign * (2 * m.hand.shows - 1) * (2 * m.other - 1), sense=pyo.maximize)
    return bl.Contender(m, m.coin, {})


def test_matching_pennies_run_in_a_circle():
    """(1, 1) -> (1, 0) -> (0, 0) -> (0, 1) -> (1, 1): after each has moved twice the first profile is back."""
    same, different = pennies(1), pennies(-1)
    found = bl.nash(
        {
            "same": bl.Contender(same.model, same.decides, {"different": same.model.other}),
            "different": bl.Contender(different.model, different.decides, {"same": different.model.other}),
        },
        {"same": 1, "different": 1},
    )
    assert found.status == "cycle"
    assert not found.holds
    assert [(p["same"][None], p["different"][None]) for p in found.cycle] == [(1, 0), (0, 1)]
    assert max(found.regrets.values()) == pytest.approx(2)
    assert "cycle of 2 profiles" in str(found)


@pytest.mark.parametrize(
    ("start", "says"),
    [({"one": 0}, "the decision of two is missing"), ({"one": 0, "two": {"a": 1}}, "of two has not the index")],
)
def test_starts_that_do_not_fit_are_refused(start: dict[str, object], says: str):
    with pytest.raises(bl.InvalidGame, match=says):
        bl.nash(duopoly(), start)


def test_unknown_rivals_are_refused():
    one = firm()
    with pytest.raises(bl.InvalidGame, match="its rival two is no contender"):
        bl.nash({"one": bl.Contender(one.model, one.decides, {"two": one.model.other})}, {"one": 0})


def test_mixed_equilibrium_of_a_battle_of_the_sexes_variant_without_pure_one():
    """Inspection: check (cost 1, fine 5) or not against obey (0) or cheat (gain 2): cheat with 1/5, check with 2/7."""
    inspector = [[-1, 4], [0, 0]]
    driver = [[0, 2 - 7], [0, 2]]
    found = bl.mixed_equilibrium(inspector, driver)
    assert found.row == pytest.approx([2 / 7, 5 / 7])
    assert found.column == pytest.approx([4 / 5, 1 / 5])
    assert max(found.regrets) <= 1e-9


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
        lambda shape: st.tuples(*[hnp.arrays(float, shape, elements=st.integers(-3, 3).map(float))] * 2)
    )
)
def test_nobody_gains_at_a_mixed_equilibrium_of_random_games(payoffs: tuple[np.ndarray, np.ndarray]):
    found = bl.mixed_equilibrium(*payoffs)
    A, B = payoffs
    assert math.isclose(found.row.sum(), 1)
    assert math.isclose(found.column.sum(), 1)
    assert (A @ found.column).max() - found.row @ A @ found.column <= 1e-6
    assert (found.row @ B).max() - found.row @ B @ found.column <= 1e-6


def test_payoffs_of_two_shapes_are_refused():
    with pytest.raises(bl.InvalidGame, match="two finite matrices of one shape"):
        bl.mixed_equilibrium([[1, 2]], [[1], [2]])
