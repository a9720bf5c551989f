"""The row that no point worse than an incumbent satisfies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Floats, Names, Rows

ROOM = 1e-6
"""Relative loosening of a cutoff: the incumbent itself, and what is as good, stay."""


def cutoff_row(cost: Floats, constant: float, value: float) -> Rows:
    """Return ``constant + cost @ z <= value``, loosened by :data:`ROOM`; one row ``(1, n)``."""
    upper = value - constant + ROOM * max(1.0, abs(value))
    matrix = sparse.csr_array(cost[np.newaxis, :])
    return Rows(matrix, np.array([-np.inf]), np.array([upper]), Names(1, lambda _: "cutoff"))


def with_cutoff(mpec: MPEC, value: float) -> MPEC:
    """Return the MPEC without the points whose objective is worse than ``value``; its objective is linear.

    The optimum stays where ``value`` is the objective of a feasible point. What is derived from the rows of the
    result holds for all points that are at least as good, and for no others.
    """
    return replace(mpec, rows=mpec.rows.append(cutoff_row(mpec.cost, mpec.constant, value)))
