"""A linear program in HiGHS that tells its basis."""

from __future__ import annotations

import numpy as np

from bilevel.solvers.highs import PersistentHighs
from reformulations.programs import Integers


class VertexHighs(PersistentHighs):
    """A persistent linear program whose vertices are wanted with their bases; solve it with presolve off."""

    def basis(self) -> tuple[Integers, Integers]:
        """Return statuses of columns ``(n,)`` and rows ``(m,)`` of the last solve.

        0 at the lower side, 1 basic, 2 at the upper side, 3 free and at zero, 4 outside the basis.
        """
        found = self._solver.getBasis()
        return (
            np.array([int(status) for status in found.col_status], np.int64),
            np.array([int(status) for status in found.row_status], np.int64),
        )
