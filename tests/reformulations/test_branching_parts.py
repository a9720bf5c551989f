"""What branch and bound on complementarities is made of: pair rows, candidates, proofs, pseudo-costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

import bilevel as bl
from bilevel.compiler.pipeline import compile_program
from bilevel.language.read import read
from reformulations.bounds import Bounds, Source
from reformulations.branching_candidates import candidates
from reformulations.farkas import Farkas
from reformulations.followers_gap import FollowersGap
from reformulations.interval_bounds import interval_bounds
from reformulations.pair_rows import excluded_opposites, without_complementarity
from reformulations.patterns import at_pattern
from reformulations.programs import MPEC
from reformulations.pseudo_costs import PseudoCosts, scores


def small_game() -> pyo.ConcreteModel:
    """``x`` in [0, 4]; the follower minimises ``y`` over ``y >= x - 1`` and ``0 <= y <= 5``.

    Columns x, y; pairs: the row (slack ``y - x + 1``), the lower (``y``) and the upper bound (``5 - y``), with
    ``1 == multiplier[0] + multiplier[1] - multiplier[2]``.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.follower = bl.Follower()
    m.follower.y = pyo.Var(bounds=(0, 5))
    m.follower.row = pyo.Constraint(expr=m.follower.y >= m.x - 1)
    m.follower.goal = pyo.Objective(expr=m.follower.y)
    m.goal = pyo.Objective(expr=-2 * m.follower.y + m.x)
    return m


@pytest.fixture
def mpec() -> MPEC:
    return compile_program(read(small_game()).program, bl.Branching()).mpec


def order(mpec: MPEC) -> list[int]:
    """Pairs in the order row, lower bound, upper bound."""
    pairs = mpec.complementarity
    sign = [float(pairs.slack[[i]].toarray()[0, 1]) for i in range(3)]
    row = int(np.argmax(pairs.row))
    return [row, *(i for s in (1.0, -1.0) for i in range(3) if i != row and sign[i] == s)]


def test_pair_rows_stand_where_both_bounds_are_derived(mpec: MPEC):
    """With multiplier <= 2 and slack <= 6 for the row alone: ``multiplier / 2 + (y - x + 1) / 6 <= 1``."""
    row, *_ = order(mpec)
    upper, slack = np.full(3, np.inf), np.full(3, np.inf)
    upper[row], slack[row] = 2.0, 6.0
    kind = np.where(np.arange(3) == row, int(Source.DERIVED), int(Source.NONE))
    program = without_complementarity(mpec, Bounds(np.zeros(3), upper, slack, kind, kind, kind))
    added = program.rows.matrix[len(mpec.rows) :].toarray()
    expected = np.zeros((1, len(mpec.columns)))
    expected[0, [0, 1, mpec.complementarity.multiplier[row]]] = [-1 / 6, 1 / 6, 1 / 2]
    assert added == pytest.approx(expected)
    assert program.rows.upper[-1] == pytest.approx(1 - 1 / 6)


def test_a_given_bound_makes_no_pair_row(mpec: MPEC):
    derived = interval_bounds(mpec)[1]
    given_only = replace(derived, source=np.full(3, int(Source.GIVEN)))
    assert len(without_complementarity(mpec, given_only).rows) == len(mpec.rows)


def test_both_sides_of_a_box_are_never_active_together(mpec: MPEC):
    row, lower, upper = order(mpec)
    excluded = excluded_opposites(mpec)
    assert (excluded[row], excluded[lower], excluded[upper]) == (-1, upper, lower)


def test_a_pattern_is_a_linear_program_without_m(mpec: MPEC):
    """With the row active ``y == x - 1``, and the leader minimises ``-2 (x - 1) + x``: -2 at x = 4."""
    row, *_ = order(mpec)
    program = at_pattern(mpec, np.arange(3) == row, np.empty(0))
    rows, columns = program.rows, program.columns
    solved = linprog(
        program.cost,
        A_ub=sparse.vstack([rows.matrix, -rows.matrix]),
        b_ub=np.nan_to_num(np.concatenate([rows.upper, -rows.lower]), posinf=1e9),
        bounds=np.stack([columns.lower, columns.upper], axis=1),
    )
    assert solved.fun + program.constant == pytest.approx(-2)


def test_the_gap_at_a_point_is_the_distance_to_the_best_response(mpec: MPEC):
    """At x = 3, y = 4.5 the best response is 2: the gap is 2.5, by the row's multiplier 1."""
    gap = FollowersGap.of(mpec)
    point = np.zeros(len(mpec.columns))
    point[:2] = 3.0, 4.5
    solved = linprog(gap.slacks(point), A_eq=gap.program.rows.matrix, b_eq=gap.right_side(point))
    row, *_ = order(mpec)
    assert solved.fun == pytest.approx(2.5)
    assert gap.active(solved.x).tolist() == (np.arange(3) == row).tolist()
    assert gap.linking.tolist() == [0]
    assert gap.settles


@pytest.mark.parametrize(("coupling", "settles"), [(0.0, True), (1.0, False)])
def test_responses_settle_a_decision_unless_followers_are_coupled(coupling: float, settles: bool):  # noqa: FBT001
    """A second follower minimises ``z`` over ``z >= x + coupling y``: its best moves with the first one's ``y``."""
    m = small_game()
    m.second = bl.Follower()
    m.second.z = pyo.Var(bounds=(0, 20))
    m.second.row = pyo.Constraint(expr=m.second.z >= m.x + coupling * m.follower.y)
    m.second.goal = pyo.Objective(expr=m.second.z)
    gap = FollowersGap.of(compile_program(read(m).program, bl.Branching()).mpec)
    assert gap.settles is settles


def test_violated_pairs_come_before_what_is_merely_undecided(mpec: MPEC):
    """At x = 3, y = 4.5 with multipliers (1, 0, 0) only the row is violated, by min(1, 2.5)."""
    row, lower, upper = order(mpec)
    pairs = mpec.complementarity
    point = np.zeros(len(mpec.columns))
    point[:2] = 3.0, 4.5
    point[pairs.multiplier[row]] = 1.0
    box = np.empty(0), np.empty(0)
    found = candidates(pairs, point, np.ones(3, bool), np.empty(0), box)
    assert (found.index.tolist(), found.violated, found.solved) == ([row], True, False)
    assert found.amounts == pytest.approx(np.array([[2.5, 1.0]]))
    point[1] = 2.0
    found = candidates(pairs, point, np.ones(3, bool), np.empty(0), box)
    assert (sorted(found.index.tolist()), found.solved) == (sorted([row, lower, upper]), True)


def test_fractional_integers_are_candidates(mpec: MPEC):
    found = candidates(
        mpec.complementarity,
        np.zeros(len(mpec.columns)),
        np.zeros(3, bool),
        np.array([1.25, 2.0]),
        (np.zeros(2), np.full(2, 3.0)),
    )
    assert (found.index.tolist(), found.fractional) == ([3], True)
    assert found.amounts == pytest.approx(np.array([[0.25, 0.75]]))


def test_rows_that_contradict_bounds_are_proved():
    """``z1 + z2 >= 3`` with both at most 1: the ray (1) is a proof, and none once the row asks for 2 only."""
    farkas = Farkas.of(sparse.csr_array(np.ones((1, 2))))
    box = np.zeros(2), np.ones(2)
    for ray in (np.ones(1), -np.ones(1)):
        assert farkas.proves(ray, (np.array([3.0]), np.array([np.inf])), box)
        assert not farkas.proves(ray, (np.array([2.0]), np.array([np.inf])), box)
        assert not farkas.proves(ray, (np.array([2.0 + 1e-9]), np.array([np.inf])), box)


@given(st.integers(0, 10_000))
def test_no_ray_proves_a_feasible_program_infeasible(seed: int):
    random = np.random.default_rng(seed)
    matrix, point = random.integers(-3, 4, (3, 4)).astype(float), random.integers(-2, 3, 4).astype(float)
    sides = matrix @ point - random.integers(0, 2, 3), matrix @ point + random.integers(0, 2, 3)
    box = np.where(random.random(4) < 0.3, -np.inf, point), np.where(random.random(4) < 0.3, np.inf, point + 1)
    assert not Farkas.of(sparse.csr_array(matrix)).proves(random.normal(size=3), sides, box)


def test_pseudo_costs_average_what_was_gained():
    """Two branchings of candidate 0 down gained 2 over 1 and 6 over 2: 2.5 for each unit."""
    costs = PseudoCosts.none(2).learned(0, 0, 2.0, 1.0).learned(0, 0, 6.0, 2.0)
    expected = costs.expected(np.array([0, 1]), np.array([[2.0, 1.0], [4.0, 3.0]]))
    assert expected == pytest.approx(np.array([[5.0, 1.0], [10.0, 3.0]]))
    assert not costs.are_reliable(np.array([0]), 1).any()
    assert scores(np.array([[1.0, 1.0], [0.0, 1.0]]))[0] > scores(np.array([[1.0, 1.0], [0.0, 1.0]]))[1]
