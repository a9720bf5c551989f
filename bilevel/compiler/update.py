"""Compiled games after edits of their models, without doing again what the edits leave as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bilevel.compiler.compile import Asked, Compiled, History, compile_read, given_bounds
from bilevel.compiler.edits import Watch
from bilevel.compiler.pipeline import Image, Solver, compile_program, method_bounds
from bilevel.compiler.units import restated
from bilevel.errors import NotApplicable
from bilevel.language.read import Game, read
from bilevel.methods import KKT, BigM
from reformulations.bounds import CUTOFF, Bounds
from reformulations.covering import covers
from reformulations.programs import LEADER, BilevelProgram, Objectives
from reformulations.spatial import SpatialProgram


def updated(compiled: Compiled) -> Compiled:
    """Return a game compiled again after edits of its model.

    Edits are changed values of mutable parameters and fixed variables, bounds and domains of variables, and leader's
    variables fixed or let go. Only rows and objectives with a changed parameter are read again (the first update reads
    all). Bounds of big-M's are kept where they were derived for a game that covers the edited one
    (:func:`reformulations.covering.covers`): the followers are the same and the leader has no more room than then, its
    objective apart. Otherwise they are derived again. After edits of another kind (rows, variables or players that
    come or go, expressions replaced) everything is compiled anew.

    The game returned has the same answers as the edited model compiled from scratch.

    Raises
    ------
    NotApplicable
        For a PAO problem of levels.
    BilevelError
        As :func:`bilevel.compile` does for the edited model.
    """
    if compiled.game.levels:
        raise NotApplicable("the game", "edits of a PAO problem of levels are not followed; compile it anew")
    history = compiled.history or _begun(compiled)
    watch = history.watch
    fresh = watch.reread(watch.changed() if compiled.history else watch.everything())
    if fresh is None:
        return _compiled_as_asked(compiled.asked, read(watch.game.blocks[LEADER]))
    game = fresh.game
    if history.image.restated or restated(game.program) is not None:
        again = _compiled_as_asked(compiled.asked, game)  # stated otherwise, it has other bounds
        return replace(again, history=History(fresh, game.program, again.image))
    restricted = _restricted(history, game.program)
    if restricted is not None:
        return replace(compiled, game=game, image=restricted, history=replace(history, watch=fresh))
    bounds = _reusable(history.image)
    keep = bounds is not None and covers(history.program, game.program)
    image = _recompiled(compiled, game, bounds if keep else None)
    if image is None:
        again = _compiled_as_asked(compiled.asked, game)
        return replace(again, history=History(fresh, game.program, again.image))
    history = replace(history, watch=fresh) if keep else History(fresh, game.program, image)
    return replace(compiled, game=game, image=image, history=history)


def _begun(compiled: Compiled) -> History:
    return History(Watch.of(compiled.game), compiled.game.program, compiled.image)


def _compiled_as_asked(asked: Asked, game: Game) -> Compiled:
    return replace(compile_read(game, asked.method, asked.threads, asked.solver), asked=asked)


def _restricted(history: History, program: BilevelProgram) -> Image | None:
    """Return the image of the game with bounds of the leader's columns inside those it was compiled with.

    Every reformulation is exact at each decision of the leader's, so that its image is that of the restricted game once
    the columns have the bounds. None where anything else has changed, or a box contradicts what was derived.
    """
    wide, image = history.program, history.image
    goals = (wide.objectives, program.objectives)
    if image.proof or not covers(wide, program) or not all(_is_same_goal(*goals)):
        return None
    if not np.array_equal(wide.columns.integer, program.columns.integer):
        return None
    if not np.array_equal(wide.rows.lower, program.rows.lower) or not np.array_equal(
        wide.rows.upper, program.rows.upper
    ):
        return None
    columns = program.columns
    moved = np.flatnonzero((columns.lower != wide.columns.lower) | (columns.upper != wide.columns.upper))
    boxes = []
    for before in (image.mpec.columns, image.program.columns):
        lower, upper = before.lower.copy(), before.upper.copy()
        lower[moved] = np.maximum(lower[moved], columns.lower[moved])
        upper[moved] = np.minimum(upper[moved], columns.upper[moved])
        if (lower > upper).any():
            return None
        boxes.append(replace(before, lower=lower, upper=upper))
    return replace(
        image,
        source=program,
        mpec=replace(image.mpec, columns=boxes[0]),
        program=replace(image.program, columns=boxes[1]),
    )


def _is_same_goal(first: Objectives, second: Objectives) -> Iterator[bool]:
    yield np.array_equal(first.sense, second.sense)
    yield np.array_equal(first.constant, second.constant)
    yield abs(first.linear - second.linear).nnz == 0
    for item in ("index", "left", "right", "value"):
        yield np.array_equal(getattr(first.products, item), getattr(second.products, item))


def _reusable(image: Image) -> Bounds | None:
    """Return the bounds that cost linear programs; none that rest on a cutoff, which is one objective's."""
    method, bounds = image.method, image.bounds
    if not isinstance(method, KKT) or not isinstance(method.complementarity, BigM):
        return None
    if isinstance(image.program, SpatialProgram) or np.any(bounds.argument == CUTOFF):
        return None
    return bounds


def _recompiled(compiled: Compiled, game: Game, known: Bounds | None) -> Image | None:
    """Compile by the method that was chosen; None where that no longer applies to the game."""
    method, asked = compiled.image.method, compiled.asked
    solver: Solver = "scip" if isinstance(compiled.image.program, SpatialProgram) else "highs"
    try:
        given = given_bounds(game, method_bounds(method))
        return compile_program(game.program, method, given, known, asked.threads, solver)
    except NotApplicable:
        return None
