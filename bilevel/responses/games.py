"""Games with integer followers: responses in rounds, then the certificate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bilevel.certificate.certify import certify
from bilevel.certificate.follower_multipliers import with_multipliers
from bilevel.certificate.respond import needs_global_search, respond
from bilevel.errors import NotApplicable
from bilevel.language.load import load
from bilevel.language.read import Game
from bilevel.methods import ValueFunction
from bilevel.responses.answer import ResponseAnswer
from bilevel.responses.value_function import search_responses
from bilevel.solution import Solution, SolutionStatus
from bilevel.solvers.answer import Limits
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.interrupts import interruptible
from reformulations import refusal
from reformulations.objective_units import objective_units
from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.responses import HeldGame
from reformulations.switched_rows import SwitchedRows

_STOPPED = ("time_limit", "interrupted")
_TOLERANCE = 1e-6


def solve_integer_game(
    game: Game, method: ValueFunction, limits: Limits, progress: Callable[[Any], None] | None
) -> Solution:
    """Solve a game by its followers' responses and load the values.

    Followers with multipliers are solved again for them; those of followers with integers are zero.
    """
    began = time.perf_counter()
    program = game.program
    try:
        with interruptible() as stopped:
            stated = SwitchedRows().apply(program).program
            units = objective_units(stated)
            stated = stated if units is None else units.apply(stated).program
            answer = search_responses(stated, method, replace(limits, stopped=stopped), progress)
    except refusal.NotApplicable as refused:
        if isinstance(refused, NotApplicable):
            raise
        raise NotApplicable(refused.where, refused.reason) from refused
    sense = float(program.objectives.sense[LEADER])
    bound = sense * answer.bound if np.isfinite(answer.bound) else None
    point: Floats | None = None
    certificate = None
    if answer.point is not None:
        n = len(program.columns)
        values = np.where(program.columns.integer, np.round(answer.point[:n]), answer.point[:n])
        point = _with_multipliers(program, values, limits.threads)
        deadline = Deadline.of(limits, began)
        certificate = certify(program, point, bound=bound, gap=limits.gap, threads=limits.threads, deadline=deadline)
        load(game, values)
    status: SolutionStatus = _status(answer)
    if certificate is not None:
        status = "optimal" if certificate.is_proven else status if answer.status in _STOPPED else "feasible"
    return Solution(
        status=status,
        objective=None if certificate is None else certificate.objective,
        bound=bound,
        gap=None if certificate is None else certificate.gap,
        certificate=certificate,
        seconds=time.perf_counter() - began,
        method=answer.method,
        game=game,
        point=point,
        notes=answer.notes,
        iterations=answer.rounds,
    )


def _with_multipliers(program: BilevelProgram, values: Floats, threads: int | None) -> Floats:
    """Return the primal-dual point of ``values``, with multipliers of the followers that have them."""
    held = HeldGame.at(program, values, _TOLERANCE)
    without = needs_global_search(held)
    without[program.column_owner[program.columns.integer]] = True
    return with_multipliers(program, values, respond(held, threads, np.flatnonzero(without)))


def _status(answer: ResponseAnswer) -> SolutionStatus:
    known: dict[str, SolutionStatus] = {"infeasible": "infeasible", "interrupted": "interrupted"}
    return known.get(answer.status, "time_limit")
