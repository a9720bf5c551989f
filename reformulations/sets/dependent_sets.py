"""Uncertainty sets that move with the first stage.

::

    U(z) = {u : lower + K z <= F u <= upper + K z, low <= u <= high}

What nature may do depends on the plan: attacks on what is not protected, demand that a price attracts. A point of the
set at one plan need not be a point of it at another (Zeng & Wang, Two-stage robust optimization with decision dependent
uncertainty, arXiv 2203.16484).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Floats, Matrix
from reformulations.sets.independent_sets import IndependentSets, side_by_side
from reformulations.sets.linear_sets import LinearSet
from reformulations.uncertainty import Polyhedron, UncertaintySet

_ROOM = 1e-6
"""What a solver's tolerance may leave a set short of being nonempty, relative to its sides."""


@dataclass(frozen=True, slots=True, eq=False)
class MovingPolyhedron:
    """A polyhedron with moving sides: ``matrix`` ``(r, k)``, ``moving`` ``(r, n)``, ``lower``, ``upper`` ``(r,)``."""

    matrix: Matrix
    moving: Matrix
    lower: Floats
    upper: Floats
    low: Floats
    high: Floats

    @property
    def dimension(self) -> int:
        """Number ``k`` of uncertain quantities."""
        return int(self.matrix.shape[1])

    def at(self, z: Floats) -> Polyhedron:
        """Return the set at the plan ``z`` ``(n,)``; a point that solvers' tolerances cost is given back.

        Raises
        ------
        ValueError
            When the set is empty there, or unbounded.
        """
        shift = np.asarray(self.moving @ z)
        lower, upper = self.lower + shift, self.upper + shift
        try:
            return Polyhedron(self.matrix, lower, upper, self.low, self.high)
        except ValueError:
            room = _ROOM * (1 + np.abs(shift))
            return Polyhedron(self.matrix, lower - room, upper + room, self.low, self.high)

    def linear(self) -> LinearSet:
        """Return the rows at ``z = 0``, and the bounds."""
        return LinearSet(self.matrix, self.lower, self.upper, self.low, self.high, self.dimension)


@dataclass(frozen=True, slots=True, eq=False)
class DependentSets:
    """Sets side by side, nature choosing from each as if the others were not there; some of them move.

    ``first`` is the number ``n`` of entries of ``z``.
    """

    parts: tuple[UncertaintySet | MovingPolyhedron, ...]
    first: int

    @property
    def dimension(self) -> int:
        """Number ``k`` of uncertain quantities."""
        return sum(part.dimension for part in self.parts)

    def at(self, z: Floats) -> UncertaintySet:
        """Return the set at the plan ``z`` ``(n,)``."""
        parts = tuple(part.at(z) if isinstance(part, MovingPolyhedron) else part for part in self.parts)
        return parts[0] if len(parts) == 1 else IndependentSets(parts)

    def linear(self) -> tuple[LinearSet, Matrix]:
        """Return the rows at ``z = 0`` over ``u`` and auxiliary columns, and what moves their sides, ``(r, n)``."""
        sets = [part.linear() if isinstance(part, MovingPolyhedron) else part.polyhedral() for part in self.parts]
        moves = [
            part.moving if isinstance(part, MovingPolyhedron) else sparse.csr_array((len(described.lower), self.first))
            for part, described in zip(self.parts, sets, strict=True)
        ]
        return side_by_side(sets), sparse.csr_array(sparse.vstack(moves, format="csr"))
