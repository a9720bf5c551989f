"""The EV retailer with decreasing utility, robust, to a gap of 1e-3: all ten types, and four where limits bind."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from models.ev_retailer.data import Instance, read_instance
from models.ev_retailer.game import ev_retailer
from models.ev_retailer.plans import Evaluator, Plan, plan_of
from models.ev_retailer.responses import best_response
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.radii import literature_radii

GAP = 1e-3


def solved(data: Instance) -> tuple[DistributionBall, Plan, bl.Solution]:
    """Solve the robust game and check its answer against linear programs of scipy and all vertices of the ball."""
    radii = literature_radii(len(data.stays), data.history_days, data.confidence, data.confidence)
    ball = DistributionBall(data.share, l1=radii.l1, linf=radii.linf)
    m = ev_retailer(data, radii.l1, radii.linf)
    solution = bl.solve(m, gap=GAP, time_limit=900, threads=2)
    plan, evaluator = plan_of(m, data), Evaluator(data)
    worst_share = np.array([pyo.value(m.share[number]) for number in data.stays])
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective <= solution.bound <= solution.objective * (1 + GAP)
    assert ball.contains(worst_share, tolerance=1e-7)
    assert evaluator.profit(plan, worst_share).total_yuan == pytest.approx(solution.objective, abs=1e-4)
    assert evaluator.worst(plan, ball)[1].total_yuan == pytest.approx(solution.objective, abs=1e-4)
    for number, stay in data.stays.items():
        best = best_response(stay, data.vehicle, plan.price_yuan_per_kwh)
        assert plan.responses[number].welfare_yuan == pytest.approx(best.welfare_yuan, abs=1e-6)
    return ball, plan, solution


def most_traded_kw(data: Instance, ball: DistributionBall, plan: Plan) -> float:
    """Return the most that is traded in real time in any hour and at any vertex of the ball, storage at full power."""
    surplus = plan.day_ahead_kw - data.vehicles * (ball.vertices(2000) @ plan.net_kw)
    return float(np.abs(surplus).max()) + data.storage.power_kw


@pytest.mark.long
def test_all_types_need_one_master_without_a_scenario() -> None:
    """No limit of real-time trade can bind at the plan: the price of recourse is constant, as the one master has it."""
    data = read_instance()
    ball, plan, solution = solved(data)
    assert "0 scenarios stored" in solution.method
    assert len(solution.iterations) == 1
    assert most_traded_kw(data, ball, plan) <= data.real_time_limit_kw
    assert 337.3 * (1 - GAP) <= solution.objective <= 337.7


@pytest.mark.long
def test_four_types_need_a_scenario_since_limits_bind() -> None:
    """The limits are met with the storage at work: the constant price of recourse alone would promise 513."""
    data = read_instance(types=4, scenarios=3)
    ball, plan, solution = solved(data)
    assert "0 scenarios stored" not in solution.method
    assert most_traded_kw(data, ball, plan) > data.real_time_limit_kw
    assert solution.bound < 505
