"""Integer recourse: nested column-and-constraint generation against a fine grid, and why vertices are not enough."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl


def two_ways(within: object, shift: float = 0.0) -> pyo.ConcreteModel:
    """Min z + max_u min {y + 0.3 w : y >= u - z - 2 w, y >= 2 - u - 2 (1 - w)}, w binary, 0 <= z <= 1, u in [0, 2].

    w = 0 costs u - z, w = 1 costs 2.3 - u: at z = 0 the worst case is u = 1.15 with 1.15, inside the set; the vertices
    cost 0 and 0.3. More z moves it to u = 1.15 + z / 2 with 1.15 - z / 2, which is worth half of what z costs.
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.u = bl.Uncertain(within=within)
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 5))
    m.later.straight = pyo.Constraint(expr=m.later.y >= m.u - m.z - 2 * m.later.w)
    m.later.around = pyo.Constraint(expr=m.later.y >= 2 - m.u - 2 * (1 - m.later.w) + shift)
    m.cost = pyo.Objective(expr=m.z + m.later.y + 0.3 * m.later.w)
    return m


def test_the_worst_case_of_integer_recourse_is_inside_the_set() -> None:
    m = two_ways(bl.uncertainty.Box(0, 2))
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(1.15)
    assert pyo.value(m.u) == pytest.approx(1.15)
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_vertices_alone_are_wrong_and_a_fine_grid_is_nearly_right() -> None:
    ends = bl.solve(two_ways(bl.uncertainty.Scenarios([0.0, 2.0])))
    grid = bl.solve(two_ways(bl.uncertainty.Scenarios([float(u) for u in np.linspace(0, 2, 81)])))
    assert ends.objective == pytest.approx(0.3)
    assert grid.objective == pytest.approx(1.15, abs=0.026)


def test_a_decision_without_an_answer_in_some_scenarios_does_not_cut_these_off() -> None:
    """With y at most 0.5 way 0 answers for u <= 0.5 only, way 1 for u >= 1.5: no plan has an answer at u = 1."""
    m = two_ways(bl.uncertainty.Box(0, 2))
    m.z.fix(0)
    m.later.y.setub(0.5)
    assert bl.solve(m).status == "infeasible"
    m.later.y.setub(1.5)
    m.u.within = bl.uncertainty.Box(0, 1.9)
    assert bl.solve(m).objective == pytest.approx(1.15)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], ...]:
    """Fixed costs, slopes and levels of two ways to serve a need, and what preparing saves."""
    return tuple([draw(st.integers(low, high)) for _ in range(3)] for low, high in ((0, 3), (-3, 3), (-2, 2)))


def check(case: tuple[list[int], ...]) -> None:
    """Min 2 z + max_{0<=u<=2} min_w {f w + y : y >= s_w u + l_w - z}: three ways, grid of 2001 points."""
    fixed, slope, level = (np.array(part, float) for part in case)
    m, ways = pyo.ConcreteModel(), range(3)
    m.z = pyo.Var(domain=pyo.Integers, bounds=(0, 2))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 2))
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(ways, domain=pyo.Binary), pyo.Var(bounds=(0, 40))
    m.later.one = pyo.Constraint(expr=sum(m.later.w[i] for i in ways) == 1)
    m.later.need = pyo.Constraint(ways, rule=lambda b, i: b.y >= slope[i] * m.u + level[i] - m.z - 20 * (1 - b.w[i]))
    m.cost = pyo.Objective(expr=2 * m.z + sum(fixed[i] * m.later.w[i] for i in ways) + m.later.y)
    solution = bl.solve(m)
    u = np.linspace(0, 2, 2001)[:, np.newaxis]
    values = [2 * z + np.max(np.min(fixed + np.maximum(slope * u + level - z, 0), axis=1)) for z in range(3)]
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(min(values), abs=4e-3)


@given(cases())
@settings(max_examples=8, deadline=None)
def test_random_recourse_agrees_with_a_fine_grid(case: tuple[list[int], ...]) -> None:
    check(case)


@pytest.mark.long
@given(cases())
@settings(max_examples=300, deadline=None)
def test_much_random_recourse_agrees_with_a_fine_grid(case: tuple[list[int], ...]) -> None:
    check(case)
