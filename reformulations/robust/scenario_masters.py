"""Masters of stored scenarios for games with late followers (:mod:`reformulations.robust.late_followers`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)
from reformulations.robust.late_followers import Timing
from reformulations.robust.stages import ETA, positions, renumbered
from reformulations.substitution import objectives_at, rows_at


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where columns ``(n,)`` and players ``(P,)`` of the source stand in the master, ``width`` columns wide."""

    column: Integers
    player: Integers
    width: int

    def rows(self, rows: Rows, suffix: str = "") -> Rows:
        names = rows.names
        return Rows(
            self._matrix(rows.matrix),
            rows.lower,
            rows.upper,
            Names(len(names), lambda i: names[i] + suffix),
            self._products(rows.products),
        )

    def objectives(self, objectives: Objectives) -> Objectives:
        return Objectives(
            objectives.sense,
            objectives.constant,
            self._matrix(objectives.linear),
            self._products(objectives.products),
        )

    def _matrix(self, matrix: Matrix) -> Matrix:
        entries = matrix.tocoo()
        shape = (matrix.shape[0], self.width)
        moved = sparse.coo_array((entries.data, (entries.row, self.column[entries.col])), shape=shape)
        return sparse.csr_array(moved.tocsr())

    def _products(self, products: Product) -> Product:
        return Product.of(products.index, self.column[products.left], self.column[products.right], products.value)


def eta_of(timing: Timing) -> int:
    """Return the column of the worst case in a master: behind the early ones."""
    return len(timing.early)


def scenario_master(program: BilevelProgram, timing: Timing, scenarios: Sequence[Floats]) -> BilevelProgram:
    """Return the game of the stored ``scenarios``, minimised; at least one is needed to bound the worst case.

    Its columns are the early ones, the worst case, then the late ones once a scenario; rows likewise.
    """
    n, width = eta_of(timing), eta_of(timing) + 1 + len(scenarios) * len(timing.late)
    waiting = np.flatnonzero(timing.late_followers)
    here = np.flatnonzero(((program.roles == Role.LEADER) | (program.roles == Role.FOLLOWER)) & ~timing.late_followers)
    column = np.full(len(program.columns), -1, np.int64)
    column[timing.early] = np.arange(n)
    frame = _Frame(column, positions(len(program.players), here), width)
    rows, owners, goals = _early(program, timing, frame, here)
    columns = _taken(program.columns, timing.early).append(
        Columns(np.array([-np.inf]), np.array([np.inf]), np.zeros(1, bool), Names.of([ETA]))
    )
    column_owners = [frame.player[program.column_owner[timing.early]], np.array([LEADER])]
    players, roles = [program.players[int(player)] for player in here], [program.roles[here]]
    for k, u in enumerate(scenarios):
        suffix = f" in scenario {k + 1}"
        place, number = column.copy(), np.full(len(program.players), LEADER, np.int64)
        place[timing.late] = n + 1 + k * len(timing.late) + np.arange(len(timing.late))
        number[waiting] = len(players) + np.arange(len(waiting))
        copy = _Frame(place, number, width)
        more, owner, theirs = _late(program, timing, copy, waiting, u, suffix)
        rows, goals = rows.append(more), _joined(goals, theirs)
        columns = columns.append(_taken(program.columns, timing.late, suffix))
        owners, column_owners = np.append(owners, owner), [*column_owners, number[program.column_owner[timing.late]]]
        players, roles = players + [program.players[int(p)] + suffix for p in waiting], [*roles, program.roles[waiting]]
    kept = np.flatnonzero(~timing.late_rows)
    multipliers = renumbered(
        program.multipliers,
        (len(program.columns), len(program.rows)),
        (timing.early, kept),
        (width, len(rows)),
    )
    return BilevelProgram(
        players=players,
        roles=np.concatenate(roles),
        columns=columns,
        column_owner=np.concatenate(column_owners),
        rows=rows,
        row_owner=owners,
        objectives=goals,
        multipliers=MultiplierColumns(column[program.multipliers.column], multipliers.matrix),
    )


def late_goal(program: BilevelProgram, timing: Timing) -> Objectives:
    """Return the part of the leader's objective in which nature or a late decision appears, minimised; one row."""
    return _leaders_part(program, ~_early_mask(program, timing))


def _early_mask(program: BilevelProgram, timing: Timing) -> Booleans:
    early = np.zeros(len(program.columns), bool)
    early[timing.early] = True
    return early


def _leaders_part(program: BilevelProgram, after: Booleans) -> Objectives:
    """Return the terms of the leader's objective with a column of the mask ``after``, as one minimised objective."""
    sense, products = float(program.objectives.sense[LEADER]), program.objectives.products
    mine = products.take((products.index == LEADER) & (after[products.left] | after[products.right]))
    linear = sparse.csr_array(
        sense * program.objectives.linear[[LEADER]] @ sparse.diags_array(after.astype(np.float64))
    )
    return Objectives(
        np.ones(1),
        np.zeros(1),
        linear,
        Product.of(np.zeros(len(mine), np.int64), mine.left, mine.right, sense * mine.value),
    )


def _early(program: BilevelProgram, timing: Timing, frame: _Frame, here: Integers) -> tuple[Rows, Integers, Objectives]:
    kept = np.flatnonzero(~timing.late_rows)
    # rows declared on a recourse block in which nothing late appears restrict the leader
    owner = np.maximum(frame.player[program.row_owner[kept]], LEADER)
    late, objectives = late_goal(program, timing), program.objectives
    sense = float(objectives.sense[LEADER])
    leaders = sparse.csr_array(sense * objectives.linear[[LEADER]] - late.linear)
    among = objectives.products.take(objectives.products.index == LEADER)
    mine = Product.of(np.zeros(len(among), np.int64), among.left, among.right, sense * among.value)
    mine += Product(late.products.index, late.products.left, late.products.right, -late.products.value)
    others = _of_players(objectives, here[here != LEADER])
    leader = frame.objectives(Objectives(np.ones(1), sense * objectives.constant[[LEADER]], leaders, mine))
    worst = sparse.csr_array(([1.0], ([0], [eta_of(timing)])), shape=(1, frame.width))
    leader = replace(leader, linear=sparse.csr_array(leader.linear + worst))
    return frame.rows(_picked(program.rows, kept)), owner, _joined(leader, frame.objectives(others))


def _late(
    program: BilevelProgram, timing: Timing, frame: _Frame, waiting: Integers, u: Floats, suffix: str
) -> tuple[Rows, Integers, Objectives]:
    """Return the late rows at ``u`` and ``eta >= cost``, their owners, and the late followers' objectives."""
    held, values = np.zeros(len(program.columns), bool), np.zeros(len(program.columns))
    held[timing.nature], values[timing.nature] = True, u
    late = np.flatnonzero(timing.late_rows)
    rows = frame.rows(rows_at(_picked(program.rows, late), held, values), suffix)
    cost = frame.objectives(objectives_at(late_goal(program, timing), held, values))
    above = sparse.csr_array(([1.0], ([0], [eta_of(timing)])), shape=(1, frame.width))
    worst = Rows(
        sparse.csr_array(above - cost.linear),
        cost.constant,
        np.array([np.inf]),
        Names.of([ETA + suffix]),
        Product(cost.products.index, cost.products.left, cost.products.right, -cost.products.value),
    )
    theirs = frame.objectives(objectives_at(_of_players(program.objectives, waiting), held, values))
    return rows.append(worst), np.append(frame.player[program.row_owner[late]], LEADER), theirs


def _picked(rows: Rows, kept: Integers) -> Rows:
    place = positions(len(rows), kept)
    products = rows.products.take(place[rows.products.index] >= 0)
    moved = Product(place[products.index], products.left, products.right, products.value)
    matrix = sparse.csr_array(rows.matrix[kept])
    return Rows(matrix, rows.lower[kept], rows.upper[kept], rows.names.take(kept), moved)


def _of_players(objectives: Objectives, players: Integers) -> Objectives:
    place = positions(len(objectives.sense), players)
    products = objectives.products.take(place[objectives.products.index] >= 0)
    moved = Product(place[products.index], products.left, products.right, products.value)
    return Objectives(
        objectives.sense[players], objectives.constant[players], sparse.csr_array(objectives.linear[players]), moved
    )


def _joined(first: Objectives, second: Objectives) -> Objectives:
    count, theirs = len(first.sense), second.products
    return Objectives(
        np.concatenate([first.sense, second.sense]),
        np.concatenate([first.constant, second.constant]),
        sparse.csr_array(sparse.vstack([first.linear, second.linear], format="csr")),
        first.products + Product(theirs.index + count, theirs.left, theirs.right, theirs.value),
    )


def _taken(columns: Columns, kept: Integers, suffix: str = "") -> Columns:
    names = columns.names
    return Columns(
        columns.lower[kept],
        columns.upper[kept],
        columns.integer[kept],
        Names(len(kept), lambda i: names[int(kept[i])] + suffix),
    )
