"""The budget of uncertainty: every quantity may deviate, but not all of them at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats
from reformulations.sets.linear_sets import LinearSet, cost_vector, frozen_vector, same_length
from reformulations.sets.vertices import TooManyVertices


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """``{u = nominal + deviation * g: |g| <= 1, sum |g| <= budget}``, or ``0 <= g <= 1`` where one-sided.

    ``nominal_point`` and ``deviation`` are ``(n,)``; ``budget`` is any number from 0 up, fractions count. A negative
    deviation of a one-sided set lets the quantity fall. Source: Bertsimas & Sim, Operations Research 52 (2004),
    DOI 10.1287/opre.1030.0065.

    Raises
    ------
    ValueError
        If lengths differ, a number is not finite, or ``budget`` is negative.
    """

    nominal_point: Floats
    deviation: Floats
    budget: float
    one_sided: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "nominal_point", frozen_vector("nominal_point", self.nominal_point))
        object.__setattr__(self, "deviation", frozen_vector("deviation", self.deviation))
        same_length("nominal_point", self.nominal_point, "deviation", self.deviation)
        if not self.budget >= 0:
            raise ValueError(f"budget is {self.budget}, expected a number from 0 up")

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        return len(self.nominal_point)

    @property
    def is_convex(self) -> bool:
        """Every mixture of two points of the set is one."""
        return True

    def nominal(self) -> Floats:
        """Return the point without deviation."""
        return self.nominal_point.copy()

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether each ``|u - nominal|`` and the sum of all ``|g|`` hold within ``tolerance``."""
        shift = np.asarray(u, dtype=np.float64) - self.nominal_point
        moves = self.deviation != 0
        share = np.divide(shift, self.deviation, out=np.zeros(self.dimension), where=moves)
        low, high = self._bounds()
        inside = np.all(shift >= low - self.nominal_point - tolerance)
        inside &= np.all(shift <= high - self.nominal_point + tolerance)
        return bool(inside and np.abs(share).sum() <= self.budget + tolerance)

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the point that spends the budget on the largest ``|cost * deviation|``, the last one in part."""
        gain = cost_vector(cost, self.dimension) * self.deviation
        gain = np.maximum(gain, 0.0) if self.one_sided else gain
        order = np.argsort(-np.abs(gain), kind="stable")
        spent = np.clip(self.budget - np.arange(self.dimension), 0.0, 1.0)
        share = np.empty(self.dimension)
        share[order] = spent
        return self.nominal_point + self.deviation * (share * np.sign(gain))

    def support(self, cost: ArrayLike) -> float:
        """Return ``max cost @ u``."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return ``u - deviation (a - b) = nominal, sum (a + b) <= budget`` with ``a, b`` in ``[0, 1]``.

        The extra columns are ``a`` and, unless one-sided, ``b``: the positive and the negative part of ``g``.
        """
        size, signs = self.dimension, (-1.0,) if self.one_sided else (-1.0, 1.0)
        moves = [sparse.diags_array(sign * self.deviation) for sign in signs]
        definition = sparse.hstack([sparse.eye_array(size), *moves])
        extra = size * len(signs)
        spending = sparse.hstack([sparse.csr_array((1, size)), sparse.csr_array(np.ones((1, extra)))])
        low, high = self._bounds()
        return LinearSet(
            sparse.csr_array(sparse.vstack([definition, spending], format="csr")),
            np.append(self.nominal_point, -np.inf),
            np.append(self.nominal_point, self.budget),
            np.concatenate([low, np.zeros(extra)]),
            np.concatenate([high, np.ones(extra)]),
            size,
        )

    def vertices(self, limit: int) -> Floats:
        """Return the points with ``floor(budget)`` full deviations and one with the fraction that is left."""
        moving = np.flatnonzero(self.deviation)
        shares = list(islice(self._shares(len(moving)), limit + 1))
        if len(shares) > limit:
            raise TooManyVertices(limit)
        points = np.tile(self.nominal_point, (len(shares), 1))
        points[:, moving] += self.deviation[moving] * np.stack(shares)
        return points

    def _shares(self, size: int) -> Iterator[Floats]:
        """Yield every vertex ``g`` of the set of shares of ``size`` quantities."""
        full = size if self.budget >= size else math.floor(self.budget)
        left = 0.0 if full == size else self.budget - full
        # a one-sided share may also stay at zero, so fewer full deviations are vertices too
        for count in range(full + 1) if self.one_sided else (full,):
            for chosen in combinations(range(size), count):
                partial = [k for k in range(size) if k not in chosen] if left > 0 and count == full else []
                if self.one_sided or not partial:
                    yield from self._signed(size, chosen, ())
                for k in partial:
                    yield from self._signed(size, chosen, (k,))

    def _signed(self, size: int, chosen: tuple[int, ...], partial: tuple[int, ...]) -> Iterator[Floats]:
        support = [*chosen, *partial]
        amounts = np.array([1.0] * len(chosen) + [self.budget - len(chosen)] * len(partial))
        for signs in product((1.0,) if self.one_sided else (1.0, -1.0), repeat=len(support)):
            share = np.zeros(size)
            share[support] = amounts * signs
            yield share

    def _bounds(self) -> tuple[Floats, Floats]:
        far = self.nominal_point + self.deviation
        near = self.nominal_point if self.one_sided else self.nominal_point - self.deviation
        return np.minimum(near, far), np.maximum(near, far)
