"""The intermediate representation: games and programs as read-only arrays.

Four program types, from the user's game to what a solver takes::

    BilevelProgram  --KKT-->  MPEC  --potentials-->  MPEC  --big-M-->  MixedIntegerProgram

All matrices are ``scipy.sparse.csr_array``; all index arrays are ``int64``.
Minus and plus infinity stand for absent bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Matrix = sparse.csr_array

LEADER = 0
"""Index of the leader among the players of a :class:`BilevelProgram`."""


class Role(IntEnum):
    """What a player of a game is."""

    LEADER = 0
    FOLLOWER = 1
    NATURE = 2
    RECOURSE = 3


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

    def take(self, indices: Integers) -> Names:
        """Return the names at ``indices``, still made on demand."""
        return Names(len(indices), lambda i: self[int(indices[i])])


def _freeze(program: object) -> None:
    """Make every array of a dataclass read-only."""
    for item in fields(program):  # type: ignore[arg-type]
        value = getattr(program, item.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        elif isinstance(value, sparse.csr_array):
            for array in (value.data, value.indices, value.indptr):
                array.flags.writeable = False


def _check_length(what: str, array: np.ndarray, length: int) -> None:
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
            _check_length(item, getattr(self, item), len(self.names))
        _freeze(self)

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def binary(self) -> Booleans:
        """Mask of integer columns within ``[0, 1]``."""
        return self.integer & (self.lower >= 0) & (self.upper <= 1)

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
            _check_length(item, getattr(self, item), len(self.index))
        _freeze(self)

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
        keys = np.stack([index, low, high]).astype(np.int64)
        unique, where = np.unique(keys, axis=1, return_inverse=True)
        total = np.bincount(where.ravel(), weights=value, minlength=unique.shape[1])
        keep = total != 0
        return cls(unique[0, keep], unique[1, keep], unique[2, keep], total[keep])

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
        return np.bincount(self.index, weights=terms, minlength=count)[:count]

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
            _check_length(item, getattr(self, item), self.matrix.shape[0])
        if len(self.names) != self.matrix.shape[0]:
            raise ValueError(f"{len(self.names)} names for {self.matrix.shape[0]} rows")
        _freeze(self)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def equality(self) -> Booleans:
        """Mask of the rows whose two sides are equal."""
        return self.lower == self.upper

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
    return sparse.csr_array(
        (matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width)
    )


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
        _check_length("sense", self.sense, self.linear.shape[0])
        _check_length("constant", self.constant, self.linear.shape[0])
        _freeze(self)

    def value(self, point: Floats) -> Floats:
        """Return every player's objective ``(P,)`` at ``point``, in the user's own sense."""
        bilinear = self.products.evaluate(point, len(self.sense))
        return self.constant + np.asarray(self.linear @ point) + bilinear


@dataclass(frozen=True, slots=True)
class MultiplierColumns:
    """Columns that stand for followers' multipliers: ``z[column] == matrix @ multipliers``.

    ``matrix`` is ``(k, m + 2 n)`` over the multipliers of the rows, then of the lower, then of the
    upper bounds of the columns, each signed as ``d(own optimum in own sense)/d(right-hand side)``.
    """

    column: Integers
    matrix: Matrix

    def __post_init__(self) -> None:
        _check_length("column", self.column, self.matrix.shape[0])
        _freeze(self)

    def __len__(self) -> int:
        return len(self.column)


@dataclass(frozen=True, slots=True)
class BilevelProgram:
    """A game as declared: who owns which columns, rows and objective.

    ``roles[p]`` and ``players[p]`` describe player ``p``; player 0 is the leader, the others are
    followers, nature and recourse. ``column_owner`` ``(n,)`` and ``row_owner`` ``(m,)`` hold
    players; ``objectives`` has one entry a player (nature and recourse have empty ones). In a
    follower's rows and objective, the columns of others are parameters.
    """

    players: Sequence[str]
    roles: Integers
    columns: Columns
    column_owner: Integers
    rows: Rows
    row_owner: Integers
    objectives: Objectives
    multipliers: MultiplierColumns

    def __post_init__(self) -> None:
        _check_length("roles", self.roles, len(self.players))
        _check_length("column_owner", self.column_owner, len(self.columns))
        _check_length("row_owner", self.row_owner, len(self.rows))
        _freeze(self)

    @property
    def follower_columns(self) -> Booleans:
        """Mask ``(n,)`` of columns that belong to followers."""
        return np.asarray(self.roles[self.column_owner] == Role.FOLLOWER)

    @property
    def follower_rows(self) -> Booleans:
        """Mask ``(m,)`` of rows that belong to followers."""
        return np.asarray(self.roles[self.row_owner] == Role.FOLLOWER)

    @property
    def point_size(self) -> int:
        """Length ``n + m + 2 n`` of a primal-dual point: columns, row, lower and upper bound multipliers."""
        return 3 * len(self.columns) + len(self.rows)


@dataclass(frozen=True, slots=True)
class LowerLevel:
    """All followers in canonical form, jointly: each minimises over its own ``columns``.

    ``gradient @ z + cost`` ``(q,)`` is the gradient of each column's owner's objective by that
    column, ``gradient`` ``(q, n)``; the rows of every follower and the bounds of its columns are
    ``matrix @ z >= offset`` (``==`` where ``equality``), ``matrix`` ``(p, n)``. ``own`` ``(p, q)`` is
    the part of ``matrix`` on the columns of the row's owner: the columns of others are parameters.
    ``from_bound`` marks rows that are bounds of columns, ``opposite`` the row of the other side or -1.
    """

    columns: Integers
    column_owner: Integers
    cost: Floats
    gradient: Matrix
    matrix: Matrix
    own: Matrix
    offset: Floats
    equality: Booleans
    from_bound: Booleans
    opposite: Integers
    owner: Integers
    names: Names

    def __post_init__(self) -> None:
        for item in ("column_owner", "cost"):
            _check_length(item, getattr(self, item), len(self.columns))
        for item in ("offset", "equality", "from_bound", "opposite", "owner"):
            _check_length(item, getattr(self, item), self.matrix.shape[0])
        _freeze(self)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


@dataclass(frozen=True, slots=True)
class CanonicalGame:
    """A game in canonical form: the leader minimises, the followers are a :class:`LowerLevel`.

    ``rows`` are the upper level's, follower rows without follower columns included. ``aliases`` say
    which columns are combinations ``matrix @ lower-level multipliers`` ``(k, p)``.
    """

    players: Sequence[str]
    columns: Columns
    rows: Rows
    cost: Floats
    constant: float
    products: Product
    lower: LowerLevel
    aliases: MultiplierColumns

    def __post_init__(self) -> None:
        _check_length("cost", self.cost, len(self.columns))
        _freeze(self)


@dataclass(frozen=True, slots=True)
class Complementarity:
    """Pairs ``0 <= slack @ z - offset  _|_  z[multiplier] >= 0``; equalities have a free multiplier.

    ``slack`` ``(p, N)``, ``offset`` ``(p,)``, ``multiplier`` ``(p,)`` columns; ``row`` ``(p,)`` the row of the
    MPEC that states ``slack @ z >= offset``, -1 where the bounds of a column do. Where ``equality``,
    ``slack @ z == offset`` and the multiplier is free: no pair, but the identity
    ``multiplier * (slack @ z - offset) == 0`` holds all the same. ``opposite[i]`` is the pair that
    belongs to the other side of the same row or column, or -1; both multipliers of two opposite
    sides a positive distance apart cannot be positive together. ``owner`` ``(p,)`` is the player.
    """

    slack: Matrix
    offset: Floats
    multiplier: Integers
    row: Integers
    equality: Booleans
    opposite: Integers
    owner: Integers
    names: Names

    def __post_init__(self) -> None:
        for item in ("offset", "multiplier", "row", "equality", "opposite", "owner"):
            _check_length(item, getattr(self, item), self.slack.shape[0])
        _freeze(self)

    def __len__(self) -> int:
        return int(self.slack.shape[0])

    @property
    def pairs(self) -> Integers:
        """Indices of the inequalities, each a complementarity."""
        return np.flatnonzero(~self.equality)

    def slacks(self, point: Floats) -> Floats:
        """Return ``slack @ z - offset`` ``(p,)`` at ``point``."""
        return np.asarray(self.slack @ point) - self.offset


@dataclass(frozen=True, slots=True)
class Stationarity:
    """Which rows of an MPEC say that the gradient of an owner's Lagrangian by a column is zero.

    ``row`` ``(q,)`` are rows of the MPEC, ``column`` ``(q,)`` the follower columns, one each.
    """

    row: Integers
    column: Integers

    def __post_init__(self) -> None:
        _check_length("column", self.column, len(self.row))
        _freeze(self)


@dataclass(frozen=True, slots=True)
class MPEC:
    """Minimise ``constant + cost @ z + products(z)`` over rows, bounds and complementarities.

    The columns are those of the bilevel program followed by one multiplier for each follower row.
    ``rows`` hold the upper level, every follower row and the stationarity conditions, so that the
    MPEC without its complementarities is a relaxation. ``aliases`` are columns that are linear
    combinations of multiplier columns (a row of ``rows`` says so too): ``z[column] == matrix @ z``.
    """

    columns: Columns
    rows: Rows
    cost: Floats
    constant: float
    products: Product
    complementarity: Complementarity
    stationarity: Stationarity
    aliases: MultiplierColumns

    def __post_init__(self) -> None:
        _check_length("cost", self.cost, len(self.columns))
        _freeze(self)

    def objective(self, point: Floats) -> float:
        """Return the objective (minimised) at ``point`` ``(N,)``."""
        return self.constant + float(self.cost @ point) + float(self.products.evaluate(point, 1)[0])


@dataclass(frozen=True, slots=True)
class MixedIntegerProgram:
    """Minimise ``constant + cost @ z + products(z)`` over linear rows, bounds and integrality.

    ``products`` is a convex quadratic form (empty for a linear program).
    """

    columns: Columns
    rows: Rows
    cost: Floats
    constant: float
    products: Product = field(default_factory=Product.none)

    def __post_init__(self) -> None:
        _check_length("cost", self.cost, len(self.columns))
        if len(self.rows.products):
            raise ValueError("the rows of a mixed-integer linear program have no products")
        _freeze(self)

    def objective(self, point: Floats) -> float:
        """Return the objective (minimised) at ``point`` ``(N,)``."""
        return self.constant + float(self.cost @ point) + float(self.products.evaluate(point, 1)[0])
