"""The arrays of small games, written by hand.

Most tests add something to one game: the leader's price p in [0, 1], the follower's quantity y in
[0, 4] with `min p y`; the leader's `max p y`. Columns p, y.
"""

from __future__ import annotations

from math import inf

import numpy as np
import pyomo.environ as pyo
import pytest
from numpy.testing import assert_array_equal

from bilevel.game import Follower
from bilevel.language.load import load
from bilevel.language.read import read
from reformulations.programs import Product, Role


def price_game() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 1))
    m.f = Follower()
    m.f.y = pyo.Var(bounds=(0, 4))
    m.f.bill = pyo.Objective(expr=m.p * m.f.y)
    m.revenue = pyo.Objective(expr=m.p * m.f.y, sense=pyo.maximize)
    return m


def terms(products: Product) -> list[tuple[int, int, int, float]]:
    columns = (products.index, products.left, products.right, products.value)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_whole_game():
    """Leader: max 3 y1 - 2 x + 5, x + y1 >= 1. Follower: min x y1 + y2 + 2 y2^2, 2 y1 - y2 - x == 4."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 10), domain=pyo.Integers)

    @m.Follower()
    def f(f: pyo.Block) -> None:
        f.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
        f.row = pyo.Constraint(expr=2 * f.y[1] - f.y[2] - m.x == 4)
        f.cost = pyo.Objective(expr=m.x * f.y[1] + f.y[2] + 2 * f.y[2] ** 2)

    m.coupling = pyo.Constraint(expr=m.x + m.f.y[1] >= 1)
    m.profit = pyo.Objective(expr=3 * m.f.y[1] - 2 * m.x + 5, sense=pyo.maximize)
    program = read(m).program

    assert list(program.players) == ["leader", "f"]
    assert_array_equal(program.roles, [Role.LEADER, Role.FOLLOWER])
    assert list(program.columns.names) == ["x", "f.y[1]", "f.y[2]"]
    assert_array_equal(program.columns.lower, [0, 0, 0])
    assert_array_equal(program.columns.upper, [10, inf, inf])
    assert_array_equal(program.columns.integer, [True, False, False])
    assert_array_equal(program.column_owner, [0, 1, 1])
    assert list(program.rows.names) == ["coupling", "f.row"]
    assert_array_equal(program.rows.matrix.toarray(), [[1, 1, 0], [-1, 2, -1]])
    assert_array_equal(program.rows.lower, [1, 4])
    assert_array_equal(program.rows.upper, [inf, 4])
    assert_array_equal(program.row_owner, [0, 1])
    assert_array_equal(program.objectives.sense, [-1, 1])
    assert_array_equal(program.objectives.constant, [5, 0])
    assert_array_equal(program.objectives.linear.toarray(), [[-2, 3, 0], [0, 0, 1]])
    assert terms(program.objectives.products) == [(1, 0, 1, 1.0), (1, 2, 2, 2.0)]
    assert len(program.multipliers) == 0


@pytest.mark.parametrize(
    ("relation", "lower", "upper"),
    [
        (lambda p, y: p + 2 * y <= 3, -inf, 3),
        (lambda p, y: p + 2 * y >= 3, 3, inf),
        (lambda p, y: 3 - p >= 2 * y, -inf, 3),
        (lambda p, y: p + 2 * y == 3, 3, 3),
        (lambda p, y: (1, p + 2 * y, 3), 1, 3),
        (lambda p, y: p + 2 * y + 1 <= 4, -inf, 3),
        (lambda p, y: p + y + 1 <= 4 - y, -inf, 3),
        (lambda p, y: (None, p + 2 * y, 3), -inf, 3),
    ],
)
def test_rows_keep_the_users_sides(relation, lower: float, upper: float):
    m = price_game()
    m.f.row = pyo.Constraint(expr=relation(m.p, m.f.y))
    rows = read(m).program.rows
    assert_array_equal(rows.matrix.toarray(), [[1, 2]])
    assert (rows.lower[0], rows.upper[0]) == (lower, upper)


@pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])
def test_objectives_keep_the_users_sense_and_values(sense: int):
    m = price_game()
    m.f.bill.sense = sense
    objectives = read(m).program.objectives
    assert_array_equal(objectives.sense, [-1, 1 if sense == pyo.minimize else -1])
    assert terms(objectives.products) == [(0, 0, 1, 1.0), (1, 0, 1, 1.0)]


@pytest.mark.parametrize(
    ("keywords", "lower", "upper", "integer"),
    [
        ({}, -inf, inf, False),
        ({"bounds": (1, None)}, 1, inf, False),
        ({"domain": pyo.NonNegativeReals, "bounds": (-1, 2)}, 0, 2, False),
        ({"domain": pyo.NegativeReals}, -inf, 0, False),
        ({"domain": pyo.UnitInterval}, 0, 1, False),
        ({"domain": pyo.Binary}, 0, 1, True),
        ({"domain": pyo.Integers, "bounds": (-2, 5)}, -2, 5, True),
        ({"domain": pyo.NonNegativeIntegers}, 0, inf, True),
        ({"domain": pyo.RangeSet(2, 6)}, 2, 6, True),
        ({"domain": {3, 4, 5}}, 3, 5, True),
        ({"bounds": (-inf, inf)}, -inf, inf, False),
    ],
)
def test_domains_and_bounds_of_variables(keywords, lower: float, upper: float, integer: bool):  # noqa: FBT001 an expected value
    m = price_game()
    m.f.z = pyo.Var(**keywords)
    columns = read(m).program.columns
    assert (columns.lower[2], columns.upper[2], columns.integer[2]) == (lower, upper, integer)


def test_bounds_given_by_mutable_parameters():
    m = price_game()
    m.limit = pyo.Param(initialize=3, mutable=True)
    m.f.z = pyo.Var(bounds=(0, 2 * m.limit))
    m.limit = 5
    assert read(m).program.columns.upper[2] == 10


def test_fixed_variables_are_constants():
    """Row y (1 + p) <= 3 + q with p = 0.5, q = 1: 1.5 y <= 4."""
    m = price_game()
    m.q = pyo.Var()
    m.row = pyo.Constraint(expr=m.f.y * (1 + m.p) <= 3 + m.q)
    m.p.fix(0.5)
    m.q.fix(1)
    program = read(m).program
    assert list(program.columns.names) == ["f.y"]
    assert_array_equal(program.rows.matrix.toarray(), [[1.5]])
    assert_array_equal(program.rows.upper, [4])
    assert_array_equal(program.objectives.linear.toarray(), [[0.5], [0.5]])
    assert len(program.objectives.products) == 0


def test_mutable_parameters_are_read_at_their_present_value():
    m = price_game()
    m.a = pyo.Param([1, 2], initialize={1: 2, 2: 7}, mutable=True)
    m.row = pyo.Constraint(expr=m.a[1] * m.p + m.a[2] * m.f.y <= m.a[1] * m.a[2])
    m.a[2] = 3
    rows = read(m).program.rows
    assert_array_equal(rows.matrix.toarray(), [[2, 3]])
    assert_array_equal(rows.upper, [6])


def test_named_expressions_are_followed():
    """Two rows share e = 2 p - y + 1: e <= 4, 3 e + y >= 0, that is 6 p - 2 y >= -3."""
    m = price_game()
    m.e = pyo.Expression(expr=2 * m.p - m.f.y + 1)
    m.one = pyo.Constraint(expr=m.e <= 4)
    m.two = pyo.Constraint(expr=3 * m.e + m.f.y >= 0)
    rows = read(m).program.rows
    assert_array_equal(rows.matrix.toarray(), [[2, -1], [6, -2]])
    assert_array_equal(rows.upper, [3, inf])
    assert_array_equal(rows.lower, [-inf, -3])


def test_products_in_rows():
    """2 p y + (y - 1)(p + 3) - y^2 <= 5 is 3 p y - y^2 + 3 y - p <= 8; the row before it is linear."""
    m = price_game()
    m.before = pyo.Constraint(expr=m.p <= 1)
    m.row = pyo.Constraint(expr=2 * m.p * m.f.y + (m.f.y - 1) * (m.p + 3) - m.f.y**2 <= 5)
    rows = read(m).program.rows
    assert terms(rows.products) == [(1, 0, 1, 3.0), (1, 1, 1, -1.0)]
    assert_array_equal(rows.matrix.toarray(), [[1, 0], [-1, 3]])
    assert_array_equal(rows.upper, [1, 8])


def test_products_stay_with_their_row_when_an_empty_row_before_is_dropped():
    m = price_game()
    m.none = pyo.Constraint(expr=(0, m.p - m.p, 1))
    m.row = pyo.Constraint(expr=m.p * m.f.y <= 5)
    game = read(m)
    assert terms(game.program.rows.products) == [(0, 0, 1, 1.0)]
    assert game.row(m.row) == 0


def test_products_that_cancel_leave_an_empty_row():
    m = price_game()
    m.row = pyo.Constraint(expr=m.p * m.f.y - m.p * m.f.y <= 5)
    assert len(read(m).program.rows) == 0


def test_terms_of_a_sum_that_repeat_are_added_up():
    """Sum p y + (p + 2) y - 3 p y - 2 y + p = -p y + p: one product, one linear term."""
    m = price_game()
    y = m.f.y
    m.f.bill.expr = m.p * y + (m.p + 2) * y - 3 * m.p * y - 2 * y + m.p
    objectives = read(m).program.objectives
    assert terms(objectives.products) == [(0, 0, 1, 1.0), (1, 0, 1, -1.0)]
    assert_array_equal(objectives.linear.toarray(), [[0, 0], [1, 0]])
    assert objectives.linear.nnz == 1


def test_rows_without_variables_are_dropped_when_they_hold():
    m = price_game()
    m.a = pyo.Param(initialize=0, mutable=True)
    m.f.row = pyo.Constraint(expr=m.a * m.f.y <= 1)
    m.f.other = pyo.Constraint(expr=m.f.y <= 1)
    assert list(read(m).program.rows.names) == ["f.other"]


def test_rows_without_sides_are_dropped():
    m = price_game()
    m.row = pyo.Constraint(expr=m.p <= inf)
    assert len(read(m).program.rows) == 0


def test_what_is_inactive_or_skipped_is_not_read():
    m = price_game()
    m.skip = pyo.Constraint([1, 2], rule=lambda m, i: pyo.Constraint.Skip if i == 1 else m.p <= i)
    m.off = pyo.Constraint(expr=m.p >= 0.5)
    m.off.deactivate()
    m.some = pyo.Constraint([1, 2], rule=lambda m, i: m.p >= -i)
    m.some[1].deactivate()
    m.aside = pyo.Block()
    m.aside.z = pyo.Var()
    m.aside.row = pyo.Constraint(expr=m.aside.z >= 0)
    m.aside.deactivate()
    m.second = pyo.Objective(expr=m.p)
    m.second.deactivate()
    program = read(m).program
    assert list(program.rows.names) == ["skip[2]", "some[2]"]
    assert list(program.columns.names) == ["p", "f.y"]


def test_inactive_followers_are_no_players():
    m = price_game()
    m.g = Follower([1, 2])
    m.g[1].z = pyo.Var()
    m.g[2].z = pyo.Var()
    m.g[2].cost = pyo.Objective(expr=m.g[2].z)
    m.g[1].deactivate()
    assert list(read(m).program.players) == ["leader", "f", "g[2]"]


def test_references_declare_nothing():
    m = price_game()
    m.f.row = pyo.Constraint(expr=m.f.y <= 1)
    m.same_row = pyo.Reference(m.f.row)
    m.same_variable = pyo.Reference(m.f.y)
    program = read(m).program
    assert list(program.columns.names) == ["p", "f.y"]
    assert list(program.rows.names) == ["f.row"]
    assert_array_equal(program.column_owner, [0, 1])


def test_lists_of_variables_and_constraints():
    m = price_game()
    m.f.more = pyo.VarList()
    m.f.rows = pyo.ConstraintList()
    for k in (1, 2):
        m.f.rows.add(m.f.more.add() <= k)
    program = read(m).program
    assert_array_equal(program.rows.matrix.toarray(), [[0, 0, 1, 0], [0, 0, 0, 1]])
    assert_array_equal(program.row_owner, [1, 1])


def test_unused_variables_are_columns_too():
    m = price_game()
    m.idle = pyo.Var(bounds=(2, 3))
    assert list(read(m).program.columns.names) == ["p", "idle", "f.y"]


def test_follower_integers_are_read_and_left_to_the_method():
    m = price_game()
    m.f.on = pyo.Var(domain=pyo.Binary)
    assert_array_equal(read(m).program.columns.integer, [False, False, True])


def test_components_without_meaning_for_the_game_are_passed_over():
    m = price_game()
    m.s = pyo.Set(initialize=[1, 2])
    m.r = pyo.RangeSet(3)
    m.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    m.act = pyo.BuildAction(rule=lambda _: None)
    m.check = pyo.BuildCheck(rule=lambda _: True)
    m.yes = pyo.BooleanVar()
    assert len(read(m).program.columns) == 2


def test_components_are_found_by_row_and_column():
    m = price_game()
    m.f.row = pyo.Constraint([1, 2], rule=lambda f, i: f.y <= i)
    game = read(m)
    assert [game.row(m.f.row[i]) for i in (1, 2)] == [0, 1]
    assert (game.column(m.p), game.column(m.f.y)) == (0, 1)
    assert game.variables[1] is m.f.y
    assert game.constraints[1] is m.f.row[2]
    assert game.blocks == [m, m.f]


def test_reading_changes_nothing():
    m = price_game()
    m.f.y.set_value(2)
    read(m)
    assert (m.p.value, m.f.y.value, str(m.revenue.expr)) == (None, 2, "p*f.y")


def test_values_are_loaded_into_the_users_variables():
    """A point with two columns and further multipliers; solvers' small violations pass in silence."""
    m = price_game()
    m.q = pyo.Var()
    m.q.fix(7)
    load(read(m), np.array([1 + 1e-9, -1e-9, 99.0]))
    assert (m.p.value, m.f.y.value, m.q.value) == (1 + 1e-9, -1e-9, 7)
    assert not m.p.stale
