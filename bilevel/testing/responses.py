"""An oracle for followers that shares nothing with the package: Pyomo's repn and scipy's linprog.

A point ``y`` minimises a convex ``f`` over a polyhedron ``Y`` exactly when it minimises the linear form
``grad f(y)'`` over ``Y``, and ``grad f(y)'y - min`` bounds by how much ``y`` is worse than the optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.repn import generate_standard_repn
from scipy.optimize import linprog

import bilevel as bl


def followers(m: pyo.ConcreteModel) -> list[Any]:
    """Return the blocks of all active followers of a model."""
    found = m.component_objects(pyo.Block, active=True)
    return [member for block in found if isinstance(block, bl.Follower) for member in block.values()]


def regret(follower: Any, m: pyo.ConcreteModel) -> float:
    """Return how much better the follower could do at most, at the values that the model's variables hold."""
    own = [v for v in follower.component_data_objects(pyo.Var) if not v.fixed]
    values = np.array([v.value for v in own])
    (objective,) = follower.component_data_objects(pyo.Objective, active=True)
    with _others_fixed(m, own):
        gradient = objective.sense * _gradient(objective.expr, own)
        rows, sides = _rows(follower, own)
    answer = linprog(gradient, rows, sides, bounds=[(v.lb, v.ub) for v in own])
    if answer.status != 0:
        raise AssertionError(f"{follower.name} has no best response to the linearised objective: {answer.message}")
    return float(gradient @ values - answer.fun)


def violation(m: pyo.ConcreteModel) -> float:
    """Return by how much the worst row or bound of the whole model is violated at its variables' values."""
    worst = 0.0
    for row in m.component_data_objects(pyo.Constraint, active=True):
        worst = max(worst, -row.slack() if np.isfinite(row.slack()) else 0.0)
    for v in m.component_data_objects(pyo.Var):
        worst = max(worst, 0.0 if v.lb is None else v.lb - v.value, 0.0 if v.ub is None else v.value - v.ub)
        if v.is_integer():
            worst = max(worst, abs(v.value - round(v.value)))
    return worst


@contextmanager
def _others_fixed(m: pyo.ConcreteModel, own: list[Any]) -> Iterator[None]:
    mine = {id(v) for v in own}
    others = [v for v in m.component_data_objects(pyo.Var) if id(v) not in mine and not v.fixed]
    for v in others:
        v.fix()
    yield
    for v in others:
        v.unfix()


def _gradient(expression: Any, own: list[Any]) -> np.ndarray:
    position = {id(v): j for j, v in enumerate(own)}
    repn = generate_standard_repn(expression, quadratic=True)
    if repn.nonlinear_expr is not None:
        raise AssertionError("the oracle takes linear and quadratic followers")
    gradient = np.zeros(len(own))
    for value, v in zip(repn.linear_coefs, repn.linear_vars, strict=True):
        gradient[position[id(v)]] += value
    for value, (a, b) in zip(repn.quadratic_coefs, repn.quadratic_vars, strict=True):
        gradient[position[id(a)]] += value * b.value
        gradient[position[id(b)]] += value * a.value
    return gradient


def _rows(follower: Any, own: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the follower's rows as ``rows @ y <= sides``."""
    position = {id(v): j for j, v in enumerate(own)}
    rows, sides = [np.zeros(len(own))], [0.0]
    for row in follower.component_data_objects(pyo.Constraint, active=True):
        repn, body = generate_standard_repn(row.body, quadratic=False), np.zeros(len(own))
        for value, v in zip(repn.linear_coefs, repn.linear_vars, strict=True):
            body[position[id(v)]] += value
        constant = pyo.value(repn.constant)
        for sign, side in ((1.0, row.ub), (-1.0, row.lb)):
            if side is not None:
                rows.append(sign * body)
                sides.append(sign * (side - constant))
    return np.array(rows), np.array(sides)
