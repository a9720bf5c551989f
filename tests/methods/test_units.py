"""Games whose data differ by many orders of magnitude: compiled in better units, answered in the user's."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl


def millions(need: float = 2e6) -> pyo.ConcreteModel:
    """min x + 4e-6 y, x binary, y >= 0 the least with 3 y + 1e6 x >= need, at a price of 1e-4.

    Need 2e6: y = 2e6/3 at x = 0, worth 8/3, and 1e6/3 at x = 1, worth 1 + 4/3. Need 1e6: 4/3 and 1.
    """
    m = pyo.ConcreteModel()
    m.need = pyo.Param(initialize=need, mutable=True)
    m.x = pyo.Var(domain=pyo.Binary)
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 1e6))
    m.f.row = pyo.Constraint(expr=3 * m.f.y + 1e6 * m.x >= m.need)
    m.f.bill = pyo.Objective(expr=1e-4 * m.f.y)
    m.goal = pyo.Objective(expr=m.x + 4e-6 * m.f.y)
    return m


@pytest.mark.parametrize("method", [bl.KKT(), bl.Branching(), bl.StrongDuality(), bl.KKT(complementarity=bl.SOS1())])
def test_values_and_multipliers_are_in_the_users_units(method: bl.KKT | bl.Branching | bl.StrongDuality):
    m = millions()
    solution = bl.solve(m, method=method)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(7 / 3))
    assert solution.value(m.f.y) == pytest.approx(1e6 / 3)
    assert solution.multiplier(m.f.row) == pytest.approx(1e-4 / 3)
    assert any("other units" in note for note in solution.notes)


@pytest.mark.parametrize(("bound", "optimum"), [(1e-4, 7 / 3), (2e-5, None)])
def test_a_given_bound_is_in_the_users_units(bound: float, optimum: float | None):
    """The multiplier is 1e-4/3: a bound below it leaves no point, and none is called optimal."""
    m = millions()
    method = bl.KKT(complementarity=bl.BigM(bounds={m.f.row: bound}))
    if optimum is None:
        with pytest.raises(bl.NotApplicable, match="not derived"):
            bl.solve(m, method=method)
    else:
        assert bl.solve(m, method=method).objective == pytest.approx(optimum)


def test_edits_of_such_a_game_are_followed():
    m = millions()
    compiled = bl.compile(m)
    assert compiled.solve().objective == pytest.approx(7 / 3)
    m.need.set_value(1e6)
    compiled = compiled.update()
    assert compiled.solve().objective == pytest.approx(1.0)
    m.x.fix(0)
    assert compiled.update().solve().objective == pytest.approx(4 / 3)


def test_data_within_range_keep_their_units():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1e6))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 1e6))
    m.f.row = pyo.Constraint(expr=1000 * m.f.y >= 0.001 * m.x)
    m.f.bill = pyo.Objective(expr=m.f.y)
    m.goal = pyo.Objective(expr=m.f.y - m.x)
    assert bl.compile(m).image.restated is False
