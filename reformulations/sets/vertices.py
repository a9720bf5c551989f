"""All vertices of a polytope, by walking along its edges."""

from __future__ import annotations

from collections import deque

import numpy as np
from scipy import linalg

from reformulations.programs import Booleans, Floats
from reformulations.sets.linear_sets import LinearSet

_TOUCHING = 1e-8
"""A row is active within this distance, once the polytope is scaled into the cube ``[-1, 1]^n``."""

_SIGN = 1e-10
"""A rate of unit vectors below this is zero."""


class TooManyVertices(Exception):
    """A set has more vertices than the caller is ready to take."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the set has more than {limit} vertices; raise the limit, or use its linear description")
        self.limit = limit


def polytope_vertices(polytope: LinearSet, limit: int) -> Floats:
    """Return all vertices ``(v, n)`` of a bounded nonempty polytope without auxiliary columns.

    From each vertex every edge is followed to its other end; the graph of a polytope is connected (Balinski 1961), so
    all vertices are met. The edges at a vertex are the extreme rays of the cone of its active rows: columns of an
    inverse where the vertex is simple, the double description method (Motzkin et al. 1953) where it is not. Each
    vertex is solved again from its active rows, so errors do not add up along the walk.

    Exact when
        distinct vertices of the polytope, scaled into ``[-1, 1]^n``, are further apart than 1e-8.

    Raises
    ------
    TooManyVertices
        As soon as more than ``limit`` vertices have been met.
    ArithmeticError
        If the active rows of a vertex are too ill-conditioned to give a point of the polytope.
    """
    cone = np.vstack([np.eye(polytope.dimension), -np.eye(polytope.dimension)])
    extremes = np.array([polytope.maximiser(direction) for direction in cone])
    low, high = extremes.min(axis=0), extremes.max(axis=0)
    centre, half = (low + high) / 2, (high - low) / 2
    half = np.where(half <= _TOUCHING * np.maximum(1.0, np.abs(centre)), 1.0, half)

    rows, sides = _halfspaces(polytope)
    equal = polytope.lower == polytope.upper
    directions = _null_space(polytope.matrix[equal].toarray() * half)
    inner = rows * half @ directions
    norms = np.linalg.norm(inner, axis=1)
    # a row that does not vary over the affine hull holds everywhere or nowhere, and the polytope is not empty
    varies = norms > _SIGN * np.linalg.norm(rows * half, axis=1)
    inner, norms = inner[varies], norms[varies]
    origin = extremes[0]
    offsets = (sides - rows @ origin)[varies] / norms
    corners = _walk(inner / norms[:, None], offsets, limit)
    points = origin + half * (corners @ directions.T)
    return np.asarray(np.clip(points, polytope.column_lower, polytope.column_upper))


def _halfspaces(polytope: LinearSet) -> tuple[Floats, Floats]:
    """Return ``G, h`` with ``G u <= h`` for every inequality, column bounds included."""
    matrix, identity = polytope.matrix.toarray(), np.eye(polytope.dimension)
    equal = polytope.lower == polytope.upper
    rows = np.vstack([matrix[~equal], -matrix[~equal], identity, -identity])
    sides = np.concatenate(
        [polytope.upper[~equal], -polytope.lower[~equal], polytope.column_upper, -polytope.column_lower]
    )
    present = np.isfinite(sides)
    return rows[present], sides[present]


def _null_space(rows: Floats) -> Floats:
    """Return an orthonormal basis ``(n, d)`` of ``{z: rows @ z = 0}``, the identity where there are no rows."""
    norms = np.linalg.norm(rows, axis=1)
    rows = rows[norms > 0] / norms[norms > 0, None]
    if len(rows) == 0:
        return np.eye(rows.shape[1])
    return np.asarray(linalg.null_space(rows, rcond=_SIGN))


def _walk(rows: Floats, offsets: Floats, limit: int) -> Floats:
    """Return the vertices ``(v, d)`` of ``{y: rows @ y <= offsets}``, unit rows, with 0 one of its points."""
    first = _vertex_near(rows, offsets, np.zeros(rows.shape[1]))
    found, seen = [first], {_active(rows, offsets, first).tobytes()}
    waiting = deque(found)
    while waiting:
        if len(found) > limit:
            raise TooManyVertices(limit)
        here = waiting.popleft()
        active = _active(rows, offsets, here)
        for there in _neighbours(rows, offsets, here, _extreme_rays(rows[active]), ~active):
            if _active(rows, offsets, there).tobytes() in seen:
                continue
            vertex = _polished(rows, offsets, there)
            key = _active(rows, offsets, vertex).tobytes()
            if key not in seen:
                seen.add(key)
                found.append(vertex)
                waiting.append(vertex)
    return np.array(found)


def _active(rows: Floats, offsets: Floats, point: Floats) -> Booleans:
    return np.asarray(np.abs(offsets - rows @ point) <= _TOUCHING)


def _neighbours(rows: Floats, offsets: Floats, point: Floats, rays: Floats, others: Booleans) -> Floats:
    """Return where ``point`` gets to along each of the rays before the first of the rows ``others`` stops it."""
    rate = rays @ rows[others].T
    slack = np.maximum(offsets[others] - rows[others] @ point, 0.0)
    steps = np.divide(slack, rate, out=np.full(rate.shape, np.inf), where=rate > _SIGN)
    return np.asarray(point + steps.min(axis=1, initial=np.inf)[:, None] * rays)


def _vertex_near(rows: Floats, offsets: Floats, point: Floats) -> Floats:
    """Return a vertex reached from ``point`` by moving inside ever smaller faces."""
    while True:
        active = _active(rows, offsets, point)
        free = _null_space(rows[active])
        if free.shape[1] == 0:
            return _polished(rows, offsets, point)
        point = _neighbours(rows, offsets, point, free[:, :1].T, ~active)[0]


def _polished(rows: Floats, offsets: Floats, point: Floats) -> Floats:
    """Return the solution of the rows active at ``point``."""
    active = _active(rows, offsets, point)
    if not active.any():
        return point
    vertex = np.asarray(np.linalg.lstsq(rows[active], offsets[active], rcond=None)[0])
    if np.max(rows @ vertex - offsets) > _TOUCHING:
        raise ArithmeticError("a vertex of the polytope is too ill-conditioned to be computed; scale or drop its rows")
    return vertex


def _extreme_rays(rows: Floats) -> Floats:
    """Return the extreme rays ``(k, d)``, unit vectors, of the pointed cone ``{r: rows @ r <= 0}``."""
    size = rows.shape[1]
    if size == 0:
        return np.empty((0, 0))
    order = linalg.qr(rows.T, mode="r", pivoting=True)[1]
    basis, later = order[:size], order[size:]
    rays: Floats = -np.asarray(np.linalg.inv(rows[basis]), dtype=np.float64).T
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    zeros = np.zeros((size, len(rows)), dtype=np.bool_)
    zeros[:, basis] = ~np.eye(size, dtype=np.bool_)
    for row in later:
        rays, zeros = _cut(rays, zeros, rows[row], int(row))
    return rays


def _cut(rays: Floats, zeros: Booleans, row: Floats, index: int) -> tuple[Floats, Booleans]:
    """Return the rays of a cone cut by ``row @ r <= 0``, with ``zeros[i, j]`` where ray ``i`` makes row ``j`` zero."""
    rate = rays @ row
    outside, inside = rate > _SIGN, rate < -_SIGN
    zeros = zeros.copy()
    zeros[:, index] = ~outside & ~inside
    new_rays, new_zeros = [rays[~outside]], [zeros[~outside]]
    for out in np.flatnonzero(outside):
        common = zeros[out] & zeros[inside]
        for shared, kept in zip(common, np.flatnonzero(inside), strict=True):
            # two rays span a face exactly when no third ray lies on all the rows they share
            if np.count_nonzero(zeros[:, shared].all(axis=1)) == 2:  # noqa: PLR2004 - the two rays themselves
                ray = rate[out] * rays[kept] - rate[kept] * rays[out]
                mark = shared.copy()
                mark[index] = True
                new_rays.append(ray[None] / np.linalg.norm(ray))
                new_zeros.append(mark[None])
    return np.vstack(new_rays), np.vstack(new_zeros)
