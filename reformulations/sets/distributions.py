"""Sets of probability distributions around a reference: what may be wrong with observed frequencies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats
from reformulations.sets.linear_sets import EntryError, LinearSet, cost_vector, frozen_vector
from reformulations.sets.vertices import TooManyVertices

_ROUNDING = 1e-12
"""Probabilities and moved masses that differ by less are equal."""

_SUM = 1e-9
"""Probabilities may miss the sum one by this much, as printed data do."""


def distribution(what: str, values: ArrayLike) -> Floats:
    """Return ``values`` as a read-only probability distribution ``(n,)``.

    Raises
    ------
    ValueError
        If an entry is negative or not finite, or the sum is not one; the message begins with ``what``.
    """
    vector = frozen_vector(what, values)
    bad = np.flatnonzero(vector < 0)
    if len(bad):
        raise EntryError(f"{what}[", int(bad[0]), f"] is {vector[bad[0]]:g}, expected a probability")
    if abs(vector.sum() - 1) > _SUM:
        raise ValueError(f"{what} sums to {vector.sum():.12g}, expected 1")
    return vector


@dataclass(frozen=True, slots=True, eq=False)
class DistributionBall:
    """``{rho >= 0: sum rho = 1, ||rho - reference||_1 <= l1, ||rho - reference||_inf <= linf}``.

    ``reference`` is ``(n,)``; a radius of None is absent. A point of the set is ``reference + p - q``: masses
    ``p_k <= up_k = min(linf, 1 - reference_k)`` received and ``q_k <= down_k = min(linf, reference_k)`` given, the same
    total of both, at most ``l1 / 2``.

    Raises
    ------
    ValueError
        If ``reference`` is not a distribution or a radius is negative or not a number.
    """

    reference: Floats
    l1: float | None = None
    linf: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", distribution("reference", self.reference))
        for name, radius in (("l1", self.l1), ("linf", self.linf)):
            if radius is not None and not radius >= 0:
                raise ValueError(f"{name} is {radius}, expected a radius from 0 up, or None")

    @property
    def dimension(self) -> int:
        """Number ``n`` of outcomes."""
        return len(self.reference)

    @property
    def movable(self) -> float:
        """Largest mass that may be moved, ``l1 / 2``."""
        return np.inf if self.l1 is None else self.l1 / 2

    @property
    def is_convex(self) -> bool:
        """Every mixture of two points of the set is one."""
        return True

    def nominal(self) -> Floats:
        """Return the reference distribution."""
        return self.reference.copy()

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether sign, sum and both distances hold within ``tolerance``."""
        point = np.asarray(u, dtype=np.float64)
        moved = np.abs(point - self.reference)
        near = moved.sum() <= 2 * self.movable + tolerance
        near = near and (self.linf is None or np.max(moved) <= self.linf + tolerance)
        return bool(near and np.min(point) >= -tolerance and abs(point.sum() - 1) <= max(tolerance, 2 * _SUM))

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the distribution with the largest expected cost, by moving mass from the cheapest to the dearest.

        Sorted by cost, the first outcomes give and the last receive until ``l1 / 2`` is moved or giver and receiver
        meet; ``O(n log n)``. Mass moves only where that strictly raises the cost.
        """
        order = np.argsort(cost_vector(cost, self.dimension), kind="stable")
        up, down = self._capacities()
        up, down = up[order], down[order]
        # split k: the first k outcomes give, the others receive; equal costs are not worth a move
        rises = np.diff(np.asarray(cost, dtype=np.float64)[order]) > 0
        given, received = np.cumsum(down)[:-1], np.cumsum(up[::-1])[::-1][1:]
        amount = min(self.movable, np.max(np.minimum(given, received)[rises], initial=0.0))
        take = np.clip(amount - (np.cumsum(down) - down), 0.0, down)
        give = np.clip(amount - (np.cumsum(up[::-1])[::-1] - up), 0.0, up)
        worst = self.reference.copy()
        worst[order] += give - take
        return worst

    def support(self, cost: ArrayLike) -> float:
        """Return the largest expected cost ``max cost @ rho``."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return ``rho - p + q = reference, sum rho = 1, sum (p + q) <= l1``; the extra columns are ``p`` and ``q``.

        Without an L1 radius there are no extra columns: ``sum rho = 1`` and bounds on ``rho``.
        """
        size = self.dimension
        up, down = self._capacities()
        total, low, high = np.array([self.reference.sum()]), self.reference - down, self.reference + up
        if self.l1 is None:
            return LinearSet(sparse.csr_array(np.ones((1, size))), total, total.copy(), low, high, size)
        identity, ones = np.eye(size), np.ones((1, size))
        zero = np.zeros((1, size))
        matrix = np.block([[identity, -identity, identity], [ones, zero, zero], [zero, ones, ones]])
        return LinearSet(
            sparse.csr_array(matrix),
            np.concatenate([self.reference, total, [-np.inf]]),
            np.concatenate([self.reference, total, [self.l1]]),
            np.concatenate([low, np.zeros(2 * size)]),
            np.concatenate([high, up, down]),
            size,
        )

    def vertices(self, limit: int) -> Floats:
        """Return all vertices ``(v, n)``.

        Where less than ``l1 / 2`` is moved, all coordinates but at most one stand at ``-down`` or ``up``. Where exactly
        ``l1 / 2`` is moved, all givers and receivers but at most one of each give or receive what they can.

        Raises
        ------
        TooManyVertices
            As soon as more than ``limit`` vertices have been met.
        """
        up, down = self._capacities()
        found: dict[bytes, Floats] = {}
        for moves in (self._freely_moved(up, down), self._fully_moved(up, down)):
            for move in moves:
                found.setdefault(_pattern(move, up, down), move)
                if len(found) > limit:
                    raise TooManyVertices(limit)
        return np.asarray(np.clip(self.reference + np.array(list(found.values())), 0.0, 1.0))

    def _capacities(self) -> tuple[Floats, Floats]:
        reach = np.inf if self.linf is None else self.linf
        return np.clip(1 - self.reference, 0.0, reach), np.minimum(reach, self.reference)

    def _freely_moved(self, up: Floats, down: Floats) -> Iterator[Floats]:
        """Yield the vertices of ``{-down <= x <= up, sum x = 0}`` that move at most the movable mass."""
        least = np.minimum(up, down)
        if least.sum() - least.max() > 2 * self.movable + _ROUNDING:
            return  # every vertex has all coordinates but one at a bound: all of them move too much
        for lift in fillings(up + down, down.sum(), lambda full: up[full].sum() <= self.movable + _ROUNDING):
            move = lift - down
            if np.maximum(move, 0.0).sum() <= self.movable + _ROUNDING:
                yield move

    def _fully_moved(self, up: Floats, down: Floats) -> Iterator[Floats]:
        """Yield the vertices that move exactly the movable mass."""
        mass = self.movable
        if mass > 1:
            return
        for received in fillings(up, mass, lambda full: down.sum() - down[full].sum() >= mass - _ROUNDING):
            for given in fillings(np.where(received > 0, 0.0, down), mass):
                yield received - given


def fillings(capacity: Floats, amount: float, admits: Callable[[list[int]], bool] = lambda _: True) -> Iterator[Floats]:
    """Yield the vertices of ``{0 <= x <= capacity, sum x = amount}``: some full, at most one in part.

    ``admits`` refuses a list of full positions that no longer one may extend to what the caller looks for.
    """
    largest, behind = capacity.max(), np.cumsum(capacity[::-1])[::-1]

    def extend(full: list[int], start: int, rest: float) -> Iterator[Floats]:
        if not admits(full):
            return
        filling = np.zeros(len(capacity))
        filling[full] = capacity[full]
        if rest <= _ROUNDING:
            yield filling
            return
        for roomy in np.flatnonzero((capacity > rest + _ROUNDING) & (filling == 0)):
            partial = filling.copy()
            partial[roomy] = rest
            yield partial
        for k in range(start, len(capacity)):
            if behind[k] + largest < rest - _ROUNDING:
                return
            if _ROUNDING < capacity[k] <= rest + _ROUNDING:
                yield from extend([*full, k], k + 1, rest - capacity[k])

    return extend([], 0, amount)


def _pattern(move: Floats, up: Floats, down: Floats) -> bytes:
    """Return which coordinates stand at a bound, at zero or between; it tells vertices apart."""
    level = np.where(move > 0, np.int8(2), np.int8(-2))
    level[np.abs(move) <= _ROUNDING] = 0
    level[move >= up - _ROUNDING] = 1
    level[move <= -down + _ROUNDING] = -1
    return level.tobytes()
