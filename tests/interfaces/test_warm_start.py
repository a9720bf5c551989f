"""``warmstart=True``: the search begins at the values in the user's variables."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.interfaces.test_solver_factory import seller

BEGAN = "the search began at the values in the model"


def valley() -> pyo.ConcreteModel:
    """Leader: min (x - 3)^2 + y, 0 <= x <= 5. Follower: min (y - x)^2, y <= 2: y = min(x, 2). Optimum at x = 3: 2."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 5))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 2))
    m.f.near = pyo.Objective(expr=(m.f.y - m.x) ** 2)
    m.goal = pyo.Objective(expr=(m.x - 3) ** 2 + m.f.y)
    return m


def steps() -> pyo.ConcreteModel:
    """Leader: max x - 2 y, x in 0..5. Follower: min y, 2 y >= x, y integer: y = ceil(x / 2). Best: x = 0, 2 or 4, 0."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 5))
    m.f = bl.Follower()
    m.f.y = pyo.Var(domain=pyo.Integers, bounds=(0, 5))
    m.f.enough = pyo.Constraint(expr=2 * m.f.y >= m.x)
    m.f.least = pyo.Objective(expr=m.f.y)
    m.goal = pyo.Objective(expr=m.x - 2 * m.f.y, sense=pyo.maximize)
    return m


def test_pyomos_keyword_is_taken() -> None:
    solver = pyo.SolverFactory("bilevel")
    assert solver.warm_start_capable()
    m = seller()
    m.p.set_value(2.0)
    results = solver.solve(m, warmstart=True)
    assert pyo.check_optimal_termination(results)
    assert BEGAN in str(results.solver.message)
    assert m.p.value == pytest.approx(5)


@pytest.mark.parametrize("method", ["auto", bl.KKT(), bl.Branching()])
@pytest.mark.parametrize("price", [0.0, 2.0, 5.0, 9.0])
def test_any_decision_begins_and_the_optimum_stays(method: Any, price: float) -> None:
    """Only the leader's value is given: the buyer responds to it."""
    m = seller()
    m.p.set_value(price)
    solution = bl.solve(m, method=method, warmstart=True)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(16))
    assert BEGAN in solution.notes


def test_search_without_a_node_returns_what_the_start_leads_to() -> None:
    """At x = y = 1 no bound is met: the best with that pattern, y = x <= 2, is 1 + 2 = 3 at x = 2."""
    m, method = valley(), bl.Branching(node_limit=0)
    assert bl.solve(m, method=method).objective is None
    m.x.set_value(1.0)
    m.f.y.set_value(1.0)
    solution = bl.solve(m, method=method, warmstart=True)
    assert (solution.status, solution.objective) == ("feasible", pytest.approx(3))


def test_quadratic_follower_begins_at_its_own_values() -> None:
    m = valley()
    m.x.set_value(1.0)
    m.f.y.set_value(1.0)
    solution = bl.solve(m, method=bl.KKT(), warmstart=True)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(2))
    assert BEGAN in solution.notes


def test_quadratic_follower_without_values_is_no_start() -> None:
    m = valley()
    m.x.set_value(1.0)
    solution = bl.solve(m, method=bl.KKT(), warmstart=True)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(2))
    assert any("without a start" in note for note in solution.notes)


@pytest.mark.parametrize("search", ["rounds", "tree"])
def test_integer_follower_responds_to_the_start(search: Any) -> None:
    """With x = 3 the response is y = 2, worth -1; nothing else is looked at."""
    m = steps()
    m.x.set_value(3)
    method = bl.ValueFunction(search=search, max_iterations=0)
    assert bl.solve(m, method=method).objective is None
    solution = bl.solve(m, method=method, warmstart=True)
    assert (solution.objective, m.f.y.value) == (-1, 2)
    assert BEGAN in solution.notes
    assert bl.solve(m, method=bl.ValueFunction(search=search), warmstart=True).objective == 0


@pytest.mark.parametrize("value", [None, 9])
def test_integer_game_without_a_fitting_value_begins_without_a_start(value: int | None) -> None:
    m = steps()
    m.x.set_value(value, skip_validation=True)
    solution = bl.solve(m, warmstart=True)
    assert (solution.status, solution.objective) == ("optimal", 0)
    assert any("without a start" in note for note in solution.notes)


def test_compiled_game_begins_at_the_last_solution() -> None:
    m = seller()
    compiled = bl.compile(m, method=bl.KKT())
    compiled.solve()
    again = compiled.solve(warmstart=True)
    assert BEGAN in again.notes
    assert again.objective == pytest.approx(16)


def test_pessimistic_game_refuses_a_start() -> None:
    with pytest.raises(bl.NotApplicable, match="warmstart"):
        bl.solve(seller(), warmstart=True, pessimistic=True)
