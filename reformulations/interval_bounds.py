"""Bounds of multipliers and slacks by interval arithmetic alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reformulations.bounds import INTERVAL, Bounds, padded
from reformulations.interval import activity_range, propagate
from reformulations.programs import MPEC, Floats

LARGEST = 1e5
"""A wider box of a column is as good as none to a solver that works with tolerances of 1e-7."""


def interval_bounds(mpec: MPEC) -> tuple[MPEC, Bounds]:
    """Bound what can be bounded without a linear program; nothing is guessed, the rest stays infinite.

    Bounds are propagated over all rows of the MPEC, the stationarity rows among them; a slack is bounded
    by the range of its row. The MPEC returned has the boxes of its columns up to :data:`LARGEST`.
    """
    pairs, bounds = mpec.complementarity, Bounds.unknown(mpec)
    lower, upper = propagate(mpec.rows, mpec.columns.lower, mpec.columns.upper)
    column = pairs.multiplier
    least = np.where(pairs.equality, -padded(-lower[column]), 0.0)
    bounds = bounds.tightened(least, np.maximum(padded(upper[column]), least), INTERVAL)
    _, most = activity_range(pairs.slack, lower, upper)
    bounds = bounds.with_slacks(np.maximum(padded(most - pairs.offset), 0.0))
    return _with_boxes(mpec, lower, upper), bounds


def _with_boxes(mpec: MPEC, lower: Floats, upper: Floats) -> MPEC:
    columns = mpec.columns
    low, high = -padded(-lower), padded(upper)
    low = np.where(np.isfinite(columns.lower) | (np.abs(low) > LARGEST), columns.lower, low)
    high = np.where(np.isfinite(columns.upper) | (np.abs(high) > LARGEST), columns.upper, high)
    return replace(mpec, columns=replace(columns, lower=low, upper=high))
