"""Small games as plain numbers, easy to print and to change, and how to declare them in Pyomo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
import pyomo.environ as pyo

from bilevel.game import Follower

Numbers = tuple[float, ...]
Table = tuple[Numbers, ...]


@dataclass(frozen=True)
class Row:
    """``lower <= on_leader'x + on_followers'y + sum of switched x[i] * y[j] <= upper``, ``y`` of all followers."""

    on_leader: Numbers
    on_followers: Numbers
    lower: float
    upper: float
    switched: tuple[tuple[int, int, float], ...] = ()

    def body(self, x: Sequence[Any], y: Sequence[Any]) -> Any:
        """Return the value or expression of the row."""
        linear = sum(a * v for a, v in zip((*self.on_leader, *self.on_followers), (*x, *y), strict=True) if a)
        return linear + sum(value * x[i] * y[j] for i, j, value in self.switched)


@dataclass(frozen=True)
class Player:
    """A follower: it minimises (``sense`` 1) or maximises (-1), over ``columns`` of ``y``.

    ``cost'y + x' prices y + y' cross y_others``, plus ``sense`` times half the squared length of ``root @ y``.
    ``prices`` ``(p, q)``, ``cross`` ``(q of all, q)``, ``root`` ``(r, q)``; ``integer`` ``(q,)``, empty where none is.
    """

    sense: int
    columns: range
    lower: Numbers
    upper: Numbers
    cost: Numbers
    prices: Table
    cross: Table
    root: Table
    rows: tuple[Row, ...]
    integer: tuple[bool, ...] = ()

    def whole(self) -> tuple[bool, ...]:
        """Return for each of the player's columns whether it is an integer."""
        return self.integer or (False,) * len(self.columns)

    def objective(self, x: Sequence[Any], y: Sequence[Any]) -> Any:
        """Return the value or expression of the objective in the player's own sense."""
        own = [y[j] for j in self.columns]
        linear = sum(c * v for c, v in zip(self.cost, own, strict=True))
        priced = sum(a * x[i] * v for i, r in enumerate(self.prices) for a, v in zip(r, own, strict=True) if a)
        crossed = sum(a * y[j] * v for j, r in enumerate(self.cross) for a, v in zip(r, own, strict=True) if a)
        squares = [sum(a * v for a, v in zip(r, own, strict=True) if a) for r in self.root if any(r)]
        return linear + priced + crossed + 0.5 * self.sense * sum(s * s for s in squares)


@dataclass(frozen=True)
class Game:
    """A leader with columns ``x`` and a linear objective over everything, and followers with columns ``y``.

    ``priced[k]`` times ``x' prices y`` of follower ``k`` is added to the leader's objective.
    """

    sense: int
    lower: Numbers
    upper: Numbers
    integer: tuple[bool, ...]
    cost: Numbers
    cost_of_followers: Numbers
    rows: tuple[Row, ...]
    players: tuple[Player, ...]
    priced: Numbers = field(default=())

    def objective(self, x: Sequence[Any], y: Sequence[Any]) -> Any:
        """Return the value or expression of the leader's objective in its own sense."""
        linear = sum(c * v for c, v in zip((*self.cost, *self.cost_of_followers), (*x, *y), strict=True) if c)
        for weight, player in zip(self.priced, self.players, strict=bool(self.priced)):
            own = [y[j] for j in player.columns]
            products = [a * x[i] * v for i, r in enumerate(player.prices) for a, v in zip(r, own, strict=True) if a]
            linear = linear + weight * sum(products)
        return linear


def declare(game: Game) -> pyo.ConcreteModel:
    """Declare the game: ``m.x``, and ``m.follower[k].y``, ``m.follower[k].row`` for each follower."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(len(game.lower)))
    for i in m.x:
        m.x[i].domain = pyo.Integers if game.integer[i] else pyo.Reals
        m.x[i].setlb(_finite(game.lower[i]))
        m.x[i].setub(_finite(game.upper[i]))
    m.follower = Follower(range(len(game.players)))
    y: list[Any] = []
    for k, player in enumerate(game.players):
        m.follower[k].y = pyo.Var(range(len(player.columns)))
        for j, v in m.follower[k].y.items():
            v.setlb(_finite(player.lower[j]))
            v.setub(_finite(player.upper[j]))
            v.domain = pyo.Integers if player.whole()[j] else pyo.Reals
            y.append(v)
    x = list(m.x.values())
    for k, player in enumerate(game.players):
        _declare_rows(m.follower[k], player.rows, x, y)
        m.follower[k].goal = pyo.Objective(expr=player.objective(x, y), sense=player.sense)
    _declare_rows(m, game.rows, x, y)
    m.goal = pyo.Objective(expr=game.objective(x, y) + 0 * x[0], sense=game.sense)
    return m


def _declare_rows(block: Any, rows: Sequence[Row], x: Sequence[Any], y: Sequence[Any]) -> None:
    block.row = pyo.Constraint(range(len(rows)))
    for i, row in enumerate(rows):
        body = row.body(x, y)
        if row.lower == row.upper:
            block.row[i] = body == row.lower
        elif row.lower == -inf:
            block.row[i] = body <= row.upper
        elif row.upper == inf:
            block.row[i] = body >= row.lower
        else:
            block.row[i] = pyo.inequality(row.lower, body, row.upper)


def _finite(bound: float) -> float | None:
    return bound if np.isfinite(bound) else None
