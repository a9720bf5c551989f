"""Several uncertainty sets side by side: nature chooses from each as if the others were not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from reformulations.programs import Floats
from reformulations.sets.linear_sets import LinearSet, cost_vector
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import Scenarios, UncertaintySet


@dataclass(frozen=True, slots=True, eq=False)
class IndependentSets:
    """The product ``U_1 x U_2 x ...`` of uncertainty sets, the points of one after those of the other."""

    parts: tuple[UncertaintySet, ...]

    @property
    def dimension(self) -> int:
        """Number ``n`` of uncertain quantities."""
        return sum(part.dimension for part in self.parts)

    @property
    def is_convex(self) -> bool:
        """Whether every part is convex."""
        return all(part.is_convex for part in self.parts)

    def nominal(self) -> Floats:
        """Return the nominal points of all parts."""
        return np.concatenate([np.empty(0), *(part.nominal() for part in self.parts)])

    def contains(self, u: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Return whether every part contains its share of ``u``."""
        point = np.asarray(u, dtype=np.float64)
        return all(part.contains(point[own], tolerance) for part, own in self._shares())

    def worst_case(self, cost: ArrayLike) -> Floats:
        """Return the worst case of each part."""
        price = cost_vector(cost, self.dimension)
        return np.concatenate([np.empty(0), *(part.worst_case(price[own]) for part, own in self._shares())])

    def support(self, cost: ArrayLike) -> float:
        """Return the sum of the parts' support functions."""
        price = cost_vector(cost, self.dimension)
        return float(sum(part.support(price[own]) for part, own in self._shares()))

    def polyhedral(self) -> LinearSet:
        """Return the rows of all parts, first the columns ``u`` of all, then the auxiliary columns of all."""
        return side_by_side([part.polyhedral() for part in self.parts])

    def vertices(self, limit: int) -> Floats:
        """Return every combination of the parts' vertices.

        Raises
        ------
        TooManyVertices
            If there are more than ``limit``.
        """
        corners = [part.vertices(limit) for part in self.parts]
        if prod(len(each) for each in corners) > limit:
            raise TooManyVertices(limit)
        return np.array([np.concatenate(chosen) for chosen in product(*corners)])

    def _shares(self) -> Iterator[tuple[UncertaintySet, slice]]:
        start = 0
        for part in self.parts:
            yield part, slice(start, start + part.dimension)
            start += part.dimension


def is_finite(within: UncertaintySet) -> bool:
    """Tell whether a set lists its points."""
    if isinstance(within, IndependentSets):
        return all(is_finite(part) for part in within.parts)
    return isinstance(within, Scenarios)


def side_by_side(sets: Sequence[LinearSet]) -> LinearSet:
    """Return the rows of all ``sets``, first the columns ``u`` of all, then the auxiliary columns of all."""
    starts = np.cumsum([0, *(each.matrix.shape[1] for each in sets)])
    own = [start + np.arange(each.dimension) for start, each in zip(starts, sets, strict=False)]
    extra = [np.arange(start + s.dimension, start + s.matrix.shape[1]) for start, s in zip(starts, sets, strict=False)]
    order = np.concatenate([*own, *extra]).astype(np.int64)
    matrix = sparse.csc_array(sparse.block_diag([each.matrix for each in sets], format="csc"))
    return LinearSet(
        sparse.csr_array(matrix[:, order]),
        np.concatenate([each.lower for each in sets]),
        np.concatenate([each.upper for each in sets]),
        np.concatenate([each.column_lower for each in sets])[order],
        np.concatenate([each.column_upper for each in sets])[order],
        sum(each.dimension for each in sets),
    )
