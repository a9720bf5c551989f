"""Uncertainty sets: what every one offers, and boxes, polyhedra and finite scenarios.

Every set is bounded and nonempty, indexed ``0..n-1``, and offers the same methods (:class:`UncertaintySet`). Budgets of
deviations stand in :mod:`reformulations.sets.budget`, probability distributions in
:mod:`reformulations.sets.distributions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats, Matrix
from reformulations.sets.distributions import distribution
from reformulations.sets.linear_sets import EntryError, LinearSet, cost_vector, frozen_vector, same_length
from reformulations.sets.vertices import TooManyVertices, polytope_vertices


class UncertaintySet(Protocol):
    """What nature may choose from: a compact set of points ``u`` ``(n,)``."""

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        ...

    @property
    def is_convex(self) -> bool:
        """Whether every mixture of two points of the set is one."""
        ...

    def nominal(self) -> Floats:
        """Return the point ``(n,)`` of the set that is expected when nothing goes wrong."""
        ...

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether ``u`` satisfies every row of the set within ``tolerance``."""
        ...

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return a point ``(n,)`` of the set that maximises ``cost @ u``."""
        ...

    def support(self, cost: ArrayLike) -> float:
        """Return the support function ``max {cost @ u: u in the set}``."""
        ...

    def polyhedral(self) -> LinearSet:
        """Return linear rows that describe the convex hull of the set."""
        ...

    def vertices(self, limit: int) -> Floats:
        """Return all vertices ``(v, n)``, or raise :class:`TooManyVertices` if there are more than ``limit``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """``{u: low <= u <= high}``, bounds ``(n,)``.

    Raises
    ------
    ValueError
        If a bound is not finite or ``low`` is above ``high``.
    """

    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", frozen_vector("low", self.low))
        object.__setattr__(self, "high", frozen_vector("high", self.high))
        same_length("low", self.low, "high", self.high)
        _check_order("column", self.low, self.high)

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        return len(self.low)

    @property
    def is_convex(self) -> bool:
        """Every mixture of two points of the set is one."""
        return True

    def nominal(self) -> Floats:
        """Return the centre."""
        return self.low + (self.high - self.low) / 2

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether every bound holds within ``tolerance``."""
        point = np.asarray(u, dtype=np.float64)
        return bool(np.all(point >= self.low - tolerance) and np.all(point <= self.high + tolerance))

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the upper bound where the cost is positive, the lower where negative, the centre where zero."""
        price = cost_vector(cost, self.dimension)
        return np.where(price > 0, self.high, np.where(price < 0, self.low, self.nominal()))

    def support(self, cost: ArrayLike) -> float:
        """Return ``max cost @ u``."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return the bounds, without rows."""
        empty = np.empty(0)
        matrix = sparse.csr_array((0, self.dimension), dtype=np.float64)
        return LinearSet(matrix, empty, empty.copy(), self.low, self.high, self.dimension)

    def vertices(self, limit: int) -> Floats:
        """Return the ``2^k`` corners, ``k`` columns having two distinct bounds."""
        wide = np.flatnonzero(self.low < self.high)
        if 2 ** len(wide) > limit:
            raise TooManyVertices(limit)
        corners = np.tile(self.low, (2 ** len(wide), 1))
        for row, high in zip(corners, product((False, True), repeat=len(wide)), strict=True):
            row[wide[list(high)]] = self.high[wide[list(high)]]
        return corners


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Finitely many points ``(s, n)``, with a probability ``(s,)`` each where one is known.

    Raises
    ------
    ValueError
        If there is no point, a number is not finite, or the probabilities are not a distribution over the points.
    """

    points: Floats
    probability: Floats | None = None

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or len(points) == 0:  # noqa: PLR2004 - a table has two axes
            raise ValueError(f"points has shape {points.shape}, expected one row for each of at least one scenario")
        bad = np.argwhere(~np.isfinite(points))
        if len(bad):
            raise ValueError(f"points[{bad[0, 0]}, {bad[0, 1]}] is {points[tuple(bad[0])]}, expected a finite number")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)
        if self.probability is not None:
            object.__setattr__(self, "probability", distribution("probability", self.probability))
            same_length("points", points[:, 0] if points.shape[1] else points, "probability", self.probability)

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        return int(self.points.shape[1])

    @property
    def is_convex(self) -> bool:
        """Finitely many points are convex only where there is one."""
        return len(np.unique(self.points, axis=0)) == 1

    def nominal(self) -> Floats:
        """Return the most probable scenario, the first one where no probabilities are known."""
        return np.array(self.points[0 if self.probability is None else int(np.argmax(self.probability))])

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether one of the scenarios equals ``u`` within ``tolerance``."""
        return bool(np.any(np.all(np.abs(self.points - np.asarray(u, dtype=np.float64)) <= tolerance, axis=1)))

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the first of the scenarios with the largest cost."""
        return np.array(self.points[int(np.argmax(self.points @ cost_vector(cost, self.dimension)))])

    def support(self, cost: ArrayLike) -> float:
        """Return ``max cost @ u`` over the scenarios."""
        return float(np.max(self.points @ cost_vector(cost, self.dimension)))

    def polyhedral(self) -> LinearSet:
        """Return the convex hull ``u = points' w, sum w = 1, w >= 0``; the extra columns are the weights ``w``.

        Exact when
            the cost is convex in ``u``: the hull has the same worst case then, and holds more points otherwise.
        """
        count, size = self.points.shape
        matrix = np.block([[np.eye(size), -self.points.T], [np.zeros((1, size)), np.ones((1, count))]])
        sides = np.append(np.zeros(size), 1.0)
        return LinearSet(
            sparse.csr_array(matrix),
            sides,
            sides.copy(),
            np.concatenate([self.points.min(axis=0), np.zeros(count)]),
            np.concatenate([self.points.max(axis=0), np.ones(count)]),
            size,
        )

    def vertices(self, limit: int) -> Floats:
        """Return the distinct scenarios, those inside the convex hull of others included."""
        distinct = np.unique(self.points, axis=0)
        if len(distinct) > limit:
            raise TooManyVertices(limit)
        return distinct


@dataclass(frozen=True, slots=True, eq=False)
class Polyhedron:
    """``{u: lower <= matrix @ u <= upper, low <= u <= high}``, a bounded nonempty polytope.

    ``matrix`` is ``(r, n)``, ``lower`` and ``upper`` are ``(r,)``, ``low`` and ``high`` ``(n,)``; infinite sides are
    absent, as long as the rows bound what the columns do not.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN, the sides of a row or column cross, or the set is empty or unbounded.
    """

    matrix: Matrix
    lower: Floats
    upper: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        matrix = sparse.csr_array(self.matrix).astype(np.float64, copy=True)
        if matrix.ndim != 2:  # noqa: PLR2004 - a matrix has two axes
            raise ValueError(f"matrix of the polyhedron has shape {matrix.shape}, expected rows of coefficients")
        if not np.isfinite(matrix.data).all():
            raise ValueError("matrix of the polyhedron has an entry that is not finite")
        object.__setattr__(self, "matrix", matrix)
        rows, columns = matrix.shape
        for item, length in (("lower", rows), ("upper", rows), ("low", columns), ("high", columns)):
            side = np.array(getattr(self, item), dtype=np.float64)
            if side.shape != (length,) or np.isnan(side).any():
                raise ValueError(f"{item} of the polyhedron: expected {length} numbers, got {side.tolist()}")
            object.__setattr__(self, item, side)
        _check_order("row", self.lower, self.upper)
        _check_order("column", self.low, self.high)
        self.worst_case(np.zeros(columns))
        self._check_bounded()

    def _check_bounded(self) -> None:
        for side, word, sign in ((self.high, "upper", 1.0), (self.low, "lower", -1.0)):
            for column in np.flatnonzero(np.isinf(side)):
                direction = np.zeros(self.dimension)
                direction[column] = sign
                try:
                    self.worst_case(direction)
                except ValueError as error:
                    raise EntryError(
                        "column ", int(column), f" of the polyhedron has no {word} bound: {error}"
                    ) from error

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        return int(self.matrix.shape[1])

    @property
    def is_convex(self) -> bool:
        """Every mixture of two points of the set is one."""
        return True

    def nominal(self) -> Floats:
        """Return the mean of the points that are extreme in each coordinate, a point well inside the set."""
        axes = np.eye(self.dimension)
        return np.asarray(np.mean([self.worst_case(axis) for axis in [*axes, *-axes]], axis=0))

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether every row and every bound holds within ``tolerance``."""
        point = np.asarray(u, dtype=np.float64)
        activity = self.matrix @ point
        rows = np.all(activity >= self.lower - tolerance) and np.all(activity <= self.upper + tolerance)
        return bool(rows and np.all(point >= self.low - tolerance) and np.all(point <= self.high + tolerance))

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return a vertex that maximises ``cost @ u``, by one linear program."""
        return self.polyhedral().maximiser(cost)

    def support(self, cost: ArrayLike) -> float:
        """Return ``max cost @ u``."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return the rows and bounds themselves, without extra columns."""
        return LinearSet(self.matrix, self.lower, self.upper, self.low, self.high, self.dimension)

    def vertices(self, limit: int) -> Floats:
        """Return all vertices, met one after the other along the edges (:func:`polytope_vertices`)."""
        return polytope_vertices(self.polyhedral(), limit)


def _check_order(what: str, lower: Floats, upper: Floats) -> None:
    crossed = np.flatnonzero(lower > upper)
    if len(crossed):
        k = crossed[0]
        sides = f" of the set has its lower side {lower[k]:g} above its upper side {upper[k]:g}"
        raise ValueError(f"{what} {k}{sides}") if what == "row" else EntryError(f"{what} ", int(k), sides)
