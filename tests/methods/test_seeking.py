"""The search for good points along with a branch and bound: its steps, and what they cost."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.certificate.certify import certify
from bilevel.compiler.pipeline import Image
from bilevel.search.seeking import NODES, Seeker
from bilevel.solvers.answer import Limits
from reformulations.programs import Floats
from tests.problems.generated import price_game

LIMITS = Limits(threads=1)
OPTIMUM = 273.0302
"""Of the price game T12K2 with seed 1, maximised; programs minimise."""


@pytest.fixture(scope="module")
def image() -> Image:
    return bl.compile(price_game("T12K2", 1).model(), method=bl.Branching(), threads=1).image


def test_nothing_is_looked_for_before_the_first_nodes(image: Image) -> None:
    seeker = Seeker(image, LIMITS)
    assert all(seeker.step(nodes, None) is None for nodes in range(NODES))


def test_a_step_gives_a_certified_point(image: Image) -> None:
    point = Seeker(image, LIMITS).step(NODES, None)
    assert point is not None
    assert certify(image.source, image.source_point(point), threads=1).holds
    assert image.mpec.objective(point) >= -OPTIMUM - 1e-6


def test_steps_only_tell_of_better_points_than_the_incumbent(image: Image) -> None:
    """From 252.0046, the best of a branch and bound after 200 nodes, restarts lead above 260."""
    seeker, best = Seeker(image, LIMITS), [float("inf")]
    incumbent: Floats | None = None
    for nodes in range(NODES, 20 * NODES, NODES):
        found = seeker.step(nodes, incumbent)
        if found is not None:
            incumbent = found
            best.append(image.mpec.objective(found))
    assert best == sorted(best, reverse=True)
    assert best[-1] < -260


def test_a_thorough_search_is_the_last(image: Image) -> None:
    seeker = Seeker(image, LIMITS)
    assert seeker.thorough(None, None) is not None
    assert seeker.is_over
    assert seeker.step(10 * NODES, None) is None


def test_small_games_are_not_searched() -> None:
    """The follower takes the least y in [0, 10] with y >= x - 1: three pairs."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 10))
    m.f.row = pyo.Constraint(expr=m.f.y >= m.x - 1)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.gain = pyo.Objective(expr=3 * m.f.y - m.x, sense=pyo.maximize)
    small = bl.compile(m, method=bl.Branching(), threads=1).image
    assert Seeker(small, LIMITS).step(10 * NODES, None) is None
