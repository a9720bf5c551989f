"""Drivers in user equilibrium, by an interior-point method on Beckmann's potential with the true travel times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.traffic_stations.data import Instance
from reformulations.programs import Floats

_BPR_POWER = 4
_ITERATIONS = 60
_RELATIVE_GAP = 1e-11
_STEP = 0.995
_MOST_RATIO = 1e-9  # flows below this part of a trip's vehicles are unused


class NoEquilibrium(ArithmeticError):
    """The method ended without an equilibrium."""


@dataclass(frozen=True, slots=True)
class Flows:
    """An equilibrium: vehicles an hour of each option, its cost, and the cost of each trip, yuan a vehicle."""

    flow: Floats
    cost: Floats
    least: Floats
    power_mw: Floats
    outside: Floats
    vehicles: Floats

    def gap(self, trip: np.ndarray) -> float:
        """Return the relative gap ``sum w (c - c_min) / sum w c`` of the true costs."""
        return float(self.flow @ (self.cost - self._cheapest(trip)) / (self.flow @ self.cost))

    def excess(self, trip: np.ndarray) -> float:
        """Return the largest relative excess of an option in use over the cheapest of its trip."""
        used = self.flow > 1e-4 * self.vehicles[trip]  # centred flows of unused options are positive
        cheapest = self._cheapest(trip)
        return float(np.max((self.cost - cheapest)[used] / cheapest[used]))

    def _cheapest(self, trip: np.ndarray) -> Floats:
        cheapest = np.full(len(self.vehicles), np.inf)
        np.minimum.at(cheapest, trip, self.cost)
        return np.asarray(cheapest[trip])


class Users:
    """The drivers of one instance; :meth:`equilibrium` answers prices.

    ::

        min  kappa sum_a t_a (x_a + b x_a^5 / (5 u_a^4)) + kappa a / (2 u) sum_m x_m^2
             + sum_q (kappa t_q + h_q rho_m) w_q + sum_o [B0 E_o + (B1 - B0) / (2 W_o) E_o^2]
        s.t. sum_{q of o} w_q = W_o : least cost,    w >= 0

    with ``x`` the vehicles on arcs and at stations and ``E`` those that do not charge; the conditions of its optimum
    are those of user equilibrium (Beckmann, McGuire and Winsten, Studies in the Economics of Transportation, 1956).
    """

    def __init__(self, data: Instance) -> None:
        routes, drivers = data.routes, data.drivers
        self.data = data
        trips, stations = len(routes.trips), len(routes.stations)
        self._trip = np.equal.outer(np.arange(trips), routes.trip).astype(float)
        self._at = np.equal.outer(routes.station, np.arange(stations)).astype(float)
        self._outside = (self._trip * (routes.station < 0)).T
        self._hours = np.array([arc.hours for arc in routes.arcs])
        self._capacity = np.array([arc.capacity for arc in routes.arcs])
        self._waiting = drivers.value_of_time * drivers.waiting_h / drivers.waiting_reference
        self._fixed = drivers.value_of_time * routes.charging_h
        self._energy = self._at * routes.energy_kwh[:, None]

    def cost(self, flow: Floats, price: Floats, vehicles: Floats) -> Floats:
        """Return what each option costs a driver, yuan ``(options,)``, at prices in yuan/kWh."""
        drivers = self.data.drivers
        outside = (drivers.least_outside + self._outside_slope(vehicles) * (self._outside.T @ flow)) @ self._outside.T
        return np.asarray(self.time_cost(flow) + self._energy @ price + outside)

    def time_cost(self, flow: Floats) -> Floats:
        """Return the yuan that travel, waiting and charging time of each option are worth ``(options,)``."""
        routes, drivers = self.data.routes, self.data.drivers
        load = (routes.uses.T @ flow) / self._capacity
        hours = self._hours * (1 + drivers.congestion * load**_BPR_POWER)
        waiting = self._waiting * (self._at.T @ flow)
        return np.asarray(drivers.value_of_time * (routes.uses @ hours) + self._fixed + self._at @ waiting)

    def equilibrium(self, price: Floats, vehicles: Floats) -> Flows:
        """Return the equilibrium at prices ``(stations,)``, yuan/kWh, of ``vehicles`` an hour ``(trips,)``.

        Where options of the same cost share their arcs in different ways the answer is central among the equilibria.

        Raises
        ------
        NoEquilibrium
            When the method does not close the gap.
        """
        trip = self._trip
        flow = (vehicles / trip.sum(1)) @ trip
        cost = self.cost(flow, price, vehicles)
        least = np.array([cost[row > 0].min() for row in trip]) - 1.0
        slack = np.maximum(cost - least @ trip, 1.0)
        complementarity = np.inf
        for _ in range(_ITERATIONS):
            cost = self.cost(flow, price, vehicles)
            dual, primal = cost - least @ trip - slack, vehicles - trip @ flow
            complementarity = float(flow @ slack)
            worst = max(np.abs(dual).max() / (1 + np.abs(cost).max()), np.abs(primal).max() / vehicles.max())
            if complementarity <= _RELATIVE_GAP * float(flow @ cost) and worst <= _RELATIVE_GAP * 100:
                return self._flows(flow, price, vehicles, least)
            flow, least, slack = self._step(flow, least, slack, vehicles, dual, primal)
        if complementarity <= _MOST_RATIO * float(flow @ cost):
            return self._flows(flow, price, vehicles, least)
        raise NoEquilibrium(f"the user equilibrium at prices {price} is not closed: gap {complementarity:.1e} yuan")

    def _step(
        self, flow: Floats, least: Floats, slack: Floats, vehicles: Floats, dual: Floats, primal: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Predict without centring, then centre as far as the prediction failed (Mehrotra, SIAM J. Optim. 2, 1992)."""
        trip, n = self._trip, len(flow)
        system = np.block(
            [[self._hessian(flow, vehicles) + np.diag(slack / flow), -trip.T], [trip, np.zeros((len(trip), len(trip)))]]
        )
        inverse = np.linalg.inv(system)

        def direction(centre: Floats) -> tuple[Floats, Floats, Floats]:
            move = inverse @ np.concatenate([-dual - slack + centre / flow, primal])
            return move[:n], move[n:], -slack + centre / flow - slack / flow * move[:n]

        ahead, _, fall = direction(np.zeros(n))
        reach = min(_reach(flow, ahead), _reach(slack, fall))
        average = float(flow @ slack) / n
        after = float((flow + reach * ahead) @ (slack + reach * fall)) / n
        centre = average * (after / average) ** 3 - ahead * fall
        move, rise, fall = direction(centre)
        reach = _STEP * min(_reach(flow, move), _reach(slack, fall))
        reach = min(1.0, reach)
        return flow + reach * move, least + reach * rise, slack + reach * fall

    def _hessian(self, flow: Floats, vehicles: Floats) -> Floats:
        routes, drivers = self.data.routes, self.data.drivers
        load = routes.uses.T @ flow
        slope = (
            drivers.value_of_time * self._hours * drivers.congestion * _BPR_POWER
            * load ** (_BPR_POWER - 1) / self._capacity**_BPR_POWER
        )  # fmt: skip
        return np.asarray(
            (routes.uses * slope) @ routes.uses.T
            + self._waiting * self._at @ self._at.T
            + (self._outside * self._outside_slope(vehicles)) @ self._outside.T
        )

    def _outside_slope(self, vehicles: Floats) -> Floats:
        drivers = self.data.drivers
        return np.asarray((drivers.most_outside - drivers.least_outside) / vehicles)

    def _flows(self, flow: Floats, price: Floats, vehicles: Floats, least: Floats) -> Flows:
        return Flows(
            flow,
            self.cost(flow, price, vehicles),
            least,
            self._energy.T @ flow / 1000,
            self._outside.T @ flow,
            vehicles,
        )


def _reach(values: Floats, move: Floats) -> float:
    """Return how far along ``move`` the values stay nonnegative, at most 1 / 0.995."""
    falling = move < 0
    return float(min(np.min(-values[falling] / move[falling], initial=np.inf), 1 / _STEP))
