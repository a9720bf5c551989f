"""Nature's uncertainty set in the order of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.game import Uncertain
from bilevel.language.expressions import ExpressionReader
from bilevel.language.keyed import KeyedSet
from bilevel.language.polyhedron import Polyhedron
from bilevel.language.read import Game, UncertainColumns
from reformulations.programs import Floats, Integers, Role
from reformulations.sets.dependent_sets import DependentSets, MovingPolyhedron
from reformulations.sets.independent_sets import IndependentSets
from reformulations.uncertainty import UncertaintySet

_ROOM = 1e-9


def nature_set(game: Game) -> UncertaintySet:
    """Return the set of all uncertain variables together: each component chooses from its own.

    Raises
    ------
    InvalidGame
        For a component without a set, a set whose keys are not those of the component, a fixed uncertain variable,
        and bounds of an uncertain variable that its set does not respect.
    NotApplicable
        For a set that moves with the plan.
    """
    parts = tuple(_declared(found).on(list(found.component.keys()), found.component.name) for found in game.uncertain)
    together = parts[0] if len(parts) == 1 else IndependentSets(parts)
    for j, column in enumerate(_nature_columns(game)):
        _check_bounds(game, together, j, int(column))
    return together


def moves(game: Game) -> bool:
    """Tell whether the set of an uncertain component moves with what is decided before nature moves."""
    return any(isinstance(found.within, Polyhedron) and found.within.moves for found in game.uncertain)


def moving_sets(game: Game) -> DependentSets:
    """Return the sets of all uncertain variables, of which some or none move with the first stage.

    Raises
    ------
    InvalidGame
        As :func:`nature_set`; for a side that nature or recourse appears in, and bounds of a variable whose set moves.
    NotApplicable
        For a side that is not affine.
    """
    columns = _nature_columns(game)
    first = np.flatnonzero(game.program.roles[game.program.column_owner] < Role.NATURE)
    parts: list[UncertaintySet | MovingPolyhedron] = []
    for found in game.uncertain:
        within, keys = _declared(found), list(found.component.keys())
        if isinstance(within, Polyhedron) and within.moves:
            parts.append(_moving(game, found.component, within, first))
            _refuse_bounds(game, found.columns)
            continue
        still = within.on(keys, found.component.name)
        parts.append(still)
        for j, column in enumerate(columns[np.isin(columns, found.columns)]):
            _check_bounds(game, still, j, int(column))
    return DependentSets(tuple(parts), len(first))


def set_at(game: Game, point: Floats) -> UncertaintySet:
    """Return the set of all uncertain variables together at the plan of ``point`` ``(n,)``, whether it moves or not.

    Raises
    ------
    InvalidGame
        As :func:`nature_set` and :func:`moving_sets`; where the plan leaves nature nothing.
    """
    if not moves(game):
        return nature_set(game)
    first = np.flatnonzero(game.program.roles[game.program.column_owner] < Role.NATURE)
    try:
        return moving_sets(game).at(point[first])
    except ValueError as reason:
        raise InvalidGame(f"uncertain variables: their set moves with the plan, and at this one {reason}") from reason


def _moving(game: Game, component: Uncertain, within: Polyhedron, first: Integers) -> MovingPolyhedron:
    rows, (low, high) = within.laid_out(list(component.keys()), component.name)
    read = ExpressionReader(game.variables).linear(rows.sides, [component] * len(rows.sides))
    for term in read.products.index[:1]:
        raise NotApplicable(
            component.name, f"{rows.names[int(term)]} has a product of variables for a side; a side must be affine"
        )
    late = np.setdiff1d(np.arange(len(game.variables)), first)
    entries = read.matrix.tocoo()
    for entry in np.flatnonzero(np.isin(entries.col, late) & (entries.data != 0))[:1]:
        row, who = rows.names[int(entries.row[entry])], game.variables[int(entries.col[entry])].name
        raise InvalidGame(
            f"{component.name}: the side of {row} mentions {who}, which is decided by nature or after it has moved; "
            "only variables that are decided before may move the set"
        )
    lower, upper = rows.between(read.constant)
    moving = sparse.csr_array(read.matrix[:, first])
    return MovingPolyhedron(sparse.csr_array(rows.matrix), moving, lower, upper, low, high)


def _refuse_bounds(game: Game, columns: Integers) -> None:
    """Refuse bounds of variables whose set moves: whether it respects them depends on the plan."""
    own = game.program.columns
    for column in columns[np.isfinite(own.lower[columns]) | np.isfinite(own.upper[columns])][:1]:
        raise InvalidGame(f"{own.names[int(column)]}: its set moves with the plan; put the variable's bounds into it")


def _nature_columns(game: Game) -> Integers:
    program = game.program
    nature = np.flatnonzero(program.roles[program.column_owner] == Role.NATURE)
    listed = np.concatenate([np.empty(0, np.int64), *(found.columns for found in game.uncertain)])
    order = np.argsort(listed)
    if not np.array_equal(listed[order], nature) or not np.array_equal(order, np.arange(len(order))):
        raise InvalidGame("uncertain variables: their columns are not in the order of their components")
    return nature


def _declared(found: UncertainColumns) -> KeyedSet:
    component = found.component
    if found.within is None:
        raise InvalidGame(f"{component.name}: an uncertain variable needs a set; give within=bl.uncertainty.Box(...)")
    if not isinstance(found.within, KeyedSet) or isinstance(found.within, type):
        raise InvalidGame(
            f"{component.name}: {type(found.within).__name__} is no uncertainty set; give one of bl.uncertainty"
        )
    fixed = [variable for variable in component.values() if variable.fixed]
    if fixed:
        raise InvalidGame(f"{fixed[0].name}: a fixed variable is not uncertain; unfix it, or leave it out of the index")
    return found.within


def _check_bounds(game: Game, within: UncertaintySet, j: int, column: int) -> None:
    """Refuse bounds of an uncertain variable that cut the set: they would be lost."""
    columns = game.program.columns
    for side, sign in ((columns.upper[column], 1.0), (columns.lower[column], -1.0)):
        if not np.isfinite(side):
            continue
        direction: Floats = np.zeros(within.dimension)
        direction[j] = sign
        reached: Any = within.support(direction)
        if reached > sign * side + _ROOM * (1 + abs(side)):
            raise InvalidGame(
                f"{columns.names[column]}: its set reaches {sign * reached:g}, beyond the variable's own "
                f"bound {side:g}; put the bound into the set"
            )
