"""The worst case of a robust plan is looked for again: wrong answers of nature are found, right ones pass."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import bilevel as bl
from bilevel.certificate.worst_case_check import Claim, check_worst_case
from bilevel.command_line.reports import certificate_report, text_of
from bilevel.language.read import Game, read
from bilevel.point_check import check_point
from bilevel.robust.late_adversary import LateAdversary, Worst
from bilevel.robust.moving_oracle import MovingOracle
from bilevel.robust.nested_adversary import NestedAdversary
from bilevel.robust.oracles import Attack, Oracle, VerticesOracle
from bilevel.robust.recourse import cheapest_afresh
from reformulations.programs import Floats
from reformulations.robust.second_stage import SecondStage
from reformulations.sets.distributions import DistributionBall
from reformulations.uncertainty import Box
from tests.robust.test_integer_recourse import two_ways
from tests.robust.test_moving_sets import leak
from tests.robust.test_random import MOST_FIRST, MOST_RECOURSE, Instance, instances, program_of
from tests.robust.test_wait_and_see import posted_price


def shops(within: object, most: float | None = None) -> pyo.ConcreteModel:
    """Min x + 3 y : x + y >= sum of demands, 0 <= x, 0 <= y <= most."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 40))
    m.demand = bl.Uncertain([1, 2, 3], within=within)
    m.later = bl.Recourse()
    m.later.y = pyo.Var(bounds=(0, most))
    m.later.need = pyo.Constraint(expr=m.x + m.later.y >= sum(m.demand.values()))
    m.cost = pyo.Objective(expr=m.x + 3 * m.later.y)
    return m


def shares(ball: object) -> pyo.ConcreteModel:
    """Min x + sum_k share_k 3 y_k : x + y_k >= demand_k, demands 2, 5, 9."""
    demand = {1: 2, 2: 5, 3: 9}
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 10))
    m.share = bl.Uncertain(list(demand), within=ball)

    @m.Recourse(list(demand))
    def day(day, k):  # type: ignore[no-untyped-def]
        day.y = pyo.Var(bounds=(0, None))
        day.need = pyo.Constraint(expr=m.x + day.y >= demand[k])

    m.cost = pyo.Objective(expr=m.x + sum(3 * m.share[k] * m.day[k].y for k in demand))
    return m


def worst_case(solution: bl.Solution) -> object:
    assert solution.certificate is not None
    assert solution.certificate.worst_case is not None
    return solution.certificate.worst_case


def assert_refuted(m: pyo.ConcreteModel, method: object, match: str) -> None:
    solution = bl.solve(m, method=method)
    assert solution.certificate is not None
    assert solution.status != "optimal"
    assert not solution.certificate.holds
    assert any(match in failure for failure in solution.certificate.failures), solution.certificate.failures


BUDGET = bl.uncertainty.Budget(nominal=10, deviation=4, budget=1.5, one_sided=True)


def cost_at(u: list[float]) -> Callable[..., Attack]:
    """Nature answers with ``u``, and claims that nothing is worse."""

    def most_expensive(self: VerticesOracle, stage: SecondStage, gap: float, deadline: float | None) -> Attack:
        response = cheapest_afresh(stage, np.array(u), self.threads)
        return Attack(np.array(u), response.cost, response.cost, response.point)

    return most_expensive


def nothing_violated(self: Oracle, stage: SecondStage, gap: float, deadline: float | None) -> Attack:
    return Attack(np.zeros(stage.nature.shape[1]), 0.0, 0.0, np.empty(0))


def test_a_vertex_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nominal demands need x = 30; one and a half demands more need 36, at 3 each: 30 + 18 instead of 30."""
    monkeypatch.setattr(VerticesOracle, "most_expensive", cost_at([10.0, 10.0, 10.0]))
    assert_refuted(shops(BUDGET), bl.CCG(oracle="vertices", start="nominal"), "solved again, is 48, worse than 30")


def test_a_scenario_without_recourse_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With y at most 2 the plan x = 30 misses 4 of 36."""
    monkeypatch.setattr(VerticesOracle, "most_expensive", cost_at([10.0, 10.0, 10.0]))
    monkeypatch.setattr(VerticesOracle, "most_violated", nothing_violated)
    method = bl.CCG(oracle="vertices", start="nominal")
    assert_refuted(shops(BUDGET, most=2), method, "no recourse is left: later.need is missed")


def test_a_point_inside_the_set_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integer recourse is worst at u = 1.15, with 1.15; nature says u = 0, which costs nothing."""

    def worst(
        self: NestedAdversary, point: Floats, gap: float, deadline: float | None = None, known: float = 0
    ) -> Worst:
        late = self.evaluation.answer(point, np.zeros(1))
        return Worst(np.zeros(1), late, late.cost)

    monkeypatch.setattr(NestedAdversary, "worst", worst)
    monkeypatch.setattr(Box, "nominal", lambda self: self.low)
    assert_refuted(two_ways(bl.uncertainty.Box(0, 2)), "auto", "solved again, is 1.1")


@pytest.mark.parametrize("costs", ["dualised", "generated"])
def test_a_distribution_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch, costs: str) -> None:
    """At x = 5 demand 9 costs 12 more, with a probability of 0.1 as expected and of 0.2 at worst."""

    def expected(self: DistributionBall, cost: Floats) -> Floats:
        return self.nominal()

    monkeypatch.setattr(DistributionBall, "worst_case", expected)
    m = shares(bl.uncertainty.DistributionBall({1: 0.6, 2: 0.3, 3: 0.1}, l1=0.2))
    assert_refuted(m, bl.CCG(costs=costs), "share[3] = 0.2 the objective, solved again, is 7.4, worse than 6.2")


def test_a_scenario_in_which_followers_respond_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the price 5 a buyer who values the good at 3 does not buy; nature says that all value it at 5."""

    def worst(
        self: LateAdversary, point: Floats, gap: float, deadline: float | None = None, wanted: object = None
    ) -> Worst:
        late = self.evaluation.answer(point, np.array([5.0]))
        return Worst(np.array([5.0]), late, late.cost)

    monkeypatch.setattr(LateAdversary, "worst", worst)
    assert_refuted(posted_price(bl.uncertainty.Scenarios([5, 3])), "auto", "at worth = 3 the objective, solved again")


def test_a_scenario_of_the_set_at_the_plan_that_nature_overlooks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """u reaches 10 - 2 x and costs 3 beyond 4: 18 at x = 0; nature stays in the middle, at 5."""

    def in_the_middle(self: MovingOracle, stage: SecondStage) -> VerticesOracle:
        return VerticesOracle(np.array([self.moving.at(stage.first).nominal()]), self.recourse)

    monkeypatch.setattr(MovingOracle, "_at", in_the_middle)
    assert_refuted(leak(), bl.CCG(max_iterations=3), "at u = 10 the objective, solved again, is 18, worse than 3")


def test_a_worst_case_outside_of_the_set_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One and a half demands at most are above normal; nature says that all are."""
    monkeypatch.setattr(VerticesOracle, "most_expensive", cost_at([14.0, 14.0, 14.0]))
    method = bl.CCG(oracle="vertices", start="nominal", max_iterations=2)
    assert_refuted(shops(BUDGET), method, "nature is claimed to be at its worst, which is no point of its set")


@pytest.mark.parametrize(
    ("m", "said"),
    [
        (shops(BUDGET), "worst case: 10 of 10 vertices solved again, worst 36"),
        (shares(bl.uncertainty.CVaR({1: 0.6, 2: 0.3, 3: 0.1}, tail=0.5)), "worst case: the whole set by one linear"),
        (posted_price(bl.uncertainty.Scenarios([5, 3])), "worst case: 2 of 2 scenarios solved again, worst 3"),
        (leak(), "worst case: 2 of 2 vertices solved again, worst 6"),
    ],
)
def test_the_certificate_says_in_one_line_what_was_tried(m: pyo.ConcreteModel, said: str) -> None:
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert said in str(solution.certificate)
    assert worst_case(solution).complete


def test_a_sampled_worst_case_says_so() -> None:
    solution = bl.solve(two_ways(bl.uncertainty.Box(0, 2)))
    said = " scenarios solved again (sampled), worst 1.15"
    assert said in str(solution.certificate)
    assert not worst_case(solution).complete


def test_the_fields_are_in_the_report() -> None:
    solution = bl.solve(leak())
    report = json.loads(text_of(certificate_report(solution.certificate)))
    assert report["worst_case"]["tried"] == 2
    assert report["worst_case"]["complete"] is True
    assert report["worst_case"]["worst"] == pytest.approx(6)


def plan_of(m: pyo.ConcreteModel, **values: float) -> tuple[Game, Floats]:
    game = read(m)
    point = np.zeros(game.program.point_size)
    for name, value in values.items():
        point[game.column(m.find_component(name))] = value
    return game, point


@pytest.mark.parametrize(
    ("u", "said"), [(8, ""), (7, "solved again, is 14, worse than 11"), (9, "no point of its set")]
)
def test_a_plan_from_elsewhere_is_checked_against_its_set(u: float, said: str) -> None:
    """At x = 1 nature reaches 8; less is not its worst, and more is beyond its set."""
    game, point = plan_of(leak(), x=1, u=u, **{"later.y": u - 4})
    certificate = check_point(game, point, with_multipliers=False)
    assert certificate.holds == (not said)
    assert said in "".join(certificate.failures)


def test_a_plan_from_elsewhere_that_leaves_nature_nothing_is_refused() -> None:
    game, point = plan_of(leak(reach=3), x=2)
    with pytest.raises(bl.InvalidGame, match=r"at this one the set is empty|upper side"):
        check_point(game, point, with_multipliers=False)


def test_lists_beside_convex_sets_are_refused_where_recourse_is_integer() -> None:
    m = two_ways(bl.uncertainty.Scenarios([0.0, 2.0]))
    m.v = bl.Uncertain(within=bl.uncertainty.Box(0, 1))
    m.later.straight.deactivate()
    m.later.more = pyo.Constraint(expr=m.later.y >= m.u + m.v - m.z - 2 * m.later.w)
    with pytest.raises(bl.NotApplicable, match=r"list the scenarios of all of them in one bl\.uncertainty\.Scenarios"):
        bl.solve(m)


def costs_by_vertex(instance: Instance, z: Floats) -> Floats:
    """The cost of the plan z at each vertex, minimised; infinite where no recourse is left."""
    costs = []
    for u in instance.within.vertices(1000):
        shift = (instance.first + np.tensordot(u, instance.crossed, axes=1)) @ z + instance.nature @ u
        below, above = np.isfinite(instance.low), np.isfinite(instance.high)
        answer = linprog(
            instance.sense * instance.costs[1],
            A_ub=np.vstack([-instance.recourse[below], instance.recourse[above]]),
            b_ub=np.concatenate([(shift - instance.low)[below], (instance.high - shift)[above]]),
            bounds=(0, MOST_RECOURSE),
        )
        assert answer.status in (0, 2)
        early = instance.costs[0] @ z + instance.costs[2] @ u + u @ instance.crossed_cost @ z
        costs.append(np.inf if answer.status == 2 else instance.sense * early + answer.fun)
    return np.array(costs)


def check_against_vertices(instance: Instance, z: Floats) -> None:
    program = program_of(instance)
    point = np.zeros(program.point_size)
    n, k = len(z), instance.nature.shape[1]
    point[:n], point[n : n + k] = z, instance.within.nominal()
    found = check_worst_case(Claim(program, point, instance.within), seconds=10.0)
    expected = np.max(costs_by_vertex(instance, z))
    assert found.complete
    if not np.any(instance.nature) and not np.any(instance.crossed):
        return  # then recourse stays as it is in the point, where it is nothing
    assert found.worst is not None
    assert found.sense * found.worst == pytest.approx(expected, rel=1e-6, abs=1e-6)


@st.composite
def plans(draw: st.DrawFn, families: tuple[str, ...]) -> tuple[Instance, Floats]:
    instance = draw(instances(families))
    n = instance.first.shape[1]
    z = np.array([draw(st.integers(0, int(MOST_FIRST))) for _ in range(n)], float)
    # rows without nature and recourse are no matter of scenarios: residuals of the plan tell whether they hold
    late = instance.nature.any(axis=1) | instance.recourse.any(axis=1) | instance.crossed.any(axis=(0, 2))
    activity = instance.first @ z
    assume(bool(np.all(late | ((instance.low <= activity) & (activity <= instance.high)))))
    return instance, z


@given(plans(("box", "budget", "polyhedron", "scenarios", "distributions")))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_the_worst_scenario_found_is_the_worst_vertex(plan: tuple[Instance, Floats]) -> None:
    check_against_vertices(*plan)


@pytest.mark.long
@pytest.mark.parametrize("family", ["box", "budget", "polyhedron", "scenarios", "distributions"])
def test_in_three_hundred_cases_of_a_family_the_worst_scenario_found_is_the_worst_vertex(family: str) -> None:
    @given(plans((family,)))
    @settings(max_examples=300, derandomize=True, deadline=None)
    def agrees(plan: tuple[Instance, Floats]) -> None:
        check_against_vertices(*plan)

    agrees()
