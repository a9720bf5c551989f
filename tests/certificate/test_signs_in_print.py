"""Shadow prices with known signs, as followers of a leader that does nothing: d(optimum)/d(right-hand side)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.declaring import game, maximise, minimise, rows


def solved(m: pyo.ConcreteModel) -> Any:
    m.x = pyo.Var(bounds=(0, 1))
    minimise(m, m.x)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    return solution


@pytest.mark.parametrize("sense", [pyo.maximize, pyo.minimize])
def test_prices_of_the_windows_factory_change_sign_with_the_sense(sense: int):
    """max 3 a + 5 b, a <= 4, 2 b <= 12, 3 a + 2 b <= 18 (Hillier and Lieberman): 36 at (2, 6), prices 0, 3/2, 1."""
    m = game("windows")
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, y[1] <= 4, 2 * y[2] <= 12, 3 * y[1] + 2 * y[2] <= 18)
    m.follower.goal = pyo.Objective(expr=(3 * y[1] + 5 * y[2]) * -sense, sense=sense)
    solution = solved(m)
    assert [-sense * solution.multiplier(m.follower.row[i]) for i in (1, 2, 3)] == pytest.approx([0.0, 1.5, 1.0])


def test_price_of_a_capacity_that_lowers_the_cost_is_negative():
    """min -24 a - 28 b, 6 a + 10 b <= 2400, three slack rows: a = 400, and a unit more is worth 24 / 6."""
    m = game("capacity")
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, 6 * y[1] + 10 * y[2] <= 2400, 8 * y[1] + 5 * y[2] <= 6400, y[1] <= 500, y[2] <= 100)
    minimise(m.follower, -24 * y[1] - 28 * y[2])
    solution = solved(m)
    assert [solution.multiplier(row) for row in m.follower.row.values()] == pytest.approx([-4.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("on_the_variable", [True, False])
def test_a_bound_has_the_price_that_it_has_as_a_row(on_the_variable: object):
    """min 2 a + b, a + b >= 1, a <= 3, b <= 2, a and b free: (-1, 2); the demand costs 2, room for b earns 2 - 1."""
    m = game("bounds")
    ends = {1: (None, 3), 2: (None, 2)} if on_the_variable else (None, None)
    y = m.follower.y = pyo.Var([1, 2], bounds=ends)
    relations = [] if on_the_variable else [y[1] <= 3, y[2] <= 2]
    rows(m.follower, y[1] + y[2] >= 1, *relations)
    minimise(m.follower, 2 * y[1] + y[2])
    solution = solved(m)
    of_bounds = (
        [solution.multiplier(y[i], bound="upper") for i in (1, 2)]
        if on_the_variable
        else [solution.multiplier(m.follower.row[i]) for i in (2, 3)]
    )
    assert solution.multiplier(m.follower.row[1]) == pytest.approx(2.0)
    assert of_bounds == pytest.approx([0.0, -1.0])


EQUAL: dict[str, tuple[Callable[[Any, float], Any], int]] = {
    "sum == c": (lambda total, c: total == c, 1),
    "c == sum": (lambda total, c: c == total, 1),
    "sum - c == 0": (lambda total, c: total - c == 0, 1),
    "-sum == -c": (lambda total, c: -total == -c, -1),
    "c - sum == 0": (lambda total, c: c - total == 0, -1),
}


@pytest.mark.parametrize("written", EQUAL)
@pytest.mark.parametrize("sense", [pyo.maximize, pyo.minimize])
def test_price_of_an_equality_is_that_of_its_right_hand_side_however_it_is_written(written: str, sense: int):
    """min a^2 + b^2, a + b = c is c^2 / 2, c more for each unit of c = 3, less where the row is turned round.

    Elsewhere the sign depended on the way to write the row, and on the solver.
    """
    relation, turned = EQUAL[written]
    m = game("equality")
    y = m.follower.y = pyo.Var([1, 2])
    rows(m.follower, relation(y[1] + y[2], 3.0))
    m.follower.goal = pyo.Objective(expr=(y[1] ** 2 + y[2] ** 2) * sense, sense=sense)
    assert solved(m).multiplier(m.follower.row[1]) == pytest.approx(3.0 * turned * sense)


SIDES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "sum >= 3": (lambda total: total >= 3, 1),
    "3 - sum <= 0": (lambda total: 3 - total <= 0, -1),
    "-sum <= -3": (lambda total: -total <= -3, -1),
    "3 <= sum <= 9": (lambda total: (3, total, 9), 1),
    "-9 <= -sum <= -3": (lambda total: (-9, -total, -3), -1),
}


@pytest.mark.parametrize("written", SIDES)
def test_price_of_a_side_is_that_of_the_number_that_the_row_holds(written: str):
    """min 2 a + 5 b, a + b >= 3, a, b >= 0: a unit more costs 2, and the side of a turned row falls by it.

    Pyomo's convention for duals, of the row as it holds it: lower, body, upper.
    """
    relation, turned = SIDES[written]
    m = game("side")
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    rows(m.follower, relation(y[1] + y[2]))
    minimise(m.follower, 2 * y[1] + 5 * y[2])
    assert solved(m).multiplier(m.follower.row[1]) == pytest.approx(2.0 * turned)


@pytest.mark.parametrize("how", ["fixed", "bounds", "row"])
def test_a_quantity_that_is_fixed_changes_nothing_but_where_its_price_is(how: str):
    """max 3 a + b, a + b <= 4, a = 1: b = 3 and the row is worth 1; a, where it has a price, 3 - 1."""
    m = game("held")
    a, b = m.follower.a, m.follower.b = pyo.Var(domain=pyo.Reals), pyo.Var(domain=pyo.NonNegativeReals)
    relations = [a + b <= 4]
    if how == "fixed":
        a.fix(1)
    elif how == "bounds":
        a.setlb(1)
        a.setub(1)
    else:
        relations.append(a == 1)
    rows(m.follower, *relations)
    maximise(m.follower, 3 * a + b)
    solution = solved(m)
    assert (solution.value(a), solution.value(b)) == pytest.approx((1.0, 3.0))
    assert solution.multiplier(m.follower.row[1]) == pytest.approx(1.0)
    if how == "row":
        assert solution.multiplier(m.follower.row[2]) == pytest.approx(2.0)
    if how == "bounds":
        sides = [solution.multiplier(a, bound=side) for side in ("lower", "upper")]
        assert sum(sides) == pytest.approx(2.0)
