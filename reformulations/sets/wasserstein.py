"""Distributions near a reference when moving mass costs its distance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats
from reformulations.sets.distributions import distribution
from reformulations.sets.linear_sets import LinearSet, cost_vector
from reformulations.sets.vertices import polytope_vertices

_TABLE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Wasserstein:
    """``{rho: moving reference to rho costs at most radius}``: a ball of order 1 on finitely many outcomes.

    ::

        rho_j = sum_i pi_ij,   sum_j pi_ij = reference_i,   sum_ij distance_ij pi_ij <= radius,   pi >= 0

    ``reference`` is ``(n,)``, ``distance`` ``(n, n)``, nonnegative with a zero diagonal, in the unit of ``radius``.
    Source: Mohajerin Esfahani & Kuhn, Mathematical Programming 171 (2018), DOI 10.1007/s10107-017-1172-1; here the
    support is the given outcomes.

    Raises
    ------
    ValueError
        If ``reference`` is not a distribution, ``distance`` no table of distances, or ``radius`` negative.
    """

    reference: Floats
    distance: Floats
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", distribution("reference", self.reference))
        distance = np.array(self.distance, dtype=np.float64)
        if distance.ndim != _TABLE or distance.shape != (self.dimension, self.dimension):
            raise ValueError(f"distance has shape {distance.shape}, expected {(self.dimension, self.dimension)}")
        if not np.isfinite(distance).all() or np.any(distance < 0) or np.any(np.diag(distance) != 0):
            raise ValueError("distance is expected to be finite and nonnegative, with zeros on its diagonal")
        distance.flags.writeable = False
        object.__setattr__(self, "distance", distance)
        if not self.radius >= 0:
            raise ValueError(f"radius is {self.radius}, expected a number from 0 up")

    @property
    def dimension(self) -> int:
        """Number ``n`` of outcomes."""
        return len(self.reference)

    @property
    def is_convex(self) -> bool:
        """Every mixture of two points of the set is one."""
        return True

    def nominal(self) -> Floats:
        """Return the reference distribution."""
        return self.reference.copy()

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether ``u`` is a distribution whose transport from the reference costs ``radius`` at most."""
        point = np.asarray(u, dtype=np.float64)
        if np.min(point) < -tolerance or abs(point.sum() - self.reference.sum()) > tolerance * self.dimension:
            return False
        low, high = np.maximum(point - tolerance, 0.0), point + tolerance
        lifted = self.polyhedral()
        within = replace(
            lifted,
            column_lower=np.concatenate([low, lifted.column_lower[self.dimension :]]),
            column_upper=np.concatenate([high, lifted.column_upper[self.dimension :]]),
            upper=lifted.upper + np.append(np.zeros(len(lifted.upper) - 1), tolerance),
        )
        try:
            within.maximiser(np.zeros(self.dimension))
        except ValueError:
            return False
        return True

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the distribution that moves mass where it gains most for each unit of distance.

        The best gain of a unit of mass at ``i`` by distance is the concave envelope of ``cost_j`` over ``distance_ij``.
        Its segments over all ``i``, by falling slope, are taken until the radius is spent (a fractional knapsack with
        choices); ``O(n^2 log n)``.
        """
        price = cost_vector(cost, self.dimension)
        worst = np.zeros(self.dimension)
        segments = []
        for i in np.flatnonzero(self.reference > 0).tolist():
            path = self._envelope(i, price)
            worst[path[0]] += self.reference[i]
            for start, end in pairwise(path):
                length = self.distance[i, end] - self.distance[i, start]
                segments.append(((price[end] - price[start]) / length, self.reference[i], length, start, end))
        # of one outcome the slopes fall along its path, so its segments come in their order
        left = self.radius
        for _, mass, length, start, end in sorted(segments, key=lambda segment: -segment[0]):
            moved = min(mass, left / length)
            worst[start] -= moved
            worst[end] += moved
            left -= moved * length
            if left <= 0:
                break
        return np.maximum(worst, 0.0)

    def support(self, cost: ArrayLike) -> float:
        """Return the largest expected cost ``max cost @ rho``."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return the transport's rows; the extra columns are the moved masses ``pi``, row by row."""
        size = self.dimension
        identity, ones = sparse.eye_array(size), sparse.csr_array(np.ones((1, size)))
        arrived = sparse.hstack([identity, -sparse.kron(ones, identity)])
        left = sparse.hstack([sparse.csr_array((size, size)), sparse.kron(identity, ones)])
        spent = sparse.hstack([sparse.csr_array((1, size)), sparse.csr_array(self.distance.reshape(1, -1))])
        sides = np.concatenate([np.zeros(size), self.reference])
        total = float(self.reference.sum())
        return LinearSet(
            sparse.csr_array(sparse.vstack([arrived, left, spent], format="csr")),
            np.append(sides, -np.inf),
            np.append(sides, self.radius),
            np.zeros(size + size**2),
            np.concatenate([np.full(size, total), np.repeat(self.reference, size)]),
            size,
        )

    def vertices(self, limit: int) -> Floats:
        """Return distributions ``(v, n)`` among which all vertices are: those of the vertices of the transport.

        Raises
        ------
        TooManyVertices
            If the transport has more than ``limit``.
        """
        lifted = self.polyhedral()
        corners = polytope_vertices(replace(lifted, dimension=lifted.matrix.shape[1]), limit)
        return np.unique(np.round(corners[:, : self.dimension], 12), axis=0)

    def _envelope(self, i: int, price: Floats) -> list[int]:
        """Return the outcomes on the concave envelope of price over distance from ``i``, while it rises."""
        order = np.lexsort((-price, self.distance[i]))
        path: list[int] = []
        for j in order.tolist():
            if path and price[j] <= price[path[-1]]:
                continue
            while len(path) > 1 and self._slope(i, price, path[-1], j) >= self._slope(i, price, path[-2], path[-1]):
                path.pop()
            path.append(j)
        return path

    def _slope(self, i: int, price: Floats, start: int, end: int) -> float:
        return float((price[end] - price[start]) / (self.distance[i, end] - self.distance[i, start]))
