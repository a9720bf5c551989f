"""Programs for a spatial branch and bound: products anywhere, columns that exclude each other, rows on condition."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from reformulations.programs import (
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    Product,
    Rows,
    widened,
)


@dataclass(frozen=True, slots=True)
class Indicators:
    """Rows on condition: ``z[binary[k]] == value[k]`` implies ``matrix[k] @ z <= upper[k]``.

    ``matrix`` is ``(K, n)``, the others are ``(K,)``.
    """

    binary: Integers
    value: Booleans
    matrix: Matrix
    upper: Floats

    def __post_init__(self) -> None:
        count = self.matrix.shape[0]
        if not len(self.binary) == len(self.value) == len(self.upper) == count:
            raise ValueError(f"{len(self.binary)} binaries, {len(self.value)} values and {count} rows on condition")

    def __len__(self) -> int:
        return len(self.binary)

    @classmethod
    def none(cls) -> Indicators:
        """No rows on condition."""
        return cls(np.empty(0, np.int64), np.empty(0, bool), sparse.csr_array((0, 0)), np.empty(0))


@dataclass(frozen=True, slots=True)
class SpatialProgram:
    """Minimise ``constant + cost @ z + products(z)`` over rows with products, bounds, integrality and either-or's.

    Neither the objective nor the rows need be convex. Of each pair of columns in ``exclusive`` ``(k, 2)``
    at most one is nonzero; ``indicators`` are rows on condition of a binary.
    """

    columns: Columns
    rows: Rows
    cost: Floats
    constant: float = 0.0
    products: Product = field(default_factory=Product.none)
    exclusive: Integers = field(default_factory=lambda: np.empty((0, 2), np.int64))
    indicators: Indicators = field(default_factory=Indicators.none)

    def __post_init__(self) -> None:
        if self.cost.shape != (len(self.columns),):
            raise ValueError(f"cost has shape {self.cost.shape}, expected ({len(self.columns)},)")
        if self.exclusive.shape != (len(self.exclusive), 2):
            raise ValueError(f"exclusive has shape {self.exclusive.shape}, expected pairs")

    @classmethod
    def of(cls, program: MixedIntegerProgram, row_products: Product | None = None) -> SpatialProgram:
        """Return a mixed-integer program as it is, with ``row_products`` added to its rows."""
        rows = program.rows
        if row_products is not None:
            rows = Rows(rows.matrix, rows.lower, rows.upper, rows.names, row_products)
        return cls(program.columns, rows, program.cost, program.constant, program.products)

    def objective(self, point: Floats) -> float:
        """Return the objective (minimised) at ``point``."""
        return self.constant + float(self.cost @ point) + float(self.products.evaluate(point, 1)[0])

    def any_point(self) -> SpatialProgram:
        """Return the program without its objective."""
        zero = np.zeros(len(self.columns))
        return SpatialProgram(self.columns, self.rows, zero, exclusive=self.exclusive, indicators=self.indicators)


def appended(matrix: Matrix, columns: Integers, values: Floats, width: int) -> Matrix:
    """Return ``matrix`` widened to ``width``, with ``values[i]`` added in column ``columns[i]`` of its row ``i``."""
    count = matrix.shape[0]
    entries = sparse.coo_array((values, (np.arange(count), columns)), shape=(count, width)).tocsr()
    return sparse.csr_array(widened(matrix, width) + entries)
