"""The optimality system without its complementarities, and what holds of each pair all the same."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.bounds import Bounds, Source
from reformulations.programs import MPEC, Booleans, Columns, Floats, Integers, MixedIntegerProgram, Names, Rows

LARGEST = 1e6
"""A pair row with a larger bound cuts off less than a solver's tolerance."""


def without_complementarity(mpec: MPEC, bounds: Bounds) -> MixedIntegerProgram:
    """Return the relaxation of an MPEC that a branch and bound on its pairs begins with.

    ``0 <= lambda _|_ s >= 0`` becomes ``0 <= lambda``, ``0 <= s``, and where ``lambda <= L`` and ``s <= S`` are
    derived and finite the pair row ``lambda / L + s / S <= 1``, the convex hull of the pair in that box.
    The columns are the MPEC's; the integer columns stay integer.
    """
    return MixedIntegerProgram(
        _bounded_columns(mpec, bounds),
        mpec.rows.append(_pair_rows(mpec, bounds)),
        mpec.cost,
        mpec.constant,
        mpec.products,
    )


def forced(mpec: MPEC, bounds: Bounds) -> tuple[Booleans, Booleans]:
    """Mask the pairs ``(p,)`` whose slack, and those whose multiplier is zero by their bounds."""
    inequality = ~mpec.complementarity.equality
    multiplier = inequality & (bounds.multiplier_upper <= 0)
    return inequality & ~multiplier & (bounds.slack_upper <= 0), multiplier


def excluded_opposites(mpec: MPEC) -> Integers:
    """Return for each pair ``(p,)`` the one whose multiplier is zero when its slack is, or -1.

    The two sides ``a z >= L`` and ``-a z >= -U`` are ``U - L`` apart, so they are never active together.
    """
    pairs = mpec.complementarity
    other = np.where(pairs.opposite >= 0, pairs.offset[pairs.opposite], np.inf)
    return np.where(pairs.offset + other < 0, pairs.opposite, -1)


def _bounded_columns(mpec: MPEC, bounds: Bounds) -> Columns:
    columns, pairs = mpec.columns, mpec.complementarity
    upper = columns.upper.copy()
    upper[pairs.multiplier] = np.minimum(upper[pairs.multiplier], bounds.multiplier_upper)
    return Columns(columns.lower, upper, columns.integer, columns.names)


def _pair_rows(mpec: MPEC, bounds: Bounds) -> Rows:
    pairs, size = mpec.complementarity, len(mpec.columns)
    known = (bounds.source == Source.DERIVED) & (bounds.slack_source == Source.DERIVED)
    positive = (bounds.multiplier_upper > 0) & (bounds.slack_upper > 0)
    small = (bounds.multiplier_upper <= LARGEST) & (bounds.slack_upper <= LARGEST)
    chosen = np.flatnonzero(known & positive & small & ~pairs.equality)
    count, slack_upper = len(chosen), bounds.slack_upper[chosen]
    entries = (1 / bounds.multiplier_upper[chosen], (np.arange(count), pairs.multiplier[chosen]))
    multipliers = sparse.coo_array(entries, shape=(count, size)).tocsr()
    slacks = sparse.diags_array(1 / slack_upper) @ pairs.slack[chosen] if count else sparse.csr_array((0, size))
    right: Floats = 1 + pairs.offset[chosen] / slack_upper
    names = pairs.names.take(chosen)
    return Rows(
        sparse.csr_array(multipliers + slacks),
        np.full(count, -np.inf),
        right,
        Names(count, lambda i: f"pair {names[i]}"),
    )
