"""The distributions behind the conditional value at risk: the mean of the worst share of outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats
from reformulations.sets.distributions import distribution, fillings
from reformulations.sets.linear_sets import LinearSet, cost_vector
from reformulations.sets.vertices import TooManyVertices


@dataclass(frozen=True, slots=True, eq=False)
class CVaR:
    """``{rho: sum rho = 1, 0 <= rho <= reference / tail}``; the worst expected cost is ``CVaR_(1 - tail)``.

    ``tail`` in ``(0, 1]`` is the share of worst outcomes whose mean counts: 1 is the expectation, a share as small as
    the rarest outcome the maximum. Source: Rockafellar & Uryasev, Journal of Risk 2 (2000),
    DOI 10.21314/JOR.2000.038; as a set of distributions: Artzner, Delbaen, Eber & Heath, Mathematical Finance 9 (1999),
    DOI 10.1111/1467-9965.00068.

    Raises
    ------
    ValueError
        If ``reference`` is not a distribution or ``tail`` not in ``(0, 1]``.
    """

    reference: Floats
    tail: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", distribution("reference", self.reference))
        if not 0 < self.tail <= 1:
            raise ValueError(f"tail is {self.tail}, expected a share above 0 and up to 1")

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
        """Return whether sign, sum and the most of each probability hold within ``tolerance``."""
        point = np.asarray(u, dtype=np.float64)
        inside = np.min(point) >= -tolerance and np.all(point <= self._most() + tolerance)
        return bool(inside and abs(point.sum() - self.reference.sum()) <= tolerance * self.dimension)

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the distribution that fills the dearest outcomes up to the most they may have."""
        most = self._most()
        order = np.argsort(-cost_vector(cost, self.dimension), kind="stable")
        before = np.cumsum(most[order]) - most[order]
        worst = np.empty(self.dimension)
        worst[order] = np.clip(self.reference.sum() - before, 0.0, most[order])
        return worst

    def support(self, cost: ArrayLike) -> float:
        """Return the mean cost of the worst share of outcomes."""
        return float(cost_vector(cost, self.dimension) @ self.worst_case(cost))

    def polyhedral(self) -> LinearSet:
        """Return ``sum rho = 1`` and bounds, without extra columns."""
        total, size = np.array([self.reference.sum()]), self.dimension
        return LinearSet(sparse.csr_array(np.ones((1, size))), total, total.copy(), np.zeros(size), self._most(), size)

    def vertices(self, limit: int) -> Floats:
        """Return the distributions with all outcomes at zero or at their most, but one."""
        found: list[Floats] = []
        for filling in fillings(self._most(), float(self.reference.sum())):
            found.append(filling)
            if len(found) > limit:
                raise TooManyVertices(limit)
        return np.unique(np.round(found, 15), axis=0)

    def _most(self) -> Floats:
        return np.asarray(np.minimum(self.reference / self.tail, self.reference.sum()))
