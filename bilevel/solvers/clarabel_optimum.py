"""Convex programs with second-order cones by clarabel, an interior-point solver of its own kind."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy import sparse

from bilevel.solvers.outcome import Outcome
from reformulations.arrays import Floats
from reformulations.conic.cones import Cones
from reformulations.programs import MixedIntegerProgram

SOLVED = "Solved"
TOLERANCE = 1e-9
"""Of gap and feasibility; clarabel stops a little before it on badly scaled programs and says so."""


def has_clarabel() -> bool:
    """Tell whether clarabel, of the extra ``conic``, is installed."""
    return find_spec("clarabel") is not None


def clarabel_optimum(program: MixedIntegerProgram, cones: Cones) -> tuple[Outcome, Floats] | None:
    """Return the optimum of a continuous program with cones and the cones' multipliers ``(D,)``.

    ::

        min 1/2 z'Pz + q'z   s.t.   A z + s = b,   s in {0} x R+ x cones

    None where clarabel is not installed, or does not reach full accuracy.
    """
    if not has_clarabel():
        return None
    clarabel: Any = import_module("clarabel")
    n, rows, columns = len(program.columns), program.rows, program.columns
    unit = sparse.csr_array(sparse.eye_array(n))
    equal = rows.lower == rows.upper
    above, below = np.isfinite(rows.upper) & ~equal, np.isfinite(rows.lower) & ~equal
    high, low = np.isfinite(columns.upper), np.isfinite(columns.lower)
    matrix = sparse.vstack(
        [rows.matrix[equal], rows.matrix[above], -rows.matrix[below], unit[high], -unit[low], -cones.factor],
        format="csc",
    )
    right = np.concatenate(
        [
            rows.upper[equal],
            rows.upper[above],
            -rows.lower[below],
            columns.upper[high],
            -columns.lower[low],
            cones.offset,
        ]
    )
    inequalities = int(above.sum() + below.sum() + high.sum() + low.sum())
    kinds = [clarabel.ZeroConeT(int(equal.sum())), clarabel.NonnegativeConeT(inequalities)]
    kinds += [clarabel.SecondOrderConeT(int(size)) for size in np.diff(cones.start)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    hessian = sparse.csc_matrix(sparse.triu(program.products.hessian(n)))
    found = clarabel.DefaultSolver(hessian, program.cost, sparse.csc_matrix(matrix), right, kinds, settings).solve()
    if str(found.status) != SOLVED:
        return None
    point, prices = np.array(found.x), np.array(found.z)
    masks = (equal, above, below, high, low)
    parts = np.split(prices, np.cumsum([int(mask.sum()) for mask in masks]))
    row_duals, column_duals = np.zeros(len(rows)), np.zeros(n)
    for mask, part, sign in zip(masks[:3], parts, (-1.0, -1.0, 1.0), strict=False):
        row_duals[mask] += sign * part
    for mask, part, sign in zip(masks[3:], parts[3:], (-1.0, 1.0), strict=False):
        column_duals[mask] += sign * part
    value = program.objective(point)
    return Outcome("optimal", point, value, value, row_duals, column_duals, 0, float(found.solve_time)), parts[-1]
