"""Games written as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bilevel.errors import NotApplicable
from bilevel.io.declare import multiplier_targets
from bilevel.io.json_game import FORMATS, LEADER_NAME
from bilevel.io.text_file import write_text
from reformulations.programs import LEADER, BilevelProgram, Product, Role


def write_json(program: BilevelProgram, path: str | Path, name: str | None = None) -> None:
    """Write a game in ``bilevel-json-1``, or in ``bilevel-json-2`` where the first form cannot hold it.

    Raises
    ------
    NotApplicable
        When nature or recourse take part, or a follower is called "leader".
    """
    for player in np.flatnonzero(program.roles > Role.FOLLOWER)[:1]:
        raise NotApplicable(program.players[player], "JSON files hold no uncertainty; write the nominal game")
    if LEADER_NAME in program.players[1:]:
        raise NotApplicable(LEADER_NAME, "JSON files keep this name for the leader; give the follower another one")
    single = len(program.players) == 2  # noqa: PLR2004 - leader and follower
    variables = [_variable(program, j, single) for j in range(len(program.columns))]
    for column, target in multiplier_targets(program):
        variables[column] |= _dual_of(program, target)
    players = [_player(program, player) for player in range(len(program.players))]
    extended = not single or any("bound" in variable for variable in variables)
    extended |= any(row["sense"] == "range" for player in players for row in player["constraints"])
    followers = [{"name": program.players[1 + k]} | player for k, player in enumerate(players[1:])]
    content = {
        "format": FORMATS[extended],
        "name": Path(path).stem if name is None else name,
        "variables": variables,
        LEADER_NAME: players[LEADER],
        **({"follower": followers[0]} if single else {"followers": followers}),
    }
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _variable(program: BilevelProgram, j: int, single: bool) -> dict[str, Any]:  # noqa: FBT001 - one follower or not
    columns, owner = program.columns, int(program.column_owner[j])
    low, high = float(columns.lower[j]), float(columns.upper[j])
    whole = "binary" if (low, high) == (0.0, 1.0) else "integer"
    level = LEADER_NAME if owner == LEADER else "follower" if single else program.players[owner]
    return {
        "name": columns.names[j],
        "level": level,
        "type": whole if columns.integer[j] else "continuous",
        "lb": _finite(low),
        "ub": _finite(high),
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _dual_of(program: BilevelProgram, target: int) -> dict[str, Any]:
    m, n = len(program.rows), len(program.columns)
    if target < m:
        return {"dual_of": program.rows.names[target]}
    return {"dual_of": program.columns.names[(target - m) % n], "bound": "lower" if target < m + n else "upper"}


def _player(program: BilevelProgram, player: int) -> dict[str, Any]:
    objectives, rows = program.objectives, program.rows
    return {
        "sense": "min" if objectives.sense[player] > 0 else "max",
        "objective": _terms(program, objectives.linear, objectives.products, player)
        | {"constant": float(objectives.constant[player])},
        "constraints": [
            {"name": rows.names[i], "expr": _terms(program, rows.matrix, rows.products, i)}
            | _written_sides(float(rows.lower[i]), float(rows.upper[i]))
            for i in np.flatnonzero(program.row_owner == player).tolist()
        ],
    }


def _terms(program: BilevelProgram, matrix: sparse.csr_array, products: Product, index: int) -> dict[str, Any]:
    names = program.columns.names
    begin, end = matrix.indptr[index : index + 2]
    mine = products.take(products.index == index)
    linear = zip(matrix.indices[begin:end].tolist(), matrix.data[begin:end].tolist(), strict=True)
    quadratic = zip(mine.left.tolist(), mine.right.tolist(), mine.value.tolist(), strict=True)
    return {
        "constant": 0.0,
        "linear": {names[j]: value for j, value in linear if value},
        "quadratic": [[names[left], names[right], value] for left, right, value in quadratic],
    }


def _written_sides(lower: float, upper: float) -> dict[str, Any]:
    if lower == upper:
        return {"sense": "==", "rhs": lower}
    if np.isinf(lower) == np.isinf(upper):
        return {"sense": "range", "lower": _finite(lower), "upper": _finite(upper)}
    return {"sense": ">=", "rhs": lower} if np.isinf(upper) else {"sense": "<=", "rhs": upper}
