"""What an aggregator does at given prices, worked out apart from the game: one linear program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers.highs import Highs

from models.credit_points.aggregator import declare_aggregator
from models.credit_points.data import HOURS, Aggregator, Instance
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Contract ``(24,)``, MWh, and cost of a day, contract and real-time trade, yuan."""

    contract_mwh: Floats
    cost_yuan: float


def best_response(aggregator: Aggregator, data: Instance, price: Floats) -> Response:
    """Return an aggregator's cheapest day at the nodal prices ``price`` ``(24,)``, yuan/MWh."""
    m = pyo.ConcreteModel("aggregator")
    declare_aggregator(m, aggregator, data)
    m.cost_yuan = pyo.Objective(
        expr=sum(price[t] * m.contract_mwh[t] for t in HOURS) + m.real_time_cost_yuan,
    )
    Highs().solve(m)
    return Response(np.array([m.contract_mwh[t].value for t in HOURS]), pyo.value(m.cost_yuan))
