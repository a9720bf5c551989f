"""Polyhedra on the user's keys, whose sides may move with what is decided before nature moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyomo.core.expr.visitor import identify_variables
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.language.keyed import Key, by_key, checked, number, refuse_keys
from reformulations import uncertainty
from reformulations.programs import Floats
from reformulations.uncertainty import UncertaintySet

Side = Any
"""A number, or an affine expression of variables that are decided before nature moves."""

Row = tuple[Mapping[Any, float], str, Side]
Pair = tuple[Side | None, Side | None]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Rows ``matrix @ u`` ``(r, k)``, each with a sign, its side as the user wrote it, and what the row is."""

    matrix: Floats
    signs: tuple[str, ...]
    sides: tuple[Side, ...]
    names: tuple[str, ...]

    def between(self, sides: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper ``sides`` ``(r,)``, infinite where the sign leaves one out."""
        signs = np.array(self.signs)
        return np.where(signs == "<=", -np.inf, sides), np.where(signs == ">=", np.inf, sides)


@dataclass(frozen=True, slots=True, eq=False)
class Polyhedron:
    """Rows ``({key: coefficient, ...}, "<=", right-hand side)`` and bounds, a bounded nonempty polytope.

    A right-hand side or a bound may be an affine expression of variables that are decided before nature moves: the set
    then moves with the plan (:mod:`reformulations.robust.parametric_masters`). Plans that leave it empty are ruled out.

    Parameters
    ----------
    rows
        The rows; the sign is ``"<="``, ``">="`` or ``"=="``.
    bounds
        One pair ``(low, high)`` for all keys or a dict of pairs; None stands for no bound.

    Examples
    --------
    >>> shares = Polyhedron(rows=[({1: 1, 2: 1, 3: 1}, "<=", 1.8), ({1: 1, 2: 1}, "<=", 1.2)], bounds=(0, 1))
    >>> shares.on([1, 2, 3], "g").support([1, 1, 1])
    1.8
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.guarded = pyo.Var([1, 2], domain=pyo.Binary)
    >>> attacks = Polyhedron(rows=[({1: 1, 2: 1}, "<=", 1)], bounds={k: (0, 1 - m.guarded[k]) for k in (1, 2)})
    >>> attacks.moves
    True
    """

    rows: Sequence[Row] = ()
    bounds: Pair | Mapping[Any, Pair] = (None, None)

    def __post_init__(self) -> None:
        # an iterator would be empty when the rows are read again
        object.__setattr__(self, "rows", tuple(self.rows))
        row: Any
        for i, row in enumerate(self.rows):
            if isinstance(row, str) or len(row) != len(("by key", "sign", "side")) or by_key(row[0]) is None:
                raise InvalidGame(f'Polyhedron: row {i} is {row!r}; give ({{key: coefficient, ...}}, "<=", side)')
        pair: Any
        for pair in self.bounds.values() if isinstance(self.bounds, Mapping) else [self.bounds]:
            if not isinstance(pair, Sized) or len(pair) != len(("low", "high")):
                raise InvalidGame(
                    f"Polyhedron: the bounds {pair!r} are no pair; give (low, high), with None for no bound"
                )

    @property
    def moves(self) -> bool:
        """Whether a side depends on variables."""
        pairs = list(self.bounds.values()) if isinstance(self.bounds, Mapping) else [self.bounds]
        sides = [side for _, _, side in self.rows] + [side for pair in pairs for side in pair]
        return any(_moves(side) for side in sides if side is not None)

    def on(self, keys: Sequence[Key], name: str) -> UncertaintySet:
        """Return the set on arrays in the order of ``keys``.

        Raises
        ------
        NotApplicable
            When it moves.
        """
        rows, (low, high) = self.laid_out(keys, name)
        for side, row in zip(rows.sides, rows.names, strict=True):
            if _moves(side):
                who = ", ".join(variable.name for variable in identify_variables(side, include_fixed=False))
                raise NotApplicable(
                    name,
                    f"{row} moves with {who}, so a scenario of one plan may be impossible at another, and what is "
                    "stored as a scenario, or held against all of them at once, bounds nothing; only bl.CCG() with "
                    'stored="auto" or "prices" takes such a set',
                )
        lower, upper = rows.between(
            np.array(
                [number(s, f"{name}: the side of {r}") for s, r in zip(rows.sides, rows.names, strict=True)], np.float64
            )
        )
        matrix = sparse.csr_array(rows.matrix)
        return checked(name, keys, lambda: uncertainty.Polyhedron(matrix, lower, upper, low, high))

    def laid_out(self, keys: Sequence[Key], name: str) -> tuple[Sides, tuple[Floats, Floats]]:
        """Return the rows in the order of ``keys``, moving bounds among them, and the bounds ``(k,)`` that stay."""
        place = {key: j for j, key in enumerate(keys)}
        matrix, signs, sides, names = [], [], [], []
        for i, (written, sign, side) in enumerate(self.rows):
            coefficients = by_key(written) or {}
            row = f"row {i} of Polyhedron"
            refuse_keys(set(coefficients) - set(place), f"{name}: {row}", "has", keys)
            matrix.append(np.zeros(len(keys)))
            for key, coefficient in coefficients.items():
                matrix[-1][place[key]] = number(coefficient, f"{name}: {row}, coefficient of {key!r}")
            if sign not in ("<=", ">=", "=="):
                raise InvalidGame(f'{name}: {row} has the sign {sign!r}; give "<=", ">=" or "=="')
            signs.append(sign)
            sides.append(side)
            names.append(row)
        low, high = np.full(len(keys), -np.inf), np.full(len(keys), np.inf)
        for j, (key, (least, most)) in enumerate(zip(keys, self._pairs(keys, name), strict=True)):
            for bound, sign, still in ((least, ">=", low), (most, "<=", high)):
                if bound is None:
                    continue
                if not _moves(bound):
                    still[j] = number(bound, f"{name}: {_bound_of(key)}")
                    continue
                matrix.append(np.eye(len(keys))[j])
                signs.append(sign)
                sides.append(bound)
                names.append(_bound_of(key))
        rows = np.array(matrix, np.float64).reshape(len(matrix), len(keys))
        return Sides(rows, tuple(signs), tuple(sides), tuple(names)), (low, high)

    def _pairs(self, keys: Sequence[Key], name: str) -> list[Pair]:
        pairs = self.bounds
        if not isinstance(pairs, Mapping):
            return [pairs] * len(keys)
        refuse_keys(set(pairs) ^ set(keys), f"{name}: Polyhedron(bounds)", "and the index set differ in", keys)
        return [pairs[key] for key in keys]


def _bound_of(key: Key) -> str:
    return "its bound in Polyhedron" if key is None else f"the bound of {key!r} in Polyhedron"


def _moves(side: Side) -> bool:
    return any(True for _ in identify_variables(side, include_fixed=False))
