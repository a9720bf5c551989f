"""Games read from JSON: a form without anybody's syntax, for exchange."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bilevel.io.json_items import Item
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Columns,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)

FORMATS = ("bilevel-json-1", "bilevel-json-2")
LEADER_NAME = "leader"


def read_json(path: str | Path) -> BilevelProgram:
    """Read a game in ``bilevel-json-1`` or ``bilevel-json-2``; columns in the order of the file, rows player by player.

    ::

        {format, name,
         variables: [{name, level, type: continuous|integer|binary, lb, ub (null = infinite), dual_of?, bound?}],
         leader:   {sense: min|max, objective: EXPR, constraints: [{name, expr: EXPR, sense: <=|>=|==, rhs}]},
         follower: {the same}}
        EXPR = {constant, linear: {variable: value}, quadratic: [[variable, variable, value], ...]}

    In the second form there may be ``followers``, a list with a ``name`` each, which is then the ``level`` of their
    variables; rows with ``sense: range, lower, upper``; and ``dual_of`` may name a variable whose ``bound`` (lower or
    upper) is meant. A variable that is declared again in the same words counts once. What else the file holds is not
    looked at.

    Raises
    ------
    InvalidFile
        With the line, where it is malformed.
    """
    file = Item.of(path)
    file["format"].string(*FORMATS)
    levels, players = _players(file)
    names, columns, owner = _columns(file["variables"], levels)
    place = {name: j for j, name in enumerate(names)}
    rows, row_owner = _rows(players, place)
    return BilevelProgram(
        players=(LEADER_NAME, *_player_names(players[1:])),
        roles=np.array([Role.LEADER] + [Role.FOLLOWER] * (len(players) - 1), np.int64),
        columns=columns,
        column_owner=owner,
        rows=rows,
        row_owner=row_owner,
        objectives=_objectives(players, place),
        multipliers=_multipliers(file["variables"], place, rows, row_owner),
    )


def _players(file: Item) -> tuple[dict[str, int], list[Item]]:
    """Return the number of each level of variables, and the players, the leader first."""
    if "followers" not in file:
        return {LEADER_NAME: LEADER, "follower": 1}, [file[LEADER_NAME], file["follower"]]
    players = list(file["followers"].entries())
    levels = {LEADER_NAME: LEADER}
    for number, player in enumerate(players, start=1):
        name = player["name"].string()
        if name in levels:
            raise player.error(f"the name {name!r} is taken")
        levels[name] = number
    return levels, [file[LEADER_NAME], *players]


def _player_names(players: list[Item]) -> list[str]:
    return [player["name"].string() if "name" in player else "follower" for player in players]


def _columns(variables: Item, levels: Mapping[str, int]) -> tuple[list[str], Columns, Any]:
    names: dict[str, Item] = {}
    lower, upper, integer, owner = [], [], [], []
    for variable in variables.entries():
        name = variable["name"].string()
        if name in names:
            if variable.value == names[name].value:
                continue
            raise variable.error(f"the name {name!r} is taken")
        names[name] = variable
        kind = variable["type"].string("continuous", "integer", "binary")
        low, high = variable["lb"].number_or(-np.inf), variable["ub"].number_or(np.inf)
        if kind == "binary":
            low, high = max(low, 0.0), min(high, 1.0)
        if low > high:
            raise variable.error(f"the bounds of {name} leave no value")
        lower.append(low)
        upper.append(high)
        integer.append(kind != "continuous")
        owner.append(levels[variable["level"].string(*levels)])
    bounds = np.array(lower, np.float64), np.array(upper, np.float64)
    columns = Columns(*bounds, np.array(integer, np.bool_), Names.of(list(names)))
    return list(names), columns, np.array(owner, np.int64)


class _Terms:
    """Linear and quadratic terms of numbered expressions."""

    def __init__(self, place: Mapping[str, int]) -> None:
        self._place = place
        self._linear: list[tuple[int, int, float]] = []
        self._quadratic: list[tuple[int, int, int, float]] = []

    def add(self, index: int, expression: Item) -> float:
        """Take an expression; return its constant."""
        if "linear" in expression:
            for name, value in expression["linear"].members():
                self._linear.append((index, self._column(name, value), value.number()))
        for term in expression["quadratic"].entries() if "quadratic" in expression else ():
            parts = list(term.entries())
            if len(parts) != 3:  # noqa: PLR2004 - two variables and a value
                raise term.error("expected two variables and a value")
            left, right = (self._column(part.string(), part) for part in parts[:2])
            self._quadratic.append((index, left, right, parts[2].number()))
        return expression["constant"].number() if "constant" in expression else 0.0

    def _column(self, name: str, where: Item) -> int:
        if name not in self._place:
            raise where.error(f"there is no variable {name!r}")
        return self._place[name]

    def matrix(self, count: int) -> sparse.csr_array:
        """Return the linear terms ``(count, n)``, zeros left out."""
        entries = np.array([term for term in self._linear if term[2]], np.float64).reshape(-1, 3)
        places = entries[:, :2].astype(np.int64)
        matrix = sparse.csr_array((entries[:, 2], (places[:, 0], places[:, 1])), shape=(count, len(self._place)))
        matrix.sort_indices()
        return matrix

    def products(self) -> Product:
        """Return the quadratic terms."""
        terms = np.array(self._quadratic, np.float64).reshape(-1, 4)
        index, left, right = terms[:, :3].astype(np.int64).T
        return Product.of(index, left, right, terms[:, 3])


def _rows(players: list[Item], place: Mapping[str, int]) -> tuple[Rows, Any]:
    terms, owner, sides = _Terms(place), [], []
    names: list[str] = []
    for player, item in enumerate(players):
        known = set[str]()
        for number, row in enumerate(item["constraints"].entries(), start=1):
            name = row["name"].string() if "name" in row else f"row {number}"
            if name in known:
                raise row.error(f"the name {name!r} is taken")
            known.add(name)
            constant = terms.add(len(names), row["expr"])
            low, high = _sides(row)
            sides.append((low - constant, high - constant))
            names.append(name)
            owner.append(player)
    lower, upper = np.array(sides, np.float64).reshape(-1, 2).T
    rows = Rows(terms.matrix(len(names)), lower.copy(), upper.copy(), Names.of(names), terms.products())
    return rows, np.array(owner, np.int64)


def _sides(row: Item) -> tuple[float, float]:
    sense = row["sense"].string("<=", ">=", "==", "range")
    if sense == "range":
        low, high = row["lower"].number_or(-np.inf), row["upper"].number_or(np.inf)
        if low > high:
            raise row.error("its sides leave no value")
        return low, high
    side = row["rhs"].number()
    return -np.inf if sense == "<=" else side, np.inf if sense == ">=" else side


def _objectives(players: list[Item], place: Mapping[str, int]) -> Objectives:
    terms = _Terms(place)
    constant = [terms.add(number, player["objective"]) for number, player in enumerate(players)]
    sense = [1.0 if player["sense"].string("min", "max") == "min" else -1.0 for player in players]
    return Objectives(np.array(sense), np.array(constant), terms.matrix(len(players)), terms.products())


def _multipliers(variables: Item, place: Mapping[str, int], rows: Rows, row_owner: Any) -> MultiplierColumns:
    m, n = len(rows), len(place)
    columns, targets = [], []
    names = list(rows.names)
    for variable in variables.entries():
        column = place[variable["name"].string()]
        if "dual_of" not in variable or column in columns:
            continue
        name = variable["dual_of"].string()
        if variable["level"].value != LEADER_NAME:
            raise variable.error("a multiplier is a variable of the leader")
        if "bound" in variable:
            if name not in place:
                raise variable.error(f"there is no variable {name!r}")
            first = m if variable["bound"].string("lower", "upper") == "lower" else m + n
            targets.append(first + place[name])
        else:
            found = [i for i, known in enumerate(names) if known == name and row_owner[i] != LEADER]
            if len(found) != 1:
                raise variable.error(f"{len(found)} rows of followers are called {name!r}")
            targets.append(found[0])
        columns.append(column)
    count = len(columns)
    matrix = sparse.csr_array((np.ones(count), targets, np.arange(count + 1)), shape=(count, m + 2 * n))
    return MultiplierColumns(np.array(columns, np.int64), matrix)
