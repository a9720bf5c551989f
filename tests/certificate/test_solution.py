"""Solutions: what they print, and values and multipliers by the user's components."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from rich.console import Console

from bilevel.certificate.certify import certify
from bilevel.errors import BilevelError, InvalidGame
from bilevel.game import Follower
from bilevel.language.read import read
from bilevel.solution import Solution


def shop() -> Any:
    """Return a model of a shop and a buyer with two needs.

    Shop: max p (q1 + q2), 0 <= p <= 1, p + q1 <= 9. Buyer: min p (q1 + q2) + o1 + o2, q_t + o_t >= t : 1, q <= 5.
    """
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 1))
    m.buyer = Follower()
    m.buyer.q = pyo.Var([1, 2], bounds=(0, 5))
    m.buyer.o = pyo.Var([1, 2], bounds=(0, None))
    m.buyer.fee = pyo.Var()
    m.buyer.fee.fix(7)
    m.buyer.need = pyo.Constraint([1, 2], rule=lambda b, t: b.q[t] + b.o[t] >= t)
    m.buyer.bill = pyo.Objective(expr=sum(m.p * m.buyer.q[t] + m.buyer.o[t] for t in (1, 2)))
    m.cap = pyo.Constraint(expr=m.p + m.buyer.q[1] <= 9)
    m.profit = pyo.Objective(expr=sum(m.p * m.buyer.q[t] for t in (1, 2)), sense=pyo.maximize)
    return m


def solved(m: Any, **wrong: float) -> Solution:
    """Return the solution p = 1, q = (1, 2): profit 3; both needs have the multiplier 1."""
    game = read(m)
    n, size = len(game.variables), game.program.point_size
    at = np.zeros(size)
    for variable, value in [(m.p, 1), (m.buyer.q[1], wrong.get("q", 1)), (m.buyer.q[2], 2)]:
        at[game.column(variable)] = value
    for index in (1, 2):
        at[n + game.row(m.buyer.need[index])] = 1
    certificate = certify(game.program, at, bound=3.0)
    return Solution("optimal", certificate.objective, 3.0, certificate.gap, certificate, 0.25, "KKT", game, at)


def test_multipliers_by_constraint_and_by_bound() -> None:
    m = shop()
    solution = solved(m)
    assert solution.multiplier(m.buyer.need[2]) == 1
    assert solution.multiplier(m.buyer.need) == {1: 1, 2: 1}
    assert solution.multiplier(m.buyer.q, bound="lower") == {1: 0, 2: 0}
    assert solution.multiplier(m.buyer.q[1]) == 0


def test_values_of_the_solution_do_not_change_with_the_model() -> None:
    m = shop()
    solution = solved(m)
    m.p.set_value(0.5)
    assert solution.value(m.p) == 1
    assert solution.value(m.buyer.q) == {1: 1, 2: 2}
    assert solution.value(m.buyer.fee) == 7
    assert solution.values is not None
    assert solution.values[solution.game.column(m.p)] == 1


def test_only_followers_have_multipliers() -> None:
    m = shop()
    solution = solved(m)
    with pytest.raises(InvalidGame, match="cap: it belongs to"):
        solution.multiplier(m.cap)
    with pytest.raises(InvalidGame, match="p: it belongs to"):
        solution.multiplier(m.p)
    with pytest.raises(InvalidGame, match="only constraints and variables"):
        solution.multiplier(m.profit)


def test_without_a_point_there_is_nothing_to_report() -> None:
    m = shop()
    empty = Solution("infeasible", None, None, None, None, 0.1, "KKT", read(m), None)
    assert empty.values is None
    assert "infeasible" in str(empty)
    with pytest.raises(BilevelError, match="no solution"):
        empty.value(m.p)


def test_printed_solution_says_what_a_person_asks() -> None:
    text = str(solved(shop()))
    for words in (
        "optimal",
        "objective",
        "3",
        "KKT",
        "0.25 s",
        "certificate holds",
        "buyer",
        "in its favour, 0 if against",
    ):
        assert words in text
    assert "\x1b" not in text


def test_printed_failure_names_the_component() -> None:
    text = str(solved(shop(), q=0.5))
    assert "CERTIFICATE FAILS" in text
    assert "buyer.need[1]: violated" in text


def test_rich_and_notebooks_get_colour() -> None:
    solution = solved(shop())
    terminal = io.StringIO()
    Console(file=terminal, width=100, force_terminal=True, color_system="standard").print(solution)
    assert "\x1b[1;32moptimal" in terminal.getvalue()
    assert "<pre" in solution._repr_html_()
    assert "color" in solution._repr_html_()
