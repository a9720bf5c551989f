"""Penalties of rows of recourse, as the user states them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyomo.core.base.constraint import Constraint, ConstraintData

from bilevel.errors import InvalidGame, NotApplicable
from bilevel.language.keyed import number
from bilevel.language.read import Game
from reformulations import refusal
from reformulations.programs import BilevelProgram
from reformulations.robust import elastic_recourse

Penalty = float | Mapping[Any, float]

SHOWN = 1e-6
"""Rows missed by less than this are met."""


def elastic_game(game: Game, penalty: Penalty | None) -> BilevelProgram:
    """Return the game whose rows of recourse may be missed at a penalty; the game itself for None.

    A number counts for all rows of recourse; a dict has constraints, or indexed ones, and leaves the others hard.

    Raises
    ------
    InvalidGame
        For a key that is no constraint of the game, and a penalty that is no number.
    NotApplicable
        For a penalty that is not positive, a row without recourse, and a game without recourse.
    """
    if penalty is None:
        return game.program
    prices = np.full(len(game.program.rows), np.inf)
    if isinstance(penalty, Mapping):
        for component, price in penalty.items():
            if not isinstance(component, Constraint | ConstraintData):
                raise InvalidGame(f"CCG(penalty=...): {component} is no constraint; give a number, or rows of recourse")
            for row in component.values() if component.is_indexed() else [component]:
                prices[game.row(row)] = number(price, f"CCG(penalty=...): {row.name}")
    else:
        prices[elastic_recourse.rows_of_recourse(game.program)] = number(penalty, "CCG(penalty=...)")
    try:
        return elastic_recourse.with_elastic_rows(game.program, prices)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
