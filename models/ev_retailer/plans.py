"""Plans of the retailer, and what they earn under any distribution of the types."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from bilevel.solvers.highs import PersistentHighs
from models.ev_retailer.data import HOURS, Instance
from models.ev_retailer.responses import Response, best_response, net_charging
from reformulations.programs import Columns, Floats, MixedIntegerProgram, Names, Rows
from reformulations.sets.distributions import DistributionBall

_MOST_VERTICES = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided before nature moves: day-ahead purchase, prices, and how each type responds to them.

    ``day_ahead_kw`` and ``price_yuan_per_kwh`` are ``(24,)``, ``net_kw`` ``(types, 24)`` the net charging of one
    vehicle, ``bill_yuan`` ``(types,)`` what it pays.
    """

    day_ahead_kw: Floats
    price_yuan_per_kwh: Floats
    responses: dict[int, Response]
    net_kw: Floats
    bill_yuan: Floats


@dataclass(frozen=True, slots=True)
class Profit:
    """Where the profit comes from under one distribution of the types, yuan a day."""

    sales_yuan: float
    real_time_yuan: float
    day_ahead_yuan: float

    @property
    def total_yuan(self) -> float:
        """Sales and real-time income less the day-ahead purchase."""
        return self.sales_yuan + self.real_time_yuan - self.day_ahead_yuan


def plan_of(m: pyo.ConcreteModel, data: Instance) -> Plan:
    """Return the plan that a solved game holds."""
    responses = {}
    for number in data.stays:
        vehicle = m.vehicle[number]
        responses[number] = Response(
            np.array([pyo.value(vehicle.charge_kw[k]) for k in vehicle.charge_kw]),
            np.array([pyo.value(vehicle.discharge_kw[k]) for k in vehicle.discharge_kw]),
            pyo.value(vehicle.welfare_yuan),
        )
    return _plan(
        data,
        np.array([pyo.value(m.day_ahead_kw[t]) for t in HOURS]),
        np.array([pyo.value(m.price_yuan_per_kwh[t]) for t in HOURS]),
        responses,
    )


def with_ties_against_retailer(plan: Plan, data: Instance) -> Plan:
    """Return the plan with each type's ties broken against the retailer, energy valued at mean real-time prices.

    Exactly the worst responses while real-time limits do not bind; where they bind, others may be worse still.
    """
    margin = plan.price_yuan_per_kwh - data.probability @ data.real_time_price
    responses = {
        number: best_response(stay, data.vehicle, plan.price_yuan_per_kwh, margin)
        for number, stay in data.stays.items()
    }
    return _plan(data, plan.day_ahead_kw, plan.price_yuan_per_kwh, responses)


def _plan(data: Instance, day_ahead_kw: Floats, price: Floats, responses: dict[int, Response]) -> Plan:
    net = net_charging(data, responses)
    return Plan(day_ahead_kw, price, responses, net, net @ price)


class Evaluator:
    """Real-time operation as one linear program, kept warm from scenario to scenario.

    With grid exchange ``g = P + dis - ch - D`` (sold where positive) and ``|g| <= limit``, scenario ``o`` earns
    ``max mu_o' g`` over the storage's schedules; only the sides of rows depend on purchase ``P`` and demand ``D``.
    """

    def __init__(self, data: Instance) -> None:
        self._data = data
        size, storage = len(HOURS), data.storage
        identity, before = np.eye(size), np.eye(size, k=-1)
        level = np.hstack([-storage.efficiency * identity, identity / storage.efficiency, identity - before])
        exchange = np.hstack([-identity, identity, np.zeros((size, size))])
        start = np.zeros(size)
        start[0] = data.initial_energy_kwh
        least, most = np.full(size, storage.least_energy_kwh), np.full(size, storage.most_energy_kwh)
        least[-1] = most[-1] = data.initial_energy_kwh
        free = np.full(size, data.real_time_limit_kw)
        program = MixedIntegerProgram(
            Columns(
                np.concatenate([np.zeros(2 * size), least]),
                np.concatenate([np.full(2 * size, storage.power_kw), most]),
                np.zeros(3 * size, bool),
                Names(3 * size, "storage {}".format),
            ),
            Rows(
                sparse.csr_array(np.vstack([level, exchange])),
                np.concatenate([start, -free]),
                np.concatenate([start, free]),
                Names(2 * size, "real time {}".format),
            ),
            np.zeros(3 * size),
            0.0,
        )
        still = np.zeros(size)
        costs = [np.concatenate([price, -price, still]) for price in data.real_time_price]
        self._solvers = [PersistentHighs(replace(program, cost=cost)) for cost in costs]
        self._unlimited = np.array([self._earned(o, still) for o in range(len(data.scenarios))])

    def profit(self, plan: Plan, share: Floats) -> Profit:
        """Return the profit of ``plan`` when the types have ``share`` ``(types,)``.

        Minus infinity in real time where even full use of the storage cannot keep the limits.
        """
        data = self._data
        surplus = plan.day_ahead_kw - data.vehicles * (share @ plan.net_kw)
        return Profit(
            sales_yuan=float(data.vehicles * (share @ plan.bill_yuan)),
            real_time_yuan=self._real_time(surplus),
            day_ahead_yuan=float((data.day_ahead_price + data.day_ahead_slope * plan.day_ahead_kw) @ plan.day_ahead_kw),
        )

    def worst(self, plan: Plan, ball: DistributionBall) -> tuple[Floats, Profit]:
        """Return the worst distribution and its profit: profit is concave in it, so a vertex of the ball."""
        vertices = ball.vertices(_MOST_VERTICES)
        profits = [self.profit(plan, share) for share in vertices]
        worst = int(np.argmin([profit.total_yuan for profit in profits]))
        return vertices[worst], profits[worst]

    def totals(self, plan: Plan, shares: Floats) -> Floats:
        """Return the total profit under each of ``shares`` ``(samples, types)``."""
        return np.array([self.profit(plan, share).total_yuan for share in shares])

    def _real_time(self, surplus: Floats) -> float:
        data = self._data
        income = data.real_time_price @ surplus + self._unlimited
        # a storage that cannot reach the limits operates as if there were none
        if np.max(np.abs(surplus)) + data.storage.power_kw > data.real_time_limit_kw:
            income = data.real_time_price @ surplus + [self._earned(o, surplus) for o in range(len(data.scenarios))]
        return float(data.probability @ income)

    def _earned(self, scenario: int, surplus: Floats) -> float:
        """Return what the storage earns in one scenario."""
        size, limit = len(HOURS), self._data.real_time_limit_kw
        self._solvers[scenario].change_row_bounds(size + np.arange(size), -limit - surplus, limit - surplus)
        outcome = self._solvers[scenario].solve()
        return -np.inf if outcome.objective is None else -outcome.objective


def sampled_in_ball(ball: DistributionBall, count: int, seed: int) -> Floats:
    """Return ``count`` distributions inside ``ball`` ``(count, types)``: random mixtures of as many random vertices."""
    random = np.random.default_rng(seed)
    size = ball.dimension
    costs = random.standard_normal((count * size, size))
    vertices = np.array([ball.worst_case(cost) for cost in costs]).reshape(count, size, size)
    return np.asarray(np.einsum("cv,cvt->ct", random.dirichlet(np.ones(size), count), vertices))


def resampled(data: Instance, count: int, seed: int) -> Floats:
    """Return ``count`` distributions as observed in that many days ``(count, types)``, were the shares the truth."""
    random = np.random.default_rng(seed)
    return np.asarray(random.multinomial(data.history_days, data.share, size=count) / data.history_days)
