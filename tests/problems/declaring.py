"""What a problem of the library is, and how its declarations are shortened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

import bilevel as bl


@dataclass(frozen=True, slots=True)
class Problem:
    """A game, the leader's optimum if followers break ties in its favour, the source, and what ties do."""

    model: pyo.ConcreteModel
    optimum: float
    source: str
    ties: str = "none"


def game(name: str) -> pyo.ConcreteModel:
    m = pyo.ConcreteModel(name)
    m.follower = bl.Follower()
    return m


def rows(block: Any, *relations: Any) -> None:
    """Declare the relations as ``block.row[1]``, ``block.row[2]``, ..."""
    block.row = pyo.Constraint(pyo.RangeSet(len(relations)), rule=lambda _, i: relations[i - 1])


def minimise(block: Any, expression: Any) -> None:
    block.goal = pyo.Objective(expr=expression)


def maximise(block: Any, expression: Any) -> None:
    block.goal = pyo.Objective(expr=expression, sense=pyo.maximize)
