"""The paper's way to the equilibrium: operator and aggregators answer each other in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.credit_points.data import Instance
from models.credit_points.network import operated
from models.credit_points.responses import best_response


def alternate(data: Instance) -> Iterator[float]:
    """Yield, round by round, the largest change of a nodal price at an aggregator's bus, yuan/MWh.

    Begins with the prices without contracts. Aggregators' responses are those of linear programs: all energy in the
    cheapest hours, which makes these hours dear and others cheap, and so on. Nothing damps the swing.
    """
    nothing = np.zeros(len(data.energy_price))
    prices = operated(data, dict.fromkeys(data.aggregators, nothing))
    while True:
        contracts = {
            number: best_response(aggregator, data, prices[number]).contract_mwh
            for number, aggregator in data.aggregators.items()
        }
        answer = operated(data, contracts)
        yield max(float(np.abs(answer[number] - prices[number]).max()) for number in prices)
        prices = answer
