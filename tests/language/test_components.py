from __future__ import annotations

import pyomo.environ as pyo
import pytest

from bilevel.errors import BilevelError, InvalidGame, NoBound, NotApplicable
from bilevel.game import Follower, Multiplier, Recourse, Uncertain
from reformulations import refusal


def toll() -> pyo.ConcreteModel:
    """Toll game: max t y, 0 <= t <= 3, where y solves min (t - 2) y, 0 <= y <= 1."""
    m = pyo.ConcreteModel()
    m.toll = pyo.Var(bounds=(0, 3))
    m.driver = Follower()
    m.driver.flow = pyo.Var(bounds=(0, 1))
    m.driver.cost = pyo.Objective(expr=(m.toll - 2) * m.driver.flow)
    m.revenue = pyo.Objective(expr=m.toll * m.driver.flow, sense=pyo.maximize)
    return m


def test_followers_are_declared_by_rule():
    m = pyo.ConcreteModel()

    def rule(block: pyo.Block, n: int) -> None:
        block.y = pyo.Var(bounds=(0, n))

    m.ev = Follower([1, 2], rule=rule)
    assert [m.ev[n].y.ub for n in (1, 2)] == [1, 2]


def test_followers_are_declared_by_decorator():
    m = pyo.ConcreteModel()

    @m.Follower([1, 2])
    def ev(ev: pyo.Block, n: int) -> None:
        ev.y = pyo.Var(bounds=(0, n))

    @m.Follower()
    def grid(grid: pyo.Block) -> None:
        grid.z = pyo.Var()

    assert isinstance(m.ev, Follower)
    assert isinstance(m.grid, Follower)
    assert [m.ev[n].y.ub for n in (1, 2)] == [1, 2]
    assert m.grid.z.name == "grid.z"


@pytest.mark.parametrize("kind", [Follower, Recourse])
def test_player_blocks_keep_the_ctype_of_a_block(kind: type):
    m = pyo.ConcreteModel()
    m.one = kind()
    m.many = kind([1, 2])
    assert {m.one.ctype, m.many.ctype} == {pyo.Block}
    assert list(m.block_data_objects()) == [m, m.one, m.many[1], m.many[2]]


def test_recourse_is_declared_by_scenario():
    m = pyo.ConcreteModel()

    @m.Recourse(["calm", "storm"])
    def later(later: pyo.Block, scenario: str) -> None:
        later.y = pyo.Var()

    assert isinstance(m.later, Recourse)
    assert [block.name for block in m.later.values()] == ["later[calm]", "later[storm]"]


@pytest.mark.parametrize("solver", ["highs", "appsi_highs"])
def test_plain_solvers_refuse_a_game(solver: str):
    with pytest.raises(ValueError, match=r"(?i)multiple active objectives"):
        pyo.SolverFactory(solver).solve(toll())


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_plain_writers_refuse_a_game(suffix: str, tmp_path):
    with pytest.raises(ValueError, match="More than one active objective"):
        toll().write(str(tmp_path / f"game.{suffix}"))


def test_a_multiplier_is_indexed_like_its_constraint():
    m = toll()
    m.driver.cap = pyo.Constraint(["a", "b"], rule=lambda block, _: block.flow <= 1)
    m.rent = Multiplier(m.driver.cap, bounds=(None, 0))
    assert list(m.rent) == ["a", "b"]
    assert m.rent["a"].bounds == (None, 0)
    assert m.rent.targets["b"] is m.driver.cap["b"]


def test_a_multiplier_of_a_sparse_constraint_has_its_rows_only():
    m = toll()
    m.driver.cap = pyo.Constraint([1, 2], rule=lambda block, i: pyo.Constraint.Skip if i == 1 else block.flow <= 1)
    m.rent = Multiplier(m.driver.cap)
    assert list(m.rent) == [2]


def test_a_multiplier_of_one_row_is_scalar():
    m = toll()
    m.driver.cap = pyo.Constraint([1, 2], rule=lambda block, _: block.flow <= 1)
    m.rent = Multiplier(m.driver.cap[2])
    assert not m.rent.is_indexed()
    assert m.rent.targets == {None: m.driver.cap[2]}


def test_a_multiplier_of_a_dict_has_its_keys():
    m = toll()
    m.driver.cap = pyo.Constraint([1, 2], rule=lambda block, _: block.flow <= 1)
    m.rent = Multiplier({("a", 1): m.driver.cap[1], ("b", 2): m.driver.cap[2]})
    assert list(m.rent) == [("a", 1), ("b", 2)]


def test_a_multiplier_of_a_bound_says_which():
    m = toll()
    m.rent = Multiplier(m.driver.flow, bound="upper")
    assert (m.rent.bound, m.rent.targets) == ("upper", {None: m.driver.flow})


def test_a_clone_keeps_multipliers_and_followers():
    m = toll()
    m.driver.cap = pyo.Constraint([1, 2], rule=lambda block, _: block.flow <= 1)
    m.rent = Multiplier({"first": m.driver.cap[1]})
    m.limit = pyo.Constraint(expr=2 * m.rent["first"] >= -1)
    twin = m.clone()
    assert twin.rent.targets["first"] is twin.driver.cap[1]
    assert isinstance(twin.driver, Follower)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: Multiplier(m.driver.flow), r"driver.flow: a variable has two multipliers.*\"upper\""),
        (lambda m: Multiplier(m.driver.flow, bound="left"), r"driver.flow: a variable has two multipliers"),
        (lambda m: Multiplier(m.driver.cap, bound="upper"), r"driver.cap\[1\]: a row has one multiplier"),
        (lambda m: Multiplier(m.driver.cost), r"driver.cost: only rows and bounds"),
        (lambda m: Multiplier({1: m.driver.cap[1], 2: 7}), r"7: only rows and bounds"),
        (lambda _: Multiplier(), r"None: only rows and bounds"),
    ],
)
def test_what_has_no_multiplier_is_refused_by_name(make, message: str):
    m = toll()
    m.driver.cap = pyo.Constraint([1, 2], rule=lambda block, _: block.flow <= 1)
    with pytest.raises(InvalidGame, match=message):
        make(m)


def test_uncertain_variables_keep_their_set():
    m = pyo.ConcreteModel()
    m.wind = Uncertain([1, 2], within="set", bounds=(0, 1))
    m.demand = Uncertain(within="other set", domain=pyo.NonNegativeReals)
    assert (m.wind.within, m.wind[1].bounds, m.wind.ctype) == ("set", (0, 1), pyo.Var)
    assert (m.demand.within, m.demand.lb) == ("other set", 0)
    assert m.clone().wind.within == "set"


def test_a_refusal_names_place_and_reason():
    refused = NotApplicable("ev[1].need", "it is not convex")
    assert (refused.where, refused.reason, str(refused)) == (
        "ev[1].need",
        "it is not convex",
        "ev[1].need: it is not convex",
    )


def test_refusals_are_caught_as_errors_of_either_package():
    assert issubclass(NoBound, NotApplicable)
    assert issubclass(NotApplicable, BilevelError)
    assert issubclass(NotApplicable, refusal.NotApplicable)
