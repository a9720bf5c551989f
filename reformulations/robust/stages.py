"""What comes before nature moves and what after, and which games can be split there."""

from __future__ import annotations

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
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
    widened,
)
from reformulations.refusal import NotApplicable

ETA = "worst case of the second stage"
"""Name of the column that stands for the worst case."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Columns and rows of a game by stage.

    ``first``, ``nature``, ``recourse`` are columns; ``position`` ``(n,)`` is the place of each column in its own group
    and ``role`` ``(n,)`` that of its owner. ``late`` ``(m,)`` masks the rows in which nature or recourse appears.
    """

    first: Integers
    nature: Integers
    recourse: Integers
    position: Integers
    late: Booleans
    role: Integers


def stages_of(program: BilevelProgram) -> Stages:
    """Return who decides when.

    Raises
    ------
    NotApplicable
        For a game outside the class that :func:`refuse_other_classes` describes.
    """
    role = program.roles[program.column_owner]
    nature, recourse = np.flatnonzero(role == Role.NATURE), np.flatnonzero(role == Role.RECOURSE)
    first = np.flatnonzero((role == Role.LEADER) | (role == Role.FOLLOWER))
    late_column = (role == Role.NATURE) | (role == Role.RECOURSE)
    matrix, products = program.rows.matrix, program.rows.products
    late = np.asarray((abs(matrix) @ late_column.astype(np.float64)) > 0)
    late[products.index[late_column[products.left] | late_column[products.right]]] = True
    position = np.full(len(program.columns), -1, np.int64)
    for group in (first, nature, recourse):
        position[group] = np.arange(len(group))
    found = Stages(first, nature, recourse, position, late, role)
    refuse_other_classes(program, found)
    return found


def refuse_other_classes(program: BilevelProgram, stages: Stages) -> None:
    """Refuse what is no two-stage robust game with uncertain right-hand sides and linear recourse.

    Raises
    ------
    NotApplicable
        For a game without nature, integer recourse or nature, products with recourse or within nature, and
        followers that mention nature or recourse; names the component.
    """
    if len(stages.nature) == 0:
        raise NotApplicable("the game", "nothing in it is uncertain; declare nature's variables with bl.Uncertain")
    late = stages.role >= Role.NATURE
    for column in np.flatnonzero(late & program.columns.integer)[:1]:
        who = "recourse" if stages.role[column] == Role.RECOURSE else "an uncertain variable"
        raise NotApplicable(
            program.columns.names[int(column)],
            f"{who} with integer values is beyond column-and-constraint generation with linear recourse; relax the "
            "variable, or decide it before nature moves",
        )
    _refuse_late_followers(program, stages)
    rows, goals = program.rows, program.objectives.products
    _refuse_products(program, stages, rows.products, rows.names)
    mine = goals.take(goals.index == LEADER)
    _refuse_products(program, stages, mine, Names.of(["leader's objective"]))


def _refuse_products(program: BilevelProgram, stages: Stages, products: Product, where: Names) -> None:
    low = np.minimum(stages.role[products.left], stages.role[products.right])
    high = np.maximum(stages.role[products.left], stages.role[products.right])
    for term in np.flatnonzero((high == Role.RECOURSE) | (low == Role.NATURE))[:1]:
        names = program.columns.names
        pair = f"{names[int(products.left[term])]} * {names[int(products.right[term])]}"
        in_row = where[int(products.index[term])] != "leader's objective"
        raise NotApplicable(
            where[int(products.index[term])], f"{pair}: {_reason(int(low[term]), int(high[term]), in_row)}"
        )


def _reason(low: int, high: int, in_row: bool) -> str:  # noqa: FBT001  (where the product stands, not what to do)
    what = "technology" if in_row else "cost"
    if high == Role.NATURE:
        return "two uncertain variables are multiplied; nature may appear linearly only, so give the product a set"
    if low == Role.NATURE:
        way = (
            "let nature move right-hand sides only"
            if in_row
            else "beside rows that depend on nature, or with a list of scenarios as set, the worst case need not be a "
            "vertex; give each scenario a recourse of its own and its probability as uncertain variable within "
            "bl.uncertainty.DistributionBall (l1=2 for the worst scenario)"
        )
        return f"uncertainty in the recourse's {what} is beyond this method; {way}"
    if low == Role.RECOURSE:
        return f"quadratic recourse {what} is beyond this method; approximate it by linear pieces"
    return f"the first stage changes the recourse's {what}, which is beyond this method; linearise the product first"


def _refuse_late_followers(program: BilevelProgram, stages: Stages) -> None:
    """Refuse followers that decide after nature has moved."""
    follower = program.roles == Role.FOLLOWER
    late_column = stages.role >= Role.NATURE
    for row in np.flatnonzero(stages.late & program.follower_rows)[:1]:
        _refuse_follower(program, int(program.row_owner[row]), program.rows.names[int(row)])
    entries = program.objectives.linear.tocoo()
    players = [entries.row[(entries.data != 0) & late_column[entries.col]]]
    products = program.objectives.products
    players.append(products.index[late_column[products.left] | late_column[products.right]])
    for player in np.concatenate(players)[follower[np.concatenate(players)]][:1]:
        _refuse_follower(program, int(player), f"objective of {program.players[int(player)]}")


def _refuse_follower(program: BilevelProgram, player: int, where: str) -> None:
    raise NotApplicable(
        where,
        f"follower {program.players[player]} mentions nature or recourse, so it decides after nature has moved; "
        "declare it inside a block of recourse, or keep what is uncertain out of its rows and objective",
    )


def first_stage(program: BilevelProgram, stages: Stages, least: float) -> BilevelProgram:
    """Return the game before nature moves, the leader minimising, with ``eta >= least`` as last column."""
    columns, position = stages.first, stages.position
    rows = np.flatnonzero(~stages.late)
    n, m, width = len(program.columns), len(program.rows), len(columns) + 1
    players = np.flatnonzero((program.roles == Role.LEADER) | (program.roles == Role.FOLLOWER))
    player_number = positions(len(program.players), players)
    old = program.columns
    kept = Columns(old.lower[columns], old.upper[columns], old.integer[columns], old.names.take(columns))
    eta = Columns(np.array([least]), np.array([np.inf]), np.zeros(1, bool), Names.of([ETA]))
    row_position = positions(m, rows)
    products = program.rows.products.take(row_position[program.rows.products.index] >= 0)
    row_owner = player_number[program.row_owner[rows]]
    multipliers = renumbered(program.multipliers, (n, m), (columns, rows), (width, len(rows)))
    return BilevelProgram(
        players=[program.players[int(player)] for player in players],
        roles=program.roles[players],
        columns=kept.append(eta),
        column_owner=np.append(player_number[program.column_owner[columns]], LEADER),
        rows=Rows(
            widened(sparse.csr_array(program.rows.matrix[rows][:, columns]), width),
            program.rows.lower[rows],
            program.rows.upper[rows],
            program.rows.names.take(rows),
            Product.of(row_position[products.index], position[products.left], position[products.right], products.value),
        ),
        # rows declared on a recourse block in which no recourse appears restrict the leader
        row_owner=np.where(row_owner < 0, LEADER, row_owner),
        objectives=_first_objectives(program, stages, players),
        multipliers=replace(multipliers, column=position[program.multipliers.column]),
    )


def _first_objectives(program: BilevelProgram, stages: Stages, players: Integers) -> Objectives:
    """Return the objectives over the first stage and ``eta``; the leader's is minimised and has ``eta`` added."""
    objectives, player_number = program.objectives, positions(len(program.players), players)
    signs = np.ones(len(players))
    signs[LEADER] = objectives.sense[LEADER]
    mine = sparse.csr_array(sparse.diags_array(signs) @ objectives.linear[players][:, stages.first])
    linear = widened(mine, len(stages.first) + 1)
    worst = sparse.csr_array(([1.0], ([LEADER], [len(stages.first)])), shape=linear.shape)
    products = objectives.products
    early = np.maximum(stages.role[products.left], stages.role[products.right]) < Role.NATURE
    kept = products.take(early)
    index = player_number[kept.index]
    senses = objectives.sense[players].copy()
    senses[LEADER] = 1.0
    return Objectives(
        senses,
        signs * objectives.constant[players],
        sparse.csr_array(linear + worst),
        Product.of(index, stages.position[kept.left], stages.position[kept.right], signs[index] * kept.value),
    )


def positions(size: int, picked: Integers) -> Integers:
    """Return the place ``(size,)`` of each number among ``picked``, -1 where it is not there."""
    position = np.full(size, -1, np.int64)
    position[picked] = np.arange(len(picked))
    return position


def renumbered(
    multipliers: MultiplierColumns, old: tuple[int, int], kept: tuple[Integers, Integers], new: tuple[int, int]
) -> MultiplierColumns:
    """Renumber what multiplier columns refer to.

    ``old`` and ``new`` count columns and rows, ``kept`` are the columns and rows that stay, which come first.
    """
    entries = multipliers.matrix.tocoo()
    (n, m), (columns, rows), (width, height) = old, kept, new
    place = np.full(m + 2 * n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    place[m + columns] = height + np.arange(len(columns))
    place[m + n + columns] = height + width + np.arange(len(columns))
    shape = (len(multipliers), height + 2 * width)
    matrix = sparse.coo_array((entries.data, (entries.row, place[entries.col])), shape=shape).tocsr()
    return MultiplierColumns(multipliers.column, sparse.csr_array(matrix))


def leader_extended(program: BilevelProgram, columns: Columns, rows: Rows) -> BilevelProgram:
    """Return the game with more columns and rows of the leader behind those that are there, which keep their numbers.

    ``rows`` are over the columns of the game and the new ones.
    """
    n, m = len(program.columns), len(program.rows)
    every = program.columns.append(columns)
    width = len(every)
    appended = replace(program.rows, matrix=widened(program.rows.matrix, width)).append(rows)
    return replace(
        program,
        columns=every,
        column_owner=np.concatenate([program.column_owner, np.full(len(columns), LEADER)]),
        rows=appended,
        row_owner=np.concatenate([program.row_owner, np.full(len(rows), LEADER)]),
        objectives=replace(program.objectives, linear=widened(program.objectives.linear, width)),
        multipliers=renumbered(program.multipliers, (n, m), (np.arange(n), np.arange(m)), (width, len(appended))),
    )


def leading_point(program: BilevelProgram, extended: BilevelProgram, point: Floats) -> Floats:
    """Return the primal-dual point ``(3 n + m,)`` of ``program`` in one of a game with more columns and rows behind."""
    n, m, wide, tall = len(program.columns), len(program.rows), len(extended.columns), len(extended.rows)
    starts = ((0, n), (wide, m), (wide + tall, n), (2 * wide + tall, n))
    return np.concatenate([point[start : start + length] for start, length in starts])
