"""What recourse costs at constant prices, and nature's maximum by its dual program."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import bilevel as bl
from bilevel.language.read import read
from bilevel.solvers.highs import PersistentHighs
from reformulations.programs import Columns, MixedIntegerProgram, Names
from reformulations.robust.constant_prices import constant_prices, coupling_rows, with_priced_recourse
from reformulations.robust.dualised import UncertainForm, worst_case_rows
from reformulations.robust.two_stage import TwoStage, master, split
from reformulations.sets.budget import Budget
from reformulations.sets.distributions import DistributionBall
from reformulations.uncertainty import Box, UncertaintySet


def trade(most: float, sell: float = 3.0) -> TwoStage:
    """Order z at 2 to meet a demand u; buy at 3 and sell at ``sell`` what is missing or left, and store up to 4 at 1.

    ``min 2 z + max_u min {3 b - sell s + t : b - s - t = u - z, 0 <= b, s <= most, 0 <= t <= 4}``
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 5))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(1, 3))
    m.later = bl.Recourse()
    m.later.buy, m.later.sell = pyo.Var(bounds=(0, most)), pyo.Var(bounds=(0, most))
    m.later.kept, m.later.spare = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, None))
    m.later.balance = pyo.Constraint(expr=m.z + m.later.buy - m.later.sell - m.later.kept == m.u)
    m.later.store = pyo.Constraint(expr=m.later.kept + m.later.spare == 4)
    m.cost = pyo.Objective(expr=2 * m.z + 3 * m.later.buy - sell * m.later.sell + m.later.kept)
    return split(read(m).program)


def test_buying_and_selling_at_one_price_is_the_price_of_the_row() -> None:
    """The balance, ``b - s - t + z - u = 0`` in the order of its row, costs 3 a unit; storing costs 1 + 3 and is 0."""
    two_stage = trade(most=10)
    found = constant_prices(two_stage)
    assert found is not None
    (row,) = np.flatnonzero(coupling_rows(two_stage))
    assert abs(found.price[row]) == pytest.approx(3)
    assert np.count_nonzero(found.price) == 1
    assert PersistentHighs(found.rest).solve().objective == pytest.approx(0)


def test_different_prices_for_buying_and_selling_are_no_constant_price() -> None:
    assert constant_prices(trade(most=10, sell=2.5)) is None


def test_the_first_stage_knows_the_worst_case_at_those_prices() -> None:
    """2 z + 3 (u - z), worst at u = 3: 9 - z, so z = 5 and 4."""
    two_stage = trade(most=10)
    found = constant_prices(two_stage)
    assert found is not None
    within = Box(np.array([1.0]), np.array([3.0]))
    priced = with_priced_recourse(two_stage, found, 0.0, within.polyhedral())
    program = master(priced, [])
    linear = np.asarray(program.objectives.linear.toarray())[0]
    outcome = PersistentHighs(MixedIntegerProgram(program.columns, program.rows, linear, 0.0)).solve()
    assert outcome.objective == pytest.approx(4)
    assert outcome.point is not None
    assert priced.first_cost(outcome.point) == pytest.approx(10)


def sets(draw: st.DrawFn) -> UncertaintySet:
    if draw(st.booleans()):
        return Budget(np.array([1.0, -1, 0]), np.array([1.0, 2, 1]), draw(st.sampled_from([0.5, 1.5, 3])))
    return DistributionBall(np.array([0.2, 0.3, 0.5]), l1=draw(st.sampled_from([0.1, 0.5, 2.0])), linf=0.4)


@given(st.data())
def test_dual_rows_equal_the_support_function(data: st.DataObject) -> None:
    """Min eta with the first stage held at z: eta is ``g z + f + support(W z + w)``."""
    within = data.draw(st.composite(sets)())
    numbers = st.integers(-3, 3).map(float)
    z = np.array(data.draw(st.lists(numbers, min_size=2, max_size=2)))
    moving = np.array(data.draw(st.lists(numbers, min_size=6, max_size=6))).reshape(3, 2)
    offset = np.array(data.draw(st.lists(numbers, min_size=3, max_size=3)))
    fixed = np.array([[1.0, -2.0]])
    form = UncertainForm(sparse.csr_array(fixed), 0.5, sparse.csr_array(moving), offset)
    columns, rows = worst_case_rows(form, within.polyhedral(), eta=2, width=3, name="worst case")
    held = Columns(np.append(z, -np.inf), np.append(z, np.inf), np.zeros(3, bool), Names.of(["a", "b", "eta"]))
    every = held.append(columns)
    cost = np.zeros(len(every))
    cost[2] = 1.0
    outcome = PersistentHighs(MixedIntegerProgram(every, rows, cost, 0.0)).solve()
    worst = float((fixed @ z)[0]) + 0.5 + within.support(moving @ z + offset)
    assert outcome.objective == pytest.approx(worst, abs=1e-6)
