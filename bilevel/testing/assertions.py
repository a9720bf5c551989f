"""What a reformulation, or a way to solve games, is held to on random games."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any, Protocol

import numpy as np
import pyomo.environ as pyo
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from bilevel.errors import NotApplicable as GameNotApplicable
from bilevel.io.declare import declare as declare_arrays
from bilevel.language.load import load
from bilevel.language.read import read
from bilevel.testing.games import Game, declare
from bilevel.testing.optima import optimum
from bilevel.testing.oracle import optimum_of
from bilevel.testing.relations import relations
from bilevel.testing.responses import followers, regret, violation
from bilevel.testing.strategies import games
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import LEADER, BilevelProgram, CanonicalGame, Names
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable

TOLERANCE = 1e-5
FEW = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""200 examples, the same in every run."""


class Pass(Protocol):
    """A reformulation: from a program to another, with the affine way back."""

    def apply(self, program: Any, /) -> Reduced[Any]:
        """Return the image and the way back; refuse with ``NotApplicable``."""


def assert_reformulates(
    method: Pass,
    *,
    after: Sequence[Pass] = (),
    on: st.SearchStrategy[Game] | None = None,
    how: settings = FEW,
) -> None:
    """Check a reformulation on random games; what fails is cut down to a small game.

    The optimum of the image is that of the game, and the way back leads to a point of the game at which its rows hold
    and its followers respond optimally. The game's optimum comes from its numbers by enumeration, the image's by
    enumeration of its integers and complementarities with scipy, the responses from the declared Pyomo model: a
    mistake would have to be made twice to stay unseen. Games that the method refuses do not count.

    Parameters
    ----------
    method
        ``apply(program) -> Reduced(program, recover)``; its image is any program of :mod:`reformulations.programs`.
    after
        Passes applied before it, from the game as read: ``(Canonical(), KKT())`` for a pass that takes an MPEC.
    on
        Strategy of games; bounded ones with linear and quadratic followers unless told.
    how
        Number of examples and the like.

    Raises
    ------
    AssertionError
        With what differs, and the smallest game found.
    """

    @how
    @given(games(open_ends=False) | games(curved=True, open_ends=False) if on is None else on)
    def check(game: Game) -> None:
        model = declare(game)
        source = read(model)
        try:
            image, recover = _through((*after, method), source.program)
        except NotApplicable:
            reject()
        expected = optimum_of(game)
        value, point = _optimum(image)
        sense = float(source.program.objectives.sense[LEADER])
        found = None if value == inf else sense * value
        if not same(found, expected):
            raise AssertionError(f"the image has the optimum {said(found)}, the game {said(expected)}")
        if found is None:
            return
        load(source, recover(point))
        worst = max([violation(model), *(regret(follower, model) for follower in followers(model))])
        if worst > TOLERANCE:
            raise AssertionError(f"the way back leads to a point that breaks a row, or is no response, by {worst:.1e}")
        here = float(pyo.value(model.goal))
        if not same(here, found):
            raise AssertionError(f"the way back leads to a point worth {said(here)}, the image says {said(found)}")

    check()


def assert_solves(
    solve: Callable[[pyo.ConcreteModel], float | None],
    *,
    on: st.SearchStrategy[Game] | None = None,
    how: settings = FEW,
) -> None:
    """Check a way to solve games: against oracles, and against itself on the same game stated otherwise.

    Parameters
    ----------
    solve
        Takes a model and returns the leader's optimum: None where there is no point. It raises ``NotApplicable`` for
        what it refuses, which does not count.
    on
        Strategy of games; bounded ones with linear and quadratic followers unless told.
    how
        Number of examples and the like.

    Raises
    ------
    AssertionError
        With what differs, and the smallest game found.
    """

    @how
    @given(games(open_ends=False) | games(curved=True, open_ends=False) if on is None else on, st.data())
    def check(game: Game, data: st.DataObject) -> None:
        model = declare(game)
        program = _named(read(model).program)
        relation = data.draw(relations(program))
        restated = relation.apply(program).program
        try:
            found, other = solve(model), solve(declare_arrays(restated, "stated otherwise"))
        except GameNotApplicable:
            reject()
        expected = optimum_of(game)
        if not same(found, expected):
            raise AssertionError(f"the answer is {said(found)}, the optimum {said(expected)}")
        turned = float(program.objectives.sense[LEADER] * restated.objectives.sense[LEADER])
        other = None if other is None else turned * other
        if not same(other, expected):
            raise AssertionError(f"stated otherwise, the answer is {said(other)}, the optimum {said(expected)}")

    check()


def _through(passes: Sequence[Pass], program: Any) -> tuple[Any, Recovery]:
    back = Recovery.identity(program.point_size)
    for method in passes:
        reduced = method.apply(program)
        program, back = reduced.program, back @ reduced.recover
    return program, back


def _optimum(image: Any) -> tuple[float, np.ndarray]:
    """Return value and point of the image; of a game by its complementarities."""
    rest: list[Pass] = []
    if isinstance(image, BilevelProgram):
        rest = [Canonical(), KKT()]
    if isinstance(image, CanonicalGame):
        rest = [KKT()]
    back = None
    for method in rest:
        reduced = method.apply(image)
        image, back = reduced.program, reduced.recover if back is None else back @ reduced.recover
    value, point = optimum(image)
    return value, point if back is None or not len(point) else back(point)


def _named(program: BilevelProgram) -> BilevelProgram:
    """Return the program with names that outlive its model."""
    columns = replace(program.columns, names=Names.of(list(program.columns.names)))
    return replace(program, columns=columns, rows=replace(program.rows, names=Names.of(list(program.rows.names))))


def same(value: float | None, other: float | None) -> bool:
    """Whether two optima agree: both missing, both infinite, or near each other."""
    if value is None or other is None:
        return value is None and other is None
    if not isfinite(value) or not isfinite(other):
        return value == other
    return abs(value - other) <= TOLERANCE * max(1.0, abs(value), abs(other))


def said(value: float | None) -> str:
    """Return an optimum in words."""
    return "that there is no point" if value is None else f"{value:.9g}"
