"""Equivalent forms of a convex quadratic program, for solvers that stumble over one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, Floats, Integers, Matrix, MixedIntegerProgram, Names, Product, Rows


def mirrored(program: MixedIntegerProgram, signs: Floats) -> MixedIntegerProgram:
    """Return the program in the columns ``signs * z``.

    ::

        min  c'z + z'Pz   s.t.  a <= A z <= b,   l <= z <= u
        min  (Sc)'s + s'SPSs   s.t.  a <= A S s <= b,   S = diag(signs),   z = S s

    Row multipliers are the same, those of the bounds are multiplied by ``signs``.

    Parameters
    ----------
    program
        The source, with ``n`` columns.
    signs
        ``(n,)``, each +1 or -1.
    """
    turned = signs < 0
    columns = program.columns
    products = program.products
    return replace(
        program,
        columns=replace(
            columns,
            lower=np.where(turned, -columns.upper, columns.lower),
            upper=np.where(turned, -columns.lower, columns.upper),
        ),
        rows=replace(program.rows, matrix=sparse.csr_array(program.rows.matrix @ sparse.diags_array(signs))),
        cost=program.cost * signs,
        products=replace(products, value=products.value * signs[products.left] * signs[products.right]),
    )


def recession(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return the linear program whose optimum is negative exactly when the objective falls forever.

    ::

        min  c'd   s.t.  Q d = 0,   A_i d >= 0 where row i has a lower side,   A_i d <= 0 where it has an upper one,
                         0 <= d_j where l_j is finite,   d_j <= 0 where u_j is finite,   -1 <= d <= 1

    Exact when the program is convex and feasible: a convex quadratic is unbounded below on a
    polyhedron if and only if it is along a recession direction on which it is linear
    (Frank and Wolfe, Naval Research Logistics Quarterly 3, 1956, appendix i).
    """
    n = len(program.columns)
    hessian = program.products.hessian(n)
    curved = np.flatnonzero(np.diff(hessian.indptr))
    steepness = abs(hessian).max(axis=1).toarray().ravel()[curved]
    unit = sparse.diags_array(1 / steepness) @ hessian[curved]  # a solver's tolerance is absolute
    matrix: Matrix = sparse.csr_array(sparse.vstack([program.rows.matrix, unit], format="csr"))
    flat = np.zeros(len(curved))
    names = program.rows.names + Names(len(curved), lambda i: f"curvature of {program.columns.names[int(curved[i])]}")
    return MixedIntegerProgram(
        columns=Columns(
            np.where(np.isfinite(program.columns.lower), 0.0, -1.0),
            np.where(np.isfinite(program.columns.upper), 0.0, 1.0),
            np.zeros(n, dtype=bool),
            program.columns.names,
        ),
        rows=Rows(
            matrix,
            np.concatenate([np.where(np.isfinite(program.rows.lower), 0.0, -np.inf), flat]),
            np.concatenate([np.where(np.isfinite(program.rows.upper), 0.0, np.inf), flat]),
            names,
        ),
        cost=program.cost.copy(),
        constant=0.0,
    )


def sign_patterns(count: int) -> tuple[Floats, ...]:
    """Return the mirrorings ``(count,)`` worth trying: all columns, then every second one, then every third."""
    index = np.arange(count)
    return (
        np.full(count, -1.0),
        np.where(index % 2 == 0, -1.0, 1.0),
        np.where(index % 3 == 0, 1.0, -1.0),
    )


def without_products(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return the program without an objective: feasible exactly when the source is."""
    return replace(program, cost=np.zeros(len(program.columns)), products=Product.none())


def lower_triangle(products: Product, n: int) -> tuple[Integers, Integers, Floats]:
    """Return starts ``(n + 1,)``, indices and values of the lower triangle of the Hessian ``(n, n)``, by columns."""
    if not len(products):
        return np.zeros(n + 1, np.int64), np.empty(0, np.int64), np.empty(0)
    lower = sparse.tril(products.hessian(n), format="csc")
    return lower.indptr, lower.indices, lower.data
