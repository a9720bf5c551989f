"""Names in messages and reports are those of the user's model."""

from __future__ import annotations

import gc

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
