"""Uncertainty sets that move with the plan: what nature may do depends on what the leader did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from bilevel.uncertainty import Box, Budget, Polyhedron
from tests.robust.agreement import assert_agrees


def leak(price: float = 2, most: float | None = None, reach: float = 10, **effort: object) -> pyo.ConcreteModel:
    """Min price x + max_{0 <= u <= reach - 2 x} min {3 y : y >= u - 4, 0 <= y <= most},  0 <= x <= 4.

    The worst case is u = reach - 2 x. Price 2, reach 10: 2 x + 3 max(6 - 2 x, 0) is least at x = 3, with 6. A stored
    u = 10, the worst case of x = 0, would price every plan at 18 at least: more than the optimum.
    """
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4), **effort)
    m.u = bl.Uncertain(within=Polyhedron(bounds=(0, reach - 2 * m.x)))
    m.later = bl.Recourse()
    m.later.y = pyo.Var(bounds=(0, most))
    m.later.pump = pyo.Constraint(expr=m.later.y >= m.u - 4)
    m.cost = pyo.Objective(expr=price * m.x + 3 * m.later.y)
    return m


def test_the_plan_shrinks_what_nature_may_do() -> None:
    m = leak()
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(6)
    assert (pyo.value(m.x), pyo.value(m.u)) == (pytest.approx(3), pytest.approx(4))
    assert solution.method.startswith("parametric column-and-constraint generation")
    assert solution.certificate is not None
    assert solution.certificate.holds


def test_the_explanation_says_how_it_is_solved_or_why_not() -> None:
    assert bl.explain(leak()).method.startswith("parametric")
    m = leak()
    _whole(m)
    assert "it is integer" in str(bl.explain(m).refusal)


def test_stored_scenarios_are_refused_with_the_component() -> None:
    with pytest.raises(bl.NotApplicable, match=r"u: its bound in Polyhedron moves with x, so a scenario of"):
        bl.solve(leak(), method=bl.CCG(stored="scenarios"))


def test_recourse_that_is_missing_for_some_of_the_set_is_hedged() -> None:
    """With y at most 2, u may not pass 6, so x >= 2; at price 8 no more effort pays: 16 + 6."""
    solution = bl.solve(leak(price=8, most=2))
    assert solution.objective == pytest.approx(22)
    assert solution.iterations[0].kind == "feasibility"


def test_no_plan_holds_recourse_everywhere() -> None:
    """Even x = 4 leaves u = 2 + 4 = 6 with reach 14, and y >= 2 is beyond 1."""
    assert bl.solve(leak(most=1, reach=14)).status == "infeasible"


def test_whole_units_of_effort() -> None:
    """Reach 9 wants x = 2.5; whole units: x = 2 costs 4 + 3, x = 3 costs 6."""
    m = leak(reach=9, domain=pyo.Integers)
    assert bl.solve(m).objective == pytest.approx(6)
    assert pyo.value(m.x) == pytest.approx(3)


def test_plans_that_leave_nature_nothing_are_ruled_out() -> None:
    """0 <= u <= 3 - 2 x needs x <= 1.5; each unit of x earns 1, so x = 1.5, u = 0."""
    m = leak(price=-1, reach=3)
    assert bl.solve(m).objective == pytest.approx(-1.5)


def test_a_set_that_does_not_move_may_be_answered_by_prices_too() -> None:
    """Stock x at 1, shortage at 3, demand 3 + u_1 + u_2 within a budget of one and a half deviations of 2: 6."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 9))
    m.u = bl.Uncertain([1, 2], within=Budget(0, 2, budget=1.5, one_sided=True))
    m.later = bl.Recourse()
    m.later.y = pyo.Var(bounds=(0, None))
    m.later.need = pyo.Constraint(expr=m.x + m.later.y >= 3 + m.u[1] + m.u[2])
    m.cost = pyo.Objective(expr=m.x + 3 * m.later.y)
    assert bl.solve(m, method=bl.CCG(stored="prices")).objective == pytest.approx(6)


def test_a_moving_set_beside_one_that_stays() -> None:
    """As the leak, with a second inflow v in [0, 1] that raises the water: 2 x + 3 max(7 - 2 x, 0) at x = 3.5: 7."""
    m = leak()
    m.v = bl.Uncertain(within=Box(0, 1))
    m.later.pump.deactivate()
    m.later.both = pyo.Constraint(expr=m.later.y >= m.u + m.v - 4)
    assert bl.solve(m).objective == pytest.approx(7)


def test_a_follower_may_move_the_set() -> None:
    """The follower copies x, and u <= 10 - 2 copy: 2 x + 3 max(6 - 2 x, 0) as before."""
    m = leak()
    m.copy = bl.Follower()
    m.copy.c = pyo.Var(bounds=(0, 10))
    m.copy.least = pyo.Constraint(expr=m.copy.c >= m.x)
    m.copy.goal = pyo.Objective(expr=m.copy.c)
    m.u.within = Polyhedron(bounds=(0, 10 - 2 * m.copy.c))
    assert bl.solve(m).objective == pytest.approx(6)


def guarded(stored: object = "auto") -> tuple[pyo.ConcreteModel, dict[tuple[int, ...], float]]:
    """Three sources of 5, 4, 3 serve a need of 9 at shortage price 10; a guard costs 12; one unguarded source fails.

    Shortage when a source fails: 12 - 5 = 7 leaves 2, 12 - 4 = 8 leaves 1, 12 - 3 = 9 leaves 0. Without guard 20,
    guard 1: 12 + 10, guard 1 and 2: 24: nobody is guarded, 20.
    """
    supply = {1: 5, 2: 4, 3: 3}
    m = pyo.ConcreteModel()
    m.guard = pyo.Var([1, 2, 3], domain=pyo.Binary)
    attack = Polyhedron(rows=[({1: 1, 2: 1, 3: 1}, "<=", 1)], bounds={k: (0, 1 - m.guard[k]) for k in supply})
    m.attack = bl.Uncertain([1, 2, 3], within=attack)
    m.later = bl.Recourse()
    m.later.use = pyo.Var([1, 2, 3], bounds=(0, 5))
    m.later.short = pyo.Var(bounds=(0, None))
    m.later.left = pyo.Constraint([1, 2, 3], rule=lambda b, k: b.use[k] <= supply[k] * (1 - m.attack[k]))
    m.later.need = pyo.Constraint(expr=sum(m.later.use[k] for k in supply) + m.later.short >= 9)
    m.cost = pyo.Objective(expr=12 * sum(m.guard[k] for k in supply) + 10 * m.later.short)
    values = {}
    for guards in product((0, 1), repeat=3):
        open_ = [k for k in supply if not guards[k - 1]]
        short = max([max(9 - (12 - supply[k]), 0) for k in open_], default=0)
        values[guards] = 12 * sum(guards) + 10 * short
    return m, values


def test_only_what_is_not_guarded_can_be_attacked() -> None:
    m, values = guarded()
    assert bl.solve(m).objective == pytest.approx(min(values.values())) == pytest.approx(20)
    m.cost.deactivate()
    m.dear = pyo.Objective(expr=3 * sum(m.guard.values()) + 10 * m.later.short)
    assert bl.solve(m).objective == pytest.approx(6)


@pytest.mark.parametrize("method", [bl.CCG(oracle="game"), bl.CCG(oracle="vertices"), bl.CCG(master_gap=0.1)])
def test_oracles_and_inexact_masters_agree(method: bl.CCG) -> None:
    assert bl.solve(guarded()[0], method=method).objective == pytest.approx(20)


def test_a_stopped_run_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    stopped = bl.solve(leak(price=8, most=2), method=bl.CCG(save=path, max_iterations=1))
    assert stopped.status != "optimal"
    whole, resumed = bl.solve(leak(price=8, most=2)), bl.solve(leak(price=8, most=2), resume=path)
    assert resumed.objective == pytest.approx(22)
    assert [r.upper for r in resumed.iterations] == pytest.approx([r.upper for r in whole.iterations])
    with pytest.raises(bl.SavedRunError, match="another game"):
        bl.solve(leak(price=8, most=2, reach=9), resume=path)


def _in_a_side(m: pyo.ConcreteModel) -> None:
    m.u.within = Polyhedron(bounds=(0, 10 - m.later.y))


def _squared(m: pyo.ConcreteModel) -> None:
    m.u.within = Polyhedron(bounds=(0, 10 - m.x * m.x))


def _endless(m: pyo.ConcreteModel) -> None:
    m.u.within = Polyhedron(bounds=(m.x, None))


def _whole(m: pyo.ConcreteModel) -> None:
    m.later.y.domain = pyo.Integers


def _bounded(m: pyo.ConcreteModel) -> None:
    m.u.setub(7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_in_a_side, r"u: the side of its bound in Polyhedron mentions later\.y"),
        (_squared, r"u: its bound in Polyhedron has a product of variables for a side"),
        (_endless, "the set is unbounded"),
        (_whole, "recourse: it is integer, has followers"),
        (_bounded, "u: its set moves with the plan; put the variable's bounds into it"),
    ],
)
def test_what_is_outside_the_class_is_refused(change: Callable[[pyo.ConcreteModel], None], message: str) -> None:
    m = leak()
    change(m)
    with pytest.raises((bl.NotApplicable, bl.InvalidGame), match=message):
        bl.solve(m)


def test_scenarios_to_start_from_and_affine_rules_are_refused() -> None:
    with pytest.raises(bl.NotApplicable, match="a scenario says nothing"):
        bl.solve(leak(), method=bl.CCG(start=[0.0]))
    with pytest.raises(bl.NotApplicable, match="u: its bound in Polyhedron moves with x"):
        bl.affine_value(leak())


@dataclass(frozen=True)
class Instance:
    """Min a'z + max_{u in U(z)} min {b'r : G r >= h - E z - N u, 0 <= r <= 9},  z in {0, 1, 2}^n.

    U(z) = {0 <= u <= 2, F u <= f + K z}; integers drawn at random.
    """

    a: np.ndarray
    b: np.ndarray
    g: np.ndarray
    h: np.ndarray
    e: np.ndarray
    n: np.ndarray
    f_matrix: np.ndarray
    f: np.ndarray
    k: np.ndarray


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    n, k, q, m, r = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        2,
        draw(st.integers(1, 2)),
    )

    def numbers(*shape: int, low: int = -3, high: int = 3) -> np.ndarray:
        return np.array([draw(st.integers(low, high)) for _ in range(int(np.prod(shape)))], float).reshape(shape)

    return Instance(
        a=numbers(n),
        b=numbers(q, low=0),
        g=numbers(m, q, low=-1),
        h=numbers(m),
        e=numbers(m, n),
        n=numbers(m, k),
        f_matrix=numbers(r, k, low=-1, high=2),
        f=numbers(r, low=0, high=4),
        k=numbers(r, n, low=-2, high=2),
    )


def model_of(case: Instance, domain: object = pyo.Integers) -> pyo.ConcreteModel:
    n, k, q, m = len(case.a), case.n.shape[1], len(case.b), len(case.h)
    model = pyo.ConcreteModel()
    model.z = pyo.Var(range(n), domain=domain, bounds=(0, 2))
    rows = [
        (dict(enumerate(row)), "<=", side + sum(move[j] * model.z[j] for j in range(n)))
        for row, side, move in zip(case.f_matrix.tolist(), case.f.tolist(), case.k.tolist(), strict=True)
    ]
    model.u = bl.Uncertain(range(k), within=Polyhedron(rows=rows, bounds=(0, 2)))
    model.later = bl.Recourse()
    model.later.r = pyo.Var(range(q), bounds=(0, 9))
    g, h, e, nature = (part.tolist() for part in (case.g, case.h, case.e, case.n))
    model.later.rows = pyo.Constraint(
        range(m),
        rule=lambda block, i: (
            sum(g[i][j] * block.r[j] for j in range(q))
            >= h[i] - sum(e[i][j] * model.z[j] for j in range(n)) - sum(nature[i][j] * model.u[j] for j in range(k))
        ),
    )
    a, b = case.a.tolist(), case.b.tolist()
    model.cost = pyo.Objective(
        expr=sum(a[j] * model.z[j] for j in range(n)) + sum(b[j] * model.later.r[j] for j in range(q))
    )
    return model


def corners(matrix: np.ndarray, sides: np.ndarray) -> list[np.ndarray]:
    """Return all points of {matrix u <= sides} at which as many independent rows as there are entries are active."""
    found, k = [], matrix.shape[1]
    for rows in combinations(range(len(sides)), k):
        active = matrix[list(rows)]
        if abs(np.linalg.det(active)) > 1e-9:
            point = np.linalg.solve(active, sides[list(rows)])
            if np.all(matrix @ point <= sides + 1e-9):
                found.append(point)
    return found


def cost_of(case: Instance, plan: np.ndarray) -> float | None:
    """Return what a plan costs at worst, infinite without recourse; None where nature has nothing to choose."""
    k = case.n.shape[1]
    matrix = np.vstack([case.f_matrix, np.eye(k), -np.eye(k)])
    worst = None
    for u in corners(matrix, np.concatenate([case.f + case.k @ plan, np.full(k, 2.0), np.zeros(k)])):
        answer = linprog(case.b, A_ub=-case.g, b_ub=-(case.h - case.e @ plan - case.n @ u), bounds=(0, 9))
        cost = np.inf if answer.status == 2 else float(answer.fun)
        worst = cost if worst is None else max(worst, cost)
    return None if worst is None else float(case.a @ plan) + worst


def brute_force(case: Instance, steps: int = 3) -> float:
    """Return the least cost over a grid of plans; infinite where none has recourse everywhere."""
    plans = product(np.linspace(0, 2, steps), repeat=len(case.a))
    costs = [cost_of(case, np.array(plan)) for plan in plans]
    return min((cost for cost in costs if cost is not None), default=np.inf)


def check(case: Instance) -> None:
    assert_agrees(model_of(case), brute_force(case), bl.CCG(stored="prices"))


@given(instances())
@settings(max_examples=12, deadline=None)
def test_random_instances_agree_with_all_plans_and_all_corners(case: Instance) -> None:
    check(case)


@pytest.mark.long
@given(instances())
@settings(max_examples=300, deadline=None)
def test_many_random_instances_agree_with_all_plans_and_all_corners(case: Instance) -> None:
    check(case)


def check_divisible(case: Instance) -> None:
    """The answer costs what all corners at its plan say, and no plan of a grid costs less."""
    model, best = model_of(case, pyo.Reals), brute_force(case, 21 if len(case.a) == 1 else 6)
    solution = bl.solve(model, method=bl.CCG(stored="prices"))
    if solution.status == "infeasible":
        assert np.isinf(best)
        return
    assert solution.status == "optimal"
    plan = np.array([pyo.value(model.z[j]) for j in model.z])
    room = 1e-5 * (1 + abs(solution.objective))
    assert solution.objective <= best + room
    # solvers' tolerances leave the plan a little outside the rows of recourse or of the set
    near = [cost_of(case, np.clip(plan + shift, 0, 2)) for shift in (0.0, 1e-6, -1e-6)]
    assert any(cost is not None and abs(cost - solution.objective) <= room for cost in near)


@given(instances())
@settings(max_examples=6, deadline=None)
def test_divisible_plans_are_worth_what_their_corners_say_and_no_other_is_better(case: Instance) -> None:
    check_divisible(case)


@pytest.mark.long
@given(instances())
@settings(max_examples=300, deadline=None)
def test_many_divisible_plans_are_worth_what_their_corners_say_and_no_other_is_better(case: Instance) -> None:
    check_divisible(case)
