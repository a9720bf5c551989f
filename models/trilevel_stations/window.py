"""Which subsidies of the second station alone hold the voltages: where groups move, and how much they buy there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from models.trilevel_stations.data import GROUPS, STATIONS, Instance
from models.trilevel_stations.induction import Outcome, is_safe, monopoly_price
from models.trilevel_stations.voltages import Voltages
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True)
class Window:
    """Subsidies of the second station, the first without one.

    From ``first_moves`` on one group is at station 2, from ``second_moves`` on both are. Voltages hold from
    ``first_moves`` up to ``holds_until``, at most ``second_moves``; None where they hold nowhere between.
    """

    first_moves: float
    second_moves: float
    holds_until: float | None

    def __str__(self) -> str:
        if self.holds_until is None:
            return "no subsidy of station 2 alone holds the voltages"
        return (
            f"subsidies of station 2 from {self.first_moves:g} to {self.holds_until:.4f} hold the voltages; "
            f"above, the group that moved buys too much; from {self.second_moves:g} on both groups are there"
        )


def moves_at(data: Instance) -> Floats:
    """Return the subsidy of station 2 from which each group prefers it ``(groups,)``.

    Group ``k`` is indifferent at ``a_k2 - p_2 = a_k1 - p_1``, and station 2 asks ``p_2 = (mean a_2 - s_2) / 2``.
    """
    first = monopoly_price(data, 0, 0.0)
    price = data.taste[:, 1] - data.taste[:, 0] + first
    return np.asarray(data.taste[:, 1].mean() - 2 * price)


def split(data: Instance, subsidy: float) -> Outcome:
    """Return the outcome with the group that is sooner at station 2 there, and the other at station 1."""
    there = int(np.argmin(moves_at(data)))
    place = [1 if k == there else 0 for k in GROUPS]
    price = monopoly_price(data, 0, 0.0), monopoly_price(data, 1, subsidy)
    buys = np.where(np.arange(len(STATIONS)) == np.array(place)[:, None], data.demand(np.array(price)), 0.0)
    return Outcome((0.0, subsidy), price, (place[0], place[1]), buys)


def window(data: Instance, voltages: Voltages) -> Window:
    """Return the subsidies of station 2 that hold the voltages; these fall in the purchase, so one root bounds it."""
    first, second = (float(at) for at in np.maximum(0.0, np.sort(moves_at(data))))

    def spare(subsidy: float) -> float:
        state = voltages(*split(data, subsidy).load_mw(data))
        return state.least - data.network["least_voltage_pu"]

    if not is_safe(data, voltages(*split(data, first).load_mw(data))):
        return Window(first, second, None)
    if spare(second) >= 0:
        return Window(first, second, second)
    return Window(first, second, float(brentq(spare, first, second, xtol=1e-9)))
