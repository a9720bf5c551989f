"""User equilibrium by linear programs: Beckmann's potential in chords, refined where the flow is."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers.highs import Highs

from models.traffic_stations.chords import Congestion
from models.traffic_stations.data import Instance
from models.traffic_stations.game import declare_drivers
from models.traffic_stations.users import Users
from reformulations.programs import Floats


def equilibrium_by_chords(
    data: Instance, price: Floats, vehicles: Floats, rounds: int, count: int = 8
) -> tuple[Floats, tuple[float, ...]]:
    """Return flows ``(options,)`` and, for each round, the relative gap of equilibrium on the true travel times.

    The first round has ``count`` even chords for each load; each further round breaks them at the loads of the one
    before and halves the chords beside.
    """
    users, congestion = Users(data), Congestion.of(data, vehicles)
    points = [np.linspace(0.0, most, count + 1) for most in congestion.most]
    flow, gaps = np.zeros(len(data.routes)), []
    for _ in range(rounds):
        m = pyo.ConcreteModel()
        m.drivers = pyo.Block()
        declare_drivers(m.drivers, data, vehicles, congestion, points)
        bill = sum(float(price[k]) * m.drivers.energy_kwh[k] for k in range(len(price)))
        m.cost_yuan = pyo.Objective(expr=m.drivers.time_yuan + bill)
        Highs().solve(m)
        flow = np.array([max(0.0, float(pyo.value(m.drivers.flow[q]))) for q in range(len(data.routes))])
        cost = users.cost(flow, price, vehicles)
        cheapest = np.array([cost[data.routes.trip == o].min() for o in range(len(vehicles))])
        gaps.append(float(flow @ (cost - cheapest[data.routes.trip]) / (flow @ cost)))
        points = congestion.refined(points, congestion.matrix @ flow)
    return flow, tuple(gaps)
