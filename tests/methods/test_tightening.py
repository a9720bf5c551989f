"""Bounds that hold only where the leader does at least as well as at a point found: they never cut the optimum."""

from __future__ import annotations

from collections import Counter
from math import inf, isfinite

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bilevel as bl
from bilevel.compiler.pipeline import compile_program
from bilevel.search.first_incumbent import first_incumbent
from bilevel.search.optimise import optimise
from bilevel.search.tightening import is_loose, tightened
from bilevel.solvers.answer import Limits
from bilevel.testing import Game, by_vertices, declare, enumerated, games, price_games
from reformulations.bounds import CUTOFF

LIMITS = Limits(threads=1)


def toll(highest: float | None, roads: int = 1) -> pyo.ConcreteModel:
    """Tolls p <= highest, each beside a free road that costs 5; ten travel; a toll of p costs p / 2 to announce.

    At p = 5 the travellers tie and pay: 50 - 2.5 a road. The revenue p y is 5 (10 - z) less the multiplier of y <= 10
    times ten, at most 50, so whoever earns 47.5 asks at most 5, whatever the highest toll allowed.
    """
    m = pyo.ConcreteModel()
    m.p = pyo.Var(range(roads), bounds=(0, highest))

    @m.Follower(range(roads))
    def travellers(f: pyo.Block, r: int) -> None:
        f.y = pyo.Var(bounds=(0, 10))
        f.z = pyo.Var(bounds=(0, 10))
        f.all = pyo.Constraint(expr=f.y + f.z == 10)
        f.cost = pyo.Objective(expr=m.p[r] * f.y + 5 * f.z)

    earned = sum(m.p[r] * m.travellers[r].y - 0.5 * m.p[r] for r in range(roads))
    m.earned = pyo.Objective(expr=earned, sense=pyo.maximize)
    return m


def test_a_toll_without_a_bound_is_bounded_by_what_is_earned_already() -> None:
    """Nothing but the cutoff bounds p, hence the multiplier p - 5 of y >= 0 at large p."""
    m = toll(None)
    solution = bl.solve(m, method=bl.KKT(), threads=1)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(47.5))
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert any("at least 47.5" in sentence for sentence in solution.certificate.proof)
    assert "proof" in str(solution.certificate)
    bounds = bl.compile(m, method=bl.KKT(), threads=1).image.bounds
    assert bounds.multiplier_upper.max() < 10
    assert "an incumbent as cutoff" in str(bl.explain(m, method=bl.KKT()))


def test_large_multipliers_shrink_and_the_certificate_says_by_what() -> None:
    """With tolls up to 1e4 a multiplier may reach 1e4; where three roads earn 142.5, all are small."""
    m = toll(1e4, roads=3)
    image = bl.compile(m, method=bl.KKT(), threads=1).image
    assert is_loose(image)
    smaller = tightened(image, -142.5, LIMITS, 10.0)
    assert smaller.bounds.multiplier_upper[image.binaries].max() < 10
    assert set(smaller.bounds.argument[smaller.binaries].tolist()) == {CUTOFF}
    solution = bl.solve(m, method=bl.KKT(), threads=1)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(142.5))
    assert solution.certificate is not None
    assert solution.certificate.proof


def test_what_a_cutoff_leaves_by_hand() -> None:
    """Who earns 40 sells: 10 p - p / 2 >= 40 wants p >= 80 / 19, so z >= 0 has a multiplier 5 - p <= 15 / 19.

    At the tie p = 5 it takes 5 y - 2.5 >= 40, so z <= 1.5; the multiplier of y >= 0 is zero, for y is positive.
    """
    image = bl.compile(toll(1e4), method=bl.KKT(), threads=1).image
    bounds, names = tightened(image, -40.0, LIMITS, 10.0).bounds, image.mpec.complementarity.names
    entry = [names[k] for k in range(len(names))].index
    z, y = entry("lower bound of travellers[0].z"), entry("lower bound of travellers[0].y")
    assert bounds.multiplier_upper[z] == pytest.approx(15 / 19, abs=2e-3)
    assert bounds.slack_upper[z] == pytest.approx(1.5, abs=2e-3)
    assert bounds.multiplier_upper[y] == 0


def test_no_time_changes_nothing() -> None:
    image = bl.compile(toll(1e4), method=bl.KKT(), threads=1).image
    same = tightened(image, -40.0, LIMITS, -1.0)
    assert np.array_equal(same.bounds.multiplier_upper, image.bounds.multiplier_upper)
    assert np.array_equal(same.binaries, image.binaries)


def test_bounds_by_a_cutoff_are_not_reused() -> None:
    image = bl.compile(toll(None), method=bl.KKT(), threads=1).image
    with pytest.raises(ValueError, match="in no other"):
        compile_program(image.source, bl.KKT(), known=image.bounds)


def agree(game: Game, expected: float | None) -> str:
    """Tighten by the start that was found, solve, and compare with the oracle."""
    try:
        image = bl.compile(declare(game), method=bl.KKT(), threads=1).image
    except (bl.NotApplicable, bl.InfeasibleFollower, bl.UnboundedFollower, bl.InfeasibleGame):
        return "refused"
    start = first_incumbent(image, LIMITS, 0.0)
    if start is None or expected is None or not isfinite(expected):
        return "no start"
    cutoffs = {image.mpec.objective(start), float(game.sense) * expected}
    for value in cutoffs:
        smaller = tightened(image, value, LIMITS, inf)
        answer = optimise(smaller, LIMITS)
        assert answer.status == "optimal"
        assert game.sense * answer.objective == pytest.approx(expected, rel=1e-5, abs=1e-5)
    return "agrees"


def test_tightening_never_cuts_the_optimum() -> None:
    """Random games, cut off at the start and at the optimum itself: KKT with smaller M's gives the enumerated value."""
    seen: Counter[str] = Counter()
    kinds = (games(), games(curved=True), games(binary=True), games(followers=2))

    @given(st.one_of(*kinds))
    def check(game: Game) -> None:
        seen[agree(game, enumerated(game).value)] += 1

    @given(price_games())
    def check_prices(game: Game) -> None:
        seen[agree(game, by_vertices(game))] += 1

    check()
    check_prices()
    assert seen["agrees"] >= 0.5 * seen.total()
