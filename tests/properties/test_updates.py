"""A compiled game after edits of its model is the game compiled anew, whatever was edited and in whatever order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from bilevel.language.read import read
from reformulations.covering import covers
from reformulations.programs import BilevelProgram

DATA = {"worth": 3.0, "cost": 1.0, "slope": 0.5, "need": 2.0, "share": 1.0, "cap": 5.0, "other": 1.0}


def tariff() -> pyo.ConcreteModel:
    """Two prices p, a customer with min (p1 + cost) a + (p2 + slope) b, a + share b >= need, a, b <= 4."""
    m = pyo.ConcreteModel()
    m.data = pyo.Param(list(DATA), initialize=DATA, mutable=True)
    m.price = pyo.Var([1, 2], bounds=(0, 4))
    m.still = pyo.Var(initialize=1.0)
    m.still.fix()
    m.limit = pyo.Constraint(expr=m.price[1] + m.data["other"] * m.price[2] <= m.data["cap"])
    m.f = bl.Follower()
    m.f.a = pyo.Var(bounds=(0, 4))
    m.f.b = pyo.Var(bounds=(0, 4))
    m.f.outside = pyo.Var(bounds=(0, None))
    m.f.need = pyo.Constraint(expr=m.f.a + m.data["share"] * m.f.b + m.f.outside >= m.data["need"] * m.still)
    m.f.extra = pyo.Expression(expr=m.data["slope"] * m.f.b)
    m.f.bill = pyo.Objective(
        expr=(m.price[1] + m.data["cost"]) * m.f.a + m.price[2] * m.f.b + m.f.extra + 6 * m.f.outside
    )
    m.gain = pyo.Objective(
        expr=m.price[1] * m.f.a + m.price[2] * m.f.b + m.data["worth"] * m.f.a - 0.1 * m.price[1], sense=pyo.maximize
    )
    return m


def edit(m: pyo.ConcreteModel, what: str, value: int) -> None:
    """Make one edit of a kind; the kinds of another structure come last."""
    kinds = {
        "upper bound of the leader": lambda: m.price[1].setub(3 + value % 3),
        "lower bound of the leader": lambda: m.price[2].setlb(value % 2),
        "fixed leader": lambda: m.price[2].fix(1 + value % 3),
        "free leader": m.price[2].unfix,
        "domain of the leader": lambda: setattr(m.price[1], "domain", pyo.Integers if value % 2 else pyo.Reals),
        "bound of the follower": lambda: m.f.b.setub(1 + value),
        "value of what is fixed": lambda: m.still.fix(1 + value / 4),
        "named expression": lambda: m.f.extra.set_value(m.data["slope"] * m.f.b * (1 + value % 2)),
        "row": lambda: m.limit.deactivate() if value % 2 else m.limit.activate(),
        "whole expression": lambda: m.limit.set_value(m.price[1] <= 2 + value),
        "follower's variable": lambda: m.f.outside.fix(0) if value % 2 else m.f.outside.unfix(),
    }
    if what in kinds:
        kinds[what]()
    else:
        m.data[what] = DATA[what] + value / 2


EDITS = st.sampled_from(
    [
        *DATA,
        *("upper bound of the leader", "lower bound of the leader", "fixed leader", "free leader"),
        "domain of the leader",
        *("bound of the follower", "value of what is fixed", "named expression"),
        *("row", "whole expression", "follower's variable"),
    ]
)


def same_arrays(first: BilevelProgram, second: BilevelProgram) -> bool:
    """Tell whether two games are the same numbers."""
    pairs = [
        (first.columns.lower, second.columns.lower),
        (first.columns.upper, second.columns.upper),
        (first.columns.integer, second.columns.integer),
        (first.rows.matrix.toarray(), second.rows.matrix.toarray()),
        (first.rows.lower, second.rows.lower),
        (first.rows.upper, second.rows.upper),
        (first.objectives.linear.toarray(), second.objectives.linear.toarray()),
        (first.objectives.constant, second.objectives.constant),
        (first.objectives.sense, second.objectives.sense),
        *((getattr(first.objectives.products, name), getattr(second.objectives.products, name)) for name in PARTS),
    ]
    return all(np.allclose(one, other) for one, other in pairs)


PARTS = ("index", "left", "right", "value")


@pytest.mark.parametrize("method", [bl.KKT(), bl.Branching()], ids=lambda method: type(method).__name__)
@pytest.mark.parametrize("examples", [15, pytest.param(200, marks=pytest.mark.long)])
def test_an_updated_game_is_the_game_compiled_anew(method: Any, examples: int):
    """Optimum and status agree after each of several edits; arrays do, wherever no leader's variable is held."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(st.lists(st.tuples(EDITS, st.integers(0, 3)), min_size=1, max_size=4))
    def agree(edits: list[tuple[str, int]]) -> None:
        m = tariff()
        compiled = bl.compile(m, method=method)
        for what, value in edits:
            edit(m, what, value)
            compiled = compiled.update()
            if not m.price[2].fixed:
                assert same_arrays(compiled.game.program, read(m).program)
            again, anew = compiled.solve(), bl.compile(m, method=method).solve()
            assert again.status == anew.status
            if anew.objective is not None:
                assert again.objective == pytest.approx(anew.objective, abs=1e-5)
            seen[again.status] += 1
            seen["held"] += "since the leader is held" in again.method

    agree()
    assert seen["optimal"] >= examples


def test_bounds_of_big_m_are_kept_where_the_game_covers_the_edited_one_and_derived_again_where_not():
    """A smaller price range and another objective of the leader leave the follower's bounds; its cost does not."""
    m = tariff()
    compiled = bl.compile(m, method=bl.KKT())
    before = compiled.game.program
    m.price[1].setub(2)
    m.data["worth"] = 1.0
    kept = compiled.update()
    assert covers(before, kept.game.program)
    assert np.array_equal(kept.image.bounds.multiplier_upper, compiled.image.bounds.multiplier_upper)
    m.data["cost"] = 2.0
    assert not covers(before, kept.update().game.program)
    m.data["cost"] = 1.0
    m.price[1].setub(4.5)
    assert not covers(before, kept.update().game.program)


def test_a_row_that_goes_before_the_first_update_is_gone():
    """Without p1 + p2 <= 5 both prices may be 4."""
    m = tariff()
    compiled = bl.compile(m)
    m.limit.deactivate()
    without = compiled.update()
    assert len(without.game.constraints) == len(compiled.game.constraints) - 1
    m.limit.activate()
    assert len(without.update().game.constraints) == len(compiled.game.constraints)


def test_an_update_leaves_the_compiled_game_and_fixed_values_as_they_were():
    m = tariff()
    compiled = bl.compile(m)
    m.price[1].fix(1.25)
    held = compiled.update()
    solution = held.solve()
    assert (m.price[1].value, m.price[1].fixed) == (1.25, True)
    assert compiled.game.program.columns.upper[0] == 4
    m.price[1].fix(2.0)
    assert solution.value(m.price[1]) == 1.25


@pytest.mark.parametrize("method", [bl.KKT(), bl.Branching()], ids=lambda method: type(method).__name__)
def test_a_variable_that_becomes_an_integer_is_one_after_the_update(method: Any):
    """y = min(x, 3), so x - 3 y is -5 at x = 2.5, the most there is, and -4 at x = 2, the most whole number of it."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2.5))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 3))
    m.f.row = pyo.Constraint(expr=m.f.y <= m.x)
    m.f.gain = pyo.Objective(expr=m.f.y, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.x - 3 * m.f.y)
    compiled = bl.compile(m, method=method)
    found = []
    for domain in (pyo.Reals, pyo.Integers, pyo.Reals):
        m.x.domain = domain
        compiled = compiled.update()
        found.append(compiled.solve().objective)
    assert found == pytest.approx([-5, -4, -5])
