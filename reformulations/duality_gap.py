"""The duality gap of each follower at a primal-dual point."""

from __future__ import annotations

import numpy as np

from reformulations.arrays import Floats
from reformulations.optimality import PrimalDualPoint
from reformulations.programs import BilevelProgram


@np.errstate(invalid="ignore")
def duality_gaps(program: BilevelProgram, point: Floats) -> Floats:
    """Return each player's ``sum |multiplier * slack|`` ``(P,)`` over rows and bounds at ``point`` ``(n + m + 2 n,)``.

    Where stationarity holds, this is at least the difference of a follower's primal and dual objective, and the
    difference itself where rows, bounds and signs hold too. Absent sides count as zero: a
    multiplier of one is a matter of dual feasibility.
    """
    at, rows, columns = PrimalDualPoint.of(program, point), program.rows, program.columns
    activity = rows.activity(at.columns)
    below = at.rows * program.objectives.sense[program.row_owner] > 0
    slack = np.concatenate(
        [
            np.where(below, activity - rows.lower, rows.upper - activity),
            at.columns - columns.lower,
            columns.upper - at.columns,
        ]
    )
    products = np.concatenate([at.rows, at.lower, at.upper]) * np.where(np.isfinite(slack), slack, 0.0)
    owner = np.concatenate([program.row_owner, *[program.column_owner] * 2])
    return np.bincount(owner, np.abs(products), len(program.players)).astype(np.float64)
