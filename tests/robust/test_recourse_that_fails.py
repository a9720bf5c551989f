"""Integer recourse that fails in some scenarios: the worst case may be a limit that no scenario attains."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from tests.robust.agreement import assert_agrees

LAST = 3
"""The largest decision of recourse."""

Line = tuple[float, float]
"""The value ``slope * u + level``."""


@dataclass(frozen=True)
class Steps:
    """Min 2 z + sup_{0 <= u <= 3} min {price w + y : y >= s_i u + l_i + c_i w - z,  0 <= y <= most,  w in 0 .. 3}.

    z is 0 or 1; ``slope``, ``level`` and ``step`` ``(3,)`` are those of the rows.
    """

    price: int
    slope: tuple[int, ...]
    level: tuple[int, ...]
    step: tuple[int, ...]
    most: int

    def lines(self, z: float, w: int) -> list[Line]:
        """Return what ``y`` must be at least, zero included."""
        rows = zip(self.slope, self.level, self.step, strict=True)
        return [(0.0, 0.0), *((float(s), float(level + c * w - z)) for s, level, c in rows)]


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    def three(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(3))

    return Steps(draw(st.integers(-1, 3)), three(-3, 3), three(-4, 4), three(-4, 4), draw(st.integers(1, 6)))


def model_of(game: Steps) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.z = pyo.Var(domain=pyo.Binary)
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 3))
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(domain=pyo.Integers, bounds=(0, LAST)), pyo.Var(bounds=(0, game.most))
    m.later.need = pyo.Constraint(
        range(3),
        rule=lambda b, i: b.y >= game.slope[i] * m.u + game.level[i] + game.step[i] * b.w - m.z,
    )
    m.cost = pyo.Objective(expr=2 * m.z + game.price * m.later.w + m.later.y)
    return m


def supremum(game: Steps, z: float) -> float:
    """Return sup_u Q(u): between two neighbours among all points at which lines meet, Q is a line itself."""
    every = [line for w in range(LAST + 1) for line in game.lines(z, w)]
    priced = [(s, level + game.price * w) for w in range(LAST + 1) for s, level in game.lines(z, w)]
    meetings = [0.0, 3.0]
    for lines in ([*every, (0.0, float(game.most))], priced):
        meetings += [(q - p) / (a - b) for (a, p), (b, q) in combinations(lines, 2) if a != b]
    points = np.unique(np.round([u for u in meetings if 0 <= u <= LAST], 12))

    def cost(u: float) -> float:
        needs = [(w, max(s * u + level for s, level in game.lines(z, w))) for w in range(LAST + 1)]
        return min((game.price * w + need for w, need in needs if need <= game.most + 1e-12), default=np.inf)

    worst = max(cost(u) for u in points)
    for a, b in pairwise(points):
        one, other = cost(a + (b - a) / 3), cost(b - (b - a) / 3)
        worst = max(worst, one if np.isinf(one) else max(2 * one - other, 2 * other - one))
    return worst


def check(game: Steps) -> None:
    assert_agrees(model_of(game), min(2 * z + supremum(game, z) for z in (0.0, 1.0)))


@given(steps())
@settings(max_examples=8, deadline=None)
def test_random_recourse_agrees_with_the_limits_at_all_meetings_of_lines(game: Steps) -> None:
    check(game)


@pytest.mark.long
@given(steps())
@settings(max_examples=300, deadline=None)
def test_much_random_recourse_agrees_with_the_limits_at_all_meetings_of_lines(game: Steps) -> None:
    check(game)


def test_a_large_coefficient_of_a_switch_lets_nothing_through() -> None:
    """Min max_{0 <= u <= 1} min {5 w + y : y >= u, y <= 1e8 w}, w binary: 6 at u = 1."""
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 1))
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 2))
    m.later.need = pyo.Constraint(expr=m.later.y >= m.u)
    m.later.switch = pyo.Constraint(expr=m.later.y <= 1e8 * m.later.w)
    m.cost = pyo.Objective(expr=m.z + 5 * m.later.w + m.later.y)
    assert_agrees(m, 6.0)


def stairs(last: float, fall: float = 0.0) -> pyo.ConcreteModel:
    """Min max_{0 <= u <= last} min {2 w + y : u - w <= y <= 1, y >= fall (2 - u) w}, w in {0, 1}.

    w = 0 costs u and has an answer as long as u <= 1; w = 1 costs 2 and the larger of u - 1 and fall (2 - u).
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, last))
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 1))
    m.later.need = pyo.Constraint(expr=m.later.y >= m.u - m.later.w)
    m.later.late = pyo.Constraint(expr=m.later.y >= fall * (2 - m.u) - 10 * (1 - m.later.w))
    m.cost = pyo.Objective(expr=m.z + 2 * m.later.w + m.later.y)
    return m


@pytest.mark.parametrize("last", [1.0001, 1.5, 2.0])
def test_a_row_that_some_scenario_misses_does_not_hold(last: float) -> None:
    assert bl.solve(stairs(last)).objective == pytest.approx(1 + last, abs=1e-6)


def test_a_row_that_is_only_touched_holds() -> None:
    assert bl.solve(stairs(1.0)).objective == pytest.approx(1.0)


def test_a_limit_is_reported_with_the_recourse_that_is_left_there() -> None:
    """Beside u = 1, where w = 0 still answers, w = 1 costs 2.75 and falls from there: no scenario costs as much."""
    solution = bl.solve(m := stairs(1.4, fall=0.75))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(2.75, abs=1e-6)
    assert pyo.value(m.u) == pytest.approx(1)
    assert pyo.value(m.later.w) == pytest.approx(1)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.proof == ("rows of integer recourse that no scenario misses by 1e-05 count as held",)
