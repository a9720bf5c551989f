"""The affine way back from a reformulated program to its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy import sparse

from reformulations.programs import Floats, Integers, Matrix

Program = TypeVar("Program", covariant=True)


@dataclass(frozen=True, slots=True)
class Recovery:
    """``source = matrix @ image + offset``: the point of the source from the point of the image.

    ``matrix`` is ``(source size, image size)``. ``outer @ inner`` composes: ``inner`` leads from the
    newest program to the middle one, ``outer`` from the middle one to the source.
    """

    matrix: Matrix
    offset: Floats

    @classmethod
    def identity(cls, size: int) -> Recovery:
        """The way back of a pass that changes no column."""
        return cls(sparse.csr_array(sparse.eye_array(size, format="csr")), np.zeros(size))

    @classmethod
    def selecting(cls, picked: Integers, size: int) -> Recovery:
        """The way back ``source[i] = image[picked[i]]``; ``picked[i] == -1`` gives 0."""
        rows = np.flatnonzero(picked >= 0)
        shape = (len(picked), size)
        matrix = sparse.coo_array((np.ones(len(rows)), (rows, picked[rows])), shape=shape)
        return cls(sparse.csr_array(matrix.tocsr()), np.zeros(len(picked)))

    def __call__(self, image: Floats) -> Floats:
        """Return the source's point of the image's point ``(image size,)``."""
        return np.asarray(self.matrix @ image) + self.offset

    def __matmul__(self, inner: Recovery) -> Recovery:
        """Return the way back through two passes."""
        return Recovery(
            sparse.csr_array(self.matrix @ inner.matrix),
            np.asarray(self.matrix @ inner.offset) + self.offset,
        )


@dataclass(frozen=True, slots=True)
class Reduced(Generic[Program]):
    """What a pass returns: the new program, the way back, and what was assumed or noted on the way."""

    program: Program
    recover: Recovery
    assumes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
