"""The distribution system operator of one hour: dispatch, demand response, and what power costs at the stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.base.block import BlockData

import bilevel as bl
from bilevel.language.read import read
from bilevel.solvers.highs import PersistentHighs
from models.distflow import Voltage
from models.lindistflow import declare_lindistflow
from models.traffic_stations.data import Hour, Instance
from reformulations.programs import Floats, MixedIntegerProgram


def declare_operator(block: BlockData, data: Instance, hour: Hour, power_mw: Sequence[Any]) -> None:
    """Declare the operator's linear program, given what the stations draw, on ``block``, usually a follower.

    For each scenario of wind, the least expected cost of power from the grid, wind not taken, demand response and
    shedding, within limits of voltage and of the substation (an octagon inside its rating)::

        min sum_s p_s [c P_s + a (wind_max - wind_s) + sum_b c_b d_sb + 1500 e_sb]

    Demand response and shed load take their reactive part along; a station draws ``P tan(phi)`` besides ``P``.
    """
    operator, feeder = data.operator, data.feeder
    cases = range(len(operator.probability))
    load = {bus: hour.load * demand / 1000 for bus, demand in feeder.demand_kw.items()}
    reactive = {bus: hour.load * demand / 1000 for bus, demand in feeder.demand_kvar.items()}
    loaded = [bus for bus in feeder.buses if load[bus] > 0]
    offered = {bus: hour.load * power for bus, (power, _) in operator.response.items()}
    most_wind = hour.wind * operator.wind_mw * operator.wind_factor
    station_at = {bus: m for m, bus in enumerate(data.station_bus)}
    block.wind_mw = pyo.Var(cases, bounds=lambda b, s: (0, float(most_wind[s])))
    block.response_mw = pyo.Var(list(offered), cases, bounds=lambda b, bus, s: (0, offered[bus]))
    block.shed_mw = pyo.Var(loaded, cases, bounds=lambda b, bus, s: (0, max(0.0, load[bus] - offered.get(bus, 0.0))))

    def dropped(bus: int, s: int) -> Any:
        return (block.shed_mw[bus, s] if bus in loaded else 0) + (block.response_mw[bus, s] if bus in offered else 0)

    def demand_mw(bus: int, s: int) -> Any:
        drawn = power_mw[station_at[bus]] if bus in station_at else 0
        return load[bus] - dropped(bus, s) + drawn - (block.wind_mw[s] if bus == operator.wind_bus else 0)

    def demand_mvar(bus: int, s: int) -> Any:
        share = reactive[bus] / load[bus] if load[bus] > 0 else 0
        drawn = operator.reactive_ratio * power_mw[station_at[bus]] if bus in station_at else 0
        wind = operator.wind_reactive_ratio * block.wind_mw[s] if bus == operator.wind_bus else 0
        return reactive[bus] - share * dropped(bus, s) + drawn - wind

    limits = Voltage(operator.least_voltage, operator.most_voltage, operator.slack_voltage)
    declare_lindistflow(block, feeder, cases, demand_mw, demand_mvar, limits)
    for supply in (block.supply_mw, block.supply_mvar):
        supply.setlb(0)
        supply.setub(operator.substation_mva)
    block.octagon = pyo.Constraint(
        cases, rule=lambda b, s: b.supply_mw[s] + b.supply_mvar[s] <= sqrt(2) * operator.substation_mva
    )

    def cost_yuan(s: int) -> Any:
        response = sum(operator.response[bus][1] * block.response_mw[bus, s] for bus in offered)
        shed = operator.shedding * sum(block.shed_mw[bus, s] for bus in loaded)
        return (
            hour.grid_price * block.supply_mw[s]
            + operator.curtailment * (float(most_wind[s]) - block.wind_mw[s])
            + response
            + shed
        )

    block.cost_yuan = pyo.Objective(expr=sum(float(operator.probability[s]) * cost_yuan(s) for s in cases))


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What the operator does: its expected cost, the marginal cost of each station, and what limits it.

    Attributes
    ----------
    price
        ``d cost / d P``, reactive part included, yuan/MWh ``(stations,)``.
    active_price
        The part of it that is the multiplier of active power alone.
    least_voltage, most_voltage
        Over all buses and scenarios, per unit.
    shed_mw, response_mw, curtailed_mw
        Expected.
    duality_gap
        Of the linear program, relative.
    """

    cost: float
    price: Floats
    active_price: Floats
    least_voltage: float
    most_voltage: float
    shed_mw: float
    response_mw: float
    curtailed_mw: float
    supply_mw: Floats
    duality_gap: float


class OperatorHour:
    """The operator of one hour, ready to answer what stations draw."""

    def __init__(self, data: Instance, hour: Hour) -> None:
        m = pyo.ConcreteModel()
        stations = range(len(data.station_bus))
        m.power_mw = pyo.Var(stations, bounds=(0, None))
        m.operator = bl.Follower()
        declare_operator(m.operator, data, hour, [m.power_mw[k] for k in stations])
        m.nothing = pyo.Objective(expr=0 * m.power_mw[0])
        self._model, self._game = m, read(m)
        program = self._game.program
        cost = program.objectives.linear[[1]].toarray().ravel()
        self._program = MixedIntegerProgram(program.columns, program.rows, cost, float(program.objectives.constant[1]))
        self._solver = PersistentHighs(self._program)
        self._stations = np.array([self._game.column(m.power_mw[k]) for k in stations])
        self._voltage = self._columns(m.operator.voltage_squared)
        self._supply = self._columns(m.operator.supply_mw)
        self._balance = [
            [self._game.row(m.operator.active_balance[bus, s]) for s in range(len(data.operator.probability))]
            for bus in data.station_bus
        ]
        self._expected = [
            (
                self._columns(part),
                np.array([data.operator.probability[index[-1]] for index in part if not part[index].fixed]),
            )
            for part in (m.operator.shed_mw, m.operator.response_mw)
        ]
        self._wind = self._columns(m.operator.wind_mw)
        self._probability = data.operator.probability
        self._answers: dict[bytes, Dispatch | None] = {}

    def _columns(self, component: Any) -> np.ndarray:
        return np.array([self._game.column(member) for member in component.values() if not member.fixed])

    def dispatch(self, power_mw: Floats) -> Dispatch | None:
        """Return the operator's answer to what stations draw ``(stations,)``; None where no dispatch is feasible."""
        self._solver.change_column_bounds(self._stations, power_mw, power_mw)
        outcome = self._solver.solve()
        if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
            return None
        point, program = outcome.point, self._program
        columns = self._solver.current().columns
        reduced = outcome.column_duals
        sides = np.where(outcome.row_duals > 0, program.rows.lower, program.rows.upper)
        bounds = np.where(reduced > 0, columns.lower, columns.upper)
        dual = program.constant + sum(
            float(price[used] @ value[used])
            for price, value in ((outcome.row_duals, sides), (reduced, bounds))
            for used in [price != 0]
        )
        (shed, likely), (response, weight) = self._expected
        most = columns.upper[self._wind]
        voltage = np.sqrt(point[self._voltage])
        return Dispatch(
            cost=float(outcome.objective or 0.0),
            price=reduced[self._stations],
            active_price=np.array([outcome.row_duals[rows].sum() for rows in self._balance]),
            least_voltage=float(voltage.min()),
            most_voltage=float(voltage.max()),
            shed_mw=float(likely @ point[shed]),
            response_mw=float(weight @ point[response]),
            curtailed_mw=float(self._probability @ (most - point[self._wind])),
            supply_mw=point[self._supply],
            duality_gap=abs(dual - float(outcome.objective or 0.0)) / max(1.0, abs(dual)),
        )
