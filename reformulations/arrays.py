"""Columns, rows, products and objectives as read-only arrays: the parts of every program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import overload

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Matrix = sparse.csr_array


class Names(Sequence[str]):
    """Names made on demand: a length and a function from index to name."""

    __slots__ = ("_count", "_name_of")

    def __init__(self, count: int, name_of: Callable[[int], str]) -> None:
        self._count = count
        self._name_of = name_of

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        """Wrap an existing sequence."""
        return cls(len(names), names.__getitem__)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._name_of(i) for i in range(*index.indices(self._count))]
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._name_of(int(index))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return (self._name_of(i) for i in range(self._count))

    def __add__(self, other: Sequence[str]) -> Names:
        head = self._count
        return Names(head + len(other), lambda i: self[i] if i < head else other[i - head])

    def __reduce__(self) -> tuple[Callable[[list[str]], Names], tuple[list[str]]]:
        """Pickle and copy the names themselves: what makes them may hold a model."""
        return Names.of, (list(self),)

    def take(self, indices: Integers) -> Names:
        """Return the names at ``indices``, still made on demand."""
        return Names(len(indices), lambda i: self[int(indices[i])])


def freeze(program: object) -> None:
    """Make every array of a dataclass read-only, matrices sorted and without repeated entries."""
    for item in fields(program):  # type: ignore[arg-type]
        value = getattr(program, item.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        elif isinstance(value, sparse.csr_array):
            if not value.has_canonical_format:  # scipy sorts in place when it needs to, which read-only arrays forbid
                value = value.copy()
                value.sum_duplicates()
                object.__setattr__(program, item.name, value)
            for array in (value.data, value.indices, value.indptr):
                array.flags.writeable = False


def check_length(what: str, array: np.ndarray, length: int) -> None:
    """Raise ``ValueError`` unless ``array`` has shape ``(length,)``."""
    if array.shape != (length,):
        raise ValueError(f"{what} has shape {array.shape}, expected ({length},)")


@dataclass(frozen=True, slots=True)
class Columns:
    """Decision variables: bounds ``(n,)``, integrality ``(n,)``, names."""

    lower: Floats
    upper: Floats
    integer: Booleans
    names: Names

    def __post_init__(self) -> None:
        for item in ("lower", "upper", "integer"):
            check_length(item, getattr(self, item), len(self.names))
        freeze(self)

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def binary(self) -> Booleans:
        """Mask of integer columns within ``[0, 1]``."""
        return np.asarray(self.integer & (self.lower >= 0) & (self.upper <= 1))

    def append(self, other: Columns) -> Columns:
        """Return these columns followed by ``other``."""
        return Columns(
            np.concatenate([self.lower, other.lower]),
            np.concatenate([self.upper, other.upper]),
            np.concatenate([self.integer, other.integer]),
            self.names + other.names,
        )


@dataclass(frozen=True, slots=True)
class Product:
    """Bilinear terms in coordinate form: ``value[t] * z[left[t]] * z[right[t]]`` belongs to ``index[t]``.

    ``index`` is a row (in :class:`Rows`), a player (in :class:`Objectives`) or always 0 (in a
    single objective). A square has ``left == right``; ``left <= right`` always; the same pair
    stands at most once for each ``index``. Make one with :meth:`of`, which sorts and adds up.
    """

    index: Integers
    left: Integers
    right: Integers
    value: Floats

    def __post_init__(self) -> None:
        for item in ("left", "right", "value"):
            check_length(item, getattr(self, item), len(self.index))
        freeze(self)

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def none(cls) -> Product:
        """No products at all."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, np.empty(0))

    @classmethod
    def of(cls, index: Integers, left: Integers, right: Integers, value: Floats) -> Product:
        """Sort each pair, add up repeated terms, drop zeros."""
        if len(index) == 0:
            return cls.none()
        low, high = np.minimum(left, right), np.maximum(left, right)
        order = np.lexsort((high, low, index))
        keys = np.stack([index, low, high]).astype(np.int64)[:, order]
        first = np.flatnonzero(np.concatenate([[True], np.any(np.diff(keys, axis=1) != 0, axis=0)]))
        total = np.add.reduceat(np.asarray(value, np.float64)[order], first)
        keep = total != 0
        index, low, high = keys[:, first[keep]]
        return cls(index, low, high, total[keep])

    def take(self, mask: Booleans) -> Product:
        """Return the terms selected by ``mask``."""
        return Product(self.index[mask], self.left[mask], self.right[mask], self.value[mask])

    def __add__(self, other: Product) -> Product:
        return Product.of(
            np.concatenate([self.index, other.index]),
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.value, other.value]),
        )

    def evaluate(self, point: Floats, count: int) -> Floats:
        """Return the sum of the terms of each index ``(count,)`` at ``point``."""
        terms = self.value * point[self.left] * point[self.right]
        return np.bincount(self.index, weights=terms, minlength=count)[:count].astype(np.float64)

    def hessian(self, n: int, index: int = 0) -> Matrix:
        """Return the symmetric Hessian ``(n, n)`` of the terms of ``index``."""
        mine = self.take(self.index == index)
        half = sparse.coo_array((mine.value, (mine.left, mine.right)), shape=(n, n)).tocsr()
        return sparse.csr_array(half + half.T)


@dataclass(frozen=True, slots=True)
class Rows:
    """Two-sided rows ``lower <= matrix @ z + products(z) <= upper``; ``matrix`` is ``(m, n)``."""

    matrix: Matrix
    lower: Floats
    upper: Floats
    names: Names
    products: Product = field(default_factory=Product.none)

    def __post_init__(self) -> None:
        for item in ("lower", "upper"):
            check_length(item, getattr(self, item), self.matrix.shape[0])
        if len(self.names) != self.matrix.shape[0]:
            raise ValueError(f"{len(self.names)} names for {self.matrix.shape[0]} rows")
        freeze(self)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def equality(self) -> Booleans:
        """Mask of the rows whose two sides are equal."""
        return np.asarray(self.lower == self.upper)

    def activity(self, point: Floats) -> Floats:
        """Return the value of each row ``(m,)`` at ``point`` ``(n,)``."""
        return np.asarray(self.matrix @ point) + self.products.evaluate(point, len(self))

    def append(self, other: Rows) -> Rows:
        """Return these rows followed by ``other``, both widened to the larger number of columns."""
        width = max(self.matrix.shape[1], other.matrix.shape[1])
        shifted = other.products
        shifted = Product(shifted.index + len(self), shifted.left, shifted.right, shifted.value)
        return Rows(
            sparse.csr_array(sparse.vstack([widened(self.matrix, width), widened(other.matrix, width)], format="csr")),
            np.concatenate([self.lower, other.lower]),
            np.concatenate([self.upper, other.upper]),
            self.names + other.names,
            self.products + shifted,
        )


def widened(matrix: Matrix, width: int) -> Matrix:
    """Return ``matrix`` with zero columns appended up to ``width``."""
    if matrix.shape[1] == width:
        return matrix
    return sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width))


@dataclass(frozen=True, slots=True)
class Objectives:
    """One objective a player: ``constant + linear @ z + products(z)``, minimised where ``sense`` is +1.

    ``sense`` ``(P,)`` is +1 (minimise) or -1 (maximise); ``linear`` is ``(P, n)``.
    """

    sense: Floats
    constant: Floats
    linear: Matrix
    products: Product = field(default_factory=Product.none)

    def __post_init__(self) -> None:
        check_length("sense", self.sense, self.linear.shape[0])
        check_length("constant", self.constant, self.linear.shape[0])
        freeze(self)

    def value(self, point: Floats) -> Floats:
        """Return every player's objective ``(P,)`` at ``point``, in the user's own sense."""
        bilinear = self.products.evaluate(point, len(self.sense))
        return np.asarray(self.constant + self.linear @ point + bilinear)
