"""Bounds of followers' columns at each decision on binaries that switch their rows."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.language.read import read
from reformulations.decision_boxes import decision_boxes


def switched(*, one_of_two: bool) -> pyo.ConcreteModel:
    """PAO's third model: max z, x + w1 z <= 8, x + 4 z >= 8, x + 2 w2 z <= 13; leader w1 + w2 >= 1, 2 <= x <= 6.

    With w1 = 1: z <= 8 - x <= 6. With w2 = 1: z <= (13 - x)/2 <= 5.5. With neither, z has no end: the leader's row
    excludes that. Leader: min x + 3 z + 5 w1. At x = 6, w2 alone: z = 3.5, 16.5. w1 alone: z = 2 and 17.
    """
    m = pyo.ConcreteModel()
    m.w = pyo.Var([1, 2], domain=pyo.Binary)
    m.x = pyo.Var(bounds=(2, 6))
    m.f = bl.Follower()
    m.f.z = pyo.Var(bounds=(0, None))
    m.f.one = pyo.Constraint(expr=m.x + m.w[1] * m.f.z <= 8)
    m.f.two = pyo.Constraint(expr=m.x + 4 * m.f.z >= 8)
    m.f.three = pyo.Constraint(expr=m.x + 2 * m.w[2] * m.f.z <= 13)
    m.f.most = pyo.Objective(expr=m.f.z, sense=pyo.maximize)
    if one_of_two:
        m.some = pyo.Constraint(expr=m.w[1] + m.w[2] >= 1)
    m.goal = pyo.Objective(expr=m.x + 3 * m.f.z + 5 * m.w[1])
    return m


def test_decisions_that_the_leaders_rows_exclude_do_not_count() -> None:
    game = read(switched(one_of_two=True))
    lower, upper = decision_boxes(game.program, 1)
    assert (lower[3], upper[3]) == pytest.approx((0.5, 6), rel=1e-6)


def test_a_decision_without_a_bound_leaves_none() -> None:
    game = read(switched(one_of_two=False))
    _, upper = decision_boxes(game.program, 1)
    assert np.isinf(upper[3])
    with pytest.raises(bl.NoBound, match=r"f\.z: no finite bound"):
        bl.solve(switched(one_of_two=False))


def test_rows_of_the_leader_do_not_bound_the_follower() -> None:
    """The leader's z <= 4 excludes answers, it does not bind: without it as a row of the follower z goes to 6."""
    m = switched(one_of_two=True)
    m.cap = pyo.Constraint(expr=m.f.z <= 4)
    _, upper = decision_boxes(read(m).program, 1)
    assert upper[3] == pytest.approx(6, rel=1e-6)
    m.cap.deactivate()
    m.floor = pyo.Constraint(expr=m.f.z >= 3)
    lower, _ = decision_boxes(read(m).program, 1)
    assert lower[3] == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("fixed", [(0, 1), (1, 0), (1, 1)])
def test_the_game_has_the_value_of_each_decision(fixed: tuple[int, int]) -> None:
    """z = min((8 - x)/w1, (13 - x)/(2 w2)), at x = 6 or x = 2 the leader's best of the line's ends."""
    m = switched(one_of_two=True)
    for index, value in zip((1, 2), fixed, strict=True):
        m.w[index].fix(value)
    ends = []
    for x in (2.0, 6.0):
        limits = ([8 - x] if fixed[0] else []) + ([(13 - x) / 2] if fixed[1] else [])
        ends.append(x + 3 * min(limits) + 5 * fixed[0])
    solution = bl.solve(m)
    assert solution.objective == pytest.approx(min(ends), rel=1e-6)


def test_the_game_is_solved_with_a_certificate() -> None:
    m = switched(one_of_two=True)
    solution = bl.solve(m)
    assert (solution.status, solution.certificate.holds) == ("optimal", True)
    assert (solution.objective, m.x.value, m.f.z.value) == pytest.approx((16.5, 6, 3.5))
