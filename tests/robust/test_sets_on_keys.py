"""Uncertainty sets declared on the keys of an uncertain component."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from bilevel.errors import InvalidGame
from bilevel.game import Recourse, Uncertain
from bilevel.language.nature import nature_set
from bilevel.language.read import read
from bilevel.uncertainty import (
    Box,
    Budget,
    DistributionBall,
    KeyedSet,
    Polyhedron,
    Scenarios,
    hoeffding_linf,
    weissman_l1,
)

KEYS = ["north", "south"]


def model(within: object, keys: list[str] | None = None, **keywords: object) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.demand = Uncertain(KEYS if keys is None else keys, within=within, **keywords)
    m.later = Recourse()
    m.later.r = pyo.Var(bounds=(0, 10))
    m.later.row = pyo.Constraint(expr=m.later.r >= sum(m.demand[key] for key in m.demand))
    m.cost = pyo.Objective(expr=m.later.r)
    return m


@pytest.mark.parametrize(
    ("within", "highest"),
    [
        (Box({"south": 0, "north": 1}, {"south": 4, "north": 2}), [2, 4]),
        (Box(1, [2, 4]), [2, 4]),
        (Budget({"south": 3, "north": 1}, {"south": 1, "north": 0.5}, budget=1), [1.5, 4]),
        (Polyhedron(rows=[({"south": 2}, "<=", 3), ({"north": 1, "south": 1}, "==", 2)], bounds=(0, 5)), [2, 1.5]),
        (Polyhedron(bounds={"south": (0, 1), "north": (-1, 3)}), [3, 1]),
        (Scenarios([{"north": 1, "south": 2}, {"south": 1, "north": 5}]), [5, 2]),
        (Scenarios({"wet": [1, 7], "dry": [2, 3]}, probability={"dry": 0.3, "wet": 0.7}), [2, 7]),
        (DistributionBall({"south": 0.6, "north": 0.4}, l1=0.1), [0.45, 0.65]),
    ],
)
def test_values_follow_the_keys_of_the_component(within: KeyedSet, highest: list[float]):
    numbers = nature_set(read(model(within)))
    assert [numbers.support(axis) for axis in np.eye(2)] == pytest.approx(highest)


def test_the_most_probable_scenario_is_nominal():
    within = Scenarios({"wet": [1, 7], "dry": [2, 3]}, probability={"dry": 0.3, "wet": 0.7})
    assert within.on(KEYS, "demand").nominal() == pytest.approx([1, 7])


@pytest.mark.parametrize(
    ("within", "message"),
    [
        (
            Box(0, {"north": 1, "east": 2, "south": 1}),
            r"demand: Box\(high\) has 'east'; the index set is 'north', 'south'",
        ),
        (Box({"north": 0}, 1), r"demand: Box\(low\) lacks 'south'; the index set is 'north', 'south'"),
        (Box([0, 0, 0], 1), r"demand: Box\(low\) has 3 entries, but the index set has 2"),
        (Polyhedron(rows=[({"west": 1}, "<=", 1)], bounds=(0, 1)), "row 0 of Polyhedron has 'west'"),
        (Polyhedron(rows=[({"north": 1}, "<", 1)], bounds=(0, 1)), "row 0 of Polyhedron has the sign '<'"),
        (Polyhedron(bounds={"north": (0, 1)}), r"Polyhedron\(bounds\) and the index set differ in 'south'"),
        (Polyhedron(bounds=(0, None)), "demand: column 'north' of the polyhedron has no upper bound"),
        (DistributionBall({"north": 0.5, "south": 0.6}, l1=0.1), "demand: reference sums to 1.1"),
        (Scenarios([]), "demand: points has shape"),
        (None, "demand: an uncertain variable needs a set"),
        ((0, 1), "demand: tuple is no uncertainty set"),
    ],
)
def test_a_set_that_does_not_fit_names_the_component(within: object, message: str):
    with pytest.raises(InvalidGame, match=message):
        nature_set(read(model(within)))


def test_bounds_of_the_variable_that_would_cut_the_set_are_refused():
    with pytest.raises(InvalidGame, match=r"demand\[south\]: its set reaches 3, beyond the variable's own bound 2"):
        nature_set(read(model(Box(0, {"north": 2, "south": 3}), bounds=(0, 2))))


def test_bounds_of_the_variable_that_hold_in_the_set_are_accepted():
    assert nature_set(read(model(Box(0, 2), domain=pyo.NonNegativeReals))).dimension == 2


def test_a_fixed_uncertain_variable_is_refused():
    m = model(Box(0, 1))
    m.demand["south"].fix(1)
    with pytest.raises(InvalidGame, match=r"demand\[south\]: a fixed variable is not uncertain"):
        nature_set(read(m))


def test_balls_from_counts_have_the_radii_of_their_rule():
    """Both confidence radii at 97.5 % each: together they hold the truth at 95 %."""
    counts = {"rain": 400, "sun": 600}
    ball = DistributionBall.from_counts(counts, 0.95)
    assert ball.l1 == pytest.approx(weissman_l1(2, 1000, 0.975))
    assert ball.linf == pytest.approx(hoeffding_linf(2, 1000, 0.975))
    assert ball.on(["sun", "rain"], "share").nominal() == pytest.approx([0.6, 0.4])
    bootstrap = DistributionBall.from_counts(counts, 0.95, "bootstrap")
    assert bootstrap.linf < ball.linf
    literature = DistributionBall.from_counts(counts, 0.95, "literature")
    assert literature.linf == pytest.approx(np.log(80) / 2000)


def test_counts_that_are_none_are_refused():
    with pytest.raises(InvalidGame, match=r"from_counts: .*samples is 0"):
        DistributionBall.from_counts([0, 0])
    with pytest.raises(InvalidGame, match="radii='wide'"):
        DistributionBall.from_counts([1, 2], 0.9, "wide")
