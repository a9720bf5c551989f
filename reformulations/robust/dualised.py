"""The worst case of a linear form over a polytope as rows: the minimum of the dual of nature's linear program.

Source: ``eta >= g'z + f + max {(W z + w)'u : u in U}`` with ``U = {u : lower <= M (u, v) <= upper, l <= (u, v) <= h}``.
Image, exact by linear programming duality for nonempty bounded ``U``::

    eta >= g'z + f + upper'a - lower'b + h'p - l'q,    M'(a - b) + p - q = (W z + w, 0),    a, b, p, q >= 0

over one more column for each finite side of ``U`` and one more row for each of its columns (Ben-Tal, El Ghaoui &
Nemirovski, Robust Optimization, 2009, theorem 1.3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Floats, Matrix, Names, Rows, widened
from reformulations.sets.linear_sets import LinearSet


@dataclass(frozen=True, slots=True)
class UncertainForm:
    """``fixed @ z + constant + (moving @ z + offset)'u``: ``fixed`` ``(1, n)``, ``moving`` ``(k, n)``.

    ``nature`` are the names ``(k,)`` of ``u``, None for their numbers.
    """

    fixed: Matrix
    constant: float
    moving: Matrix
    offset: Floats
    nature: Names | None = None


def worst_case_rows(form: UncertainForm, within: LinearSet, eta: int, width: int, name: str) -> tuple[Columns, Rows]:
    """Return the columns, to be appended after ``width``, and the rows that keep ``z[eta]`` above the worst case."""
    wide, row = within.matrix.shape[1], sparse.eye_array(within.matrix.shape[0], format="csr")
    unit = sparse.eye_array(wide, format="csr")
    sides = (
        (within.upper, sparse.csr_array(within.matrix.T @ row), 1.0),
        (within.lower, sparse.csr_array(within.matrix.T @ row), -1.0),
        (within.column_upper, sparse.csr_array(unit), 1.0),
        (within.column_lower, sparse.csr_array(unit), -1.0),
    )
    blocks, prices = [], []
    for side, matrix, sign in sides:
        finite = np.flatnonzero(np.isfinite(side))
        blocks.append(sign * matrix[:, finite])
        prices.append(sign * side[finite])
    dual, price = sparse.csr_array(sparse.hstack(blocks, format="csr")), np.concatenate(prices)
    count = len(price)
    columns = Columns(
        np.zeros(count),
        np.full(count, np.inf),
        np.zeros(count, bool),
        Names(count, lambda j: f"multiplier {j} of nature in the {name}"),
    )
    absent = sparse.csr_array((wide - within.dimension, width))
    moving = sparse.vstack([widened(form.moving, width), absent], format="csr")
    offset = np.concatenate([form.offset, np.zeros(wide - len(form.offset))])
    above = sparse.csr_array(([1.0], ([0], [eta])), shape=(1, width)) - widened(form.fixed, width)
    conditions = sparse.hstack([-moving, dual], format="csr")
    value = sparse.hstack([above, sparse.csr_array(-price[np.newaxis])], format="csr")
    matrix = sparse.vstack([conditions, value], format="csr")
    return columns, Rows(
        sparse.csr_array(matrix),
        np.append(offset, form.constant),
        np.append(offset, np.inf),
        Names(wide, lambda j: f"condition of nature by {_called(form, j)} in the {name}") + Names.of([name]),
    )


def _called(form: UncertainForm, j: int) -> str:
    if form.nature is None:
        return f"its column {j}"
    size = len(form.nature)
    return form.nature[j] if j < size else f"auxiliary column {j - size} of its set"
