"""Energy in a battery, declared once for storages and vehicles."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo


def gained(charge: Any, discharge: Any, k: int, efficiency: float) -> Any:
    """Return what period ``k`` adds to a battery: ``eta c_k - d_k / eta``, with the efficiency of each direction."""
    return efficiency * charge[k] - discharge[k] / efficiency


def battery_balance(level: Any, charge: Any, discharge: Any, *, efficiency: float, initial: float) -> pyo.Constraint:
    """Return the rows ``s_k = s_{k-1} + eta c_k - d_k / eta`` over the periods ``0, 1, ...`` of the variable ``level``.

    Parameters
    ----------
    level, charge, discharge
        Energy at the end of each period, and what goes in and out at the terminals, in one unit of energy.
    efficiency
        Of each direction, in (0, 1]; below 1, charging and discharging at once never pays at prices from 0 up.
    initial
        Energy before the first period.
    """

    def row(_: Any, k: int) -> Any:
        before = level[k - 1] if k else initial
        return level[k] == before + gained(charge, discharge, k, efficiency)

    return pyo.Constraint(list(level), rule=row)
