"""One hour of the three parties: what a charging price earns once drivers and operator have answered it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.traffic_stations.data import Hour, Instance
from models.traffic_stations.operator import Dispatch, OperatorHour
from models.traffic_stations.users import Flows, Users
from reformulations.programs import Floats

Tariff = Literal["fixed", "nodal"]

_ROUNDS = 40
_RESIDUAL_TOLERANCE = 1e-9
_SEARCH_TOLERANCE = 1e-4
"""Of the hours a trip lasts, while prices are compared."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from a price.

    Attributes
    ----------
    price
        Of charging, yuan/kWh ``(stations,)``.
    flows
        The drivers' equilibrium.
    residual
        Vehicles an hour still on their way when the hour ends ``(trips,)``.
    rounds
        Equilibria until vehicles and residual agree.
    purchase
        What stations pay for power, yuan/MWh ``(stations,)``.
    dispatch
        The operator's answer.
    """

    price: Floats
    flows: Flows
    residual: Floats
    rounds: int
    purchase: Floats
    dispatch: Dispatch

    @property
    def profit(self) -> float:
        """Of all stations, yuan an hour."""
        return float((1000 * self.price - self.purchase) @ self.flows.power_mw)


class HourGame:
    """The stations' problem of one hour, by evaluation: ``max sum_m (1000 rho_m - c_m) P_m``.

    The semi-dynamic residual flow of Fujita, Matsui and Mizokami (1988) in half-implicit form: with ``r_before`` on
    their way from the hour before and a trip lasting ``l_o`` hours on average, ::

        W_mod = (W + xi r_before) / (1 + xi l),    r = l W_mod,    so that    W_mod = W + xi r_before - xi r

    Parameters
    ----------
    tariff
        ``"nodal"``: stations pay the operator's marginal cost and know it; ``"fixed"``: grid price and network charge.
    before
        Residual of the hour before ``(trips,)``.
    weight
        The weight ``xi``.
    charge
        Network charge of the fixed tariff, yuan/MWh.
    """

    def __init__(
        self,
        data: Instance,
        hour: Hour,
        tariff: Tariff,
        before: Floats,
        *,
        weight: float | None = None,
        charge: float | None = None,
        users: Users | None = None,
    ) -> None:
        self.data, self.hour, self.tariff, self.before = data, hour, tariff, before
        self.weight = data.drivers.residual_weight if weight is None else weight
        self.charge = data.network_charge if charge is None else charge
        self.users = users or Users(data)
        self.operator = OperatorHour(data, hour)
        self.vehicles = data.vehicles_per_h * hour.demand
        self.evaluations = 0
        self._trip = np.equal.outer(np.arange(len(self.vehicles)), data.routes.trip).astype(float)
        self._lasting = np.ones(len(self.vehicles))

    def evaluate(self, price: Floats) -> Answer | None:
        """Return what follows from ``price``; None where stations or network cannot serve what drivers draw."""
        self.evaluations += 1
        flows, residual, rounds = self._respond(price, _RESIDUAL_TOLERANCE)
        if np.any(flows.power_mw > self.data.station_limit_mw):
            return None
        dispatch = self.operator.dispatch(flows.power_mw)
        if dispatch is None:
            return None
        return Answer(price, flows, residual, rounds, self._purchase(dispatch), dispatch)

    def profit(self, price: Floats) -> float:
        """Return the profit at ``price``, minus infinity where it cannot be served or is out of its limits."""
        least, most = self.data.price_limits
        if np.any(price < least) or np.any(price > most):
            return -np.inf
        self.evaluations += 1
        power = self._respond(price, _SEARCH_TOLERANCE)[0].power_mw
        if np.any(power > self.data.station_limit_mw):
            return -np.inf
        dispatch = self.operator.dispatch(power)
        if dispatch is None:
            return -np.inf
        return float((1000 * price - self._purchase(dispatch)) @ power)

    def _purchase(self, dispatch: Dispatch) -> Floats:
        if self.tariff == "nodal":
            return dispatch.price
        return np.full(len(dispatch.price), self.hour.grid_price + self.charge)

    def _respond(self, price: Floats, tolerance: float) -> tuple[Flows, Floats, int]:
        value, lasting, rounds = self.data.drivers.value_of_time, self._lasting, 0
        while True:
            vehicles = (self.vehicles + self.weight * self.before) / (1 + self.weight * lasting)
            flows = self.users.equilibrium(price, vehicles)
            found = self._trip @ (flows.flow * self.users.time_cost(flows.flow)) / (value * vehicles)
            moved, lasting, rounds = float(np.abs(found - lasting).max()), found, rounds + 1
            if self.weight == 0 or moved <= tolerance or rounds == _ROUNDS:
                self._lasting = lasting
                return flows, lasting * flows.vehicles, rounds
