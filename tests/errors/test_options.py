"""Options and data that mean nothing: each is refused by its name before anything is solved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl


def game() -> pyo.ConcreteModel:
    """Minimise x - 3 y, 0 <= x <= 4, where y maximises y <= x, 0 <= y <= 3: -6 at x = 3."""
    m = pyo.ConcreteModel()
    m.unknown = pyo.Param(mutable=True)
    m.x = pyo.Var(bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 3))
    m.f.row = pyo.Constraint(expr=m.f.y <= m.x)
    m.f.gain = pyo.Objective(expr=m.f.y, sense=pyo.maximize)
    m.cost = pyo.Objective(expr=m.x - 3 * m.f.y)
    return m


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gap": -1}, "gap=-1: give a number from 0 up"),
        ({"gap": None}, "gap=None: give a number from 0 up"),
        ({"gap": float("nan")}, "gap=nan: give a number from 0 up"),
        ({"time_limit": "a"}, "time_limit='a': give seconds"),
        ({"time_limit": -1}, "time_limit=-1: give seconds"),
        ({"threads": 1.5}, "threads=1.5: give a whole number"),
        ({"method": bl.KKT}, r"method=<class 'bilevel\.methods\.KKT'>: give \"auto\""),
        ({"method": None}, r"method=None: give \"auto\""),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(options: Mapping[str, Any], message: str):
    with pytest.raises(bl.InvalidGame, match=message):
        bl.solve(game(), **options)


@pytest.mark.parametrize("options", [{"gap": 0}, {"time_limit": 60}, {"threads": 0}, {"method": bl.KKT()}])
def test_the_least_that_means_something_is_taken(options: Mapping[str, Any]):
    assert bl.solve(game(), **options).objective == pytest.approx(-6)


@pytest.mark.parametrize("bounds", ["x", (1, 2), float("nan")])
def test_bounds_that_are_no_bounds_are_refused(bounds: Any):
    with pytest.raises(bl.InvalidGame, match=r"BigM\(bounds="):
        bl.solve(game(), method=bl.KKT(complementarity=bl.BigM(bounds=bounds)))


@pytest.mark.parametrize("bound", [None, (1, -1), "x"])
def test_a_bound_of_a_row_is_a_number_or_a_range(bound: Any):
    m = game()
    with pytest.raises(bl.InvalidGame, match="is neither a number nor a range"):
        bl.solve(m, method=bl.KKT(complementarity=bl.BigM(bounds={m.f.row: bound})))


def test_methods_refuse_parts_that_they_do_not_have():
    with pytest.raises(bl.InvalidGame, match=r"KKT\(complementarity='sos1'\): give bl\.BigM"):
        bl.KKT(complementarity="sos1")  # type: ignore[arg-type]
    with pytest.raises(bl.InvalidGame, match=r"ValueFunction\(search='all'\): give one of auto, rounds"):
        bl.ValueFunction(search="all")  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [-1, 1.5, "a"])
def test_a_search_of_less_than_no_rounds_is_refused(most: Any):
    with pytest.raises(bl.InvalidGame, match=rf"ValueFunction\(max_iterations={most!r}\): give a whole number from 0"):
        bl.ValueFunction(max_iterations=most)


WITHOUT_VALUE: dict[str, Callable[[pyo.ConcreteModel], None]] = {
    "cost": lambda m: m.cost.set_value(m.unknown * m.x),
    "f.gain": lambda m: m.f.gain.set_value(m.unknown * m.x * m.f.y),
    "f.row": lambda m: m.f.row.set_value(m.unknown * m.f.y <= m.x),
    "budget": lambda m: m.add_component("budget", pyo.Constraint(expr=m.x <= m.unknown)),
    "band": lambda m: m.add_component("band", pyo.Constraint(expr=pyo.inequality(m.unknown, m.x, 3))),
    "x": lambda m: m.x.setub(m.unknown),
}


@pytest.mark.parametrize("where", WITHOUT_VALUE)
def test_a_parameter_without_a_value_is_refused_where_it_is_used(where: str):
    m = game()
    WITHOUT_VALUE[where](m)
    with pytest.raises(bl.InvalidGame, match=rf"^{where}: .*\(unknown\)[^\n]*$"):
        bl.solve(m)


def test_a_side_that_cannot_be_evaluated_is_refused_by_row():
    m = game()
    m.unknown.set_value(-1)
    m.budget = pyo.Constraint(expr=m.x <= pyo.log(m.unknown))
    with pytest.raises(bl.InvalidGame, match="budget: a side is not a finite number"):
        bl.solve(m)
