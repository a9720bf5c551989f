"""Other units: rows, columns and objectives of a game multiplied by positive numbers.

With factors ``r`` of rows, ``c`` of columns and ``f`` of objectives::

    source   opt_p F_p(z)       s.t.  l <= g(z) <= u           : lambda     a <= z <= b           : mu
    image    opt_p f_p F_p(c z')  s.t.  r l <= r g(c z') <= r u  : lambda'    a/c <= z' <= b/c     : mu'

    z = c z',   lambda_i = (r_i / f_p) lambda'_i,   mu_j = mu'_j / (f_p c_j)     for the owner p of the row or column

The image is the same game for all factors: it has the same decisions, responses and ties.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Floats, Matrix, Product
from reformulations.programs import BilevelProgram, MultiplierColumns
from reformulations.recovery import Recovery, Reduced


@dataclass(frozen=True, slots=True)
class Scaled:
    """State a game in other units.

    Parameters
    ----------
    rows, columns, objectives
        Positive factors ``(m,)``, ``(n,)``, ``(P,)``; those of integer columns must be one. Powers of two leave no
        rounding behind.
    """

    rows: Floats
    columns: Floats
    objectives: Floats

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game in the new units; the way back takes a primal-dual point ``(n + m + 2 n,)``.

        Raises
        ------
        ValueError
            For factors that are not positive, and for an integer column with a factor other than one.
        """
        self._check(program)
        r, c, f = self.rows, self.columns, self.objectives
        rows, columns, objectives = program.rows, program.columns, program.objectives
        bounds = 1.0 / (f[program.column_owner] * c)
        duals = np.concatenate([r / f[program.row_owner], bounds, bounds])
        declared = program.multipliers
        scaled = replace(
            program,
            columns=replace(columns, lower=columns.lower / c, upper=columns.upper / c),
            rows=replace(
                rows,
                matrix=_times(r, rows.matrix, c),
                lower=r * rows.lower,
                upper=r * rows.upper,
                products=_products(rows.products, r, c),
            ),
            objectives=replace(
                objectives,
                constant=f * objectives.constant,
                linear=_times(f, objectives.linear, c),
                products=_products(objectives.products, f, c),
            ),
            multipliers=MultiplierColumns(declared.column, _times(1.0 / c[declared.column], declared.matrix, duals)),
        )
        back = sparse.diags_array(np.concatenate([c, duals]))
        return Reduced(scaled, Recovery(sparse.csr_array(back), np.zeros(program.point_size)))

    def _check(self, program: BilevelProgram) -> None:
        for factors in (self.rows, self.columns, self.objectives):
            if not np.all((factors > 0) & np.isfinite(factors)):
                raise ValueError("factors are positive numbers")
        if np.any(self.columns[program.columns.integer] != 1.0):
            raise ValueError("an integer column has its own unit: its factor is one")


def _times(left: Floats, matrix: Matrix, right: Floats) -> Matrix:
    entries = matrix.tocoo()
    values = left[entries.row] * entries.data * right[entries.col]
    return sparse.csr_array(sparse.coo_array((values, (entries.row, entries.col)), shape=matrix.shape).tocsr())


def _products(terms: Product, index: Floats, columns: Floats) -> Product:
    value = terms.value * index[terms.index] * columns[terms.left] * columns[terms.right]
    return Product(terms.index, terms.left, terms.right, value)
