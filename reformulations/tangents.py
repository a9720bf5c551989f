"""Convex quadratic objectives as linear ones with tangent cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from reformulations.interval import activity_range
from reformulations.programs import Columns, Floats, Matrix, MixedIntegerProgram, Names, Product, Rows

FIRST_POINTS = 9
"""Tangent points of each square at the start, spread over its finite range."""

OPEN_POINTS = np.array([0.0, 1.0, -1.0, 1e2, -1e2, 1e4, -1e4, 1e6, -1e6])
"""Tangent points where the range is infinite: the tangents then bound the square's growth everywhere."""


@dataclass(frozen=True, slots=True)
class Squares:
    """A convex form as weighted squares: ``products(z) == sum_k weight[k] (factor[k] @ z) ** 2``.

    ``factor`` is ``(r, n)``, ``weight`` ``(r,)`` positive.
    """

    factor: Matrix
    weight: Floats

    def __len__(self) -> int:
        return len(self.weight)

    def roots(self, point: Floats) -> Floats:
        """Return ``factor @ point`` ``(r,)``."""
        return np.asarray(self.factor @ point[: self.factor.shape[1]])

    def value(self, point: Floats) -> float:
        """Return the form at ``point``."""
        return float(self.weight @ self.roots(point) ** 2)


def squares(products: Product, n: int) -> Squares:
    """Split a convex quadratic form into squares, one connected block of columns at a time.

    Each block's Hessian is decomposed by its eigenvectors; eigenvalues below 1e-12 of the largest
    are dropped (they are zero up to rounding in a positive semidefinite block).
    """
    half = products.hessian(n) * 0.5
    used = np.flatnonzero(np.diff(half.indptr) > 0)
    block = sparse.csr_array(half[used][:, used])
    count, label = csgraph.connected_components(block, directed=False) if len(used) else (0, np.empty(0, int))
    weights: list[float] = []
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for b in range(count):
        members = np.flatnonzero(label == b)
        eigenvalues, vectors = np.linalg.eigh(block[members][:, members].toarray())
        for k in np.flatnonzero(eigenvalues > 1e-12 * eigenvalues.max(initial=0.0)):
            rows += [len(weights)] * len(members)
            columns += used[members].tolist()
            values += vectors[:, k].tolist()
            weights.append(float(eigenvalues[k]))
    factor = sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=(len(weights), n)).tocsr())
    factor.eliminate_zeros()
    return Squares(factor, np.array(weights, np.float64))


def epigraph(program: MixedIntegerProgram) -> tuple[MixedIntegerProgram, Squares]:
    """Replace a convex quadratic objective by one column a square, bounded below by tangents.

    Source: ``min c z + sum_k w_k (v_k z)**2``. Image: ``min c z + sum_k t_k`` with the tangents
    ``t_k >= w_k (2 s v_k z - s**2)`` at :data:`FIRST_POINTS` points ``s`` of the range of ``v_k z``. The
    image's optimum is a lower bound; with range ``R`` and ``P`` points each ``t_k`` is short of its
    square by at most ``w_k (R / (P - 1) / 2)**2``, and further tangents close the gap.
    """
    n = len(program.columns)
    parts = squares(program.products, n)
    r = len(parts)
    if not r:
        return program, parts
    fresh = Columns(
        np.zeros(r), np.full(r, np.inf), np.zeros(r, bool), Names(r, lambda k: f"square {k} of the objective")
    )
    low, high = activity_range(parts.factor, program.columns.lower, program.columns.upper)
    finite = np.isfinite(low) & np.isfinite(high)
    at = np.linspace(np.where(finite, low, 0.0), np.where(finite, high, 0.0), FIRST_POINTS)
    at = np.where(finite, at, np.clip(OPEN_POINTS[:, np.newaxis], low, high))
    rows = program.rows
    for points in at:
        rows = rows.append(tangents(parts, points))
    image = MixedIntegerProgram(
        program.columns.append(fresh), rows, np.concatenate([program.cost, np.ones(r)]), program.constant
    )
    return image, parts


def tangents(parts: Squares, points: Floats) -> Rows:
    """Return the rows ``t_k - 2 w_k s_k v_k z >= -w_k s_k**2`` at ``points`` ``(r,)``, ``t`` last."""
    r = len(parts)
    slope = sparse.diags_array(-2.0 * parts.weight * points) @ parts.factor
    matrix = sparse.hstack([slope, sparse.eye_array(r)], format="csr")
    return Rows(
        sparse.csr_array(matrix),
        -parts.weight * points**2,
        np.full(r, np.inf),
        Names(r, lambda k: f"tangent of square {k} at {points[k]:.6g}"),
    )
