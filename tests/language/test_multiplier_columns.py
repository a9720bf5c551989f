"""Which multiplier each multiplier variable stands for.

The follower (a market) has columns y[1], y[2]; its rows are balance, cap. With the leader's p first
and the multiplier's own column second (both the leader's), n = 4 columns and m = 2 rows (3 with a
leader's row): positions of the multipliers are rows 0..m-1, lower bounds m+j, upper bounds m+n+j.
"""

from __future__ import annotations

import pyomo.environ as pyo
import pytest
from numpy.testing import assert_array_equal

from bilevel.errors import InvalidGame
from bilevel.game import Follower, Multiplier, Recourse
from bilevel.language.read import read


def market() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.p = pyo.Var(bounds=(0, 1))

    @m.Follower()
    def f(f: pyo.Block) -> None:
        f.y = pyo.Var([1, 2], bounds=(0, 5))
        f.balance = pyo.Constraint(expr=f.y[1] + f.y[2] == 3 + m.p)
        f.cap = pyo.Constraint(expr=f.y[1] <= 2)
        f.cost = pyo.Objective(expr=f.y[1] + 4 * f.y[2])

    m.cost = pyo.Objective(expr=m.p)
    return m


def targets(m: pyo.ConcreteModel) -> dict[str, int]:
    """The position of the one multiplier behind each multiplier variable."""
    program = read(m).program
    multipliers = program.multipliers
    assert multipliers.matrix.shape == (len(multipliers), len(program.rows) + 2 * len(program.columns))
    assert_array_equal(multipliers.matrix.toarray().sum(axis=1), 1)
    names = program.columns.names.take(multipliers.column)
    return dict(zip(names, multipliers.matrix.toarray().argmax(axis=1).tolist(), strict=True))


def test_of_a_row():
    m = market()
    m.price = Multiplier(m.f.cap)
    assert targets(m) == {"price": 1}


def test_of_a_row_behind_a_leaders_row():
    """Rows: first (the leader's), f.balance, f.cap."""
    m = market()
    m.price = Multiplier(m.f.balance)
    m.first = pyo.Constraint(expr=m.price >= 0)
    assert targets(m) == {"price": 1}


def test_of_bounds():
    """Columns p, low, high, y[1], y[2]: n = 5, m = 2."""
    m = market()
    m.low = Multiplier(m.f.y[1], bound="lower")
    m.high = Multiplier(m.f.y[2], bound="upper")
    assert targets(m) == {"low": 2 + 3, "high": 2 + 5 + 4}


def test_of_an_indexed_variable():
    """Columns p, high[1], high[2], y[1], y[2]."""
    m = market()
    m.high = Multiplier(m.f.y, bound="upper")
    assert targets(m) == {"high[1]": 2 + 5 + 3, "high[2]": 2 + 5 + 4}


def test_of_a_dict_of_rows():
    m = market()
    m.price = Multiplier({"node": m.f.balance, "line": m.f.cap})
    assert targets(m) == {"price[node]": 0, "price[line]": 1}


def test_multipliers_are_columns_of_the_leader_wherever_they_stand():
    """Another follower pays the market's price: min price z, z >= 1."""
    m = market()

    @m.Follower()
    def buyer(buyer: pyo.Block) -> None:
        buyer.price = Multiplier(m.f.balance, bounds=(0, 9))
        buyer.z = pyo.Var(bounds=(1, None))
        buyer.bill = pyo.Objective(expr=buyer.price * buyer.z)

    program = read(m).program
    assert list(program.columns.names) == ["p", "buyer.price", "f.y[1]", "f.y[2]", "buyer.z"]
    assert_array_equal(program.column_owner, [0, 0, 1, 1, 2])
    assert (program.columns.lower[1], program.columns.upper[1]) == (0, 9)
    assert targets(m) == {"buyer.price": 0}


def test_a_fixed_multiplier_is_a_restriction_and_no_constant():
    m = market()
    m.price = Multiplier(m.f.balance)
    m.price.fix(4)
    program = read(m).program
    assert list(program.columns.names)[:2] == ["p", "price"]
    assert (program.columns.lower[1], program.columns.upper[1]) == (4, 4)
    assert targets(m) == {"price": 0}


def test_a_multiplier_fixed_without_a_value_is_refused():
    m = market()
    m.price = Multiplier(m.f.balance)
    m.price.fix()
    with pytest.raises(InvalidGame, match="price: it is fixed without a value"):
        read(m)


def leaders_row(m: pyo.ConcreteModel) -> None:
    m.row = pyo.Constraint(expr=m.p <= 1)
    m.price = Multiplier(m.row)


def recourse_row(m: pyo.ConcreteModel) -> None:
    m.later = Recourse()
    m.later.row = pyo.Constraint(expr=m.p <= 1)
    m.price = Multiplier(m.later.row)


def inactive_row(m: pyo.ConcreteModel) -> None:
    m.price = Multiplier(m.f.cap)
    m.f.cap.deactivate()


def row_without_own_variables(m: pyo.ConcreteModel) -> None:
    m.f.row = pyo.Constraint(expr=m.p <= 1)
    m.price = Multiplier(m.f.row)


def row_of_another_model(m: pyo.ConcreteModel) -> None:
    m.price = Multiplier(market().f.cap)


def fixed_variable(m: pyo.ConcreteModel) -> None:
    m.price = Multiplier(m.f.y[1], bound="upper")
    m.f.y[1].fix(2)


def leaders_variable(m: pyo.ConcreteModel) -> None:
    m.price = Multiplier(m.p, bound="upper")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (leaders_row, "price: row belongs to leader; only followers' rows have multipliers"),
        (recourse_row, "price: later.row belongs to later; only followers' rows have multipliers"),
        (inactive_row, "price: f.cap is no row of this game .inactive"),
        (row_without_own_variables, "price: f.row holds none of the variables of f"),
        (row_of_another_model, "price: .* is no row of this game"),
        (fixed_variable, r"price: f\.y\[1\] is no variable of this game .fixed"),
        (leaders_variable, "price: p belongs to leader; only bounds of followers' variables"),
    ],
)
def test_multipliers_of_nobodys_decision_are_refused_by_name(change, message: str):
    m = market()
    change(m)
    with pytest.raises(InvalidGame, match=message):
        read(m)


def test_a_row_holds_its_followers_variables_in_a_product_too():
    m = market()
    m.on = pyo.Var(domain=pyo.Binary)
    m.f.row = pyo.Constraint(expr=m.on * m.f.y[1] <= 1)
    m.price = Multiplier(m.f.row)
    assert targets(m) == {"price": 2}
    assert isinstance(m.f, Follower)
