"""The MPEC at one complementarity pattern: a linear or convex quadratic program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Booleans, Columns, Floats, MixedIntegerProgram, Rows


def at_pattern(mpec: MPEC, active: Booleans, integers: Floats) -> MixedIntegerProgram:
    """Return what is left when every pair and integer is decided.

    Where ``active`` ``(p,)``, the slack is zero; in other pairs the multiplier is. The integer columns
    are ``integers`` ``(q,)``, rounded. Every point of the program is complementary, and a point of the
    MPEC is one of the program of its pattern: no big-M is left in it.
    """
    whole, lower, upper = mpec.columns.integer, mpec.columns.lower.copy(), mpec.columns.upper.copy()
    lower[whole] = upper[whole] = np.round(integers)
    columns = Columns(lower, upper, np.zeros(len(lower), bool), mpec.columns.names)
    return at_faces(replace(mpec, columns=columns), active, ~active & ~mpec.complementarity.equality)


def at_faces(mpec: MPEC, met: Booleans, off: Booleans) -> MixedIntegerProgram:
    """Return the MPEC with slacks or multipliers of some pairs at zero, and nothing said of the others.

    Where ``met`` ``(p,)`` the slack is zero, where ``off`` ``(p,)`` the multiplier is.
    """
    pairs = mpec.complementarity
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    upper[pairs.multiplier[off]] = 0.0
    single = met & (pairs.row < 0)
    first = pairs.slack.indptr[:-1][single]
    column, sign = pairs.slack.indices[first], pairs.slack.data[first]
    lower[column] = upper[column] = sign * pairs.offset[single]
    row_upper = mpec.rows.upper.copy()
    tight = met & (pairs.row >= 0)
    row_upper[pairs.row[tight]] = pairs.offset[tight]
    return MixedIntegerProgram(
        replace(mpec.columns, lower=lower, upper=upper),
        Rows(sparse.csr_array(mpec.rows.matrix), mpec.rows.lower, row_upper, mpec.rows.names),
        mpec.cost,
        mpec.constant,
        mpec.products,
    )
