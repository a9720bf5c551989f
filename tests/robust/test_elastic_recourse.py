"""Rows of recourse that may be missed at a stated penalty."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.compiler.pipeline import compile_program
from bilevel.language.nature import nature_set
from bilevel.language.penalties import elastic_game
from bilevel.language.read import read
from bilevel.methods import KKT
from reformulations.bounds import Source
from reformulations.robust.complete_recourse import has_complete_recourse
from reformulations.robust.second_stage import cost_game, second_stage
from reformulations.robust.two_stage import split
from tests.robust.test_small_cases import stock
from tests.robust.test_transportation import OPTIMUM, transportation


@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_a_penalty_above_every_multiplier_leaves_the_answer(oracle: str):
    solution = bl.solve(transportation(), method=bl.CCG(oracle=oracle, penalty=1000))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMUM, rel=1e-6)
    assert not any("missed" in note for note in solution.notes)


def test_what_is_missed_in_the_worst_case_is_named():
    """A unit in stock costs 1 and its delivery 1: 2, more than 1.5 for a unit not served. Nothing is built: 3."""
    m = stock()
    solution = bl.solve(m, method=bl.CCG(penalty={m.later.enough: 1.5}))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(3)
    assert pyo.value(m.stock) == pytest.approx(0)
    assert "at the penalty: later.enough missed by 2" in solution.notes
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_a_plan_without_recourse_becomes_a_plan_with_a_price():
    """The stock holds 1 at most, demand is up to 2: 1 + 1 + 10 for the unit that is missing."""
    m = stock(most=1)
    assert bl.solve(m).status == "infeasible"
    solution = bl.solve(m, method=bl.CCG(penalty=10))
    assert solution.objective == pytest.approx(12)
    assert {round_.kind for round_ in solution.iterations} == {"optimality"}


def test_a_maximising_leader_pays_the_penalty():
    m = stock(most=1)
    m.profit = pyo.Objective(expr=20 - m.cost.expr, sense=pyo.maximize)
    m.cost.deactivate()
    assert bl.solve(m, method=bl.CCG(penalty=10)).objective == pytest.approx(8)


def test_penalties_bound_the_multipliers_of_recourse():
    """Every multiplier of a row lies in [-penalty, penalty], derived, whatever the bounds of recourse."""
    game = read(transportation())
    two_stage = split(elastic_game(game, 50.0))
    stage = second_stage(two_stage, np.array([1.0, 0, 1, 255.2, 0, 516.8]))
    image = compile_program(cost_game(stage, nature_set(game).polyhedral()), KKT())
    rows = ~np.array([" bound" in name for name in image.mpec.complementarity.names])
    assert np.all(image.bounds.source != Source.ASSUMED)
    assert np.max(image.bounds.multiplier_upper[rows]) == pytest.approx(50, rel=1e-4)


def test_complete_recourse_is_recognised():
    game = read(transportation())
    assert not has_complete_recourse(split(game.program))
    assert has_complete_recourse(split(elastic_game(game, 50.0)))
    m = stock()
    assert not has_complete_recourse(split(elastic_game(read(m), {m.later.enough: 1.0})))


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (lambda _: -1, r"later\.enough: its penalty is -1"),
        (lambda m: {m.limit: 5}, r"limit: no recourse appears in this row"),
        (lambda _: {"stock": 5}, r"penalty=\.\.\.\): stock is no constraint"),
    ],
)
def test_penalties_that_mean_nothing_are_refused(penalty: object, message: str):
    m = stock()
    m.limit = pyo.Constraint(expr=m.stock <= 4)
    with pytest.raises(bl.BilevelError, match=message):
        bl.solve(m, method=bl.CCG(penalty=penalty(m)))


def test_a_game_without_recourse_has_no_penalties():
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 4))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 1))
    m.row = pyo.Constraint(expr=m.z >= m.u)
    m.cost = pyo.Objective(expr=m.z)
    with pytest.raises(bl.NotApplicable, match="no recourse that could miss a row"):
        bl.solve(m, method=bl.CCG(penalty=3))
