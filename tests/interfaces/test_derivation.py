"""Derivations: formulas from the user's expressions, and what the compiler made of them."""

from __future__ import annotations

from collections.abc import Callable

import pyomo.environ as pyo
import pytest
import sympy

import bilevel as bl
from tests.problems.library import LIBRARY, Problem


def toll() -> pyo.ConcreteModel:
    """min (1 + t) x + 4 z, x + z == 2, x <= 2, x, z >= 0; the leader earns t x."""
    m = pyo.ConcreteModel()
    m.t = pyo.Var(bounds=(0, 10))
    m.cars = bl.Follower()
    m.cars.x = pyo.Var(bounds=(0, 2))
    m.cars.z = pyo.Var(bounds=(0, None))
    m.cars.all = pyo.Constraint(expr=m.cars.x + m.cars.z == 2)
    m.cars.cost = pyo.Objective(expr=(1 + m.t) * m.cars.x + 4 * m.cars.z)
    m.gain = pyo.Objective(expr=m.t * m.cars.x, sense=pyo.maximize)
    return m


def test_the_system_is_the_one_derived_by_hand():
    """Stationarity 1 + t - a - b + c, 4 - a - d; dual 2 a - 2 c: a of the row, b, c of x, d of z."""
    (system,) = bl.derivation(toll()).followers
    a, b, c, d = (
        sympy.Symbol(name, real=True)
        for name in ("lambda[cars.all]", "mu_lower[cars.x]", "mu_upper[cars.x]", "mu_lower[cars.z]")
    )
    t = sympy.Symbol("t", real=True)
    assert system.stationarity == (1 + t - a - b + c, 4 - a - d)
    assert system.dual == 2 * a - 2 * c
    assert [one.equality for one in system.conditions] == [True, False, False, False]


def test_text_markdown_and_latex_hold_the_formulas():
    derivation = bl.derivation(toll())
    assert "0 <= mu_upper[cars.x]  _|_  2 - cars.x >= 0" in str(derivation)
    assert r"\overline{\mu}_{\mathrm{cars}.\mathrm{x}} \perp 2 - \mathrm{cars}.\mathrm{x} \geq 0" in derivation.markdown
    assert derivation._repr_markdown_() == derivation.markdown
    assert r"\begin{align*}" in derivation.latex
    assert derivation.markdown.count("$$") % 2 == 0
    assert r"\min \mathrm{cars}.\mathrm{x} \, \mathrm{t} + " in derivation.latex


def assert_typesets(derivation: bl.Derivation) -> None:
    """Let matplotlib's typesetter of TeX read every formula; it raises at what it cannot set."""
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="the extra plots is not installed").MathTextParser(
        "path"
    )
    formulas = [formula.latex for section in derivation.sections for formula in section.formulas]
    assert formulas
    for latex in formulas:
        assert mathtext.parse(f"${latex}$").width > 0


@pytest.mark.parametrize("declare", LIBRARY, ids=lambda declare: declare.__name__)
def test_formulas_of_every_game_are_typeset_by_somebody_elses_reader_of_tex(declare: Callable[[], Problem]):
    assert_typesets(bl.derivation(declare().model))


def test_names_with_the_marks_that_tex_reserves_are_typeset():
    m = toll()
    m.cars.more = pyo.Var(["50 %", "a_b{c", "$d\\e}", "f^g~h#"], bounds=(0, 1))
    m.cars.cost.expr += sum(m.cars.more.values())
    derivation = bl.derivation(m)
    assert_typesets(derivation)
    assert r"\mathrm{more}_{50\ \%}" in derivation.latex


def test_each_bound_stands_with_its_source():
    bounds = {line.row: line for line in bl.derivation(toll(), method=bl.KKT()).bounds}
    assert set(bounds) == {"cars.all", "lower bound of cars.x", "upper bound of cars.x", "lower bound of cars.z"}
    assert all(line.source.startswith("derived") for line in bounds.values())
    given = bl.derivation(toll(), method=bl.KKT(complementarity=bl.BigM(bounds=1.0)))
    assert "given: the user" in {line.source for line in given.bounds}


@pytest.mark.parametrize("method", ["auto", bl.KKT(), bl.Branching()], ids=str)
def test_the_leaders_objective_is_the_same_before_and_after_at_the_solution(method: object):
    """The gain is t x = 4 a - 4 ... = 6 at t = 3, x = 2; minimised, both forms are -6 there."""
    m = toll()
    derivation, solution = bl.derivation(m, method=method), bl.solve(m)
    assert derivation.before is not None
    assert derivation.after is not None
    assert derivation.after.is_polynomial()
    assert sympy.Poly(derivation.after).total_degree() == 1
    at = {sympy.Symbol(v.name, real=True): solution.value(v) for v in (m.t, m.cars.x, m.cars.z)}
    for one in derivation.followers[0].conditions:
        if one.source is m.cars.all:
            at[one.multiplier] = solution.multiplier(m.cars.all)
        else:
            value = solution.multiplier(one.source, bound=one.side)
            at[one.multiplier] = value if one.side == "lower" else -value
    assert float(derivation.before.subs(at)) == pytest.approx(-solution.objective)
    assert float(derivation.after.subs(at)) == pytest.approx(-solution.objective)


def test_a_refused_game_is_derived_and_the_refusal_stands_at_the_end():
    m = toll()
    m.cars.cost.set_value(m.cars.cost.expr - m.cars.x**2)
    derivation = bl.derivation(m)
    assert derivation.after is None
    assert "Refused: " in str(derivation)
    assert "2*cars.x" in str(derivation)


def test_of_many_followers_some_are_derived_and_the_others_counted():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower(range(9))
    for k in m.f:
        m.f[k].y = pyo.Var(bounds=(0, 2))
        m.f[k].least = pyo.Constraint(expr=m.f[k].y >= m.x)
        m.f[k].cost = pyo.Objective(expr=m.f[k].y ** 2, sense=pyo.minimize)
    m.o = pyo.Objective(expr=m.x - sum(m.f[k].y for k in m.f))
    derivation = bl.derivation(m, followers=2)
    assert len(derivation.followers) == 2
    assert "7 more (f[2], f[3], f[4], f[5], f[6] ...)" in derivation.markdown
    assert "over the primal variables too" in derivation.markdown


def test_the_lagrangian_is_written_term_by_term():
    """(1 + t) x + 4 z - a (x + z - 2) - c (2 - x) - b x - d z: that is the Lagrangian."""
    m = toll()
    derivation = bl.derivation(m)
    (section,) = (one for one in derivation.sections if one.title == "Lagrangian")
    assert len(section.formulas) == 5
    symbols = {str(symbol): symbol for symbol in derivation.followers[0].lagrangian.free_symbols}
    plain = {name: sympy.Symbol(f"s{k}", real=True) for k, name in enumerate(sorted(symbols, key=len, reverse=True))}
    text = "".join(formula.text for formula in section.formulas).removeprefix("L = ")
    for name, stand_in in plain.items():
        text = text.replace(name, str(stand_in))
    written = sympy.sympify(text, locals={str(symbol): symbol for symbol in plain.values()})
    wanted = derivation.followers[0].lagrangian.subs({symbols[name]: stand_in for name, stand_in in plain.items()})
    assert sympy.expand(written - wanted) == 0
