"""Two-stage problems small enough to be solved by hand."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from bilevel.errors import InvalidGame, NotApplicable, SolverFailure, UnboundedFollower
from bilevel.game import Follower, Recourse, Uncertain
from bilevel.language.read import read
from bilevel.robust.ccg import CCG, solve_robust, solve_two_stage
from bilevel.robust.generation import generate
from bilevel.robust.oracles import Attack
from bilevel.robust.recourse import RecourseSolver
from bilevel.robust.run_state import Setting, State
from bilevel.search.optimise import Limits
from bilevel.uncertainty import Box, Budget, DistributionBall, Scenarios
from reformulations.programs import Floats
from reformulations.robust.second_stage import SecondStage, second_stage
from reformulations.robust.two_stage import split
from reformulations.uncertainty import Box as BoxOnArrays


def stock(most: float = 5.0) -> pyo.ConcreteModel:
    """Min z + max_u min {r : r >= u, r <= z}, 0 <= u <= 2: recourse exists only where u <= z, so z = 2, value 4."""
    m = pyo.ConcreteModel()
    m.stock = pyo.Var(bounds=(0, most))
    m.demand = Uncertain(within=Box(0, 2))
    m.later = Recourse()
    m.later.delivery = pyo.Var(bounds=(0, 10))
    m.later.enough = pyo.Constraint(expr=m.later.delivery >= m.demand)
    m.later.from_stock = pyo.Constraint(expr=m.later.delivery <= m.stock)
    m.cost = pyo.Objective(expr=m.stock + m.later.delivery)
    return m


@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_recourse_that_fails_in_some_scenarios_only_moves_the_plan(oracle: str):
    answer = solve_robust(read(stock()), CCG(oracle=oracle, start=[0.0]))
    assert [round_.kind for round_ in answer.iterations] == ["feasibility", "optimality"]
    assert answer.objective == pytest.approx(4)
    assert answer.scenario == pytest.approx([2])


@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_no_plan_with_recourse_in_every_scenario_is_infeasible(oracle: str):
    answer = solve_robust(read(stock(most=1)), CCG(oracle=oracle, start=[0.0]))
    assert answer.status == "infeasible"
    assert answer.point is None


@pytest.mark.parametrize(
    ("oracle", "size"),
    [*(("vertices", n) for n in range(2, 7)), *(("auto", n) for n in (3, 6)), ("game", 2), ("game", 3)],
)
def test_the_l1_ball_costs_one_where_affine_rules_cost_its_dimension(oracle: str, size: int):
    """Min sum y_i, y_i >= u_i, y_i >= -u_i, ||u||_1 <= 1: the worst case is 1 for every dimension."""
    m = pyo.ConcreteModel()
    index = range(size)
    m.u = Uncertain(index, within=Budget(0, 1, budget=1))
    m.later = Recourse()
    m.later.y = pyo.Var(index, bounds=(0, 3))
    m.later.above = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= m.u[i])
    m.later.below = pyo.Constraint(index, rule=lambda b, i: b.y[i] >= -m.u[i])
    m.cost = pyo.Objective(expr=sum(m.later.y[i] for i in index))
    answer = solve_robust(read(m), CCG(oracle=oracle))
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("radius", "value", "order"), [(0, 2.8, 1), (0.1, 2.98, 1), (0.4, 3, 3), (2, 3, 3)])
def test_a_ball_of_distributions_lies_between_expectation_and_worst_scenario(radius: float, value: float, order: float):
    """Order z at 1, demand 1 or 3 at odds, shortage 1.8 a unit: cost_k = z + 1.8 (d_k - z)+.

    With probability rho of the high demand the slope between 1 and 3 is 1 - 1.8 rho. rho = .5: z = 1, value 2.8;
    rho = .55: z = 1, 1 + .55 * 3.6 = 2.98; rho >= .7: z = 3, value 3, which no distribution exceeds.
    """
    m = pyo.ConcreteModel()
    m.order = pyo.Var(bounds=(0, 4))
    demand = {"low": 1, "high": 3}
    m.probability = Uncertain(list(demand), within=DistributionBall({"high": 0.5, "low": 0.5}, l1=radius))
    m.loss = pyo.Var(list(demand), bounds=(0, 10))
    m.shortage = pyo.Constraint(list(demand), rule=lambda m, k: m.loss[k] >= 1.8 * (demand[k] - m.order))
    m.cost = pyo.Objective(expr=m.order + sum(m.probability[k] * m.loss[k] for k in demand))
    game = read(m)
    for oracle in ("auto", "vertices"):
        answer = solve_robust(game, CCG(oracle=oracle))
        assert answer.objective == pytest.approx(value)
        assert answer.point is not None
        assert answer.point[game.column(m.order)] == pytest.approx(order)


def test_nature_multiplies_the_first_stage_in_rows_of_recourse():
    """Min 3 z + max_a min {8 r : a z + r >= 6}, yield a in [1, 2], z <= 5, r >= 0.

    At yield 1 the plan z = 5 leaves r = 1: 15 + 8 = 23; every unit of z saves 8 - 3.
    """
    m = pyo.ConcreteModel()
    m.planted = pyo.Var(bounds=(0, 5))
    m.harvest = Uncertain(within=Scenarios([1, 1.5, 2]))
    m.later = Recourse()
    m.later.bought = pyo.Var(bounds=(0, 10))
    m.later.need = pyo.Constraint(expr=m.harvest * m.planted + m.later.bought >= 6)
    m.cost = pyo.Objective(expr=3 * m.planted + 8 * m.later.bought)
    for oracle in ("vertices", "game"):
        answer = solve_robust(read(m), CCG(oracle=oracle))
        assert answer.objective == pytest.approx(23)
        assert answer.scenario == pytest.approx([1])


def test_leader_rows_that_mention_nature_hold_for_all_of_it():
    """Max z s.t. u z <= 6, 1 <= u <= 3: z = 2."""
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 10))
    m.u = Uncertain(within=Box(1, 3))
    m.limit = pyo.Constraint(expr=m.u * m.z <= 6)
    m.gain = pyo.Objective(expr=m.z, sense=pyo.maximize)
    for oracle in ("vertices", "game"):
        answer = solve_robust(read(m), CCG(oracle=oracle))
        assert answer.objective == pytest.approx(2)


def test_nature_chooses_from_two_sets_independently():
    """max_{u, v} min r, r >= u + v, u <= 2, v in {1, 3}: 5; it is bounded by the sum of both worst cases."""
    m = pyo.ConcreteModel()
    m.u = Uncertain(within=Box(0, 2))
    m.v = Uncertain(["v"], within=Scenarios([{"v": 1}, {"v": 3}]))
    m.later = Recourse()
    m.later.r = pyo.Var(bounds=(0, 10))
    m.later.row = pyo.Constraint(expr=m.later.r >= m.u + m.v["v"])
    m.cost = pyo.Objective(expr=m.later.r)
    for oracle in ("vertices", "game"):
        answer = solve_robust(read(m), CCG(oracle=oracle))
        assert answer.objective == pytest.approx(5)
        assert answer.scenario == pytest.approx([2, 3])


def test_recourse_blocks_by_scenario_are_columns_like_others():
    """Two days, each delivers what nature takes from it: max of u1 + 2 u2 over u1 + u2 <= 1 is 2."""
    m = pyo.ConcreteModel()
    m.u = Uncertain([1, 2], within=Budget(0, 1, budget=1, one_sided=True))

    @m.Recourse([1, 2])
    def day(day: pyo.Block, k: int) -> None:
        day.r = pyo.Var(bounds=(0, 3))
        day.row = pyo.Constraint(expr=day.r >= m.u[k])

    m.cost = pyo.Objective(expr=m.day[1].r + 2 * m.day[2].r)
    assert solve_robust(read(m)).objective == pytest.approx(2)


def test_unbounded_recourse_is_named():
    m = stock()
    m.later.sold = pyo.Var(bounds=(0, None))
    m.cost.set_value(m.stock + m.later.delivery - m.later.sold)
    with pytest.raises(UnboundedFollower, match=r"later\.sold: recourse is unbounded"):
        solve_robust(read(m))


def test_an_unbounded_first_stage_is_called_so():
    m = stock()
    m.gift = pyo.Var(bounds=(0, None))
    m.cost.set_value(m.stock + m.later.delivery - m.gift)
    assert solve_robust(read(m)).status == "unbounded"


def with_product(kind: str) -> pyo.ConcreteModel:
    m = stock()
    r, u, z = m.later.delivery, m.demand, m.stock
    rows = {"technology": u * r <= 4, "within nature": u * u <= z, "first stage": z * r <= 4}
    costs = {"quadratic": r * r}
    if kind in rows:
        m.later.extra = pyo.Constraint(expr=rows[kind])
    else:
        m.cost.set_value(m.stock + r + costs[kind])
    return m


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("technology", r"later\.extra: .*later\.delivery.* uncertainty in the recourse's technology"),
        ("quadratic", r"leader's objective: .*quadratic recourse cost"),
        ("within nature", r"later\.extra: .*two uncertain variables are multiplied"),
        ("first stage", r"later\.extra: .*the first stage changes the recourse's technology"),
    ],
)
def test_products_outside_the_class_are_refused_by_name(kind: str, reason: str):
    with pytest.raises(NotApplicable, match=reason):
        solve_robust(read(with_product(kind)))


def test_whole_deliveries_cost_what_the_largest_demand_does():
    """Whole deliveries of at least u, at most z: two for every u above one, so z = 2 and 4 as before."""
    m = stock()
    m.later.delivery.domain = pyo.NonNegativeIntegers
    answer = solve_robust(read(m))
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(4)


@pytest.mark.parametrize("where", ["row", "objective"])
def test_a_follower_that_waits_for_nature_is_refused_by_name(where: str):
    m = stock()
    m.driver = Follower()
    m.driver.flow = pyo.Var(bounds=(0, 3))
    m.driver.cost = pyo.Objective(expr=m.driver.flow * (m.demand if where == "objective" else 1))
    if where == "row":
        m.driver.row = pyo.Constraint(expr=m.driver.flow >= m.demand)
    name = r"driver\.row" if where == "row" else "objective of driver"
    with pytest.raises(NotApplicable, match=rf"{name}: follower driver mentions nature"):
        solve_robust(read(m))


def test_a_game_without_nature_is_refused():
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.later = Recourse()
    m.later.r = pyo.Var(bounds=(0, 1))
    m.cost = pyo.Objective(expr=m.z + m.later.r)
    with pytest.raises(NotApplicable, match="nothing in it is uncertain"):
        solve_two_stage(read(m).program, BoxOnArrays(np.zeros(0), np.zeros(0)))


def test_a_start_outside_the_set_is_refused():
    with pytest.raises(InvalidGame, match="no point of the uncertainty set"):
        solve_robust(read(stock()), CCG(start=[3.0]))


def test_no_first_scenario_needs_a_recourse_cost_bounded_by_its_bounds():
    m = stock()
    m.cost.set_value(m.stock + m.later.delivery - m.demand)
    with pytest.raises(NotApplicable, match="a first scenario is needed"):
        solve_robust(read(m), CCG(start="none"))


def test_more_vertices_than_can_be_listed_ask_for_the_game_oracle():
    m = pyo.ConcreteModel()
    m.u = Uncertain(range(12), within=Box(0, 1))
    m.later = Recourse()
    m.later.r = pyo.Var(bounds=(0, 20))
    m.later.row = pyo.Constraint(expr=m.later.r >= sum(m.u[i] for i in range(12)))
    m.cost = pyo.Objective(expr=m.later.r)
    with pytest.raises(NotApplicable, match="more than 2000 vertices"):
        solve_robust(read(m), CCG(oracle="vertices"))
    assert solve_robust(read(m)).objective == pytest.approx(12)


def test_rounds_are_limited():
    answer = solve_robust(read(stock()), CCG(start=[0.0], max_iterations=1))
    assert answer.status == "feasible"
    assert answer.point is None
    assert answer.bound == pytest.approx(0)


class Stubborn:
    """An adversary that claims more than its scenario costs."""

    name = "repetition"

    def most_violated(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack:
        del stage, gap, deadline
        return Attack(np.array([1.0]), 0.0, 0.0, np.empty(0))

    def most_expensive(self, stage: SecondStage, gap: float, deadline: float | None) -> Attack:
        del stage, gap, deadline
        return Attack(np.array([1.0]), 5.0, 5.0, np.array([1.0]))


def test_a_stored_scenario_that_comes_back_with_an_open_gap_is_an_error():
    two_stage = split(read(stock()).program)
    recourse = RecourseSolver(second_stage(two_stage, np.zeros(1)))
    setting = Setting(two_stage, Stubborn(), recourse, Limits(), 0.0, None, None)
    first: Floats = np.array([1.0])
    with pytest.raises(SolverFailure, match="scenario 1 came back although it is stored"):
        generate(setting, State((first,)), 10)
