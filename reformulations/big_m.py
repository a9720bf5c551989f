"""Complementarities as binaries and big-M rows, each M with its source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.bounds import Bounds
from reformulations.programs import MPEC, Columns, Floats, Integers, Matrix, MixedIntegerProgram, Names, Rows
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable

LARGEST_M = 1e5
"""No larger M is written: at HiGHS's integrality tolerance of 1e-6 it would leave 0.1 of slack."""


@dataclass(frozen=True, slots=True)
class BigM:
    """Write each complementarity with one binary.

    Source: ``0 <= lambda _|_ s >= 0`` with ``lambda <= L``, ``s <= S``.
    Image::

        lambda <= L b,     s <= S (1 - b),     b in {0, 1},     b + b_opposite <= 1

    ``L == 0`` fixes the multiplier, ``S == 0`` says the row is always active: no binary. The last row
    stands once for two sides of one row or column that cannot be active together. Exact when the
    bounds are valid (Fortuny-Amat & McCarl 1981, doi:10.1057/jors.1981.156).

    Raises
    ------
    NotApplicable
        When a bound is infinite or exceeds :data:`LARGEST_M`, or products remain in rows.
    """

    bounds: Bounds

    def apply(self, mpec: MPEC) -> Reduced[MixedIntegerProgram]:
        """Return the mixed-integer program; ``recover`` drops the binaries."""
        _refuse_products(mpec)
        _refuse_unbounded(mpec, self.bounds)
        pairs, bounds, size = mpec.complementarity, self.bounds, len(mpec.columns)
        inequality, needs = pairs.pairs, binaries_of(mpec, bounds)
        columns = bounded_columns(mpec, bounds).append(activity_columns(pairs.names.take(needs)))
        binary = np.full(len(pairs), -1, np.int64)
        binary[needs] = size + np.arange(len(needs))
        always = inequality[(bounds.slack_upper[inequality] <= 0) & (bounds.multiplier_upper[inequality] > 0)]
        rows = (
            mpec.rows.append(_multiplier_rows(mpec, needs, binary, bounds.multiplier_upper))
            .append(_slack_rows(mpec, needs, binary, bounds.slack_upper))
            .append(always_active_rows(mpec, always))
            .append(opposite_rows(mpec, needs, binary))
        )
        cost = np.concatenate([mpec.cost, np.zeros(len(needs))])
        program = MixedIntegerProgram(columns, rows, cost, mpec.constant, mpec.products)
        recover = Recovery.selecting(np.arange(size), len(columns))
        return Reduced(program, recover)


def binaries_of(mpec: MPEC, bounds: Bounds) -> Integers:
    """Return which complementarities get a binary, in the order of the binary columns."""
    inequality = mpec.complementarity.pairs
    return inequality[(bounds.multiplier_upper[inequality] > 0) & (bounds.slack_upper[inequality] > 0)]


def _refuse_products(mpec: MPEC) -> None:
    products, names = mpec.rows.products, mpec.columns.names
    for term in range(min(len(products), 1)):
        pair = f"{names[int(products.left[term])]}*{names[int(products.right[term])]}"
        raise NotApplicable(
            mpec.rows.names[int(products.index[term])],
            f"the product {pair} is not linear; make one of its factors binary",
        )


def _refuse_unbounded(mpec: MPEC, bounds: Bounds) -> None:
    pairs = mpec.complementarity
    zero = (bounds.multiplier_upper <= 0) | (bounds.slack_upper <= 0)
    for name, upper in (("multiplier", bounds.multiplier_upper), ("slack", bounds.slack_upper)):
        missing = ~pairs.equality & ~zero & ~(upper <= LARGEST_M)
        for row in np.flatnonzero(missing)[:1]:
            found = f"the smallest bound found for its {name}, {upper[row]:.3g}, is above {LARGEST_M:.0e}"
            if np.isinf(upper[row]):
                found = f"no finite bound can be derived for its {name}"
            raise NotApplicable(
                pairs.names[int(row)],
                f"{found}; bound the variables it involves, or give bl.BigM(bounds=...)",
            )


def bounded_columns(mpec: MPEC, bounds: Bounds) -> Columns:
    """Return the columns of an MPEC with the bounds of the multipliers of its inequalities."""
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    column, equality = mpec.complementarity.multiplier, mpec.complementarity.equality
    inequality = ~equality
    upper[column[inequality]] = np.minimum(upper[column[inequality]], bounds.multiplier_upper[inequality])
    return Columns(lower, upper, mpec.columns.integer, mpec.columns.names)


def activity_columns(names: Names) -> Columns:
    """Return one binary column a complementarity, 1 where its row is active."""
    count = len(names)
    return Columns(np.zeros(count), np.ones(count), np.ones(count, bool), Names(count, lambda i: f"active {names[i]}"))


def _entries(count: int, column: Integers, value: Floats, width: int) -> Matrix:
    return sparse.csr_array((value, (np.arange(count), column)), shape=(count, width))


def _multiplier_rows(mpec: MPEC, needs: Integers, binary: Integers, upper: Floats) -> Rows:
    count, width = len(needs), len(mpec.columns) + len(needs)
    left = _entries(count, mpec.complementarity.multiplier[needs], np.ones(count), width)
    right = _entries(count, binary[needs], upper[needs], width)
    names = mpec.complementarity.names.take(needs)
    return Rows(
        sparse.csr_array(left - right),
        np.full(count, -np.inf),
        np.zeros(count),
        Names(count, lambda i: f"multiplier switch of {names[i]}"),
    )


def _slack_rows(mpec: MPEC, needs: Integers, binary: Integers, upper: Floats) -> Rows:
    count, width = len(needs), len(mpec.columns) + len(needs)
    slack = mpec.complementarity.slack[needs]
    left = sparse.csr_array((slack.data, slack.indices, slack.indptr), shape=(count, width))
    right = _entries(count, binary[needs], upper[needs], width)
    names = mpec.complementarity.names.take(needs)
    return Rows(
        sparse.csr_array(left + right),
        np.full(count, -np.inf),
        mpec.complementarity.offset[needs] + upper[needs],
        Names(count, lambda i: f"slack switch of {names[i]}"),
    )


def always_active_rows(mpec: MPEC, always: Integers) -> Rows:
    """Return the rows that say that the slacks of ``always`` are zero."""
    pairs, names = mpec.complementarity, mpec.complementarity.names.take(always)
    return Rows(
        sparse.csr_array(pairs.slack[always]),
        np.full(len(always), -np.inf),
        pairs.offset[always],
        Names(len(always), lambda i: f"always active {names[i]}"),
    )


def opposite_rows(mpec: MPEC, needs: Integers, binary: Integers) -> Rows:
    """Return one row for two sides of a row or column that are never active together."""
    pairs = mpec.complementarity
    other = pairs.opposite[needs]
    apart = (other > needs) & (binary[other] >= 0)
    # the two sides a z >= L and -a z >= -U are U - L > 0 apart, so they are never active together
    apart &= pairs.offset[needs] + np.where(other >= 0, pairs.offset[other], 0.0) < 0
    first, second = binary[needs[apart]], binary[other[apart]]
    count, width = len(first), len(mpec.columns) + len(needs)
    ones = np.ones(count)
    names = pairs.names.take(needs[apart])
    return Rows(
        sparse.csr_array(_entries(count, first, ones, width) + _entries(count, second, ones, width)),
        np.full(count, -np.inf),
        ones,
        Names(count, lambda i: f"one side of {names[i]}"),
    )
