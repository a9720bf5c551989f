"""Three families of random games of any size, as arrays and as models, for tests and benchmarks.

*Coupled* games: the leader moves the follower through right-hand sides only::

    max  c'x + d'y   s.t.  0 <= x <= 10,   y solves   min g'y   s.t.  A x + B y <= b,  0 <= y

with both signs in ``A``, so that decisions exist that leave the follower without a response, and both in ``d``, where
the follower wants all of ``y``. *Slater* games are the same with ``b`` so large that ``y = 0`` is strictly feasible at
every decision, which bounds the multipliers. *Price* games: a retailer sets the price ``p_t`` of each period, and each
customer covers its demand from the retailer (``q``), a rival (``r``) and a storage (level ``s``)::

    max  sum (p_t - c_t) q_kt           s.t.  0 <= p_t <= P,  mean of p <= cap
    min  sum p_t q_kt + rival_kt r_kt   s.t.  q_kt + r_kt + s_kt-1 - s_kt = demand_kt,  0 <= q, r,  0 <= s_kt <= size_k

with ``s_k0 = s_kT``; nothing but price times quantity couples the levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

import bilevel as bl

Floats = NDArray[np.float64]

COUPLED_SIZES = {30: (8, 15, 15), 45: (12, 25, 20), 60: (16, 32, 28), 100: (24, 54, 46)}
"""Leader columns, follower columns and follower rows, by the number of complementarity pairs."""

PRICE_SIZES = {"T8K1": (8, 1), "T12K2": (12, 2), "T24K1": (24, 1), "T24K2": (24, 2), "T48K3": (48, 3)}
"""Periods and customers."""

LARGEST_DECISION = 10.0
DENSITY = 0.4


@dataclass(frozen=True, slots=True)
class CoupledGame:
    """Costs of the leader ``(n,)`` and ``(m,)``, of the follower ``(m,)``; rows ``(l, n)``, ``(l, m)``, ``(l,)``."""

    leader_own: Floats
    leader_other: Floats
    follower_own: Floats
    of_leader: Floats
    of_follower: Floats
    right: Floats

    def model(self) -> pyo.ConcreteModel:
        n, m = len(self.leader_own), len(self.leader_other)
        model = pyo.ConcreteModel("coupled")
        x = model.x = pyo.Var(range(n), bounds=(0, LARGEST_DECISION))
        model.follower = bl.Follower()
        y = model.follower.y = pyo.Var(range(m), domain=pyo.NonNegativeReals)
        model.follower.row = pyo.Constraint(
            range(len(self.right)),
            rule=lambda _, i: _form(self.of_leader[i], x) + _form(self.of_follower[i], y) <= float(self.right[i]),
        )
        model.follower.goal = pyo.Objective(expr=_form(self.follower_own, y))
        model.goal = pyo.Objective(expr=_form(self.leader_own, x) + _form(self.leader_other, y), sense=pyo.maximize)
        return model


@dataclass(frozen=True, slots=True)
class PriceGame:
    """Arrays ``(T,)`` of the retailer, ``(K, T)`` of the customers, sizes of storages ``(K,)``."""

    cost: Floats
    rival: Floats
    demand: Floats
    storage: Floats
    highest: float
    cap: float

    def model(self) -> pyo.ConcreteModel:
        customers, periods = self.demand.shape
        hours = range(periods)
        model = pyo.ConcreteModel("prices")
        price = model.price = pyo.Var(hours, bounds=(0, self.highest))
        model.mean = pyo.Constraint(expr=sum(price[t] for t in hours) <= periods * self.cap)
        model.customer = bl.Follower(range(customers))
        for k in range(customers):
            self._declare_customer(model.customer[k], k, price)
        model.profit = pyo.Objective(
            expr=sum(
                (price[t] - float(self.cost[t])) * model.customer[k].bought[t] for k in range(customers) for t in hours
            ),
            sense=pyo.maximize,
        )
        return model

    def _declare_customer(self, customer: pyo.Block, k: int, price: pyo.Var) -> None:
        hours = range(len(self.cost))
        bought = customer.bought = pyo.Var(hours, domain=pyo.NonNegativeReals)
        rival = customer.rival = pyo.Var(hours, domain=pyo.NonNegativeReals)
        level = customer.level = pyo.Var(hours, bounds=(0, float(self.storage[k])))
        customer.balance = pyo.Constraint(
            hours,
            rule=lambda _, t: bought[t] + rival[t] + level[(t - 1) % len(hours)] - level[t] == float(self.demand[k, t]),
        )
        customer.bill = pyo.Objective(
            expr=sum(price[t] * bought[t] + float(self.rival[k, t]) * rival[t] for t in hours)
        )


def coupled_game(pairs: int, seed: int) -> CoupledGame:
    """Return a coupled game; its follower has a response to ``x = 0`` and none grows without bound."""
    n, m, rows = COUPLED_SIZES[pairs]
    random = np.random.default_rng([pairs, seed])
    of_leader = _sparse(random, (rows, n), -10, 10)
    of_follower = _sparse(random, (rows, m), -5, 15)
    of_leader[0], of_follower[0] = 0.0, random.integers(1, 6, m)
    most = LARGEST_DECISION * np.maximum(of_leader, 0.0).sum(axis=1)
    right = np.floor(most * random.uniform(0.2, 0.5, rows)) + random.integers(10, 60, rows)
    right[0] = 5.0 * m
    return CoupledGame(
        random.integers(-10, 11, n).astype(float),
        random.integers(-15, 21, m).astype(float),
        -random.integers(1, 21, m).astype(float),
        of_leader,
        of_follower,
        right,
    )


def slater_game(pairs: int, seed: int) -> CoupledGame:
    """Return a coupled game where ``y = 0`` leaves every row slack at every decision of the leader."""
    game, random = coupled_game(pairs, seed), np.random.default_rng([pairs, seed, 1])
    most = LARGEST_DECISION * np.maximum(game.of_leader, 0.0).sum(axis=1)
    right = most + random.integers(10, 60, len(most))
    right[0] = game.right[0]
    return replace(game, right=right)


def price_game(size: str, seed: int) -> PriceGame:
    """Return a price game; rivals' prices and demands follow the hours and differ by customer."""
    periods, customers = PRICE_SIZES[size]
    random = np.random.default_rng([periods, customers, seed])
    wave = np.sin(2 * np.pi * (np.arange(periods) / periods + random.uniform(0, 1, (customers, 1))))
    rival = np.round(6 + 2 * wave + random.uniform(-1.5, 1.5, (customers, periods)), 2)
    demand = np.round(4 + 2 * wave + random.uniform(-1.5, 1.5, (customers, periods)), 2)
    cost = np.round(random.uniform(1, 4, periods), 2)
    storage = np.round(demand.mean(axis=1) * random.uniform(1, 3, customers), 2)
    return PriceGame(cost, rival, demand, storage, highest=10.0, cap=5.0)


def _sparse(random: np.random.Generator, shape: tuple[int, int], low: int, high: int) -> Floats:
    values = random.integers(low, high + 1, shape).astype(float)
    values[random.uniform(size=shape) > DENSITY] = 0.0
    return values


def _form(coefficients: Floats, variables: pyo.Var) -> object:
    return sum(float(a) * variables[j] for j, a in enumerate(coefficients) if a)
