"""Complementarities as rows on condition of a binary: no bound is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.big_m import activity_columns, always_active_rows, bounded_columns, opposite_rows
from reformulations.bounds import Bounds
from reformulations.pair_rows import forced
from reformulations.programs import MPEC, Integers, widened
from reformulations.recovery import Recovery, Reduced
from reformulations.spatial import Indicators, SpatialProgram, appended


@dataclass(frozen=True, slots=True)
class Indicator:
    """Write each complementarity with one binary that says which side is zero.

    Source: ``0 <= lambda _|_ a z - w >= 0``. Image::

        b == 1  =>  a z <= w,     b == 0  =>  lambda <= 0,     b in {0, 1},     b + b_opposite <= 1

    The last row stands once for two sides of one row or column that cannot be active together. A pair
    of which one side is zero by its bounds needs no binary. Exact always, whatever the bounds.
    """

    bounds: Bounds

    def apply(self, mpec: MPEC) -> Reduced[SpatialProgram]:
        """Return the program, the binaries behind the MPEC's columns; ``recover`` drops them."""
        pairs, size = mpec.complementarity, len(mpec.columns)
        always, never = forced(mpec, self.bounds)
        free = np.flatnonzero(~pairs.equality & ~always & ~never)
        binary = np.full(len(pairs), -1, np.int64)
        binary[free] = size + np.arange(len(free))
        columns = bounded_columns(mpec, self.bounds).append(activity_columns(pairs.names.take(free)))
        rows = mpec.rows.append(always_active_rows(mpec, np.flatnonzero(always)))
        program = SpatialProgram(
            columns,
            rows.append(opposite_rows(mpec, free, binary)),
            np.concatenate([mpec.cost, np.zeros(len(free))]),
            mpec.constant,
            mpec.products,
            indicators=_switches(mpec, free, binary[free]),
        )
        return Reduced(program, Recovery.selecting(np.arange(size), len(columns)))


def _switches(mpec: MPEC, free: Integers, binary: Integers) -> Indicators:
    pairs, count = mpec.complementarity, len(free)
    size = len(mpec.columns) + count
    nothing = sparse.csr_array((count, size))
    multipliers = appended(nothing, pairs.multiplier[free], np.ones(count), size)
    slacks = widened(sparse.csr_array(pairs.slack[free]), size)
    return Indicators(
        np.concatenate([binary, binary]),
        np.repeat([True, False], count),
        sparse.csr_array(sparse.vstack([slacks, multipliers], format="csr")),
        np.concatenate([pairs.offset[free], np.zeros(count)]),
    )
