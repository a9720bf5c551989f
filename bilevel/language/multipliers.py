"""Which multipliers the user's multiplier variables stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pyomo.core.base.component import ComponentData
from pyomo.core.base.constraint import ConstraintData
from scipy import sparse

from bilevel.errors import InvalidGame
from bilevel.game import Multiplier
from reformulations.programs import BilevelProgram, MultiplierColumns, Role


def multiplier_columns(
    multipliers: Sequence[Multiplier],
    program: BilevelProgram,
    column_of: Mapping[int, int],
    row_of: Mapping[int, int],
) -> MultiplierColumns:
    """Return the columns that stand for multipliers, each with the one multiplier it is equal to.

    ``column_of`` and ``row_of`` find columns and rows by the ``id`` of the user's component.

    Raises
    ------
    InvalidGame
        For rows and bounds that have no multiplier because they belong to no follower's decision.
    """
    m, n = len(program.rows), len(program.columns)
    columns, targets = [], []
    for multiplier in multipliers:
        for index, member in multiplier.items():
            target = multiplier.targets[index]
            if isinstance(target, ConstraintData):
                targets.append(_row(target, member, program, row_of))
            else:
                first = m if multiplier.bound == "lower" else m + n
                targets.append(first + _column(target, member, program, column_of))
            columns.append(column_of[id(member)])
    count = len(columns)
    matrix = sparse.csr_array((np.ones(count), targets, np.arange(count + 1)), shape=(count, m + 2 * n))
    return MultiplierColumns(np.array(columns, np.int64), matrix)


def _row(target: ConstraintData, member: ComponentData, program: BilevelProgram, row_of: Mapping[int, int]) -> int:
    row = row_of.get(id(target))
    if row is None:
        raise InvalidGame(
            f"{member.name}: {target.name} is no row of this game (inactive, without variables or sides, or of "
            "another model) and has no multiplier; activate the row, or remove the multiplier"
        )
    owner = program.row_owner[row]
    if program.roles[owner] != Role.FOLLOWER:
        raise InvalidGame(
            f"{member.name}: {target.name} belongs to {program.players[owner]}; only followers' rows have "
            "multipliers; declare the row in a follower"
        )
    products = program.rows.products
    mine = products.index == row
    begin, end = program.rows.matrix.indptr[row : row + 2]
    used = np.concatenate([program.rows.matrix.indices[begin:end], products.left[mine], products.right[mine]])
    if not (program.column_owner[used] == owner).any():
        raise InvalidGame(
            f"{member.name}: {target.name} holds none of the variables of {program.players[owner]}, so that nothing "
            "responds to it and it has no multiplier; remove the multiplier"
        )
    return row


def _column(target: ComponentData, member: ComponentData, program: BilevelProgram, column_of: Mapping[int, int]) -> int:
    column = column_of.get(id(target))
    if column is None:
        raise InvalidGame(
            f"{member.name}: {target.name} is no variable of this game (fixed, inactive, or of another model) and its "
            "bounds have no multipliers; unfix it, or remove the multiplier"
        )
    owner = program.column_owner[column]
    if program.roles[owner] != Role.FOLLOWER:
        raise InvalidGame(
            f"{member.name}: {target.name} belongs to {program.players[owner]}; only bounds of followers' variables "
            "have multipliers; declare the variable in a follower"
        )
    return column
