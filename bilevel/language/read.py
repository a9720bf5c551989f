"""A declared game as arrays: from a Pyomo model to a :class:`BilevelProgram` in one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyomo.common.gc_manager import PauseGC
from pyomo.core.base.block import BlockData
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.var import VarData
from scipy import sparse

from bilevel.errors import InvalidGame
from bilevel.game import Uncertain
from bilevel.language.columns import columns_of
from bilevel.language.equilibrium import bounded, with_conditions
from bilevel.language.expressions import ExpressionReader
from bilevel.language.multilevel import is_multilevel, levels_of, program_of
from bilevel.language.multipliers import multiplier_columns
from bilevel.language.refuse import refuse_wrong_objectives
from bilevel.language.rows import objectives_of, rows_of
from bilevel.language.walk import walk
from reformulations.programs import BilevelProgram, Integers, MultiplierColumns


@dataclass(frozen=True, slots=True)
class UncertainColumns:
    """Columns ``(k,)`` of one of nature's components, fixed members left out, and its uncertainty set."""

    component: Uncertain
    columns: Integers
    within: Any


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """A program and the user's components behind it.

    Attributes
    ----------
    program
        The game as arrays.
    variables
        The variable of each column.
    constraints
        The constraint of each row.
    blocks
        The block of each player; None for nature and for a complementarity condition.
    uncertain
        Nature's components.
    column_of, row_of
        Column of a variable and row of a constraint by ``id``; ask :meth:`column` and :meth:`row`.
    levels
        The levels of a PAO multilevel problem, whose variables stand for the columns one level after the other.
    """

    program: BilevelProgram
    variables: list[VarData]
    constraints: list[ConstraintData]
    blocks: list[BlockData | None]
    uncertain: tuple[UncertainColumns, ...]
    column_of: dict[int, int]
    row_of: dict[int, int]
    levels: tuple[Any, ...] = ()

    def column(self, variable: VarData) -> int:
        """Return the column of a variable.

        Raises
        ------
        InvalidGame
            When it has none: it is fixed, inactive, or of another model.
        """
        column = self.column_of.get(id(variable))
        if column is None:
            raise InvalidGame(f"{variable.name}: it is no variable of this game (fixed, inactive, or of another model)")
        return column

    def row(self, constraint: ConstraintData) -> int:
        """Return the row of a constraint.

        Raises
        ------
        InvalidGame
            When it has none: it is inactive, without variables or sides, or of another model.
        """
        row = self.row_of.get(id(constraint))
        if row is None:
            raise InvalidGame(
                f"{constraint.name}: it is no row of this game (inactive, without variables or sides, "
                "or of another model)"
            )
        return row


def read(model: Any) -> Game:
    """Read a game from a Pyomo model, or from a multilevel problem of PAO.

    Columns and rows come player by player, in the order leader, followers, nature, recourse; each
    unfixed variable of an active block is a column, fixed ones are constants. Rows keep the sides
    and objectives the sense the user gave them. Rows without variables are checked and dropped.

    Raises
    ------
    InvalidGame
        For what is declared wrongly: objectives, nesting, bounds, coefficients, multipliers.
    NotApplicable
        For a term that is neither linear nor a product of two variables.
    """
    if is_multilevel(model):
        from bilevel.io.declare import declare  # what reads and writes files imports this module

        declared = declare(program_of(model), model.name or "multilevel problem")
        return replace(read(declared), levels=tuple(levels_of(model)))
    if not isinstance(model, BlockData) or not model.is_constructed():
        raise InvalidGame(
            f"{getattr(model, 'name', model)!r}: a game is a constructed Pyomo model; give a ConcreteModel"
        )
    with PauseGC():
        found = walk(model)
        players = found.players
        refuse_wrong_objectives(players)
        variables = [variable for player in players for variable in player.variables]
        declared = [row for player in players for row in player.rows]
        columns = columns_of(variables)
        reader = ExpressionReader(variables)
        objectives = objectives_of([next(iter(player.objectives), None) for player in players], reader)
        column_of = {id(variable): j for j, variable in enumerate(variables)}
        paired = [p for p, player in enumerate(players) if player.condition is not None]
        if paired:
            conditions = [player.condition for player in players if player.condition is not None]
            columns = bounded(columns, conditions, column_of)
            own = np.array([column_of[id(condition.variable)] for condition in conditions])
            objectives = with_conditions(objectives, np.array(paired), conditions, reader, own)
        rows, kept = rows_of(declared, reader)
        constraints = [declared[i] for i in kept]
        row_of = {id(row): i for i, row in enumerate(constraints)}
    numbers = np.arange(len(players))
    program = BilevelProgram(
        players=tuple(player.name for player in players),
        roles=np.array([player.role for player in players], np.int64),
        columns=columns,
        column_owner=numbers.repeat([len(player.variables) for player in players]),
        rows=rows,
        row_owner=numbers.repeat([len(player.rows) for player in players])[kept],
        objectives=objectives,
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(rows) + 2 * len(variables)))),
    )
    if found.multipliers:
        program = replace(program, multipliers=multiplier_columns(found.multipliers, program, column_of, row_of))
    return Game(
        program,
        variables,
        constraints,
        [player.block for player in players],
        tuple(_uncertain(component, column_of) for component in found.uncertain),
        column_of,
        row_of,
    )


def _uncertain(component: Uncertain, column_of: dict[int, int]) -> UncertainColumns:
    columns = [column_of[id(variable)] for variable in component.values() if not variable.fixed]
    return UncertainColumns(component, np.array(columns, np.int64), component.within)
