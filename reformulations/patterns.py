"""The MPEC at one complementarity pattern: a linear or convex quadratic program."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Booleans, Columns, Floats, MixedIntegerProgram, Rows


def at_pattern(mpec: MPEC, active: Booleans, integers: Floats) -> MixedIntegerProgram:
    """Return what is left when every pair and integer is decided.

    Where ``active`` ``(p,)``, the slack is zero; in other pairs the multiplier is. The integer columns
    are ``integers`` ``(q,)``, rounded. Every point of the program is complementary, and a point of the
    MPEC is one of the program of its pattern: no big-M is left in it.
    """
    pairs = mpec.complementarity
    off = ~active & ~pairs.equality
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    upper[pairs.multiplier[off]] = 0.0
    whole = mpec.columns.integer
    lower[whole] = upper[whole] = np.round(integers)
    single = active & (pairs.row < 0)
    first = pairs.slack.indptr[:-1][single]
    column, sign = pairs.slack.indices[first], pairs.slack.data[first]
    lower[column] = upper[column] = sign * pairs.offset[single]
    row_upper = mpec.rows.upper.copy()
    tight = active & (pairs.row >= 0)
    row_upper[pairs.row[tight]] = pairs.offset[tight]
    return MixedIntegerProgram(
        Columns(lower, upper, np.zeros(len(lower), bool), mpec.columns.names),
        Rows(sparse.csr_array(mpec.rows.matrix), mpec.rows.lower, row_upper, mpec.rows.names),
        mpec.cost,
        mpec.constant,
        mpec.products,
    )
