"""First-order conditions and stored responses of followers that are not convex, worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from scipy import sparse

from bilevel.language.read import read
from bilevel.solvers import scip
from bilevel.solvers.outcome import HighsOptions
from reformulations.programs import Names, Product, Rows
from reformulations.refusal import NotApplicable
from reformulations.responses import HeldGame
from reformulations.sides import sides_of
from reformulations.spatial import SpatialProgram
from reformulations.stored_responses.deep_responses import deep_response
from reformulations.stored_responses.moving_responses import composed, slopes_of
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint, quadratic_high_point
from reformulations.stored_responses.quadratic_responses import Response, quadratic_master, response_of
from tests.problems.library import game, minimise, rows
from tests.properties.nonconvex_games import QuadraticGame, quadratic_games


def far_from_zero() -> QuadraticHighPoint:
    """Columns x, y in [-1, 1], v = -y^2; follower min -y^2, y - x <= 1/2; leader min 1.2 x - y."""
    m = game("far_from_zero")
    x = m.x = pyo.Var(bounds=(-1, 1))
    y = m.follower.y = pyo.Var(bounds=(-1, 1))
    rows(m.follower, y - x <= 0.5)
    minimise(m.follower, -(y**2))
    minimise(m, 1.2 * x - y)
    return quadratic_high_point(read(m).program)


def disc() -> QuadraticHighPoint:
    """Columns x in [1, 2], y1, y2, v; follower min y1 + y2 over y1^2 + y2^2 <= x."""
    m = game("disc")
    x = m.x = pyo.Var(bounds=(1, 2))
    y = m.follower.y = pyo.Var([1, 2])
    m.follower.disc = pyo.Constraint(expr=y[1] ** 2 + y[2] ** 2 <= x)
    minimise(m.follower, y[1] + y[2])
    minimise(m, x)
    return quadratic_high_point(read(m).program)


def least(program: SpatialProgram, **held: float) -> float | None:
    """Return the optimum with columns at values, None where that is infeasible."""
    columns, places = program.columns, [int(name[1:]) for name in held]
    lower, upper = columns.lower.copy(), columns.upper.copy()
    lower[places] = upper[places] = [*held.values()]
    program = replace(program, columns=replace(columns, lower=lower, upper=upper))
    return scip.solve(program, HighsOptions(gap=1e-9)).objective


def test_sides_are_the_lower_ones_and_then_the_upper_ones_turned_round():
    """1 <= z0 + z0 z1 <= 3 and z1 >= 2."""
    one = np.ones(1, np.int64)
    terms = Product.of(0 * one, 0 * one, one, np.ones(1))
    matrix = sparse.csr_array(np.eye(2))
    sides = sides_of(Rows(matrix, np.array([1.0, 2.0]), np.array([3.0, np.inf]), Names.of(["a", "b"]), terms))
    assert sides.source.tolist() == [0, 1, 0]
    assert sides.limit.tolist() == [1, 2, -3]
    assert sides.room.tolist() == [2, np.inf, 2]
    assert sides.linear.toarray().tolist() == [[1, 0], [0, 1], [-1, 0]]
    assert (sides.products.index.tolist(), sides.products.value.tolist()) == ([0, 2], [1, -1])
    assert sides.take(np.array([2])).curved().tolist() == [True]


@pytest.mark.parametrize(("y", "kept"), [(-1.0, True), (0.0, True), (0.5, True), (-0.5, False), (0.25, False)])
def test_first_order_conditions_keep_stationary_points_only(y: float, kept: bool):  # noqa: FBT001
    """At x = 0 the follower's -y^2 over [-1, 1/2] is stationary at the ends and at 0."""
    assert (least(far_from_zero().program, c0=0.0, c1=y) is not None) == kept


@pytest.mark.parametrize(("y", "kept"), [((-1.0, -1.0), True), ((1.0, 1.0), False), ((-1.0, -0.5), False)])
def test_curved_rows_have_multipliers_that_add_up_to_one(y: tuple[float, float], kept: bool):  # noqa: FBT001
    """At x = 2 only (-1, -1) is stationary: t0 (1, 1) = -2 l (y1, y2) with t0 + l = 1 gives l = 1/3, t0 = 2/3."""
    program = disc().program
    assert (least(program, c0=2.0, c1=y[0], c2=y[1]) is not None) == kept
    assert program.columns.upper[[4, 5]].tolist() == [1, 1]


def test_a_response_names_the_sides_that_the_leader_can_break():
    """y = 1 needs x >= 1/2 and is worth -1; y = -1 is feasible for every x."""
    relaxation = far_from_zero()
    one = response_of(relaxation, 0, np.array([0.0, 1.0]))
    assert (one.worth.limit.tolist(), one.sides.limit.tolist()) == ([1.0], [0.5])
    assert one.sides.linear.toarray().tolist() == [[1, 0]]
    assert len(response_of(relaxation, 0, np.array([0.0, -1.0])).sides) == 0


def test_the_master_holds_what_responses_say():
    """Without any the leader gets -0.6 at (-1/2, 0); with y = -1, which is worth -1, it gets -0.4 at (1/2, 1).

    With y = 1 alone it keeps x below 1/2, where that is not feasible: -0.6 again. At x = 3/4 that says y^2 >= 1.
    """
    relaxation = far_from_zero()
    never, always = (response_of(relaxation, 0, np.array([0.0, y])) for y in (1.0, -1.0))
    assert least(quadratic_master(relaxation, [])) == pytest.approx(-0.6)
    assert least(quadratic_master(relaxation, [never])) == pytest.approx(-0.6)
    assert least(quadratic_master(relaxation, [never, always])) == pytest.approx(-0.4, abs=1e-6)
    assert least(quadratic_master(relaxation, [never]), c0=0.75, c1=0.0) is None


def test_a_deep_response_keeps_away_from_the_row():
    """At x = 1/2, with -y^2 <= -1/4: y = 1 is on the row, y = -1 keeps 2 from it, (1/2 - x + ...)/(1 + |side|) = 1."""
    relaxation = far_from_zero()
    held = HeldGame.at(relaxation.game, np.array([0.5, 1.0]), 1e-7)
    found = deep_response(held, 1, -0.25)
    assert found is not None
    outcome = scip.solve(found.program)
    assert outcome.point is not None
    assert outcome.point[0] <= -0.5 + 1e-6
    assert outcome.point[1] == pytest.approx(1.0)


def test_a_response_moves_with_the_row_that_the_leader_moves():
    """At x = 0 the response 1/2 is on y - x <= 1/2, so it moves as x does, until its bounds -1 and 1."""
    relaxation = far_from_zero()
    (slope,) = slopes_of(relaxation, 0, np.array([0.0, 0.5]))
    assert slope.toarray() == pytest.approx(np.array([[0, 0], [1, 0]]))
    moving = response_of(relaxation, 0, np.array([0.0, 0.5]), slope)
    assert moving.sides.linear.toarray() == pytest.approx(np.array([[-1, 0]]))
    assert moving.sides.limit == pytest.approx([-0.5])
    assert moving.worth.products.value == pytest.approx([-1])
    assert slopes_of(relaxation, 0, np.array([0.0, -1.0])) == []


def test_a_response_on_a_curved_row_moves_along_its_path():
    """The best response is y = -sqrt(x/2) (1, 1), which moves by -1/(2 sqrt(2 x)): -1/4 each at x = 2."""
    relaxation = disc()
    (slope,) = slopes_of(relaxation, 0, np.array([2.0, -1.0, -1.0]))
    assert slope.toarray()[:, 0] == pytest.approx([0, -0.25, -0.25])


def test_forms_are_composed_with_a_moving_response():
    """z1 z2 with z1 = 2 x + 3, z2 = x + 1 is 2 x^2 + 5 x + 3."""
    slope = sparse.csr_array(np.array([[0.0, 0, 0], [2, 0, 0], [1, 0, 0]]))
    one = np.ones(1, np.int64)
    terms = Product.of(0 * one, one, 2 * one, np.ones(1))
    leader = np.array([True, False, False])
    found = composed(sparse.csr_array((1, 3)), terms, slope, np.array([0.0, 3, 1]), leader)
    assert (found.linear.toarray().tolist(), found.offset.tolist()) == ([[5, 0, 0]], [3])
    assert (found.products.left.tolist(), found.products.value.tolist()) == ([0], [2])


def test_followers_that_interact_are_refused():
    m = game("two")
    m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 1))
    minimise(m.follower, -m.x * y**1)
    minimise(m, m.x)
    m.second = type(m.follower)()
    m.second.z = pyo.Var(bounds=(0, 1))
    minimise(m.second, -(m.second.z**2) + y * m.second.z)
    with pytest.raises(NotApplicable, match=r"second: it depends on follower\.y of another follower"):
        quadratic_high_point(read(m).program)


def placed(problem: QuadraticGame, relaxation: QuadraticHighPoint, x: float) -> dict[int, float] | None:
    """Return columns and values of a decision with a best response to it; variables that stand nowhere are left out."""
    best = problem.best_response(x)
    if best is None:
        return None
    values = {"x": x, **{f"follower.y[{i}]": float(y) for i, y in enumerate(best)}}
    return {j: values[name] for j, name in enumerate(relaxation.game.columns.names)}


def stored(problem: QuadraticGame, relaxation: QuadraticHighPoint) -> Iterator[Response]:
    """Yield best responses to some decisions, still and moving."""
    for x in (-0.75, 0.0, 0.5):
        values = placed(problem, relaxation, x)
        if values is None:
            continue
        point = np.array([*values.values()])
        own = np.where(relaxation.game.follower_columns, point, 0.0)
        yield response_of(relaxation, 0, own)
        for slope in slopes_of(relaxation, 0, point):
            yield response_of(relaxation, 0, own - slope @ point, slope)


@settings(max_examples=8)
@given(quadratic_games())
def test_a_master_keeps_every_bilevel_feasible_point(problem: QuadraticGame):
    """At any decision the best response by enumeration satisfies what was stored at others."""
    model = problem.declare()  # kept, since names are looked up in it
    relaxation = quadratic_high_point(read(model).program)
    program = quadratic_master(relaxation, [*stored(problem, relaxation)])
    for x in (-1.0, 0.5, 1.0):
        values = placed(problem, relaxation, x)
        if values is not None:
            here = np.zeros(len(program.columns))
            here[[*values]] = [*values.values()]
            held = {f"c{column}": value for column, value in values.items()}
            assert least(program, **held) == pytest.approx(program.objective(here), abs=1e-6)
