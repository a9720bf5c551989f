"""A game read again after edits of its model: only the rows and objectives that may have changed are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC
from pyomo.common.numeric_types import native_types
from pyomo.core.base.constraint import ConstraintData
from pyomo.core.base.objective import ObjectiveData
from pyomo.core.base.var import VarData
from scipy import sparse

from bilevel.game import Multiplier
from bilevel.language.columns import columns_of
from bilevel.language.expressions import ExpressionReader
from bilevel.language.read import Game
from bilevel.language.rows import objectives_of, rows_of
from bilevel.language.walk import walk
from reformulations.programs import LEADER, Booleans, Integers, Matrix, Objectives, Product, Role, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What the coefficients of a game depend on, and what that was when the game was read.

    ``declared`` are the active rows, then the objective of each player, and ``expressions`` their expressions.
    ``leaves`` are the mutable parameters and fixed variables in them, ``values`` what they were, and ``readers[k]`` the
    positions in ``declared`` that hold leaf ``k``. What is in ``always`` holds named expressions, whose content can be
    replaced.
    """

    game: Game
    declared: tuple[ConstraintData | ObjectiveData, ...]
    expressions: tuple[Any, ...]
    leaves: tuple[Any, ...]
    values: tuple[Any, ...]
    readers: tuple[tuple[int, ...], ...]
    always: tuple[int, ...]

    @classmethod
    def of(cls, game: Game) -> Watch:
        """Watch a game that has just been read."""
        declared = _declared(game)
        leaves: dict[int, Any] = {}
        readers: dict[int, list[int]] = {}
        always = []
        with PauseGC():
            for position, source in enumerate(declared):
                named = False
                for leaf in _leaves(source.expr):
                    named |= leaf is None
                    if leaf is not None and id(leaf) not in game.column_of:
                        leaves[id(leaf)] = leaf
                        readers.setdefault(id(leaf), []).append(position)
                if named:
                    always.append(position)
        return cls(
            game,
            declared,
            tuple(source.expr for source in declared),
            tuple(leaves.values()),
            tuple(leaf.value for leaf in leaves.values()),
            tuple(tuple(dict.fromkeys(readers[key])) for key in leaves),
            tuple(always),
        )

    def everything(self) -> frozenset[int]:
        """Return all positions: what is to be read where nobody has watched."""
        return frozenset(range(len(self.declared)))

    def changed(self) -> frozenset[int]:
        """Return the positions whose parameters or fixed variables have changed since the game was read."""
        found = set(self.always)
        for leaf, before, readers in zip(self.leaves, self.values, self.readers, strict=True):
            if leaf.value != before:
                found.update(readers)
        return frozenset(found)

    def reread(self, changed: frozenset[int]) -> Watch | None:
        """Return the game with the expressions ``changed`` read again; None where its structure is another.

        Bounds and domains of variables are read again too. Leader's variables fixed since the game was read stay
        columns, whose bounds meet. Another structure (other players, rows, expressions, followers' variables) asks for
        the whole game to be read.
        """
        game = self.game
        if game.program.roles.max() > Role.FOLLOWER or not self._is_same_structure():
            return None
        values = tuple(leaf.value for leaf in self.leaves)
        count = sum(isinstance(source, ConstraintData) for source in self.declared)
        rows = [self.declared[position] for position in sorted(changed) if position < count]
        if not all(id(row) in game.row_of for row in rows):
            return None  # it was no row, and may be one now
        goals = {position for position in changed if position >= count}
        with PauseGC(), _unfixed(game.variables):
            reader = ExpressionReader(game.variables)  # a new one: it remembers named expressions as they were
            found = self._rows(rows, reader)
            if found is None:
                return None
            objectives = self._objectives(goals, reader)
        columns = columns_of(game.variables)
        program = replace(game.program, columns=columns, rows=found, objectives=objectives)
        return replace(self, game=replace(game, program=program), values=values)

    def _is_same_structure(self) -> bool:
        game, owner = self.game, self.game.program.column_owner
        if sum(id(source) in game.row_of for source in self.declared) < len(game.constraints):
            return False  # a row went between reading and watching
        if any(isinstance(leaf, VarData) and not leaf.fixed for leaf in self.leaves):
            return False
        held = np.array([variable.fixed for variable in game.variables], bool)
        if (held & (owner != LEADER)).any():
            return False
        model = game.blocks[LEADER]
        found = walk(model)
        variables = [variable for player in found.players for variable in player.variables]
        free = [
            variable
            for variable in game.variables
            if not variable.fixed or isinstance(variable.parent_component(), Multiplier)
        ]
        return (
            _same(variables, free)
            and _same(_declared(game), self.declared)
            and _same([source.expr for source in self.declared], self.expressions)
            and tuple(player.name for player in found.players) == tuple(game.program.players)
            and all(len(player.objectives) == 1 for player in found.players)
        )

    def _rows(self, constraints: Sequence[ConstraintData], reader: ExpressionReader) -> Rows | None:
        """Return all rows, those of ``constraints`` read again; None where one of them is no row any more."""
        old = self.game.program.rows
        if not constraints:
            return old
        new, kept = rows_of(constraints, reader)
        if len(kept) < len(constraints):
            return None
        at = np.array([self.game.row_of[id(row)] for row in constraints], np.int64)
        lower, upper = old.lower.copy(), old.upper.copy()
        lower[at], upper[at] = new.lower, new.upper
        products = _replaced(old.products, new.products, at, len(old))
        return Rows(_with_rows(old.matrix, new.matrix, at), lower, upper, old.names, products)

    def _objectives(self, changed: set[int], reader: ExpressionReader) -> Objectives:
        """Return the objectives, the ones at the positions ``changed`` read again."""
        old, players = self.game.program.objectives, len(self.game.program.players)
        goals = self.declared[len(self.declared) - players :]
        first = len(self.declared) - players
        sense = np.array([1.0 if goal.sense == pyo.minimize else -1.0 for goal in goals])
        if not changed:
            return replace(old, sense=sense)
        at = np.array(sorted(position - first for position in changed), np.int64)
        chosen = [goal if first + player in changed else None for player, goal in enumerate(goals)]
        new = objectives_of(chosen, reader)
        constant = old.constant.copy()
        constant[at] = new.constant[at]
        taken = sparse.csr_array(new.linear[at])
        mine = new.products.take(np.isin(new.products.index, at))
        kept = old.products.take(~np.isin(old.products.index, at))
        return Objectives(sense, constant, _with_rows(old.linear, taken, at), kept + mine)


def _declared(game: Game) -> tuple[ConstraintData | ObjectiveData, ...]:
    players = walk(game.blocks[LEADER]).players
    rows = tuple(row for player in players for row in player.rows)
    return (*rows, *(goal for player in players for goal in player.objectives[:1]))


def _same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))


def _leaves(expression: Any) -> Iterator[Any]:
    """Yield the mutable parameters and the fixed variables of an expression, and None for each named expression."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if node.__class__ in native_types:
            continue
        if node.is_expression_type():
            if node.is_named_expression_type():
                yield None
            pending.extend(node.args)
        elif node.is_variable_type():
            if node.fixed:
                yield node
        elif node.is_parameter_type():
            yield node


@contextmanager
def _unfixed(variables: Sequence[VarData]) -> Iterator[None]:
    """Let the fixed ones among ``variables`` be read as variables."""
    fixed = [variable for variable in variables if variable.fixed]
    for variable in fixed:
        variable.fixed = False
    try:
        yield
    finally:
        for variable in fixed:
            variable.fixed = True


def _with_rows(old: Matrix, new: Matrix, at: Integers) -> Matrix:
    """Return ``old`` with its rows ``at`` replaced by those of ``new``."""
    stays = np.ones(old.shape[0])
    stays[at] = 0.0
    place = sparse.csr_array((np.ones(len(at)), (at, np.arange(len(at)))), shape=(old.shape[0], len(at)))
    matrix = sparse.csr_array(sparse.diags_array(stays) @ old + place @ new)
    matrix.eliminate_zeros()
    return matrix


def _replaced(old: Product, new: Product, at: Integers, count: int) -> Product:
    changed: Booleans = np.zeros(count, bool)
    changed[at] = True
    return old.take(~changed[old.index]) + Product(at[new.index], new.left, new.right, new.value)
