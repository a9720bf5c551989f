"""Forms in which the first stage, nature and recourse meet: linear, with products of nature and first stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import Floats, Integers, Matrix, Product


@dataclass(frozen=True, slots=True)
class Crossed:
    """Products ``value[t] * u[nature[t]] * z[first[t]]``, each of form ``index[t]``; all arrays ``(t,)``."""

    index: Integers
    first: Integers
    nature: Integers
    value: Floats


@dataclass(frozen=True, slots=True)
class CoupledForms:
    """``first @ z + nature @ u + recourse @ r + sum value u_i z_j + products(z)``, ``m`` forms.

    ``first`` is ``(m, n)`` over the first stage ``z``, ``nature`` ``(m, k)`` over the uncertain ``u``, ``recourse``
    ``(m, q)`` over the decisions ``r`` that follow; ``products`` are among the first stage.
    """

    first: Matrix
    nature: Matrix
    recourse: Matrix
    crossed: Crossed
    products: Product

    def __len__(self) -> int:
        return int(self.first.shape[0])

    @property
    def depends_on_nature(self) -> bool:
        """Whether any coefficient of nature is there."""
        return bool(np.any(self.nature.data != 0) or len(self.crossed.index))

    def at_scenario(self, u: Floats) -> tuple[Matrix, Floats]:
        """Hold nature at ``u`` ``(k,)``: return the first stage's coefficients ``(m, n)`` and constants ``(m,)``."""
        crossed = self.crossed
        entries = (crossed.value * u[crossed.nature], (crossed.index, crossed.first))
        extra = sparse.coo_array(entries, shape=self.first.shape).tocsr()
        return sparse.csr_array(self.first + extra), np.asarray(self.nature @ u)

    def at_first(self, z: Floats) -> tuple[Matrix, Floats]:
        """Hold the first stage at ``z`` ``(n,)``: return nature's coefficients ``(m, k)`` and constants ``(m,)``."""
        crossed = self.crossed
        entries = (crossed.value * z[crossed.first], (crossed.index, crossed.nature))
        extra = sparse.coo_array(entries, shape=self.nature.shape).tocsr()
        constant = np.asarray(self.first @ z) + self.products.evaluate(z, len(self))
        return sparse.csr_array(self.nature + extra), constant
