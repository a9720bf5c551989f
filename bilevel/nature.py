"""Nature's uncertainty set in the order of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from bilevel.errors import InvalidGame
from bilevel.read import Game, UncertainColumns
from bilevel.uncertainty import KeyedSet
from reformulations.independent_sets import IndependentSets
from reformulations.programs import Floats, Role
from reformulations.uncertainty import UncertaintySet

_ROOM = 1e-9


def nature_set(game: Game) -> UncertaintySet:
    """Return the set of all uncertain variables together: each component chooses from its own.

    Raises
    ------
    InvalidGame
        For a component without a set, a set whose keys are not those of the component, a fixed uncertain variable,
        and bounds of an uncertain variable that its set does not respect.
    """
    parts = tuple(_component_set(found) for found in game.uncertain)
    together = parts[0] if len(parts) == 1 else IndependentSets(parts)
    program = game.program
    nature = np.flatnonzero(program.roles[program.column_owner] == Role.NATURE)
    listed = np.concatenate([np.empty(0, np.int64), *(found.columns for found in game.uncertain)])
    order = np.argsort(listed)
    if not np.array_equal(listed[order], nature) or not np.array_equal(order, np.arange(len(order))):
        raise InvalidGame("uncertain variables: their columns are not in the order of their components")
    for j, column in enumerate(nature):
        _check_bounds(game, together, j, int(column))
    return together


def _component_set(found: UncertainColumns) -> UncertaintySet:
    component = found.component
    if found.within is None:
        raise InvalidGame(f"{component.name}: an uncertain variable needs a set; give within=bl.uncertainty.Box(...)")
    if not isinstance(found.within, KeyedSet):
        raise InvalidGame(
            f"{component.name}: {type(found.within).__name__} is no uncertainty set; give one of bl.uncertainty"
        )
    fixed = [variable for variable in component.values() if variable.fixed]
    if fixed:
        raise InvalidGame(f"{fixed[0].name}: a fixed variable is not uncertain; unfix it, or leave it out of the index")
    return found.within.on(list(component.keys()), component.name)


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
