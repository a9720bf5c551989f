"""Alternating starts: complementary points of small games, no better than the optimum."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.compiler.pipeline import Image
from bilevel.search.alternating import alternating_start
from reformulations.programs import Floats


def toll(demand: float = 10.0, other: float = 5.0) -> pyo.ConcreteModel:
    """A toll p in [0, 9] on one of two roads; the other costs 5, travellers send 10 down the cheaper.

    At p = 5 they tie and use the toll road: revenue 50.
    """
    m = pyo.ConcreteModel()
    m.toll = pyo.Var(bounds=(0, 9))
    m.travellers = bl.Follower()
    m.travellers.flow = pyo.Var(["toll", "free"], bounds=(0, demand))
    flow = m.travellers.flow
    m.travellers.all_travel = pyo.Constraint(expr=flow["toll"] + flow["free"] == demand)
    m.travellers.cost = pyo.Objective(expr=m.toll * flow["toll"] + other * flow["free"])
    m.revenue = pyo.Objective(expr=m.toll * flow["toll"], sense=pyo.maximize)
    return m


def retailer() -> pyo.ConcreteModel:
    """Two types charge in two hours at prices with a capped mean; the retailer buys with a rising marginal cost."""
    m = pyo.ConcreteModel()
    hours, need = (1, 2), {"early": 6.0, "any": 4.0}
    m.price = pyo.Var(hours, bounds=(0.2, 1.0))
    m.cap = pyo.Constraint(expr=m.price[1] + m.price[2] <= 1.2)

    @m.Follower(list(need))
    def ev(ev: pyo.Block, n: str) -> None:
        ev.charge = pyo.Var(hours, bounds=(0, 5))
        ev.need = pyo.Constraint(expr=ev.charge[1] + ev.charge[2] == need[n])
        wait = 0.3 if n == "early" else 0.0
        ev.bill = pyo.Objective(expr=sum(m.price[t] * ev.charge[t] for t in hours) + wait * ev.charge[2])

    m.bought = pyo.Var(hours, bounds=(0, 20))

    @m.Constraint(hours)
    def balance(m: pyo.ConcreteModel, t: int) -> object:
        return m.bought[t] == sum(m.ev[n].charge[t] for n in need)

    sales = sum(m.price[t] * m.ev[n].charge[t] for n in need for t in hours)
    m.profit = pyo.Objective(
        expr=sales - sum(0.1 * m.bought[t] + 0.02 * m.bought[t] ** 2 for t in hours), sense=pyo.maximize
    )
    return m


def largest_product(image: Image, point: Floats) -> float:
    pairs = image.mpec.complementarity
    inequality = ~pairs.equality
    return float(np.max(np.abs(pairs.slacks(point) * point[pairs.multiplier])[inequality]))


@pytest.mark.parametrize("game", [toll, retailer])
def test_start_is_a_complementary_point_of_the_mpec(game: object) -> None:
    image = bl.compile(game()).image  # type: ignore[operator]
    point = alternating_start(image, threads=1, seconds=0.3)
    assert point is not None
    columns, rows = image.mpec.columns, image.mpec.rows
    activity = rows.matrix @ point
    assert largest_product(image, point) <= 1e-7
    assert np.all(point >= columns.lower - 1e-7)
    assert np.all(point <= columns.upper + 1e-7)
    assert np.all(activity >= rows.lower - 1e-6)
    assert np.all(activity <= rows.upper + 1e-6)


@pytest.mark.parametrize("game", [toll, retailer])
def test_start_reaches_the_optimum_of_a_small_game_and_never_passes_it(game: object) -> None:
    model = game()  # type: ignore[operator]
    image = bl.compile(model).image
    point = alternating_start(image, threads=1, seconds=0.5)
    solution = bl.solve(model, threads=1)
    assert point is not None
    assert solution.objective is not None
    assert -image.mpec.objective(point) == pytest.approx(solution.objective, rel=1e-5)


def test_ties_go_to_the_leader() -> None:
    """Revenue 50 needs the tie at p = 5; a toll below the tie earns less."""
    image = bl.compile(toll()).image
    point = alternating_start(image, threads=1, seconds=0.0)
    assert point is not None
    assert image.mpec.objective(point) == pytest.approx(-50)


def test_quadratic_followers_get_no_start() -> None:
    m = toll()
    m.travellers.cost.set_value(m.travellers.cost.expr + m.travellers.flow["free"] ** 2)
    assert alternating_start(bl.compile(m).image, threads=1, seconds=0.0) is None


def test_followers_that_use_each_others_columns_get_no_start() -> None:
    m = toll()
    m.others = bl.Follower()
    m.others.flow = pyo.Var(bounds=(0, 10))
    m.others.room = pyo.Constraint(expr=m.others.flow + m.travellers.flow["free"] <= 15)
    m.others.cost = pyo.Objective(expr=-m.others.flow)
    assert alternating_start(bl.compile(m).image, threads=1, seconds=0.0) is None
