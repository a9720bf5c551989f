"""The intermediate representation: games and programs as read-only arrays.

Four program types, from the user's game to what a solver takes::

    BilevelProgram  --KKT-->  MPEC  --potentials-->  MPEC  --big-M-->  MixedIntegerProgram

All matrices are ``scipy.sparse.csr_array``; all index arrays are ``int64``.
Minus and plus infinity stand for absent bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from reformulations.arrays import (
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Objectives,
    Product,
    Rows,
    check_length,
    freeze,
    widened,
)

__all__ = [
    "LEADER",
    "MPEC",
    "BilevelProgram",
    "Booleans",
    "CanonicalGame",
    "Columns",
    "Complementarity",
    "Floats",
    "Integers",
    "LowerLevel",
    "Matrix",
    "MixedIntegerProgram",
    "MultiplierColumns",
    "Names",
    "Objectives",
    "Product",
    "Role",
    "Rows",
    "Stationarity",
    "widened",
]

LEADER = 0
"""Index of the leader among the players of a :class:`BilevelProgram`."""


class Role(IntEnum):
    """What a player of a game is."""

    LEADER = 0
    FOLLOWER = 1
    NATURE = 2
    RECOURSE = 3


@dataclass(frozen=True, slots=True)
class MultiplierColumns:
    """Columns that stand for followers' multipliers: ``z[column] == matrix @ multipliers``.

    ``matrix`` is ``(k, m + 2 n)`` over the multipliers of the rows, then of the lower, then of the
    upper bounds of the columns, each signed as ``d(own optimum in own sense)/d(right-hand side)``.
    """

    column: Integers
    matrix: Matrix

    def __post_init__(self) -> None:
        check_length("column", self.column, self.matrix.shape[0])
        freeze(self)

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
        check_length("roles", self.roles, len(self.players))
        check_length("column_owner", self.column_owner, len(self.columns))
        check_length("row_owner", self.row_owner, len(self.rows))
        freeze(self)

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
            check_length(item, getattr(self, item), len(self.columns))
        for item in ("offset", "equality", "from_bound", "opposite", "owner"):
            check_length(item, getattr(self, item), self.matrix.shape[0])
        freeze(self)

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
        check_length("cost", self.cost, len(self.columns))
        freeze(self)


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
            check_length(item, getattr(self, item), self.slack.shape[0])
        freeze(self)

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
        check_length("column", self.column, len(self.row))
        freeze(self)


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
        check_length("cost", self.cost, len(self.columns))
        freeze(self)

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
        check_length("cost", self.cost, len(self.columns))
        if len(self.rows.products):
            raise ValueError("the rows of a mixed-integer linear program have no products")
        freeze(self)

    def objective(self, point: Floats) -> float:
        """Return the objective (minimised) at ``point`` ``(N,)``."""
        return self.constant + float(self.cost @ point) + float(self.products.evaluate(point, 1)[0])
