"""A game as arrays declared anew as a Pyomo model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.game import Follower, Multiplier
from reformulations.programs import LEADER, BilevelProgram, Columns, Floats, Product, Role


def declare(program: BilevelProgram, name: str) -> pyo.ConcreteModel:
    """Return the game as a Pyomo model to solve or to go on editing.

    ``m.x`` and ``m.row`` are the leader's variables and rows, by name; ``m.follower.y``, ``m.follower.row`` a single
    follower's, ``m.follower[player].y`` and so on those of several; ``m.goal`` and ``m.follower.goal`` the objectives.
    Columns that stand for multipliers are ``m.multiplier`` (of rows), ``m.lower_multiplier`` and
    ``m.upper_multiplier`` (of bounds).

    Raises
    ------
    InvalidGame
        When a row without coefficients cannot hold, or a player has two rows or variables of one name.
    NotApplicable
        When nature or recourse take part.
    """
    for player in np.flatnonzero(program.roles > Role.FOLLOWER)[:1]:
        raise NotApplicable(program.players[player], "games with uncertainty have no declaration from arrays")
    m = pyo.ConcreteModel(name)
    blocks = _blocks(m, program)
    variables: list[Any] = [None] * len(program.columns)
    aliases = set(program.multipliers.column.tolist())
    for player, block in enumerate(blocks):
        mine = [j for j in np.flatnonzero(program.column_owner == player).tolist() if j not in aliases]
        _declare_variables(block, "x" if player == LEADER else "y", program.columns, mine, variables)
    rows: dict[int, Any] = {}
    for player in [*range(1, len(blocks)), LEADER]:
        if player == LEADER:
            _declare_multipliers(m, program, rows, variables)
        _declare_rows(blocks[player], program, player, variables, rows)
        goal = _expression(program, player, variables)
        sense = pyo.minimize if program.objectives.sense[player] > 0 else pyo.maximize
        blocks[player].goal = pyo.Objective(expr=goal, sense=sense)
    return m


def _blocks(m: pyo.ConcreteModel, program: BilevelProgram) -> list[Any]:
    followers = list(program.players[1:])
    if len(followers) == 1:
        m.follower = Follower()
        return [m, m.follower]
    m.follower = Follower(followers)
    return [m, *(m.follower[name] for name in followers)]


def _declare_variables(block: Any, name: str, columns: Columns, mine: list[int], variables: list[Any]) -> None:
    names = [columns.names[j] for j in mine]
    for repeated, count in Counter(names).most_common(1):
        if count > 1:
            raise InvalidGame(f"{repeated}: two variables of one player have this name; rename one of them")
    component = pyo.Var(names)
    block.add_component(name, component)
    for j in mine:
        variable = component[columns.names[j]]
        low, high = float(columns.lower[j]), float(columns.upper[j])
        if columns.integer[j]:
            variable.domain = pyo.Binary if (low, high) == (0.0, 1.0) else pyo.Integers
        _set_bounds(variable, low, high)
        variables[j] = variable


def _set_bounds(variable: Any, low: float, high: float) -> None:
    variable.setlb(low if np.isfinite(low) else None)
    variable.setub(high if np.isfinite(high) else None)


def _declare_rows(
    block: Any, program: BilevelProgram, player: int, variables: list[Any], declared: dict[int, Any]
) -> None:
    rows = program.rows
    block.row = pyo.Constraint(pyo.Any)
    for i in np.flatnonzero(program.row_owner == player).tolist():
        begin, end = rows.matrix.indptr[i : i + 2]
        terms = rows.products.take(rows.products.index == i)
        low, high = float(rows.lower[i]), float(rows.upper[i])
        if not rows.matrix.data[begin:end].any() and not len(terms):
            if not low <= 0.0 <= high:
                raise InvalidGame(f"row {rows.names[i]} has no coefficients and cannot hold")
            continue
        if np.isinf(low) and np.isinf(high):
            continue
        body = _linear(rows.matrix.data[begin:end], rows.matrix.indices[begin:end].tolist(), variables)
        body += _bilinear(terms, variables)
        if rows.names[i] in block.row:
            raise InvalidGame(f"{rows.names[i]}: two rows of one player have this name; rename one of them")
        sides = (low if np.isfinite(low) else None, body, high if np.isfinite(high) else None)
        block.row[rows.names[i]] = (body, high) if low == high else sides
        declared[i] = block.row[rows.names[i]]


def _declare_multipliers(
    m: pyo.ConcreteModel, program: BilevelProgram, rows: Mapping[int, Any], variables: list[Any]
) -> None:
    columns, (n_rows, n) = program.columns, (len(program.rows), len(program.columns))
    kinds: dict[str, dict[str, Any]] = {"multiplier": {}, "lower_multiplier": {}, "upper_multiplier": {}}
    for column, target in multiplier_targets(program):
        name = columns.names[column]
        if target < n_rows:
            if target not in rows:
                raise InvalidGame(f"{name}: row {program.rows.names[target]} says nothing and has no multiplier")
            kinds["multiplier"][name] = rows[target]
        else:
            kind = "lower_multiplier" if target < n_rows + n else "upper_multiplier"
            if variables[(target - n_rows) % n] is None:
                raise InvalidGame(f"{name}: the bounds of a multiplier have no multiplier")
            kinds[kind][name] = variables[(target - n_rows) % n]
    for kind, targets in kinds.items():
        if targets:
            bound = None if kind == "multiplier" else kind.split("_")[0]
            m.add_component(kind, Multiplier(targets, bound=bound))
    for column, _ in multiplier_targets(program):
        name = columns.names[column]
        kind = next(kind for kind, targets in kinds.items() if name in targets)
        variables[column] = m.component(kind)[name]
        _set_bounds(variables[column], float(columns.lower[column]), float(columns.upper[column]))


def multiplier_targets(program: BilevelProgram) -> Iterable[tuple[int, int]]:
    """Return each column that is a multiplier, with the position of the multiplier it is.

    Raises
    ------
    NotApplicable
        When a column is a combination of several, which no declaration gives.
    """
    matrix = program.multipliers.matrix
    for k, column in enumerate(program.multipliers.column.tolist()):
        begin, end = matrix.indptr[k : k + 2]
        if end - begin != 1 or matrix.data[begin] != 1.0:
            raise NotApplicable(program.columns.names[column], "it is a combination of several multipliers")
        yield column, int(matrix.indices[begin])


def _expression(program: BilevelProgram, player: int, variables: list[Any]) -> Any:
    objectives = program.objectives
    goal = objectives.linear[[player]].tocsr()
    terms = objectives.products.take(objectives.products.index == player)
    linear = _linear(goal.data, goal.indices.tolist(), variables)
    return linear + _bilinear(terms, variables) + float(objectives.constant[player])


def _linear(values: Floats, places: list[int], variables: list[Any]) -> Any:
    return pyo.quicksum(float(value) * variables[j] for value, j in zip(values, places, strict=True) if value)


def _bilinear(terms: Product, variables: list[Any]) -> Any:
    entries = zip(terms.left.tolist(), terms.right.tolist(), terms.value.tolist(), strict=True)
    return pyo.quicksum(value * variables[left] * variables[right] for left, right, value in entries)
