"""Uncertainty in costs only: one static program, equal to rounds, to hand-made cases and to other solvers.

The newsvendor orders z at 1 and pays 1.8 for each unit short in scenario k: Q_k(z) = 1.8 (d_k - z)+.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from bilevel.uncertainty import Box, Budget, DistributionBall, Scenarios


def newsvendor(demand: list[float], within: object, most: float = 10.0) -> pyo.ConcreteModel:
    """One recourse block a scenario; the probabilities of the scenarios are nature's."""
    m = pyo.ConcreteModel()
    index = range(len(demand))
    m.order = pyo.Var(bounds=(0, most))
    m.probability = bl.Uncertain(index, within=within)

    @m.Recourse(index)
    def later(later: pyo.Block, k: int) -> None:
        later.short = pyo.Var(bounds=(0, None))
        later.need = pyo.Constraint(expr=m.order + later.short >= demand[k])

    m.cost = pyo.Objective(expr=m.order + sum(1.8 * m.probability[k] * m.later[k].short for k in index))
    return m


def ball(reference: object, l1: float | None = None, linf: float | None = None) -> DistributionBall:
    return DistributionBall(list(np.asarray(reference, float)), l1=l1, linf=linf)


def value_at(order: float, demand: np.ndarray, reference: np.ndarray, l1: float, linf: float) -> float:
    """Cost of an order in its worst distribution, by a linear program over distributions and distances."""
    count = len(demand)
    loss = 1.8 * np.maximum(demand - order, 0)
    identity = np.eye(count)
    away = np.vstack([np.hstack([identity, -identity]), np.hstack([-identity, -identity])])
    total = np.concatenate([np.zeros(count), np.ones(count)])[None]
    answer = linprog(
        np.concatenate([-loss, np.zeros(count)]),
        A_ub=np.vstack([away, total]),
        b_ub=np.concatenate([reference, -reference, [l1]]),
        A_eq=np.concatenate([np.ones(count), np.zeros(count)])[None],
        b_eq=[1],
        bounds=[(0, 1)] * count + [(0, linf)] * count,
    )
    assert answer.status == 0
    return order - float(answer.fun)


@pytest.mark.parametrize(("radius", "value", "order"), [(0, 2.8, 1), (0.1, 2.98, 1), (0.4, 3, 3), (2, 3, 3)])
def test_the_newsvendor_between_expectation_and_worst_scenario(radius: float, value: float, order: float):
    """Demand 1 or 3 at odds: with probability rho of the high one the slope between them is 1 - 1.8 rho.

    rho = .5: z = 1, 1 + .5 * 3.6 = 2.8. rho = .55: 1 + .55 * 3.6 = 2.98. rho >= .7: z = 3, value 3.
    """
    m = newsvendor([1, 3], ball([0.5, 0.5], l1=radius))
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(value)
    assert pyo.value(m.order) == pytest.approx(order)
    assert sum(pyo.value(m.probability[k]) for k in range(2)) == pytest.approx(1)


def test_options_of_rounds_are_said_to_have_no_effect_where_there_are_none(tmp_path: Path) -> None:
    m, path = newsvendor([1, 3], ball([0.5, 0.5], l1=0.1)), tmp_path / "run.json"
    asked = bl.solve(m, method=bl.CCG(save=path, master_gap=0.05))
    assert asked.notes[0] == f"CCG(save={path}, master_gap=0.05) has no effect: one static program has no rounds"
    assert not path.exists()
    assert not any("has no effect" in note for note in bl.solve(m).notes)
    assert not any("has no effect" in note for note in bl.solve(m, method=bl.CCG(costs="generated", save=path)).notes)


@st.composite
def balls(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float, float]:
    count = draw(st.integers(2, 5))
    demand = np.array([draw(st.integers(0, 9)) for _ in range(count)], float)
    weight = np.array([draw(st.integers(1, 5)) for _ in range(count)], float)
    return (
        demand,
        weight / weight.sum(),
        draw(st.sampled_from([0.0, 0.1, 0.5, 2.0])),
        draw(st.sampled_from([0.05, 0.3, 1.0])),
    )


@given(balls())
@settings(max_examples=15, deadline=None)
def test_dualised_and_generated_equal_the_best_of_all_orders(case: tuple[np.ndarray, np.ndarray, float, float]):
    """The cost of an order is piecewise linear with breaks at the demands, so the best order is one of them."""
    demand, reference, l1, linf = case
    best = min(value_at(order, demand, reference, l1, linf) for order in [0.0, *demand])
    for costs in ("dualised", "generated"):
        m = newsvendor(list(demand), ball(reference, l1, linf))
        solution = bl.solve(m, method=bl.CCG(costs=costs))
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(best, rel=1e-6, abs=1e-6)


def test_radius_zero_is_the_stochastic_program_and_radius_two_the_worst_scenario():
    demand, reference = np.array([2.0, 5.0, 7.0, 4.0]), np.array([0.4, 0.3, 0.1, 0.2])
    expectation = min(order + 1.8 * reference @ np.maximum(demand - order, 0) for order in demand)
    worst = min(order + 1.8 * max(demand.max() - order, 0) for order in demand)
    values = [bl.solve(newsvendor(list(demand), ball(reference, l1=l1))).objective for l1 in (0, 0.1, 0.4, 0.9, 2)]
    assert values[0] == pytest.approx(expectation)
    assert values[-1] == pytest.approx(worst)
    assert values == sorted(values)
    values = [bl.solve(newsvendor(list(demand), ball(reference, linf=r))).objective for r in (0, 0.05, 0.2, 0.9)]
    assert values[0] == pytest.approx(expectation)
    assert values == sorted(values)


def machine(within: object) -> pyo.ConcreteModel:
    """Produce 6 units tomorrow by machine A (bought today, at most z) or B, at uncertain costs u_A, u_B."""
    m = pyo.ConcreteModel()
    m.size = pyo.Var(bounds=(0, 6))
    m.price = bl.Uncertain(["A", "B"], within=within)
    m.later = bl.Recourse()
    m.later.make = pyo.Var(["A", "B"], bounds=(0, 6))
    m.later.need = pyo.Constraint(expr=m.later.make["A"] + m.later.make["B"] >= 6)
    m.later.room = pyo.Constraint(expr=m.later.make["A"] <= m.size)
    m.cost = pyo.Objective(expr=m.size + sum(m.price[k] * m.later.make[k] for k in ("A", "B")), sense=pyo.minimize)
    return m


def test_uncertain_costs_of_recourse_are_one_static_program():
    """Costs 3 + g_A and 5 + 2 g_B, g_A + g_B <= 1: 6 by A costs 6 + 24 = 30.

    x by A and the rest by B costs x + 3 x + 5 (6 - x) + max(x, 2 (6 - x)) = 30 - x + max(x, 12 - 2 x): least at
    x >= 4, where it is 30. All at x in [4, 6] cost 30.
    """
    within = Budget({"A": 3, "B": 5}, {"A": 1, "B": 2}, budget=1, one_sided=True)
    solution = bl.solve(machine(within))
    assert solution.status == "optimal"
    assert solution.method.startswith("one static program")
    assert solution.objective == pytest.approx(30)
    assert bl.solve(machine(within), method=bl.CCG(costs="generated")).objective == pytest.approx(30)


def test_a_maximising_leader_with_uncertain_costs():
    """The machine's cost turned around: profit 100 - cost, worst 70."""
    m = machine(Budget({"A": 3, "B": 5}, {"A": 1, "B": 2}, budget=1, one_sided=True))
    m.profit = pyo.Objective(expr=100 - m.cost.expr, sense=pyo.maximize)
    m.cost.deactivate()
    for costs in ("dualised", "generated"):
        solution = bl.solve(m, method=bl.CCG(costs=costs))
        assert solution.objective == pytest.approx(70)
        assert solution.bound == pytest.approx(70)


def test_a_plan_without_recourse_is_infeasible_in_the_static_program():
    m = machine(Box(1, 2))
    m.later.more = pyo.Constraint(expr=m.later.make["A"] + m.later.make["B"] >= 13)
    assert bl.solve(m).status == "infeasible"


def test_recourse_waits_for_finitely_many_cost_scenarios():
    """Nature's two prices are not mixed: with z = 6 one machine makes all 6 at 3 in either, which costs 6 + 18."""
    scenarios = Scenarios([{"A": 3, "B": 9}, {"A": 9, "B": 3}])
    assert bl.solve(machine(scenarios)).objective == pytest.approx(24)


def test_a_game_whose_rows_depend_on_nature_is_not_static():
    m = machine(Box(1, 2))
    m.later.dear = pyo.Constraint(expr=m.later.make["A"] <= 3 * m.price["A"])
    with pytest.raises(bl.NotApplicable, match=r"CCG\(costs='dualised'\)"):
        bl.solve(m, method=bl.CCG(costs="dualised"))


def test_the_explanation_says_that_the_game_is_static():
    assert "recourse need not wait" in bl.explain(machine(Box(1, 2))).method
    scenarios = Scenarios([{"A": 3, "B": 9}, {"A": 9, "B": 3}])
    assert bl.explain(machine(scenarios)).refusal is None


def test_a_static_game_has_no_rounds_to_resume(tmp_path):
    with pytest.raises(bl.SavedRunError, match="one static program without rounds"):
        bl.solve(machine(Box(1, 2)), resume=tmp_path / "run.json")


@pytest.mark.parametrize("costs", ["dualised", "generated"])
def test_the_newsvendor_averse_to_the_worst_third_and_to_moved_demand(costs: str):
    """Demands 1, 2, 3, equally likely. Worst third: order 3, cost 3. All thirds: order 2, 2 + .6 = 2.6.

    Order z in [2, 3] costs z + 1.8 (3 - z) rho_3, which rises with z while rho_3 < 1/1.8 = .556. Moving a tenth of
    distance puts rho_3 at 1/3 + .1 at most: z = 2, 2 + 1.8 * .43333 = 2.78.
    """
    equal = [1 / 3] * 3
    sets = [
        (bl.uncertainty.CVaR(equal, tail=1 / 3), 3.0),
        (bl.uncertainty.CVaR(equal, tail=1), 2.6),
        (bl.uncertainty.Wasserstein(equal, lambda one, other: abs(one - other), radius=0.1), 2.78),
    ]
    for within, value in sets:
        solution = bl.solve(newsvendor([1, 2, 3], within), method=bl.CCG(costs=costs))
        assert solution.objective == pytest.approx(value)
