"""Games with one follower in two files: an MPS file with everything, and which part is the follower's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from bilevel.errors import InvalidFile, NotApplicable
from bilevel.io.aux_file import Auxiliary, auxiliary_text, read_auxiliary
from bilevel.io.linear_file import LinearFile
from bilevel.io.lp_file import read_lp_file
from bilevel.io.mps_file import read_mps_file
from bilevel.io.mps_writer import mps_text
from bilevel.io.text_file import write_text
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Columns,
    Integers,
    MultiplierColumns,
    Names,
    Objectives,
    Role,
    Rows,
)


def read_mps_aux(path_mps: str | Path, path_aux: str | Path) -> BilevelProgram:
    """Read a game as arrays; the players are ``"leader"`` and ``"follower"``, columns and rows in the file's order.

    Raises
    ------
    InvalidFile
        When a file is missing or malformed, with file and line.
    """
    read_file = read_lp_file if Path(path_mps).suffix == ".lp" else read_mps_file
    file, auxiliary = read_file(path_mps), read_auxiliary(path_aux)
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
            raise InvalidFile(path, None, f"the MPS file has no {kind} {item}")
        places.append(place)
    if len(set(places)) != len(places):
        raise InvalidFile(path, None, f"a {kind} is named twice")
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
        raise InvalidFile(path, None, f"IC is given for {len(auxiliary.interdiction_cost)} of {n} columns")
    upper = file.columns.upper
    for j in np.flatnonzero(~np.isfinite(upper) | (file.columns.lower != 0))[:1]:
        name = file.columns.names[int(j)]
        raise InvalidFile(path, None, f"column {name} needs bounds from 0 to a number to be interdicted")
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


def write_mps_aux(program: BilevelProgram, path_mps: str | Path, path_aux: str | Path) -> dict[str, str]:
    """Write a game to two files, the auxiliary one by positions.

    Of the follower's objective the format holds what the follower decides: its constant and its
    terms in the leader's variables, which change no response, are left out.

    Returns
    -------
    dict
        The user's name behind each name in the files that differs from it.

    Raises
    ------
    NotApplicable
        For what the format cannot hold: several followers, products, multipliers as variables; names the component.
    """
    _refuse_beyond_format(program)
    leader, follower = (
        np.asarray(program.objectives.linear[[player]].toarray(), np.float64).ravel() for player in (LEADER, 1)
    )
    file = LinearFile(
        program.columns,
        program.rows,
        leader,
        float(program.objectives.constant[LEADER]),
        float(program.objectives.sense[LEADER]),
    )
    columns = np.flatnonzero(program.column_owner == 1).tolist()
    rows = np.flatnonzero(program.row_owner == 1).tolist()
    auxiliary = Auxiliary(
        tuple(columns), tuple(rows), tuple(follower[columns].tolist()), float(program.objectives.sense[1])
    )
    text, renamed = mps_text(file, Path(path_mps).stem)
    write_text(path_mps, text)
    write_text(path_aux, auxiliary_text(auxiliary))
    return renamed


def _refuse_beyond_format(program: BilevelProgram) -> None:
    way_out = "; write a .json file instead"
    if len(program.players) != 2 or program.roles[1] != Role.FOLLOWER:  # noqa: PLR2004 - leader and follower
        raise NotApplicable(program.players[-1], "MPS and auxiliary files hold a leader and one follower" + way_out)
    for column in program.multipliers.column[:1].tolist():
        raise NotApplicable(program.columns.names[column], "MPS files hold no multipliers as variables" + way_out)
    for row in program.rows.products.index[:1].tolist():
        raise NotApplicable(program.rows.names[row], "MPS rows are linear" + way_out)
    for player in program.objectives.products.index[:1].tolist():
        raise NotApplicable(program.players[player], "its objective has products, MPS objectives are linear" + way_out)
