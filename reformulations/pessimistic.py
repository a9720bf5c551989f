"""Pessimistic games as optimistic ones: the followers' ties are broken against the leader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Columns,
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class Pessimistic:
    """Write a pessimistic game with linear followers as an optimistic one.

    Source: ``min_x max_{y in S(x)} F(x, y)``, ``g(x, y) <= 0`` for all ``y in S(x)``, where ``S(x)`` are the
    optimal responses ``argmin f(y)  s.t. (x, y) in Y``. Image: the leader also proposes a response
    ``w``, one follower answers with the worst response that is no worse for the followers than ``w``,
    and one more for each coupling row with the response that violates it most::

        min_{x, w}  F(x, y)   s.t.  (x, w) in Y,   g_i(x, y_i) <= 0
            y   in argmax { F(x, y)   : (x, y) in Y,  f_k(y) <= f_k(w) for each follower k }
            y_i in argmax { g_i(x, y) : (x, y) in Y,  f_k(y) <= f_k(w) for each follower k }

    A ``w`` that is not optimal only enlarges what the leader must withstand (Zeng 2020,
    doi:10.1287/ijoc.2019.0927). Exact when the followers are linear, do not use each other's columns,
    and the leader enters their rows by right-hand sides only; the minimum is then attained.

    The way back gives the leader's columns and the worst response; multipliers of the source are zero
    there and are to be computed by solving the followers again.

    Raises
    ------
    NotApplicable
        Naming what does not fit: a quadratic or bilinear follower, followers that interact, integer
        responses, multipliers used by the leader, a bilinear coupling row.
    """

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the optimistic game."""
        _refuse(program)
        n, m = len(program.columns), len(program.rows)
        image = _image(program, _coupling_sides(program))
        picked = np.full(3 * n + m, -1, np.int64)
        picked[:n] = np.arange(n)
        return Reduced(image, Recovery.selecting(picked, image.point_size))


def _refuse(program: BilevelProgram) -> None:
    names, objectives = program.columns.names, program.objectives
    foreign = objectives.products.index != LEADER
    if foreign.any():
        term = int(np.flatnonzero(foreign)[0])
        left, right = int(objectives.products.left[term]), int(objectives.products.right[term])
        raise NotApplicable(
            program.players[int(objectives.products.index[term])],
            f"its objective has the product {names[left]} * {names[right]}; pessimistic games need linear followers, "
            "and of the leader's variables only bounded integers may multiply theirs",
        )
    for column in np.flatnonzero(program.follower_columns & program.columns.integer)[:1]:
        raise NotApplicable(names[int(column)], "pessimistic games need continuous responses")
    if len(program.multipliers):
        raise NotApplicable(
            names[int(program.multipliers.column[0])], "pessimistic games take no multipliers as the leader's variables"
        )
    for term in range(len(program.rows.products)):
        row = int(program.rows.products.index[term])
        pair = program.rows.products.left[term], program.rows.products.right[term]
        if program.row_owner[row] != LEADER or program.follower_columns[list(pair)].any():
            raise NotApplicable(program.rows.names[row], "pessimistic games take no products with followers' variables")
    _refuse_interaction(program)


def _refuse_interaction(program: BilevelProgram) -> None:
    """Refuse followers whose rows or objectives mention another follower's columns."""
    follower = program.follower_columns
    rows, objectives = program.rows.matrix.tocoo(), program.objectives.linear.tocoo()
    owner = np.concatenate([program.row_owner[rows.row], objectives.row])
    column = np.concatenate([rows.col, objectives.col])
    mixed = (program.roles[owner] == Role.FOLLOWER) & follower[column] & (program.column_owner[column] != owner)
    for entry in np.flatnonzero(mixed)[:1]:
        raise NotApplicable(
            program.players[int(owner[entry])],
            f"it uses {program.columns.names[int(column[entry])]} of another follower; pessimistic games need "
            "followers that do not interact",
        )


def _coupling_sides(program: BilevelProgram) -> list[tuple[int, float]]:
    """Return each leader's row with followers' columns and the side (+1 upper, -1 lower) that must hold."""
    entries = program.rows.matrix.tocoo()
    touches = program.follower_columns[entries.col] & (program.row_owner[entries.row] == LEADER)
    sides = []
    for row in np.unique(entries.row[touches]).tolist():
        if np.isfinite(program.rows.upper[row]):
            sides.append((row, 1.0))
        if np.isfinite(program.rows.lower[row]):
            sides.append((row, -1.0))
    return sides


@dataclass(frozen=True, slots=True)
class _Copies:
    """Where the copies of the followers' columns stand: copy 0 is ``y`` itself, then ``w``, then ``y_i``."""

    program: BilevelProgram
    own: Integers
    count: int

    @property
    def width(self) -> int:
        return len(self.program.columns) + self.count * len(self.own)

    def map(self, copy: int) -> Matrix:
        """Return ``(n, width)``: the columns of the source read from a copy."""
        n, size = len(self.program.columns), len(self.own)
        position = np.arange(n)
        if copy:
            position[self.own] = n + (copy - 1) * size + np.arange(size)
        return sparse.csr_array((np.ones(n), (np.arange(n), position)), shape=(n, self.width))


def _image(program: BilevelProgram, coupling: list[tuple[int, float]]) -> BilevelProgram:
    own = np.flatnonzero(program.follower_columns)
    shared = np.flatnonzero(program.follower_rows)
    copies = _Copies(program, own, 1 + len(coupling))
    kept = np.setdiff1d(np.flatnonzero(program.row_owner == LEADER), [row for row, _ in coupling])
    blocks = [_block(program, kept, copies.map(0), ""), _block(program, shared, copies.map(1), " as proposed")]
    owners = [np.zeros(len(kept) + len(shared), np.int64)]
    for i, (row, sign) in enumerate(coupling):
        blocks.append(_one_side(program, row, sign, copies.map(2 + i)))
        owners.append(np.zeros(1, np.int64))
    for player, copy in enumerate([0, *range(2, 2 + len(coupling))], start=1):
        blocks += [_block(program, shared, copies.map(copy), ""), _no_worse(program, copies, copy)]
        owners.append(np.full(len(blocks[-2]) + len(blocks[-1]), player))
    rows = blocks[0]
    for block in blocks[1:]:
        rows = rows.append(block)
    size = len(own)
    column_owner = program.column_owner.copy()
    column_owner[own] = 1
    added = [np.zeros(size, np.int64)] + [np.full(size, 2 + i) for i in range(len(coupling))]
    players = ("leader", "worst response", *(f"worst response for {program.rows.names[row]}" for row, _ in coupling))
    return BilevelProgram(
        players=players,
        roles=np.array([Role.LEADER] + [Role.FOLLOWER] * (1 + len(coupling)), np.int64),
        columns=_columns(program, own, 1 + len(coupling)),
        column_owner=np.concatenate([column_owner, *added]),
        rows=rows,
        row_owner=np.concatenate(owners),
        objectives=_objectives(program, coupling, copies),
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(rows) + 2 * copies.width))),
    )


def _columns(program: BilevelProgram, own: Integers, count: int) -> Columns:
    columns = program.columns
    picked = columns.names.take(own)
    for _ in range(count):
        names = Names(len(own), lambda i: f"{picked[i]} as proposed or worst")
        columns = columns.append(
            Columns(program.columns.lower[own], program.columns.upper[own], program.columns.integer[own], names)
        )
    return columns


def _block(program: BilevelProgram, picked: Integers, columns: Matrix, suffix: str) -> Rows:
    names, products = program.rows.names.take(picked), program.rows.products
    position = np.full(len(program.rows), -1, np.int64)
    position[picked] = np.arange(len(picked))
    kept = products.take(position[products.index] >= 0)
    return Rows(
        sparse.csr_array(program.rows.matrix[picked] @ columns),
        program.rows.lower[picked],
        program.rows.upper[picked],
        Names(len(picked), lambda i: names[i] + suffix),
        Product(position[kept.index], kept.left, kept.right, kept.value),
    )


def _one_side(program: BilevelProgram, row: int, sign: float, columns: Matrix) -> Rows:
    block = _block(program, np.array([row]), columns, " at its worst")
    low, high = (-np.inf, program.rows.upper[row]) if sign > 0 else (program.rows.lower[row], np.inf)
    return Rows(block.matrix, np.array([low]), np.array([high]), block.names)


def _no_worse(program: BilevelProgram, copies: _Copies, copy: int) -> Rows:
    """Return ``s_k f_k(y) - s_k f_k(w) <= 0`` for each follower ``k``."""
    players = np.flatnonzero(program.roles == Role.FOLLOWER)
    cost = sparse.diags_array(program.objectives.sense[players]) @ program.objectives.linear[players]
    matrix = sparse.csr_array(cost @ (copies.map(copy) - copies.map(1)))
    count = len(players)
    names = [f"{program.players[int(k)]} is no worse off than proposed" for k in players]
    return Rows(matrix, np.full(count, -np.inf), np.zeros(count), Names.of(names))


def _objectives(program: BilevelProgram, coupling: list[tuple[int, float]], copies: _Copies) -> Objectives:
    objectives = program.objectives
    leader = sparse.csr_array(objectives.linear[[LEADER]] @ copies.map(0))
    rows = [
        sparse.csr_array(sign * program.rows.matrix[[row]] @ copies.map(2 + i))
        for i, (row, sign) in enumerate(coupling)
    ]
    mine = objectives.products.take(objectives.products.index == LEADER)
    against = Product(mine.index + 1, mine.left, mine.right, mine.value)
    # the worst response has the leader's objective in the opposite sense; a coupling row is pushed up
    sense = np.array([objectives.sense[LEADER], -objectives.sense[LEADER], *([-1.0] * len(coupling))])
    constant = np.zeros(2 + len(coupling))
    constant[:2] = objectives.constant[LEADER]
    linear = sparse.csr_array(sparse.vstack([leader, leader, *rows], format="csr"))
    return Objectives(sense, constant, linear, mine + against)
