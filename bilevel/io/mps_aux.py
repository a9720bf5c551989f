"""Games with one follower in two files: an MPS file with everything, and which part is the follower's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from bilevel.errors import InvalidGame
from bilevel.game import Follower
from bilevel.io.aux_file import Auxiliary, read_auxiliary
from bilevel.io.mps import LinearFile, read_linear
from reformulations.programs import (
    BilevelProgram,
    Columns,
    Floats,
    Integers,
    MultiplierColumns,
    Names,
    Objectives,
    Role,
    Rows,
)


def read_mps(path_mps: str | Path, path_aux: str | Path) -> pyo.ConcreteModel:
    """Read a game as a Pyomo model to solve or to go on editing.

    ``m.x`` and ``m.row`` are the leader's variables and rows, ``m.follower.y`` and ``m.follower.row`` the
    follower's, by their names in the file; ``m.goal`` and ``m.follower.goal`` the objectives.

    Parameters
    ----------
    path_mps
        An MPS (or LP) file: all columns and rows, and the leader's objective. For an interdiction game
        (``IC`` and ``IB`` in the auxiliary file) the follower's program alone.
    path_aux
        The auxiliary file of MibS: by positions (``N``, ``M``, ``LC``, ``LR``, ``LO``, ``OS``) or by names
        (``@VARSBEGIN`` ...).

    Raises
    ------
    InvalidGame
        When a file is missing or malformed, with file and line.
    """
    program = read_program(path_mps, path_aux)
    m = pyo.ConcreteModel(Path(path_mps).stem)
    m.follower = Follower()
    blocks, variables = (m, m.follower), [None] * len(program.columns)
    for player, (block, name) in enumerate(zip(blocks, ("x", "y"), strict=True)):
        mine = np.flatnonzero(program.column_owner == player)
        _declare_variables(block, name, program.columns, mine, variables)
    matrix = program.rows.matrix
    for player, block in enumerate(blocks):
        block.row = pyo.Constraint(pyo.Any)
        for row in np.flatnonzero(program.row_owner == player).tolist():
            begin, end = matrix.indptr[row : row + 2]
            if not matrix.data[begin:end].any():
                _check_empty_row(program.rows, row, path_mps)
                continue
            body = _linear(matrix.data[begin:end], matrix.indices[begin:end].tolist(), variables)
            low, high = float(program.rows.lower[row]), float(program.rows.upper[row])
            sides = (low if np.isfinite(low) else None, body, high if np.isfinite(high) else None)
            block.row[program.rows.names[row]] = (body, high) if low == high else sides
        goal = program.objectives.linear[[player]].tocsr()
        sense = pyo.minimize if program.objectives.sense[player] > 0 else pyo.maximize
        cost = _linear(goal.data, goal.indices.tolist(), variables) + float(program.objectives.constant[player])
        block.goal = pyo.Objective(expr=cost, sense=sense)
    return m


def read_program(path_mps: str | Path, path_aux: str | Path) -> BilevelProgram:
    """Read a game as arrays; the players are ``"leader"`` and ``"follower"``, columns and rows in the file's order.

    Raises
    ------
    InvalidGame
        When a file is missing or malformed, with file and line.
    """
    file, auxiliary = read_linear(path_mps), read_auxiliary(path_aux)
    if auxiliary.budget is not None:
        file = _with_interdiction(file, auxiliary, path_aux)
    columns = _places(auxiliary.columns, file.columns.names, "column", path_aux)
    rows = _places(auxiliary.rows, file.rows.names, "row", path_aux)
    n, m = len(file.columns), len(file.rows)
    column_owner, row_owner = np.zeros(n, np.int64), np.zeros(m, np.int64)
    column_owner[columns], row_owner[rows] = 1, 1
    follower_cost = np.zeros(n)
    follower_cost[columns] = auxiliary.cost
    return BilevelProgram(
        players=("leader", "follower"),
        roles=np.array([Role.LEADER, Role.FOLLOWER], np.int64),
        columns=file.columns,
        column_owner=column_owner,
        rows=file.rows,
        row_owner=row_owner,
        objectives=Objectives(
            np.array([file.sense, auxiliary.sense]),
            np.array([file.constant, 0.0]),
            sparse.csr_array(np.stack([file.cost, follower_cost])),
        ),
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, m + 2 * n))),
    )


def _places(items: tuple[int, ...] | tuple[str, ...], names: Names, kind: str, path: str | Path) -> Integers:
    known = {name: place for place, name in enumerate(names)}
    places = []
    for item in items:
        place = known.get(item, -1) if isinstance(item, str) else item
        if not 0 <= place < len(names):
            raise InvalidGame(f"{path}: the MPS file has no {kind} {item}")
        places.append(place)
    if len(set(places)) != len(places):
        raise InvalidGame(f"{path}: a {kind} is named twice")
    return np.array(places, np.int64)


def _with_interdiction(file: LinearFile, auxiliary: Auxiliary, path: str | Path) -> LinearFile:
    """Return the follower's program with one binary of the leader before each column.

    ::

        sum_j cost_j x_j <= budget,     y_j <= u_j (1 - x_j)

    The budget stands before the follower's rows, the rows that interdict behind them; the leader
    minimises the negative of the file's objective.
    """
    n = len(file.columns)
    if len(auxiliary.interdiction_cost) != n:
        raise InvalidGame(f"{path}: IC is given for {len(auxiliary.interdiction_cost)} of {n} columns")
    upper = file.columns.upper
    for j in np.flatnonzero(~np.isfinite(upper) | (file.columns.lower != 0))[:1]:
        raise InvalidGame(
            f"{path}: column {file.columns.names[int(j)]} needs bounds from 0 to a number to be interdicted"
        )
    names = file.columns.names
    binary = Columns(np.zeros(n), np.ones(n), np.ones(n, bool), Names(n, lambda j: f"interdict_{names[j]}"))
    eye = sparse.eye_array(n, format="csr")
    matrix = sparse.block_array(
        [
            [sparse.csr_array(np.array([auxiliary.interdiction_cost])), None],
            [None, file.rows.matrix],
            [sparse.diags_array(upper), eye],
        ],
        format="csr",
    )
    budget = np.array([0.0 if auxiliary.budget is None else auxiliary.budget])
    rows = Rows(
        sparse.csr_array(matrix),
        np.concatenate([[-np.inf], file.rows.lower, np.full(n, -np.inf)]),
        np.concatenate([budget, file.rows.upper, upper]),
        Names.of(["budget"]) + file.rows.names + Names(n, lambda j: f"interdicted_{names[j]}"),
    )
    cost = np.concatenate([np.zeros(n), -file.cost])
    return LinearFile(binary.append(file.columns), rows, cost, -file.constant, file.sense)


def _declare_variables(block: Any, name: str, columns: Columns, mine: Integers, variables: list[Any]) -> None:
    component = pyo.Var([columns.names[int(j)] for j in mine])
    block.add_component(name, component)
    for j in mine.tolist():
        variable = component[columns.names[j]]
        low, high = float(columns.lower[j]), float(columns.upper[j])
        if columns.integer[j]:
            variable.domain = pyo.Binary if (low, high) == (0.0, 1.0) else pyo.Integers
        variable.setlb(low if np.isfinite(low) else None)
        variable.setub(high if np.isfinite(high) else None)
        variables[j] = variable


def _check_empty_row(rows: Rows, row: int, path: str | Path) -> None:
    if not rows.lower[row] <= 0.0 <= rows.upper[row]:
        raise InvalidGame(f"{path}: row {rows.names[row]} has no coefficients and cannot hold")


def _linear(values: Floats, places: list[int], variables: list[Any]) -> Any:
    return pyo.quicksum(float(value) * variables[j] for value, j in zip(values, places, strict=True) if value)
