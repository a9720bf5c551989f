"""Rows and objectives with some columns held at values: what is left in the others, over the same columns."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from reformulations.programs import Booleans, Floats, Matrix, Objectives, Product, Rows


def rows_at(rows: Rows, held: Booleans, values: Floats) -> Rows:
    """Return the rows with the columns of the mask ``held`` ``(n,)`` at ``values`` ``(n,)``, moved to the sides."""
    matrix, constant, products = _at(rows.matrix, rows.products, held, values)
    return Rows(matrix, rows.lower - constant, rows.upper - constant, rows.names, products)


def objectives_at(objectives: Objectives, held: Booleans, values: Floats) -> Objectives:
    """Return the objectives with the columns of the mask ``held`` ``(n,)`` at ``values`` ``(n,)``."""
    linear, constant, products = _at(objectives.linear, objectives.products, held, values)
    return Objectives(objectives.sense, objectives.constant + constant, linear, products)


def _at(matrix: Matrix, products: Product, held: Booleans, values: Floats) -> tuple[Matrix, Floats, Product]:
    known = np.where(held, values, 0.0)
    left, right = held[products.left], held[products.right]
    both, one = products.take(left & right), products.take(left ^ right)
    is_left = held[one.left]
    parameter, variable = np.where(is_left, one.left, one.right), np.where(is_left, one.right, one.left)
    moved = sparse.coo_array((one.value * known[parameter], (one.index, variable)), shape=matrix.shape).tocsr()
    free = sparse.csr_array(matrix @ sparse.diags_array((~held).astype(np.float64)) + moved)
    free.eliminate_zeros()
    constant = np.asarray(matrix @ known) + both.evaluate(known, matrix.shape[0])
    return free, constant, products.take(~(left | right))
