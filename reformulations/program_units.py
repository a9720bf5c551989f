"""Other units of a program: rows, columns and the objective multiplied by positive numbers.

With factors ``r`` of rows, ``c`` of columns and ``f`` of the objective::

    source   min F(z)         s.t.  l <= g(z) <= u             : lambda     a <= z <= b           : mu
    image    min f F(c z')    s.t.  r l <= r g(c z') <= r u    : lambda'    a/c <= z' <= b/c      : mu'

    z = c z',   lambda_i = (r_i / f) lambda'_i,   mu_j = mu'_j / (f c_j)

Solvers take multipliers below an absolute tolerance for zero: of a row in small units, with coefficients of 1e6, say,
that may be one that matters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Floats, Matrix, Product
from reformulations.programs import MixedIntegerProgram


@dataclass(frozen=True, slots=True, eq=False)
class ProgramUnits:
    """Positive factors of ``rows`` ``(m,)``, ``columns`` ``(n,)``, one for integer ones, and of the ``objective``."""

    rows: Floats
    columns: Floats
    objective: float

    def apply(self, program: MixedIntegerProgram) -> MixedIntegerProgram:
        """Return the program in the new units."""
        r, c, f = self.rows, self.columns, self.objective
        rows, columns = program.rows, program.columns
        matrix: Matrix = sparse.csr_array(sparse.diags_array(r) @ rows.matrix @ sparse.diags_array(c))
        return replace(
            program,
            columns=replace(columns, lower=columns.lower / c, upper=columns.upper / c),
            rows=replace(
                rows,
                matrix=matrix,
                lower=r * rows.lower,
                upper=r * rows.upper,
                products=self._products(rows.products, r),
            ),
            cost=f * c * program.cost,
            constant=f * program.constant,
            products=self._products(program.products, np.array([f])),
        )

    def multipliers(self, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
        """Return multipliers of the source, of its rows ``(m,)`` and columns ``(n,)``, in the new units."""
        return rows * self.objective / self.rows, columns * self.objective * self.columns

    def source_multipliers(self, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
        """Return multipliers in the new units as the source has them."""
        return rows * self.rows / self.objective, columns / (self.objective * self.columns)

    def _products(self, terms: Product, index: Floats) -> Product:
        value = terms.value * index[terms.index] * self.columns[terms.left] * self.columns[terms.right]
        return Product(terms.index, terms.left, terms.right, value)
