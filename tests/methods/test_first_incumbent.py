"""Points before a proof: exchanges on the active set, responses at single decisions, limits that pass early."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bilevel as bl
from bilevel.certificate.certify import certify
from bilevel.compiler.pipeline import Image
from bilevel.search.exchange import exchanged, zero_slacks
from bilevel.search.first_incumbent import first_incumbent, response_at_decisions
from bilevel.search.linear_followers import LinearFollowers
from bilevel.search.optimise import optimise
from bilevel.search.pattern_programs import PatternPrograms
from bilevel.solvers.answer import Limits
from bilevel.testing import Game, declare, games, price_games
from tests.problems.generated import COUPLED_SIZES, coupled_game, price_game

LIMITS = Limits(threads=1)


def least(curvature: float = 0.0) -> pyo.ConcreteModel:
    """The follower takes the least y >= 0 with y >= x - 1: y = max(x - 1, 0); the leader earns 3 y - x, x in [0, 4].

    With y at zero the best is 0 at x = 0; with y = x - 1 it is 5 at x = 4. The pattern y = 0, y > x - 1 ends at x = 1,
    where the row is biactive: there 3 y - x = -1, and it rises along y = x - 1.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 10))
    m.f.row = pyo.Constraint(expr=m.f.y >= m.x - 1)
    m.f.cost = pyo.Objective(expr=m.f.y + curvature * m.f.y**2)
    m.gain = pyo.Objective(expr=3 * m.f.y - m.x, sense=pyo.maximize)
    return m


def image_of(model: pyo.ConcreteModel, method: bl.methods.Method | str = "auto") -> Image:
    return bl.compile(model, method=method, threads=1).image


def is_bilevel_feasible(image: Image, point: np.ndarray) -> bool:
    """Solve every follower again at the point, from its own rows; check the leader's."""
    certificate = certify(image.source, image.source_point(point), bound=None, gap=1e-6, assumptions=(), threads=1)
    return not certificate.failures


def test_exchange_leaves_a_biactive_point_along_the_side_that_gains() -> None:
    """At x = 1 row and bound of y are both active, which holds x; with the bound let go, y = x - 1 leads to x = 4."""
    image = image_of(least())
    followers = LinearFollowers.of(image.mpec, 1)
    assert followers is not None
    programs = PatternPrograms(image, followers.linking, 1)
    at_one = np.zeros(len(image.mpec.columns))
    at_one[0] = 1.0
    active = zero_slacks(programs, at_one)
    stuck = programs.at(active, at_one)
    assert stuck is not None
    assert stuck.value == pytest.approx(1)
    assert exchanged(programs, active, stuck).value == pytest.approx(-5)


@pytest.mark.parametrize("method", [bl.KKT(), bl.Branching()])
def test_start_is_the_optimum_of_a_small_game(method: bl.methods.Method) -> None:
    image = image_of(least(), method)
    point = first_incumbent(image, LIMITS, 0.2)
    assert point is not None
    assert is_bilevel_feasible(image, point)
    assert image.mpec.objective(point) == pytest.approx(-5)


def test_a_quadratic_follower_responds_at_single_decisions() -> None:
    """The alternation wants linear followers; with 0.1 y^2 added to its cost the follower still takes the least y."""
    image = image_of(least(curvature=0.1))
    point = response_at_decisions(image, LIMITS, 5.0)
    assert point is not None
    assert is_bilevel_feasible(image, point)


def test_where_branching_ends_at_once_the_answer_is_a_response() -> None:
    image = image_of(least(), bl.Branching(node_limit=0))
    answer = optimise(image, LIMITS)
    assert answer.status == "limit"
    assert answer.objective == pytest.approx(-5)


@pytest.mark.parametrize("pairs", COUPLED_SIZES)
def test_no_time_gives_a_certified_point_of_a_coupled_game(pairs: int) -> None:
    solution = bl.solve(coupled_game(pairs, 1).model(), time_limit=0.01, threads=1)
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_no_time_gives_a_certified_point_of_a_price_game() -> None:
    solution = bl.solve(price_game("T12K2", 0).model(), method=bl.KKT(), time_limit=0.01, threads=1)
    assert solution.certificate is not None
    assert solution.certificate.holds


@given(
    st.one_of(games(), games(followers=2), games(binary=True), price_games()),
    st.sampled_from([bl.KKT(), bl.Branching()]),
)
def test_every_start_is_bilevel_feasible(game: Game, method: bl.methods.Method) -> None:
    """Random games: what is offered as a start passes the certificate's follower re-solve."""
    try:
        image = image_of(declare(game), method)
    except (bl.NotApplicable, bl.InfeasibleFollower, bl.UnboundedFollower, bl.InfeasibleGame):
        return
    point = first_incumbent(image, LIMITS, 0.0)
    if point is not None:
        assert is_bilevel_feasible(image, point)
