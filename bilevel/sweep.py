"""One game at many values of its parameters or of its leader's variables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyomo.environ as pyo
from pyomo.core.base.block import BlockData
from pyomo.core.base.param import ParamData
from pyomo.core.base.var import VarData

from bilevel.compiler.compile import Asked, Compiled, compile_read
from bilevel.errors import InfeasibleFollower, InfeasibleGame, InvalidGame, NotApplicable, UnboundedFollower
from bilevel.language.read import Game, read
from bilevel.methods import Branching, Method
from bilevel.profiles import Profiles, SweepPoint
from bilevel.solution import Solution
from bilevel.solve import solution_of
from bilevel.solvers.answer import Limits
from reformulations.programs import LEADER, BilevelProgram, Names

Values = Mapping[Any, Iterable[float]] | Iterable[tuple[Any, Iterable[float]]]
"""A ``ComponentMap`` or pairs: Pyomo's variables and parameters do not hash and cannot be keys of a dict."""


def sweep(
    model: BlockData,
    values: Values,
    *,
    method: Method | str = "auto",
    gap: float = 1e-6,
    time_limit: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[SweepPoint], None] | None = None,
) -> Profiles:
    """Solve a game at each of several values of parameters, or of leader's variables held there.

    The game is compiled once; from one value to the next only what the change touches is read and derived again
    (:func:`bilevel.compiler.update.updated`). Where all that followers see of the leader is held, each point is one
    response and one linear program. Afterwards the model is as it was, values included.

    Parameters
    ----------
    model
        A Pyomo model with followers that are convex and continuous, and no nature.
    values
        Values by mutable parameter (scalar, or a member) or by leader's variable, as pairs or as a
        ``ComponentMap``; of several, every combination, the last one changing fastest.
    method
        As for :func:`bilevel.solve`; ``"auto"`` branches on complementarities, for which no bound has to be derived
        when followers' data change, or takes what :func:`bilevel.compile` chooses where that does not apply.
    gap, time_limit, threads
        As for :func:`bilevel.solve`, for each point.
    executor
        Where the points are solved: any ``concurrent.futures.Executor``. Tasks carry arrays, no Pyomo models.
    progress
        Called with each point as it is done; in the order of the values.

    Returns
    -------
    Profiles
        One point a value, in order; points without a solution say why.

    Raises
    ------
    InvalidGame
        When what is swept is neither a mutable parameter nor a leader's variable.
    NotApplicable
        For games with nature, integer followers or quadratic followers' rows.
    """
    limits = Limits(gap, time_limit, threads).checked()
    pairs = tuple(values.items() if isinstance(values, Mapping) else values)
    keys = tuple(key for key, _ in pairs)
    for key in keys:
        if not isinstance(key, ParamData | VarData):
            raise InvalidGame(f"{key}: a sweep is over mutable parameters and variables; give one member of it")
        if isinstance(key, ParamData) and not key.parent_component().mutable:
            raise InvalidGame(f"{key.name}: it is not mutable; declare it with Param(..., mutable=True)")
    grid = list(itertools.product(*(_numbers(key, steps) for key, steps in pairs)))
    game = read(model)
    _refuse_others_variables(game, keys)
    with _restored(game, keys):
        steps = _compiled_at(_compiled(game, method, threads), keys, grid)
        points = _here(steps, limits) if executor is None else _elsewhere(steps, limits, executor)
        found = []
        for point in points:
            found.append(point)
            if progress is not None:
                progress(point)
    return Profiles(tuple(key.name for key in keys), tuple(found))


def _numbers(key: Any, steps: Iterable[float]) -> tuple[float, ...]:
    """Return the values to be taken; refuse what is not finite, and what a parameter may not be."""
    found = tuple(map(float, steps))
    for value in found:
        if not math.isfinite(value) or (isinstance(key, ParamData) and value not in key.parent_component().domain):
            raise InvalidGame(f"{key.name}: {value:g} is no value it can have; give finite values, within its domain")
    return found


def _refuse_others_variables(game: Game, keys: Sequence[Any]) -> None:
    for key in keys:
        if isinstance(key, VarData) and game.program.column_owner[game.column(key)] != LEADER:
            raise InvalidGame(f"{key.name}: it is not the leader's; a follower's variable is not for us to hold")


def _compiled(game: Game, method: Method | str, threads: int | None) -> Compiled:
    if method != "auto":
        return replace(compile_read(game, method, threads), asked=Asked(method, threads))
    try:
        return replace(compile_read(game, Branching(), threads), asked=Asked(Branching(), threads))
    except NotApplicable:
        return replace(compile_read(game, "auto", threads), asked=Asked("auto", threads))


Step = tuple[tuple[float, ...], Compiled | str]
"""Values, and the game compiled there or why there is none."""


def _compiled_at(compiled: Compiled, keys: Sequence[Any], grid: Sequence[tuple[float, ...]]) -> Iterator[Step]:
    for at in grid:
        for key, value in zip(keys, at, strict=True):
            if isinstance(key, VarData):
                key.fix(value, skip_validation=True)
            else:
                key.set_value(value)
        try:
            compiled = compiled.update()
        except (InfeasibleGame, InfeasibleFollower, UnboundedFollower) as refused:
            yield at, str(refused)
        else:
            yield at, compiled


def _here(steps: Iterable[Step], limits: Limits) -> Iterator[SweepPoint]:
    for at, compiled in steps:
        yield _point(at, compiled if isinstance(compiled, str) else _solved(compiled, limits))


def _elsewhere(steps: Iterable[Step], limits: Limits, executor: Executor) -> Iterator[SweepPoint]:
    waiting: list[tuple[tuple[float, ...], Game | None, Future[Solution | str] | str]] = []
    for at, compiled in steps:
        if isinstance(compiled, str):
            waiting.append((at, None, compiled))
        else:
            waiting.append((at, compiled.game, executor.submit(_solved, _bare(compiled), limits)))
    for at, game, answer in waiting:
        found = answer if isinstance(answer, str) else answer.result()
        named = found if isinstance(found, str) or game is None else replace(found, game=game)
        yield _point(at, named)


def _solved(compiled: Compiled, limits: Limits) -> Solution | str:
    try:
        return solution_of(compiled, limits)
    except (InfeasibleFollower, UnboundedFollower) as refused:
        return str(refused)


def _point(at: tuple[float, ...], found: Solution | str) -> SweepPoint:
    return SweepPoint(at, None, found) if isinstance(found, str) else SweepPoint(at, found)


def _bare(compiled: Compiled) -> Compiled:
    """Return the compiled game without Pyomo components, and with lists for names, so that it can be sent."""
    source = _listed(compiled.image.source)
    image = compiled.image
    mpec, program = image.mpec, image.program
    pairs = replace(mpec.complementarity, names=_list(mpec.complementarity.names))
    sent = replace(
        image,
        source=source,
        mpec=replace(mpec, columns=_with_list(mpec.columns), rows=_with_list(mpec.rows), complementarity=pairs),
        program=replace(program, columns=_with_list(program.columns), rows=_with_list(program.rows)),
    )
    return Compiled(Game(source, [], [], [], (), {}, {}), sent, compiled.why, compiled.asked)


def _listed(program: BilevelProgram) -> BilevelProgram:
    return replace(program, columns=_with_list(program.columns), rows=_with_list(program.rows))


def _with_list(part: Any) -> Any:
    return replace(part, names=_list(part.names))


def _list(names: Sequence[str]) -> Names:
    return Names.of(list(names))


@contextmanager
def _restored(game: Game, keys: Sequence[Any]) -> Iterator[None]:
    """Put parameters, values and what is fixed back as they were."""
    before = [(variable, variable.value, variable.fixed) for variable in game.variables]
    parameters = [(key, pyo.value(key, exception=False)) for key in keys if isinstance(key, ParamData)]
    try:
        yield
    finally:
        for variable, value, fixed in before:
            variable.set_value(value, skip_validation=True)
            variable.fixed = fixed
        for key, value in parameters:
            key.set_value(value)
