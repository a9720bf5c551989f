"""Directions along which a program's objective improves without end."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.convex_quadratic import recession
from reformulations.programs import Columns, Floats, MixedIntegerProgram, Names, Rows

DUST = 1e-7
"""Entries of a direction below this, relative to its largest, are a solver's tolerance."""


def shortest_direction(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return the linear program of the improving recession direction of least 1-norm.

    For ``min c'z + z'Pz`` over ``n`` columns, with ``Q`` the Hessian and ``K`` the recession cone of rows and bounds::

        min  1'(p + q)   s.t.  p - q in K,   Q (p - q) = 0,   c'(p - q) = -1,   p, q >= 0

    It is feasible exactly when a feasible convex program has no optimum (Frank and Wolfe, Naval
    Research Logistics Quarterly 3, 1956, appendix i); :func:`direction_of` reads the direction. Least
    1-norm because a vertex of it moves few columns. Integer columns are taken for continuous: with
    rational data the recession cone of the integer hull is the same (Meyer, Mathematical Programming
    7, 1974).
    """
    cone, n = recession(program), len(program.columns)
    size = max(1.0, float(np.abs(program.cost).max(initial=0.0)))
    fall = sparse.csr_array(program.cost[np.newaxis, :] / size)
    matrix = sparse.vstack([cone.rows.matrix, fall], format="csr")
    return MixedIntegerProgram(
        Columns(
            np.zeros(2 * n),
            np.concatenate([np.where(np.isinf(side), np.inf, 0.0) for side in _ends(program)]),
            np.zeros(2 * n, bool),
            program.columns.names + program.columns.names,
        ),
        Rows(
            sparse.csr_array(sparse.hstack([matrix, -matrix], format="csr")),
            np.concatenate([cone.rows.lower, [-1.0]]),
            np.concatenate([cone.rows.upper, [-1.0]]),
            cone.rows.names + Names.of(["improvement"]),
        ),
        np.ones(2 * n),
        0.0,
    )


def direction_of(point: Floats) -> Floats:
    """Return the direction ``(n,)``, largest entry 1, from a point ``(2 n,)`` of that program; tiny entries are 0."""
    half = len(point) // 2
    direction = point[:half] - point[half:]
    direction = direction / max(float(np.abs(direction).max(initial=0.0)), 1e-300)
    return np.where(np.abs(direction) > DUST, direction, 0.0)


def _ends(program: MixedIntegerProgram) -> tuple[Floats, Floats]:
    return program.columns.upper, program.columns.lower
