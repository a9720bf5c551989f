"""Integer recourse: nested column-and-constraint generation against a fine grid, and why vertices are not enough."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

import bilevel as bl
from reformulations.sets.budget import Budget
from reformulations.uncertainty import Box, Polyhedron, UncertaintySet
from tests.robust.agreement import assert_agrees


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


def test_a_scenario_without_recourse_is_found_where_no_cost_is_larger_than_the_one_known() -> None:
    """Min y : y >= u, 10 w >= u, w binary, 0 <= y <= 1, u in [0, 2]: u = 1 costs 1, the most there is; u = 2 fails.

    Beside a plan at 3 that lowers u's row by 2, which costs 0 then, the other has no answer: 3.
    """
    m = pyo.ConcreteModel()
    m.z = pyo.Var(domain=pyo.Binary)
    m.u = bl.Uncertain(within=bl.uncertainty.Box(0, 2))
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(0, 1))
    m.later.need = pyo.Constraint(expr=m.later.y >= m.u - 2 * m.z)
    m.later.switch = pyo.Constraint(expr=10 * m.later.w >= m.u)
    m.cost = pyo.Objective(expr=3 * m.z + m.later.y)
    assert bl.solve(m).objective == pytest.approx(3)


TOUCHES = 1e-9
"""A row whose violation can be no larger than this touches its bound, the data being whole numbers."""

COMPLETE = 40.0
"""No row of any way asks for more."""


@dataclass(frozen=True)
class Case:
    """Min 2 z + max_{u in U} min_i {f_i + y_i : y_i >= s_ij'u + l_ij - z, j = 1, 2,  0 <= y_i <= most}.

    z is 0, 1 or 2. Three ways ``i`` of which one is taken, each with two rows: ``slope`` ``(3, 2, 2)``, ``level``
    ``(3, 2)``.
    """

    fixed: np.ndarray
    slope: np.ndarray
    level: np.ndarray
    most: float
    kind: str

    @property
    def within(self) -> UncertaintySet:
        """Points of [0, 2]^2 or a part of it."""
        if self.kind == "box":
            return Box(np.zeros(2), np.full(2, 2.0))
        if self.kind == "budget":
            return Budget(np.ones(2), np.ones(2), 1.5)
        row = sparse.csr_array([[1.0, 2.0]])
        return Polyhedron(row, np.array([1.0]), np.array([3.0]), np.zeros(2), np.full(2, 2.0))


@st.composite
def cases(draw: st.DrawFn, most: float) -> Case:
    def numbers(low: int, high: int, *shape: int) -> np.ndarray:
        return np.array([draw(st.integers(low, high)) for _ in range(int(np.prod(shape)))], float).reshape(shape)

    kind = draw(st.sampled_from(["box", "budget", "polyhedron"]))
    return Case(numbers(0, 3, 3), numbers(-3, 3, 3, 2, 2), numbers(-2, 2, 3, 2), most, kind)


def model_of(case: Case) -> pyo.ConcreteModel:
    m, ways = pyo.ConcreteModel(), range(3)
    slope, level = case.slope.tolist(), case.level.tolist()
    m.z = pyo.Var(domain=pyo.Integers, bounds=(0, 2))
    sets = bl.uncertainty
    m.u = bl.Uncertain(
        range(2),
        within={
            "box": sets.Box(0, 2),
            "budget": sets.Budget(1, 1, budget=1.5),
            "polyhedron": sets.Polyhedron(rows=[({0: 1, 1: 2}, ">=", 1), ({0: 1, 1: 2}, "<=", 3)], bounds=(0, 2)),
        }[case.kind],
    )
    m.later = bl.Recourse()
    m.later.w, m.later.y = pyo.Var(ways, domain=pyo.Binary), pyo.Var(bounds=(0, case.most))
    m.later.one = pyo.Constraint(expr=sum(m.later.w[i] for i in ways) == 1)
    m.later.need = pyo.Constraint(
        ways,
        range(2),
        rule=lambda b, i, j: (
            b.y >= sum(slope[i][j][k] * m.u[k] for k in range(2)) + level[i][j] - m.z - 20 * (1 - b.w[i])
        ),
    )
    fixed = case.fixed.tolist()
    m.cost = pyo.Objective(expr=2 * m.z + sum(fixed[i] * m.later.w[i] for i in ways) + m.later.y)
    return m


def brute_force(case: Case) -> float:
    """Return the optimum; infinite where each plan has a point of the set without an answer.

    The cost of a way is the largest of 0 and its two rows, so the worst case is the largest theta with theta <= f_i +
    one of these for each i, over all choices of one; a way without an answer, row j being above ``most``, says nothing.
    If all such rows can be above at one point, the others' bounds of theta are approached from there at any point at
    which these rows are at ``most``.
    """
    described = case.within.polyhedral()
    k = described.matrix.shape[1]
    rows = np.hstack([described.matrix.toarray(), np.zeros((described.matrix.shape[0], 1))])
    finite_above, finite_below = np.isfinite(described.upper), np.isfinite(described.lower)
    inside = np.vstack([rows[finite_above], -rows[finite_below]])
    sides = np.concatenate([described.upper[finite_above], -described.lower[finite_below]])
    bounds = [*zip(described.column_lower.tolist(), described.column_upper.tolist(), strict=True), (-99, 99)]

    def largest(z: float) -> float:
        """Over u, theta: each way bounds theta by a constant, by a row, or is without an answer because of a row."""
        found = -np.inf
        options = [0, 1, 2] if case.most >= COMPLETE else [0, 1, 2, 3, 4]
        for choice in product(options, repeat=3):
            more, right, above = np.zeros((3, k + 1)), np.zeros(3), [chosen > 2 for chosen in choice]
            for i, chosen in enumerate(choice):
                j = (chosen - 1) % 2
                if chosen <= 2:
                    more[i, -1], right[i] = 1, case.fixed[i]
                if 1 <= chosen <= 2:
                    more[i, :2], right[i] = -case.slope[i, j], case.fixed[i] + case.level[i, j] - z
                if chosen > 2:
                    more[i, :2], right[i] = -case.slope[i, j], case.level[i, j] - z - case.most
            if any(above):
                over = more[above]
                over[:, -1] = 1.0
                highest = linprog(
                    np.append(np.zeros(k), -1.0),
                    A_ub=np.vstack([inside, over]),
                    b_ub=np.concatenate([sides, right[above]]),
                    bounds=bounds,
                )
                if highest.status != 0 or -highest.fun <= TOUCHES:
                    continue
            answer = linprog(
                np.append(np.zeros(k), -1.0),
                A_ub=np.vstack([inside, more]),
                b_ub=np.concatenate([sides, right]),
                bounds=bounds,
            )
            if answer.status == 0:
                found = max(found, -float(answer.fun))
        return np.inf if found > 98 else found

    return min(2 * z + largest(z) for z in (0.0, 1.0, 2.0))


@given(cases(COMPLETE))
@settings(max_examples=4, deadline=None)
def test_random_recourse_agrees_with_all_choices_of_rows(case: Case) -> None:
    assert_agrees(model_of(case), brute_force(case))


@pytest.mark.long
@given(cases(COMPLETE))
@settings(max_examples=300, deadline=None)
def test_much_random_recourse_agrees_with_all_choices_of_rows(case: Case) -> None:
    assert_agrees(model_of(case), brute_force(case))


@pytest.mark.long
@given(cases(2.5))
@settings(max_examples=300, deadline=None)
def test_much_random_recourse_that_fails_in_some_scenarios_agrees_with_all_choices_of_rows(case: Case) -> None:
    assert_agrees(model_of(case), brute_force(case))


def test_a_worst_case_that_no_scenario_attains_is_approached() -> None:
    """The cost jumps to 6 beside u = (1.5, 0), where a way that is cheaper still has an answer."""
    slope = [[[-3, 2], [2, -3]], [[1, 0], [-1, 0]], [[3, 1], [0, 2]]]
    fixed, level = [2, 1, 1], [[1, 0], [2, 0], [1, 0]]
    case = Case(np.array(fixed, float), np.array(slope, float), np.array(level, float), 2.5, "budget")
    solution = bl.solve(model_of(case))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(6, abs=1e-6)
    assert solution.bound == pytest.approx(6, abs=1e-5)


@pytest.mark.parametrize("method", [bl.CCG(master_gap=0.3), bl.CCG(master_seconds=1e-3, oracle_seconds=1e-2)])
def test_masters_and_answers_that_are_cut_short_get_more(method: bl.CCG) -> None:
    solution = bl.solve(two_ways(bl.uncertainty.Box(0, 2)), method=method)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(1.15)
    assert all(r.lower <= 1.15 + 1e-6 and r.upper >= 1.15 - 1e-6 for r in solution.iterations)


@pytest.mark.parametrize("limit", [1e-3, 0.1])
def test_bounds_hold_at_any_time_limit(limit: float) -> None:
    solution = bl.solve(two_ways(bl.uncertainty.Box(0, 2)), time_limit=limit)
    assert solution.status in {"optimal", "time_limit"}
    assert solution.bound is None or solution.bound <= 1.15 + 1e-6
    assert solution.objective is None or solution.objective >= 1.15 - 1e-6


def test_options_for_linear_recourse_are_refused() -> None:
    with pytest.raises(bl.NotApplicable, match=r"CCG\(oracle='vertices'\)"):
        bl.solve(two_ways(bl.uncertainty.Box(0, 2)), method=bl.CCG(oracle="vertices"))
    with pytest.raises(bl.NotApplicable, match=r"CCG\(start=\.\.\.\)"):
        bl.solve(two_ways(bl.uncertainty.Box(0, 2)), method=bl.CCG(start=[1.0]))
