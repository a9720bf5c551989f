"""Names in messages and reports are those of the user's model."""

from __future__ import annotations

import copy
import gc
import pickle

import pyomo.environ as pyo

import bilevel as bl
from bilevel.language.read import read
from reformulations.programs import BilevelProgram


def game_in_a_block() -> BilevelProgram:
    m = pyo.ConcreteModel("all")
    m.market = pyo.Block()
    m.market.x = pyo.Var([1, 2], bounds=(0, 1))
    m.market.f = bl.Follower()
    m.market.f.y = pyo.Var(bounds=(0, 1))
    m.market.f.row = pyo.Constraint(expr=m.market.f.y >= m.market.x[1])
    m.market.f.cost = pyo.Objective(expr=m.market.f.y)
    m.market.goal = pyo.Objective(expr=m.market.x[2])
    return read(m.market).program


def test_names_outlive_the_model() -> None:
    """Pyomo's components know their parents weakly; arrays are read in one function and used in another."""
    program = game_in_a_block()
    gc.collect()
    assert list(program.columns.names) == ["market.x[1]", "market.x[2]", "market.f.y"]
    assert list(program.rows.names) == ["market.f.row"]


def test_what_holds_names_can_be_pickled_and_copied() -> None:
    """Names are made on demand by functions, which cannot; what comes back has them as text."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 1))
    m.f.row = pyo.Constraint(expr=m.f.y >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.goal = pyo.Objective(expr=m.f.y - 2 * m.x)
    compiled, solution = bl.compile(m), bl.solve(m)
    again = pickle.loads(pickle.dumps(solution))
    assert (again.status, again.objective, str(again)) == (solution.status, solution.objective, str(solution))
    assert str(again.multipliers()) == str(solution.multipliers())
    for other in (pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled)):
        assert other.solve().objective == solution.objective
