"""A follower's optimality conditions in symbols, derived from what the user wrote and from nothing else.

The compiler gets the same conditions from arrays (:mod:`reformulations.kkt`); that both agree is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyomo.environ as pyo
import sympy
from pyomo.core.base.component import ComponentData
from pyomo.core.base.constraint import ConstraintData

from bilevel.explanation.symbols import Symbols, exact
from bilevel.language.player import Player

Side = Literal["lower", "upper"]


@dataclass(frozen=True, slots=True)
class Condition:
    """``0 <= multiplier  _|_  slack >= 0``; where ``equality``, ``slack == 0`` and the multiplier is free.

    ``source`` is the row, or the variable whose bound it is, and ``side`` which of its sides (``"lower"`` of an
    equality). The multiplier as the user reads it is ``sense * multiplier`` for a lower side, minus that for an upper.
    """

    source: ComponentData
    side: Side
    equality: bool
    multiplier: sympy.Symbol
    slack: sympy.Expr


@dataclass(frozen=True, slots=True)
class FollowerSystem:
    """One follower, minimised, and its optimality conditions.

    ::

        L = sense f - sum_j lambda_j slack_j,     dL/dy_n = 0,     0 <= lambda_j  _|_  slack_j >= 0

    Attributes
    ----------
    name, sense
        The follower; +1 where it minimises, -1 where it maximises.
    objective
        ``f``, in the follower's own sense.
    variables, symbols
        What it decides.
    conditions
        Its rows with a variable of its own, then the bounds of its variables.
    others
        Names of its rows without a variable of its own: the leader must see to them.
    lagrangian, stationarity
        ``L`` and its derivatives by the symbols.
    dual
        What the dual maximises over multipliers (and, for quadratic followers, ``y``) with ``dL/dy = 0``:
        ``L - y' dL/dy`` (Dorn, Quarterly of Applied Mathematics 18, 1960), for linear followers free of ``y``.
    """

    name: str
    sense: int
    objective: sympy.Expr
    variables: tuple[ComponentData, ...]
    symbols: tuple[sympy.Symbol, ...]
    conditions: tuple[Condition, ...]
    others: tuple[str, ...]
    lagrangian: sympy.Expr
    stationarity: tuple[sympy.Expr, ...]
    dual: sympy.Expr


def follower_system(player: Player, symbols: Symbols) -> FollowerSystem:
    """Derive the optimality conditions of one follower."""
    (goal,) = player.objectives
    sense = 1 if goal.sense == pyo.minimize else -1
    own = tuple(symbols.of(variable) for variable in player.variables)
    conditions: list[Condition] = []
    others: list[str] = []
    for row in player.rows:
        low, body, high = row.to_bounded_expression()
        form = symbols.expression(body)
        if form.free_symbols.isdisjoint(own):
            others.append(row.name)
        else:
            conditions.extend(_sides(row, form, _number(low), _number(high)))
    for variable, symbol in zip(player.variables, own, strict=True):
        conditions.extend(_sides(variable, symbol, *variable.bounds))
    objective = symbols.expression(goal.expr)
    priced = sum((one.multiplier * one.slack for one in conditions), sympy.Integer(0))
    lagrangian = sympy.expand(sense * objective - priced)
    stationarity = tuple(sympy.diff(lagrangian, symbol) for symbol in own)
    moved = sum((y * slope for y, slope in zip(own, stationarity, strict=True)), sympy.Integer(0))
    return FollowerSystem(
        player.name,
        sense,
        objective,
        tuple(player.variables),
        own,
        tuple(conditions),
        tuple(others),
        lagrangian,
        stationarity,
        sympy.expand(lagrangian - moved),
    )


def _sides(source: ComponentData, form: sympy.Expr, low: float | None, high: float | None) -> Iterator[Condition]:
    """Yield one condition for each finite side, one for an equality."""
    equality = low is not None and low == high
    if low is not None and low > -float("inf"):
        yield _condition(source, "lower", form - exact(low), equality=equality)
    if high is not None and high < float("inf") and not equality:
        yield _condition(source, "upper", exact(high) - form, equality=False)


def _condition(source: ComponentData, side: Side, slack: sympy.Expr, *, equality: bool) -> Condition:
    letter = "lambda" if isinstance(source, ConstraintData) else "mu"
    symbol = sympy.Symbol(f"{letter}[{source.name}]" if equality else f"{letter}_{side}[{source.name}]", real=True)
    return Condition(source, side, equality, symbol, sympy.expand(slack))


def _number(side: Any) -> float | None:
    return None if side is None else float(pyo.value(side))
