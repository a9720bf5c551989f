"""Complementarities as special ordered sets of type 1: no bound is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.big_m import always_active_rows, bounded_columns
from reformulations.bounds import Bounds
from reformulations.pair_rows import forced
from reformulations.programs import MPEC, Columns, Integers, Names, Rows
from reformulations.recovery import Recovery, Reduced
from reformulations.spatial import SpatialProgram, appended


@dataclass(frozen=True, slots=True)
class SOS1:
    """Write each complementarity as a set of two columns of which at most one is nonzero.

    Source: ``0 <= lambda _|_ a z - w >= 0``. Image::

        a z - s == w,     s >= 0,     {lambda, s} of type SOS1

    The slack of a bound ``z >= 0`` is the column itself. Bounds that are known become bounds of
    ``lambda`` and ``s``; a pair of which one side is zero by its bounds needs no set. Exact always
    (Beale & Tomlin 1970; Siddiqui & Gabriel, Networks and Spatial Economics 13, 2013).
    """

    bounds: Bounds

    def apply(self, mpec: MPEC) -> Reduced[SpatialProgram]:
        """Return the program, the slack columns behind the MPEC's; ``recover`` drops them."""
        pairs, size = mpec.complementarity, len(mpec.columns)
        always, never = forced(mpec, self.bounds)
        free = np.flatnonzero(~pairs.equality & ~always & ~never)
        own = _own_slack(mpec, free)
        fresh = free[own < 0]
        place = own.copy()
        place[own < 0] = size + np.arange(len(fresh))
        columns = bounded_columns(mpec, self.bounds).append(_slack_columns(mpec, self.bounds, fresh))
        rows = mpec.rows.append(_slack_rows(mpec, fresh, size)).append(always_active_rows(mpec, np.flatnonzero(always)))
        program = SpatialProgram(
            columns,
            rows,
            np.concatenate([mpec.cost, np.zeros(len(fresh))]),
            mpec.constant,
            mpec.products,
            exclusive=np.stack([pairs.multiplier[free], place], axis=1),
        )
        return Reduced(program, Recovery.selecting(np.arange(size), len(columns)))


def _own_slack(mpec: MPEC, chosen: Integers) -> Integers:
    """Return for each pair the column that is its slack as it stands, -1 where there is none."""
    pairs = mpec.complementarity
    begin, count = pairs.slack.indptr[chosen], np.diff(pairs.slack.indptr)[chosen]
    itself = (count == 1) & (pairs.offset[chosen] == 0)
    column = np.full(len(chosen), -1, np.int64)
    column[itself] = pairs.slack.indices[begin[itself]]
    itself[itself] = pairs.slack.data[begin[itself]] > 0
    return np.where(itself, column, -1)


def _slack_columns(mpec: MPEC, bounds: Bounds, fresh: Integers) -> Columns:
    count, names = len(fresh), mpec.complementarity.names.take(fresh)
    return Columns(
        np.zeros(count),
        bounds.slack_upper[fresh],
        np.zeros(count, bool),
        Names(count, lambda i: f"slack of {names[i]}"),
    )


def _slack_rows(mpec: MPEC, fresh: Integers, size: int) -> Rows:
    pairs, count = mpec.complementarity, len(fresh)
    matrix = appended(sparse.csr_array(pairs.slack[fresh]), size + np.arange(count), -np.ones(count), size + count)
    names = pairs.names.take(fresh)
    return Rows(matrix, pairs.offset[fresh], pairs.offset[fresh], Names(count, lambda i: f"slack of {names[i]}"))
