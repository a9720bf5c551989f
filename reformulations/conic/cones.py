"""Second-order cones over the columns of a program: points, residuals, and the multipliers of their rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.arrays import Floats, Integers, Matrix, Names, check_length, freeze

PLANE = 2
"""Cones of so many terms or fewer are polyhedral."""

APEX = 1e-7
"""Terms and multipliers up to this size count as zero when the multiplier of a row is asked for."""


@dataclass(frozen=True, slots=True)
class Cones:
    """Cones ``u_0 >= |(u_1, ..., u_d)|`` of affine terms ``u = factor @ z + offset``, one behind each of some rows.

    A row ``g(z) <= 0``, its right-hand side taken to the left, has ``g = u_1**2 + ... + u_d**2 - u_0**2`` exactly.

    Attributes
    ----------
    row
        The program's row of each cone ``(k,)``.
    side
        +1 where the row bounds its quadratic body from above, -1 from below ``(k,)``.
    start
        Terms ``start[i]`` to ``start[i + 1]`` are those of cone ``i``, ``u_0`` first ``(k + 1,)``.
    factor, offset
        ``(D, n)`` and ``(D,)``.
    names
        Of the rows.
    """

    row: Integers
    side: Floats
    start: Integers
    factor: Matrix
    offset: Floats
    names: Names

    def __post_init__(self) -> None:
        check_length("side", self.side, len(self.row))
        check_length("start", self.start, len(self.row) + 1)
        check_length("offset", self.offset, self.factor.shape[0])
        freeze(self)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def cone(self) -> Integers:
        """The cone of each term ``(D,)``."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @property
    def head(self) -> Integers:
        """The term ``u_0`` of each cone ``(k,)``."""
        return self.start[:-1]

    @property
    def is_polyhedral(self) -> bool:
        """Whether every cone is ``u_0 >= |u_1|`` or less, which two linear rows say exactly."""
        return bool((np.diff(self.start) <= PLANE).all())

    def terms(self, point: Floats) -> Floats:
        """Return ``u`` ``(D,)`` at ``point`` ``(n,)``."""
        return np.asarray(self.factor @ point[: self.factor.shape[1]]) + self.offset

    def norms(self, terms: Floats) -> Floats:
        """Return ``|(u_1, ..., u_d)|`` ``(k,)``."""
        tail = np.ones(len(terms), bool)
        tail[self.head] = False
        return np.asarray(np.sqrt(np.bincount(self.cone[tail], terms[tail] ** 2, len(self))))

    def residuals(self, terms: Floats) -> Floats:
        """Return how far each ``u`` is outside its cone ``(k,)``, relative to ``1 + |u_0|``; zero inside."""
        head = terms[self.head]
        return np.asarray(np.maximum(self.norms(terms) - head, 0.0) / (1 + np.abs(head)))

    def take(self, picked: Integers) -> Cones:
        """Return the cones ``picked``."""
        chosen = np.isin(self.cone, picked)
        size = np.diff(self.start)[picked]
        return Cones(
            self.row[picked],
            self.side[picked],
            np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
            sparse.csr_array(self.factor[np.flatnonzero(chosen)]),
            self.offset[chosen],
            self.names.take(picked),
        )

    def over(self, columns: Integers, point: Floats) -> Cones:
        """Return the same cones over ``columns`` alone, all others held at ``point`` ``(n,)``."""
        held = point[: self.factor.shape[1]].copy()
        held[columns] = 0.0
        offset = self.offset + self.factor @ held
        return Cones(
            self.row, self.side, self.start, sparse.csr_array(self.factor[:, columns]), np.asarray(offset), self.names
        )

    def products(self, terms: Floats, duals: Floats) -> Floats:
        """Return ``s'u`` of each cone ``(k,)``."""
        return np.bincount(self.cone, terms * duals, len(self)).astype(np.float64)

    def row_multipliers(self, terms: Floats, duals: Floats) -> Floats:
        """Return the multipliers ``(k,)`` of the quadratic rows of minimisers from those of the cones.

        With ``s = theta (u_0, -u_1, ..., -u_d)``, as complementary points on the boundary are, the gradient
        ``F's`` of the objective is ``-theta/2`` times that of ``g``, so that ``d optimum / d right-hand side`` is
        ``-theta/2`` for a side above and ``theta/2`` for one below. At the apex ``u = 0`` the row has
        no finite multiplier unless ``s = 0``; NaN stands for it.

        Parameters
        ----------
        terms, duals
            ``u`` and ``s``, both ``(D,)``.
        """
        mirrored = -terms
        mirrored[self.head] = terms[self.head]
        length = self.products(terms, terms)
        along = self.products(mirrored, duals)
        size = np.sqrt(self.products(duals, duals))
        apex = length <= (APEX * (1 + np.sqrt(length).max(initial=0.0))) ** 2
        theta = np.divide(along, length, out=np.zeros(len(self)), where=~apex)
        theta[apex & (size > APEX)] = np.nan
        return -0.5 * self.side * theta
