"""Voltages of the nine-bus system under load at buses 5 and 6: by power flow, or from a table of power flows.

The numbering is the one of Anderson and Fouad (loads at 5, 6 and 8); set-points of 1.0 per unit, power factor of the
loads as at bus 5 (0.4 Mvar a MW), bus 8 as it is. Voltages fall in both loads, on the whole table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from scipy import interpolate

from models.tables import DataError, Kind, read_table, unique
from models.trilevel_stations.data import FOLDER

MVAR_PER_MW = 0.4
_OURS = {1: 0, 2: 1, 3: 2, 4: 3, 5: 8, 6: 4, 7: 7, 8: 6, 9: 5}
"""Row in the case file of each bus of Anderson and Fouad's numbering."""
_COLUMNS = dict.fromkeys(("p5_mw", "p6_mw"), Kind.NONNEGATIVE) | dict.fromkeys(
    ("v5_pu", "v6_pu", "vmin_pu"), Kind.POSITIVE
)


@dataclass(frozen=True, slots=True)
class State:
    """Voltages in per unit at buses 5 and 6, the lowest and the highest; NaN where there is no operating point."""

    bus_5: float
    bus_6: float
    least: float
    most: float


Voltages = Callable[[float, float], State]
"""Loads at buses 5 and 6 in MW to voltages."""


def by_table(path: Path = FOLDER / "voltage_map.csv") -> Voltages:
    """Return voltages between the power flows of a table; linear, so right to about 1e-3 per unit.

    Raises
    ------
    DataError
        When the table cannot be read or has too few points to interpolate.
    """
    table = read_table(path, _COLUMNS)
    unique(path, table, "p5_mw", "p6_mw")
    points = np.array([table["p5_mw"], table["p6_mw"]]).T
    if np.linalg.matrix_rank(points - points[0]) < points.shape[1]:
        raise DataError(f"{path.name}, column p5_mw: the loads lie on one line")
    values = np.array([table["v5_pu"], table["v6_pu"], table["vmin_pu"]]).T
    between = interpolate.LinearNDInterpolator(points, values)

    def voltages(bus_5_mw: float, bus_6_mw: float) -> State:
        bus_5, bus_6, least = (float(v) for v in between(np.array([bus_5_mw, bus_6_mw]))[0])
        return State(bus_5, bus_6, least, max(bus_5, bus_6, 1.0))

    return voltages


def by_power_flow() -> Voltages:
    """Return voltages by Newton's method in pandapower, the extra ``power``.

    Raises
    ------
    ImportError
        Without pandapower.
    """
    import pandapower
    from pandapower.networks import case9

    network: Any = case9()
    load_of_bus = {int(bus): index for index, bus in network.load.bus.items()}

    def voltages(bus_5_mw: float, bus_6_mw: float) -> State:
        for bus, load_mw in ((5, bus_5_mw), (6, bus_6_mw)):
            network.load.loc[load_of_bus[_OURS[bus]], ["p_mw", "q_mvar"]] = [load_mw, MVAR_PER_MW * load_mw]
        try:
            pandapower.runpp(network, numba=False)
        except pandapower.LoadflowNotConverged:
            return State(nan, nan, nan, nan)
        found = network.res_bus.vm_pu.to_numpy()
        return State(float(found[_OURS[5]]), float(found[_OURS[6]]), float(found.min()), float(found.max()))

    return cache(voltages)
