"""Branch and bound on complementarities: games without bounds of multipliers, and agreement with big-M."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from tests.problems.external import declare, load_case

WITHOUT_BOUNDS = [
    "continuous/bileveljump_11a",
    "continuous/bileveljump_HTP_quad04",
    "continuous/bileveljump_HTP_quad06b",
    "continuous/bileveljump_HTP_quad09",
    "continuous/bolib_DempeFranke2011Ex42",
    "continuous/bolib_DempeLohse2011Ex31a",
    "continuous/bolib_DempeLohse2011Ex31b",
    "continuous/bolib_FalkLiu1995",
    "continuous/bolib_HatzEtal2013",
    "continuous/bolib_MershaDempe2006Ex2",
    "continuous/bolib_Outrata1990Ex1e",
    "continuous/bolib_Outrata1990Ex2a",
    "continuous/bolib_TollSettingP2",
    "continuous/bolib_TollSettingP3",
    "continuous/bolib_TollSettingP4",
    "continuous/bolib_TollSettingP5",
    "continuous/bolib_Yezza1996Ex41",
    "derived/derivedLP_binarybmilplib_10_1",
    "derived/derivedLP_binarybmilplib_10_2",
    "derived/derivedLP_bmilplib_10_2",
    "derived/derivedLP_bmilplib_10_3",
    "derived/derivedLP_bmilplib_60_1",
    "derived/derivedLP_bmilplib_60_2",
    "derived/derivedLP_miblp_20_20_50_0110_15_1",
    "derived/derivedLP_miblp_20_20_50_0110_5_1",
    "derived/derivedLP_p0033-0.900000",
    "derived/derivedLP_stein27-0.500000",
]
"""Cases of which some multiplier or slack has no finite bound."""


def game() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.follower = bl.Follower()
    return m


def goal(block: Any, expression: Any, sense: Any = pyo.minimize) -> None:
    block.goal = pyo.Objective(expr=expression, sense=sense)


def branched(m: pyo.ConcreteModel, **options: Any) -> bl.Solution:
    return bl.solve(m, method=bl.Branching(), threads=1, **options)


def proven(m: pyo.ConcreteModel) -> float:
    solution = branched(m)
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective is not None
    return solution.objective


def coupled_game(seed: int, leaders: int, followers: int, rows: int, *, whole: bool = False) -> pyo.ConcreteModel:
    """``min c x + d y, y in argmax {e y: U x + V y <= w, y >= 0}`` with integer data, half of it zero, x in [0, 10].

    ``w`` exceeds ``U x`` at every x, so the follower has an interior point and big-M bounds can be derived.
    """
    random = np.random.default_rng(seed)
    V = random.integers(1, 11, (rows, followers)) * (random.random((rows, followers)) < 0.5)
    V[random.integers(rows, size=followers), np.arange(followers)] = random.integers(1, 11, followers)
    U = random.integers(-5, 6, (rows, leaders)) * (random.random((rows, leaders)) < 0.5)
    w = random.integers(5, 5 * followers, rows) + 10 * np.maximum(U, 0).sum(axis=1)
    c, d = random.integers(-10, 11, leaders).tolist(), random.integers(-10, 11, followers).tolist()
    e = random.integers(1, 11, followers).tolist()
    m = game()
    x = m.x = pyo.Var(range(leaders), bounds=(0, 10), domain=pyo.Integers if whole else pyo.Reals)
    y = m.follower.y = pyo.Var(range(followers), domain=pyo.NonNegativeReals)
    kept = [i for i in range(rows) if V[i].any()]
    m.follower.row = pyo.Constraint(
        kept,
        rule=lambda _, i: (
            sum(int(U[i, j]) * x[j] for j in range(leaders)) + sum(int(V[i, j]) * y[j] for j in range(followers))
            <= int(w[i])
        ),
    )
    goal(m.follower, sum(e[j] * y[j] for j in range(followers)), pyo.maximize)
    goal(m, sum(c[j] * x[j] for j in range(leaders)) + sum(d[j] * y[j] for j in range(followers)))
    return m


def test_a_price_without_a_bound():
    """The leader sells at price x >= 0 without a cap; the follower buys y1 + y2 == 1 at x or at 2.

    At x <= 2 it buys from the leader (at x = 2 it is indifferent, and favours the leader): revenue 2.
    """
    m = game()
    x = m.x = pyo.Var(domain=pyo.NonNegativeReals)
    y = m.follower.y = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    m.follower.need = pyo.Constraint(expr=y[1] + y[2] == 1)
    goal(m.follower, x * y[1] + 2 * y[2])
    goal(m, x * y[1], pyo.maximize)
    assert proven(m) == pytest.approx(2)


def test_an_integer_leader():
    """y = x / 2, so the leader minimises 0.3 x - x / 2 over whole x <= 7.5: -1.4 at x = 7."""
    m = game()
    x = m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 7.5))
    y = m.follower.y = pyo.Var()
    m.follower.cap = pyo.Constraint(expr=2 * y <= x)
    goal(m.follower, y, pyo.maximize)
    goal(m, 0.3 * x - y)
    assert proven(m) == pytest.approx(-1.4)


def test_a_quadratic_follower_with_an_unbounded_multiplier():
    """y = min(x, 1), with multiplier 2 (x - 1) of y <= 1 growing with x: min x - 3 y is -2 at x = 1."""
    m = game()
    x = m.x = pyo.Var()
    y = m.follower.y = pyo.Var(bounds=(None, 1))
    m.low = pyo.Constraint(expr=x >= -5)
    goal(m.follower, (y - x) ** 2)
    goal(m, x - 3 * y)
    assert proven(m) == pytest.approx(-2)


def test_a_quadratic_leader_over_an_unbounded_range():
    """y = max(0, x - 1): (x - 3)**2 + y**2 is 2 at x = 2 (and at least 4 where x <= 1)."""
    m = game()
    x = m.x = pyo.Var()
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    m.follower.row = pyo.Constraint(expr=y >= x - 1)
    goal(m.follower, y)
    goal(m, (x - 3) ** 2 + y**2)
    assert proven(m) == pytest.approx(2, abs=1e-5)


def test_two_followers():
    """y_i = max(0, x - i): y_1 + y_2 - 1.5 x is 0 at x = 0, falls to x = 2, and is 8 + 9 - 15 = 2 at x = 10."""
    m = pyo.ConcreteModel()
    x = m.x = pyo.Var(bounds=(0, 10))

    @m.Follower([1, 2])
    def shop(shop: Any, i: int) -> None:
        shop.y = pyo.Var(domain=pyo.NonNegativeReals)
        shop.row = pyo.Constraint(expr=shop.y >= x - i)
        goal(shop, shop.y)

    goal(m, m.shop[1].y + m.shop[2].y - 1.5 * x, pyo.maximize)
    assert proven(m) == pytest.approx(2)


def test_a_bounded_game_with_an_unbounded_relaxation():
    """The leader wants y large; the follower takes the least y >= x, y >= 0, and x <= 3: 3."""
    m = game()
    x = m.x = pyo.Var(bounds=(None, 3))
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    m.follower.row = pyo.Constraint(expr=y >= x)
    goal(m.follower, y)
    goal(m, y, pyo.maximize)
    assert proven(m) == pytest.approx(3)


def test_a_game_that_is_infeasible_only_by_the_response():
    """The leader asks for y >= 2, the follower answers y = x, and x <= 1."""
    m = game()
    x = m.x = pyo.Var(bounds=(0, 1))
    y = m.follower.y = pyo.Var(bounds=(0, 5))
    m.ask = pyo.Constraint(expr=y >= 2)
    m.follower.row = pyo.Constraint(expr=y >= x)
    goal(m.follower, y)
    goal(m, x)
    assert branched(m).status == "infeasible"


@pytest.mark.parametrize("domain", [pyo.Reals, pyo.Integers])
def test_an_unbounded_game(domain: Any):
    """y = x, and the leader wants it large."""
    m = game()
    x = m.x = pyo.Var(domain=domain)
    y = m.follower.y = pyo.Var()
    m.follower.row = pyo.Constraint(expr=y >= x)
    goal(m.follower, y)
    goal(m, y, pyo.maximize)
    assert branched(m).status == "unbounded"


def test_the_automatic_method_branches_where_a_big_m_needs_a_bound_that_does_not_exist():
    """y = max(0, x - 1) as above: x is not bounded, hence nor is the slack of y >= x - 1."""
    m = game()
    x = m.x = pyo.Var()
    y = m.follower.y = pyo.Var(domain=pyo.NonNegativeReals)
    m.follower.row = pyo.Constraint(expr=y >= x - 1)
    goal(m.follower, y)
    goal(m, (x - 3) ** 2 + y**2)
    with pytest.raises(bl.NoBound):
        bl.solve(m, method=bl.KKT(), threads=1)
    solution = bl.solve(m, threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(2, abs=1e-5)
    assert "branching" in solution.method
    assert any("branching" in note and "follower.row" in note for note in bl.compile(m).image.notes)


@pytest.mark.parametrize("name", WITHOUT_BOUNDS)
def test_cases_without_bounds(name: str, cases_folder: Path):
    case = load_case(cases_folder / f"{name}.json")
    solution = branched(declare(case), gap=1e-7, time_limit=120)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(case["optimum"]["value"]["leader_obj"], rel=1e-5, abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", ["derivedLP_bmilplib_110_4", "derivedLP_lseu-0.900000"])
def test_open_cases_are_proven(name: str, cases_folder: Path):
    case = load_case(cases_folder / "derived" / f"{name}.json")
    solution = branched(declare(case), time_limit=300)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(case["optimum"]["best_known"]["leader_obj"], rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("whole", [False, True])
def test_branching_agrees_with_big_m(seed: int, whole: bool):  # noqa: FBT001
    m = coupled_game(seed, 2, 5, 5, whole=whole)
    assert proven(m) == pytest.approx(bl.solve(m, method=bl.KKT(), threads=1).objective, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("options", [{"candidates": 1}, {"trials": 3, "responses": 1}])
def test_options_change_the_way_and_not_the_answer(options: dict[str, int]):
    m = coupled_game(3, 3, 8, 8)
    changed = bl.solve(m, method=bl.Branching(**options), threads=1)
    assert changed.objective == pytest.approx(proven(m))


def test_a_limit_of_nodes_leaves_a_valid_bound_and_a_point():
    m = coupled_game(2, 5, 12, 12)
    optimum = proven(m)
    stopped = bl.solve(m, method=bl.Branching(node_limit=4), threads=1)
    assert stopped.status == "feasible"
    assert stopped.bound is not None
    assert stopped.objective is not None
    assert stopped.bound <= optimum + 1e-6 <= stopped.objective + 2e-6


def test_a_time_limit_leaves_a_valid_bound_and_a_point():
    """Too large to finish; the proven bound lies below the best point known."""
    stopped = branched(coupled_game(1, 8, 40, 40), time_limit=1.0)
    assert stopped.status == "time_limit"
    assert stopped.certificate is not None
    assert stopped.certificate.holds
    assert stopped.bound is not None
    assert stopped.objective is not None
    assert stopped.bound < stopped.objective


def test_an_interrupt_returns_the_incumbent():
    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    stopped = branched(coupled_game(1, 8, 40, 40), progress=interrupt)
    assert stopped.status == "interrupted"
    assert stopped.certificate is not None
    assert stopped.certificate.holds


def test_progress_is_monotone():
    seen: list[Any] = []
    branched(coupled_game(1, 8, 40, 40), progress=seen.append, time_limit=2.5)
    assert len(seen) >= 2
    assert all(later.bound >= earlier.bound for earlier, later in pairwise(seen))
    assert all(later.incumbent <= earlier.incumbent for earlier, later in pairwise(seen))
