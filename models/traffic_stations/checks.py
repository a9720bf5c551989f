"""What must hold at the prices found, each recomputed from its own program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.traffic_stations.day import Outcome
from models.traffic_stations.hour import Answer, HourGame
from models.traffic_stations.operator import OperatorHour
from models.traffic_stations.users import Users
from reformulations.programs import Floats

EQUILIBRIUM_GAP = 1e-3
DUALITY_GAP = 1e-6
PRICE_ERROR = 1e-3
RESIDUAL_ERROR = 1e-5
STEP_MW = 1e-5


@dataclass(frozen=True, slots=True)
class Check:
    """One statement with its worst number and the limit it must keep."""

    statement: str
    worst: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the number is within the limit."""
        return self.worst <= self.limit


def checks(outcome: Outcome) -> tuple[Check, ...]:
    """Return the checks of a case: equilibrium on true travel times, dispatch and its prices, residual, limits."""
    pairs = list(zip(outcome.games, outcome.answers, strict=True))
    flows = [Users(game.data).equilibrium(answer.price, answer.flows.vehicles) for game, answer in pairs]
    trip = outcome.games[0].data.routes.trip
    moved = [
        np.abs(again.power_mw - answer.flows.power_mw).max() for again, (_, answer) in zip(flows, pairs, strict=True)
    ]
    limits = outcome.games[0].data.operator
    voltages = [
        max(limits.least_voltage - answer.dispatch.least_voltage, answer.dispatch.most_voltage - limits.most_voltage)
        for _, answer in pairs
    ]
    return (
        Check("user equilibrium solved again: relative gap", max(each.gap(trip) for each in flows), EQUILIBRIUM_GAP),
        Check("user equilibrium: excess of a used option", max(each.excess(trip) for each in flows), EQUILIBRIUM_GAP),
        Check("user equilibrium solved again: power differs by, MW", float(max(moved)), EQUILIBRIUM_GAP),
        Check("dispatch solved again: duality gap", max(a.dispatch.duality_gap for _, a in pairs), DUALITY_GAP),
        Check(
            "marginal cost outside one-sided differences by, yuan/MWh", max(price_error(*p) for p in pairs), PRICE_ERROR
        ),
        Check("load shed, MW", max(answer.dispatch.shed_mw for _, answer in pairs), DUALITY_GAP),
        Check("voltage beyond its limits by, per unit", max(voltages), DUALITY_GAP),
        Check(
            "power beyond the stations' rating by, MW",
            max(float((a.flows.power_mw - game.data.station_limit_mw).max()) for game, a in pairs),
            0.0,
        ),
        Check("residual flow: identity of vehicles", outcome.residual_error, RESIDUAL_ERROR),
    )


def price_error(game: HourGame, answer: Answer) -> float:
    """Return by how much a station's marginal cost lies outside its left and right differences, yuan/MWh."""
    left, right = one_sided(OperatorHour(game.data, game.hour), answer.flows.power_mw)
    price = answer.dispatch.price
    return float(max((left - price).max(), (price - right).max(), 0.0))


def one_sided(operator: OperatorHour, power_mw: Floats) -> tuple[Floats, Floats]:
    """Return left and right differences of the operator's cost by what each station draws, yuan/MWh."""
    here = operator.dispatch(power_mw)
    sides = []
    for step in (-STEP_MW, STEP_MW):
        moved = [operator.dispatch(power_mw + step * unit) for unit in np.eye(len(power_mw))]
        costs = np.array([np.inf if there is None else there.cost for there in moved])
        sides.append((costs - (np.nan if here is None else here.cost)) / step)
    return sides[0], sides[1]


def congestion_margin(game: HourGame, answer: Answer) -> float:
    """Return ``sum_m (c_fix - c_nodal) P_m``, by which a fixed tariff is dearer than the marginal cost, yuan.

    Where it is not negative at the prices of a fixed tariff, the stations earn at these prices that much more when they
    pay the marginal cost: the best of the game is at least their profit plus this (without residual flow).
    """
    fixed = game.hour.grid_price + game.charge
    return float((fixed - answer.dispatch.price) @ answer.flows.power_mw)
