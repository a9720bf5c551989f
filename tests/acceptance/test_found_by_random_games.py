"""Small games that once went wrong; each was found by the random games and cut down by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.io.declare import declare
from tests.problems.declaring import game, maximise, minimise, rows
from tests.problems.library import clark_westerberg_1990
from tests.problems.tolls import toll_cases
from tests.stress.rescaling import rescaled
from tests.stress.sources import arrays_of

METHODS = [bl.KKT(), bl.Branching()]


@pytest.mark.parametrize("method", [*METHODS, bl.StrongDuality()])
def test_a_switched_equality_that_leaves_one_point_is_not_called_infeasible(method: bl.KKT | bl.StrongDuality):
    """2 x + 2 y + 2 x y = 10, 0 <= y <= 2, x binary: 2 + 4 y = 10 gives y = 2 at x = 1, and x = 0 would need y = 5.

    The row that bounds multipliers by a Slater point came from a solver's point, and cut off x = 1 by 1e-7.
    """
    m = game("switched")
    x, y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 2))
    m.x, m.follower.y = x, y
    rows(m.follower, 2 * x + 2 * y + 2 * x * y == 10)
    minimise(m.follower, 3 * y)
    minimise(m, y)
    solution = bl.solve(m, method=method)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(2.0))


@pytest.mark.parametrize("method", [*METHODS, bl.StrongDuality()])
def test_a_follower_that_can_respond_to_nothing_the_leader_may_do(method: bl.KKT | bl.StrongDuality):
    """y >= 1 and y <= x1 + x2 - 1 need x = (1, 1) and y = 1; the follower then takes y = 2 of 1 <= y <= 2.

    Its objective is (2 x1 + 2 x2 - 2) y = 2 y to maximise, its row 1 - 2 y + y >= -1. HiGHS ends one of the
    programs that bound its multipliers without an answer.
    """
    m = game("no response")
    x, y = pyo.Var([1, 2], domain=pyo.Binary), pyo.Var(bounds=(1, 3))
    m.x, m.follower.y = x, y
    rows(m, y - x[1] - x[2] <= -1)
    rows(m.follower, -x[1] + 2 * x[2] - 2 * y + x[2] * y >= -1)
    maximise(m.follower, -2 * y + 2 * x[1] * y + 2 * x[2] * y)
    minimise(m, 0 * x[1])
    assert bl.solve(m, method=method).status == "infeasible"


def test_an_unbounded_game_is_called_unbounded_although_highs_leaves_open_whether_it_is_infeasible():
    """min -3 x - y1, where nothing of the first follower's objective depends on y1 >= 0: y1 may grow for ever."""
    m = pyo.ConcreteModel("unbounded")
    x = m.x = pyo.Var(domain=pyo.Binary)
    m.first, m.second = bl.Follower(), bl.Follower()
    a, b = pyo.Var([1, 2], bounds={1: (0, None), 2: (1, 3)}), pyo.Var([1, 2], bounds={1: (-2, 1), 2: (0, 0)})
    m.first.y, m.second.y = a, b
    rows(m.first, 3 * x + 3 * a[1] - 2 * x * a[2] >= -1)
    minimise(m.first, -3 * a[2] + 2 * x * a[2])
    rows(m.second, -2 * x - 2 * b[1] + b[2] >= 2, -2 * x - 2 * b[1] + b[2] >= 2)
    minimise(m.second, -3 * b[1] + 2 * b[2] + x * b[1] + x * b[2])
    minimise(m, -3 * x - a[1] + 3 * b[1] + 3 * b[2])
    assert bl.solve(m, method=bl.KKT()).status == "unbounded"


@pytest.mark.parametrize("method", METHODS)
def test_a_node_may_move_both_bounds_of_a_column(method: bl.KKT | bl.Branching):
    """-y1 + 3 y2 = 9 with y2 <= 3 and y1 >= 0 leaves (0, 3); min 2 x + 3 y1 + 3 y2 + 2 x y2 = 9 at x = 0."""
    m = game("one point")
    m.x = pyo.Var(bounds=(0, 2))
    y = m.follower.y = pyo.Var([1, 2], bounds={1: (0, 4), 2: (0, 3)})
    rows(m.follower, -y[1] + 3 * y[2] == 9)
    minimise(m.follower, y[1] + y[2] + 2 * m.x * y[2])
    minimise(m, 2 * m.x + 3 * y[1] + 3 * y[2] + 2 * m.x * y[2])
    solution = bl.solve(m, method=method)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(9.0))


@pytest.mark.parametrize("method", METHODS)
def test_units_in_which_what_matters_is_tiny_change_nothing(method: bl.KKT | bl.Branching):
    """Price and amount counted in millionths: p y becomes 1e-12 p' y', which solvers leave out.

    The buyer values a unit at 2 and takes all 4 up to that price: the seller earns 2 * 4 = 8.
    """
    m = game("millionths")
    p, y = pyo.Var(bounds=(0, 5e6)), pyo.Var(bounds=(0, 4e6))
    m.price, m.follower.amount = p, y
    minimise(m.follower, 1e-12 * p * y - 2e-6 * y)
    maximise(m, 1e-12 * p * y)
    solution = bl.solve(m, method=method)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(8.0))
    assert (solution.value(p), solution.value(y)) == (pytest.approx(2e6), pytest.approx(4e6))


@pytest.mark.parametrize("encoding", [bl.SOS1(), bl.Indicator()])
def test_scip_does_not_call_a_game_optimal_that_falls_for_ever(encoding: bl.SOS1 | bl.Indicator):
    """min a + b + 2 y1 - 3 y2 falls with y2, of which the follower wants no end where 1 + 2 a + 2 b < 0.

    a in {-2, -1, 0}, b in [0, 2], y1 in [1, 3], y2 >= -1, 2 a - 3 b + 2 y1 - y2 <= 2; the follower minimises
    y1 + y2 + (2 a + b) y1 + 2 (a + b) y2, for which y2 may be anything large where 1 + 2 a + 2 b = 0: at (-1, 1/2).
    SCIP drops what is below a node whose linear program is unbounded, and said 2.
    """
    m = game("falls")
    a, b = pyo.Var(bounds=(-2, 0), domain=pyo.Integers), pyo.Var(bounds=(0, 2))
    m.a, m.b = a, b
    y = m.follower.y = pyo.Var([1, 2], bounds={1: (1, 3), 2: (-1, None)})
    rows(m.follower, 2 * a - 3 * b + 2 * y[1] - y[2] <= 2)
    minimise(m.follower, y[1] + y[2] + (2 * a + b) * y[1] + 2 * (a + b) * y[2])
    minimise(m, a + b + 2 * y[1] - 3 * y[2])
    assert bl.solve(m, method=bl.Branching()).status == "unbounded"
    assert bl.solve(m, method=bl.KKT(complementarity=encoding)).status != "optimal"


def test_a_quadratic_program_in_circles_comes_to_an_end():
    """The problem of Clark and Westerberg (1990) with the leader's objective in ten-thousandths: 5e-4."""
    program, _ = rescaled(arrays_of(clark_westerberg_1990().model), "leader", 1e-4, 7)
    solution = bl.solve(declare(program, "in other units"), gap=1e-7, time_limit=20.0, threads=1)
    assert solution.objective == pytest.approx(5e-4, abs=1e-6)


def test_scip_is_asked_again_where_its_linear_programs_fail():
    """max -2 y1 - x y2 over -3 y1 + 2 y2 in [0, 4], y1 in [-2, 1], y2 <= 4: y1 = -2, so y2 is in [-3, -1].

    The leader's 2 x - 3 y1 - 3 y2 <= 4 would need y2 >= (2 + 2 x) / 3. In these units SCIP ended with an error.
    """
    m = game("no point")
    x, y = pyo.Var(bounds=(0, 2)), pyo.Var([1, 2], bounds={1: (-2, 1), 2: (None, 4)})
    m.x, m.follower.y = x, y
    m.follower.row = pyo.Constraint(expr=(0, -3 * y[1] + 2 * y[2], 4))
    maximise(m.follower, -2 * y[1] - x * y[2])
    rows(m, 2 * x - 3 * y[1] - 3 * y[2] <= 4)
    minimise(m, -2 * x + y[1] + 2 * y[2])
    program, _ = rescaled(arrays_of(m), "columns", 1e6, 37)
    assert bl.solve(declare(program, "in other units"), method=bl.KKT(complementarity=bl.SOS1())).status == "infeasible"


def test_scip_is_asked_again_with_an_objective_of_small_numbers(cases_folder: Path):
    """Tolls counted in millionths: SCIP ended with an error of its linear programs at costs of 1e9."""
    (case,) = (case for case in toll_cases(cases_folder / "toll") if case.name == "i30-02_K2")
    program, factor = rescaled(arrays_of(case.model()), "all", 1e6, 0)
    solution = bl.solve(declare(program, "in millionths"), method=bl.KKT(complementarity=bl.SOS1()))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(factor * case.revenue, rel=1e-6))


def test_scip_is_asked_again_without_cuts():
    """min y with y >= (15 - 2 x) / 10, y >= 2 x - 15, y <= (30 + 25 x) / 20, y <= (10 - x) / 2: leader min -x - 10 y.

    The first binds up to x = 7.5: -x - 10 y is x - 15 there, least at x = 0, below which y has no room. On the second
    it is 150 - 21 x, least at x = 8, where y = 1: -18. A linear program of SCIP's failed among its cuts.
    """
    m = game("without cuts")
    x, y = pyo.Var(), pyo.Var()
    m.x, m.follower.y = x, y
    rows(m.follower, 20 * y - 25 * x <= 30, 2 * y + x <= 10, 2 * x - y <= 15, 10 * y + 2 * x >= 15)
    minimise(m.follower, y)
    minimise(m, -x - 10 * y)
    solution = bl.solve(m, method=bl.KKT(complementarity=bl.SOS1()))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(-18.0))


@pytest.mark.parametrize("search", ["tree", "rounds"])
def test_a_start_is_not_called_optimal_where_presolve_finds_no_point(search: Literal["tree", "rounds"]):
    """The follower maximises (1 - x) y1 / 100 and does not care about y2, so the leader's min y2 is -1 at any x.

    HiGHS was asked for the best response for the leader with the other one, y2 = 0, as a start. Its presolve found no
    point within 1e-9 of the follower's optimum, and so the start was optimal.
    """
    m = game("start")
    x, y = pyo.Var(bounds=(-2, 1), domain=pyo.Integers), pyo.Var([1, 2], bounds={1: (0, 2), 2: (-1, 0)})
    m.x, m.follower.y = x, y
    y.domain = pyo.Integers
    minimise(m.follower, 0.01 * x * y[1] - 0.01 * y[1])
    minimise(m, y[2] + 0 * x)
    solution = bl.solve(m, method=bl.ValueFunction(search=search))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(-1.0))


@pytest.mark.parametrize("search", ["tree", "rounds"])
def test_a_follower_that_uses_the_tolerance_of_its_row_still_responds(search: Literal["tree", "rounds"]):
    """min 2 a + 2 x b, a + b <= 2, 3 a + 2 b >= 3 x - 1, a in {0, 1, 2}, |b| <= 1; leader max x - 2 b, x in {1, 2}.

    At x = 1 it takes (1, -1/2) at 1 before (0, 1) and (2, -1) at 2, which is worth 2; at x = 2 (2, -1/2) at 2 before
    (1, 1) at 6: 3. HiGHS said b = -0.50000005 and 1.9999998, no point was as good, and x = 2 was left out.
    """
    m = game("tolerance")
    x, a, b = pyo.Var(bounds=(1, 2), domain=pyo.Integers), pyo.Var(bounds=(0, 2), domain=pyo.Integers), pyo.Var()
    m.x, m.follower.a, m.follower.b = x, a, b
    b.setlb(-1)
    b.setub(1)
    rows(m.follower, -a - b >= -2, 3 * x - 3 * a - 2 * b <= 1)
    minimise(m.follower, 2 * a + 2 * x * b)
    maximise(m, x - 2 * b)
    solution = bl.solve(m, method=bl.ValueFunction(search=search))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(3.0, rel=1e-6))


@pytest.mark.parametrize("search", ["tree", "rounds"])
def test_a_follower_that_counts_in_small_units_leaves_the_leader_no_more_room(search: Literal["tree", "rounds"]):
    """max (2 a + 2 b) / 1e4, 2 a + b <= 5, a <= 2 + x / 2, b in {0, 1}: (2, 1) at both x; the leader min a + x: 2.

    With a room of 1e-9 in that objective the leader had a = 2 - 5e-6.
    """
    m = game("small units")
    x, a, b = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 3)), pyo.Var(domain=pyo.Binary)
    m.x, m.follower.a, m.follower.b = x, a, b
    rows(m.follower, 2 * a + b <= 5, a <= 2 + 0.5 * x)
    maximise(m.follower, 2e-4 * a + 2e-4 * b)
    minimise(m, a + x)
    solution = bl.solve(m, method=bl.ValueFunction(search=search))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(2.0, rel=1e-7))


@pytest.mark.parametrize("search", ["tree", "rounds"])
def test_two_responses_may_be_out_of_reach_at_one_decision_between_them(search: Literal["tree", "rounds"]):
    """x + 3 a + 2 c = 14, 3 c - 2 x - 3 a <= 10; the follower min (3 + x) a + (2 x - 3) c; 3 x + 2 a + 2 c >= 11.

    At x = 0 it has (2, 4) alone, at 1 it takes (1, 5), at 2 it has (2, 3) alone, at 3 it takes (1, 4), and (3, 3) at -1
    does not fit the leader, who minimises c - 3 a + 6: 4, 8, 3 and 7. What is played at x = 3 is out of reach for
    x <= 2, what is played at x = 1 for x >= 2 and x <= 0; the first and the second were held to exclude each other.
    """
    m = game("between")
    x, a, c = pyo.Var(bounds=(-1, 3)), pyo.Var(bounds=(-1, 3)), pyo.Var(bounds=(1, 5))
    m.x, m.follower.a, m.follower.c = x, a, c
    for variable in (x, a, c):
        variable.domain = pyo.Integers
    rows(m.follower, x + 3 * a + 2 * c == 14, 3 * c - 2 * x - 3 * a <= 10)
    rows(m, 3 * x + 2 * a + 2 * c >= 11)
    minimise(m.follower, 3 * a + x * a + 2 * x * c - 3 * c)
    minimise(m, c - 3 * a + 6)
    solution = bl.solve(m, method=bl.ValueFunction(search=search))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(3.0))
