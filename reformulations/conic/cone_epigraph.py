"""Convex quadratic objectives as cones."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.arrays import Columns, Matrix, Names, Product, widened
from reformulations.conic.cones import Cones
from reformulations.programs import MixedIntegerProgram
from reformulations.tangents import squares


def linear_objective(program: MixedIntegerProgram, cones: Cones) -> tuple[MixedIntegerProgram, Cones]:
    """Replace a convex quadratic objective by one column and one cone a square.

    ::

        min c'z + sum_k w_k (v_k'z)**2   ->   min c'z + sum_k t_k,   (t_k + 1)/2 >= |((t_k - 1)/2, sqrt(w_k) v_k'z)|

    Exact: the cone says ``t_k >= w_k (v_k'z)**2``. The new columns come last.

    Parameters
    ----------
    program, cones
        Both over the same ``n`` columns; the products of ``program`` are convex.
    """
    if not len(program.products):
        return program, cones
    n = len(program.columns)
    parts = squares(program.products, n)
    r = len(parts)
    unit = sparse.csr_array(sparse.eye_array(r))
    half = sparse.hstack([sparse.csr_array((r, n)), 0.5 * unit])
    root = sparse.hstack([sparse.diags_array(np.sqrt(parts.weight)) @ parts.factor, sparse.csr_array((r, r))])
    order = np.arange(3 * r).reshape(3, r).T.ravel()
    added: Matrix = sparse.csr_array(sparse.vstack([half, half, root], format="csr")[order])
    factor = sparse.vstack([widened(cones.factor, n + r), added], format="csr")
    names = Names(r, lambda k: f"square {k} of the objective")
    fresh = Columns(np.zeros(r), np.full(r, np.inf), np.zeros(r, bool), names)
    image = MixedIntegerProgram(
        program.columns.append(fresh),
        program.rows,
        np.concatenate([program.cost, np.ones(r)]),
        program.constant,
        Product.none(),
    )
    total = int(cones.start[-1])
    return image, Cones(
        np.concatenate([cones.row, np.full(r, -1)]),
        np.concatenate([cones.side, np.ones(r)]),
        np.concatenate([cones.start, total + 3 * np.arange(1, r + 1)]).astype(np.int64),
        sparse.csr_array(factor),
        np.concatenate([cones.offset, np.tile([0.5, -0.5, 0.0], r)]),
        cones.names + names,
    )
