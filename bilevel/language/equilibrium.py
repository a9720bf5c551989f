"""Followers in equilibrium: complementarity conditions as players with one variable each.

A follower without an objective declares pairs in Pyomo's own words::

    users.flow = pyo.Var(PATHS)
    users.least = pyo.Var()
    users.demand = pyo.Constraint(expr=sum(users.flow[q] for q in PATHS) == 100)
    users.choice = Complementarity(PATHS, rule=lambda users, q: complements(users.flow[q] >= 0, cost[q] >= users.least))

A pair ``l <= v <= u  _|_  F`` (a mixed complementarity problem) is the optimality condition of a player that decides
``v`` alone and takes everything else as given, minimising ``v F`` with half of the square of ``v``. So the pairs
become players, and whatever holds of the equilibria of several followers holds of them. Exact where ``F`` is affine and
does not fall in ``v`` itself; nothing is asked of the whole map, and where it is not monotone and equilibria
differ, the leader gets the one it likes best (Facchinei and Pang, Finite-Dimensional Variational Inequalities and
Complementarity Problems, 2003, section 1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from pyomo.core.base.var import VarData
from pyomo.core.expr.numvalue import value
from pyomo.mpec.complementarity import ComplementarityData
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.language.columns import bounds_of
from bilevel.language.expressions import ExpressionReader
from reformulations.programs import Columns, Integers, Objectives, Product

_Side = tuple[Any, Any, Any]
_EQUATION = 2
"""Pyomo reads an equation as its two sides, an inequality as three."""
_FINITE_SIDES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """``lower <= variable <= upper  _|_  sign (body - constant)``, as declared in ``source``."""

    source: ComplementarityData
    variable: VarData
    lower: float
    upper: float
    body: Any
    sign: float
    constant: float


def conditions_of(
    follower: str, pairs: Sequence[ComplementarityData], variables: Sequence[VarData], equations: int
) -> list[Condition]:
    """Return the conditions that ``pairs`` declare, each with a variable of its own among ``variables``.

    Raises
    ------
    InvalidGame
        For a pair without such a variable or without two finite sides, for bounds that are not those of the pair, and
        unless the variables without a pair are free and as many as the equations.
    """
    own = {id(variable): variable for variable in variables}
    found = []
    for pair in pairs:
        condition = _condition(pair, own)
        del own[id(condition.variable)]
        found.append(condition)
    for variable in own.values():
        if bounds_of(variable) != (None, None):
            raise InvalidGame(
                f"{variable.name}: it has bounds but no pair in {follower}; say complements({variable.name} >= ..., "
                "...), or leave the bounds out"
            )
    if len(own) != equations:
        raise InvalidGame(
            f"{follower}: its equilibrium has {len(own)} variables without a pair and {equations} equations; "
            "these are as many in a square system: pair each other variable with complements(...)"
        )
    return found


def _condition(pair: ComplementarityData, own: dict[int, VarData]) -> Condition:
    first, second = _sides(pair)
    for side, other in ((first, second), (second, first)):
        if id(side[1]) in own and (side[0] is not None or side[2] is not None):
            return _oriented(pair, side, other)
    raise InvalidGame(
        f"{pair.name}: neither side is a bound of a variable of its follower that has no other pair; declare a "
        "variable equal to one side and give it a bound in the pair"
    )


def _sides(pair: ComplementarityData) -> tuple[_Side, _Side]:
    # Pyomo reads the sides of a pair with these two members and has no public ones.
    first, second = (pair._canonical_expression(side) for side in pair._args)  # noqa: SLF001
    if _EQUATION in (len(first), len(second)):
        raise InvalidGame(f"{pair.name}: a side of a pair is an inequality; declare an equation as a Constraint")
    if sum(end is not None for end in (first[0], first[2], second[0], second[2])) != _FINITE_SIDES:
        raise InvalidGame(f"{pair.name}: a pair has two finite sides in all, such as complements(v >= 0, f >= 0)")
    return first, second


def _oriented(pair: ComplementarityData, side: _Side, other: _Side) -> Condition:
    """Turn a pair so that what complements the lower bound is nonnegative: ``u - v >= 0`` pairs with ``-F >= 0``."""
    variable = side[1]
    lower = -inf if side[0] is None else float(value(side[0]))
    upper = inf if side[2] is None else float(value(side[2]))
    sign, constant = 1.0, 0.0
    if other[0] is not None:
        constant = float(value(other[0]))
    elif other[2] is not None:
        sign, constant = -1.0, float(value(other[2]))
    if lower == -inf:
        sign = -sign
    declared = bounds_of(variable)
    for mine, given in zip((lower, upper), declared, strict=True):
        if given is not None and given != mine:
            raise InvalidGame(
                f"{variable.name}: its bounds {declared} are not those of its pair {pair.name}; leave them out, or say "
                "complements(inequality(lower, variable, upper), expression)"
            )
    return Condition(pair, variable, lower, upper, other[1], sign, constant)


def bounded(columns: Columns, conditions: Sequence[Condition], column_of: dict[int, int]) -> Columns:
    """Return the columns with the bounds that the conditions give them."""
    lower, upper = columns.lower.copy(), columns.upper.copy()
    for condition in conditions:
        j = column_of[id(condition.variable)]
        lower[j], upper[j] = condition.lower, condition.upper
    return Columns(lower, upper, columns.integer, columns.names)


def with_conditions(
    objectives: Objectives, players: Integers, conditions: Sequence[Condition], reader: ExpressionReader, own: Integers
) -> Objectives:
    """Return the objectives, those of ``players`` ``(k,)`` from their conditions, whose variables are ``own`` ``(k,)``.

    Raises
    ------
    NotApplicable
        For a condition that is not affine, or falls in its own variable.
    """
    found = reader.linear([condition.body for condition in conditions], [item.source for item in conditions])
    for term in found.products.index[:1]:
        raise NotApplicable(
            conditions[int(term)].source.name,
            "its expression is not affine; write the products with rows and variables of their own",
        )
    sign, constant = (np.array([getattr(item, name) for item in conditions]) for name in ("sign", "constant"))
    entries = found.matrix.tocoo()
    values = sign[entries.row] * entries.data
    itself = entries.col == own[entries.row]
    for entry in np.flatnonzero(itself & (values < 0))[:1]:
        condition = conditions[int(entries.row[entry])]
        raise NotApplicable(
            condition.source.name,
            f"its expression falls in {condition.variable.name}, its own variable; declare another variable equal to "
            "that one for use in the expression",
        )
    products = Product.of(
        players[entries.row], own[entries.row], entries.col.astype(np.int64), np.where(itself, 0.5, 1.0) * values
    )
    linear = sparse.coo_array(
        (sign * (found.constant - constant), (players, own)), shape=objectives.linear.shape
    ).tocsr()
    return Objectives(
        objectives.sense,
        objectives.constant,
        sparse.csr_array(objectives.linear + linear),
        objectives.products + products,
    )
