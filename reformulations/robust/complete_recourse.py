"""Recourse that exists whatever the first stage and nature do, as the signs of its columns show."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.robust.two_stage import TwoStage


def has_complete_recourse(two_stage: TwoStage) -> bool:
    """Tell whether every finite side of every second-stage row can be met by an unbounded column of that row alone.

    Sufficient, not necessary: such columns (what is not served, what is thrown away) repair each row on its own, and
    the others need only respect their bounds.
    """
    recourse, rows = two_stage.recourse, sparse.csc_array(two_stage.rows.recourse)
    if np.any(recourse.lower > recourse.upper) or recourse.integer.any():
        return False
    single = np.flatnonzero(np.diff(rows.indptr) == 1)
    row, value = rows.indices[rows.indptr[single]], rows.data[rows.indptr[single]]
    endless_up, endless_down = np.isinf(recourse.upper[single]), np.isinf(recourse.lower[single])
    raised = np.zeros(len(two_stage.rows), bool)
    lowered = raised.copy()
    raised[row[((value > 0) & endless_up) | ((value < 0) & endless_down)]] = True
    lowered[row[((value < 0) & endless_up) | ((value > 0) & endless_down)]] = True
    below, above = np.isfinite(two_stage.lower), np.isfinite(two_stage.upper)
    return bool(np.all(raised | ~below) and np.all(lowered | ~above))
