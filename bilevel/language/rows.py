"""Constraints as rows and objectives as linear and bilinear forms."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Any

import numpy as np
from pyomo.common.errors import InvalidConstraintError
from pyomo.common.numeric_types import native_numeric_types
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.objective import ObjectiveData, minimize
from pyomo.core.expr.numvalue import value
from scipy import sparse

from bilevel.errors import InvalidGame
from bilevel.language.expressions import Coefficients, ExpressionReader, reason_of
from bilevel.language.names import names_of
from reformulations.programs import Booleans, Floats, Integers, Objectives, Product, Rows

EMPTY_ROW_TOLERANCE = 1e-9
"""Relative violation up to which a row without variables counts as satisfied."""


def rows_of(constraints: Sequence[ConstraintData], reader: ExpressionReader) -> tuple[Rows, Integers]:
    """Return the rows of ``constraints`` and the positions ``(m,)`` of those that are rows.

    Constants move to the sides. A constraint without variables is dropped when it holds, one
    without sides always.

    Raises
    ------
    InvalidGame
        For sides that are not a number or contradict each other, and for a violated constraint
        without variables.
    NotApplicable
        For a term that is neither linear nor a product of two variables.
    """
    bodies, lower, upper = _sides(constraints)
    found = reader.linear(bodies, constraints)
    lower, upper = lower - found.constant, upper - found.constant
    empty = _is_empty(found)
    _refuse_inconsistent(constraints, lower, upper)
    _refuse_violated(constraints, lower, upper, np.where(empty, found.constant, nan))
    kept = np.flatnonzero(~empty & (np.isfinite(lower) | np.isfinite(upper)))
    chosen = [constraints[i] for i in kept.tolist()]
    return Rows(
        found.matrix if len(kept) == len(constraints) else sparse.csr_array(found.matrix[kept]),
        lower[kept],
        upper[kept],
        names_of(chosen),
        _renumbered(found.products, kept, len(constraints)),
    ), kept


def objectives_of(objectives: Sequence[ObjectiveData | None], reader: ExpressionReader) -> Objectives:
    """Return one objective for each player, empty where there is none.

    Raises
    ------
    InvalidGame, NotApplicable
        As for rows.
    """
    sources = [objective for objective in objectives if objective is not None]
    players = np.flatnonzero([objective is not None for objective in objectives])
    found = reader.bilinear([source.expr for source in sources], sources)
    constant, sense = np.zeros(len(objectives)), np.ones(len(objectives))
    constant[players] = found.constant
    sense[players] = [1.0 if source.sense == minimize else -1.0 for source in sources]
    counts = np.zeros(len(objectives), np.int64)
    counts[players] = np.diff(found.matrix.indptr)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (len(objectives), found.matrix.shape[1])
    linear = sparse.csr_array((found.matrix.data, found.matrix.indices, indptr), shape=shape)
    products = found.products
    return Objectives(
        sense, constant, linear, Product(players[products.index], products.left, products.right, products.value)
    )


def _sides(constraints: Sequence[ConstraintData]) -> tuple[list[Any], Floats, Floats]:
    bodies, lower, upper = [], [], []
    for constraint in constraints:
        try:
            low, body, high = constraint.to_bounded_expression()
        except InvalidConstraintError as error:
            raise InvalidGame(
                f"{constraint.name}: a range whose side is a variable has no row; split it into two constraints"
            ) from error
        bodies.append(body)
        lower.append(-inf if low is None else low if low.__class__ in native_numeric_types else _side(low, constraint))
        upper.append(
            inf if high is None else high if high.__class__ in native_numeric_types else _side(high, constraint)
        )
    return bodies, np.array(lower, np.float64), np.array(upper, np.float64)


def _side(side: Any, constraint: ConstraintData) -> Any:
    try:
        return value(side)
    except (ValueError, ArithmeticError) as error:
        raise InvalidGame(
            f"{constraint.name}: a side is not a finite number ({reason_of(error)}); give its data finite values"
        ) from error


def _is_empty(found: Coefficients) -> Booleans:
    empty = np.diff(found.matrix.indptr) == 0
    empty[found.products.index] = False
    return np.asarray(empty)


def _refuse_inconsistent(constraints: Sequence[ConstraintData], lower: Floats, upper: Floats) -> None:
    for i in np.flatnonzero(np.isnan(lower) | np.isnan(upper) | (lower == inf) | (upper == -inf))[:1]:
        raise InvalidGame(f"{constraints[i].name}: a side is not a finite number; give its data finite values")
    for i in np.flatnonzero(lower > upper)[:1]:
        raise InvalidGame(
            f"{constraints[i].name}: its lower side {lower[i]:g} is above its upper side {upper[i]:g}; "
            "correct its sides"
        )


def _refuse_violated(constraints: Sequence[ConstraintData], lower: Floats, upper: Floats, empty_value: Floats) -> None:
    """Refuse violated rows without variables; ``empty_value`` ``(k,)`` is NaN for all others."""
    violation = np.maximum(lower, -upper)
    for i in np.flatnonzero(violation > EMPTY_ROW_TOLERANCE * np.maximum(1, np.abs(empty_value)))[:1]:
        raise InvalidGame(
            f"{constraints[i].name}: it has no variables and is violated by {violation[i]:g}; "
            "correct its data, or deactivate it"
        )


def _renumbered(products: Product, kept: Integers, count: int) -> Product:
    position = np.full(count, -1, np.int64)
    position[kept] = np.arange(len(kept))
    products = products.take(position[products.index] >= 0)
    return Product(position[products.index], products.left, products.right, products.value)
