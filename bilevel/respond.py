"""Solve every follower again at a point of the game, from its own rows and objective only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import BilevelError, SolverFailure
from bilevel.highs import PersistentHighs
from bilevel.outcome import HighsOptions, Outcome
from reformulations import refusal
from reformulations.convexity import is_convex
from reformulations.programs import Floats, Integers, MixedIntegerProgram, Role
from reformulations.responses import HeldGame, Responses, linearised, response_program
from reformulations.switched_rows import with_smaller_switches

_GAP = 1e-9
_SECONDS = 60.0
_WORSE = 1e-7
_QUADRATIC_COLUMNS = 200  # the active-set method of HiGHS is dense in the columns off their bounds


@dataclass(frozen=True, slots=True)
class Answered:
    """The joint problem of some followers and what solving it gave; ``remark`` says why there is no optimum."""

    players: Integers
    responses: Responses | None
    outcome: Outcome | None
    remark: str = ""

    @property
    def is_optimal(self) -> bool:
        """Whether the problem was solved."""
        return self.outcome is not None and self.outcome.status == "optimal"


def respond(held: HeldGame, threads: int | None = None, without: Integers | None = None) -> tuple[Answered, ...]:
    """Solve every follower of ``held`` but ``without`` again: linear ones as one program, quadratic ones in groups.

    Followers with integer columns are solved by themselves, and so is each follower of a joint
    program without an optimum, to find out whose fault it is. A quadratic follower that HiGHS fails on, or
    answers worse than the point does, is bounded by the linear program of its tangent at the point.
    """
    options = HighsOptions(gap=_GAP, threads=threads, time_limit=_SECONDS)
    game = held.game
    followers = np.setdiff1d(np.flatnonzero(game.roles == Role.FOLLOWER), [] if without is None else without)
    curved, integer = np.zeros((2, len(game.players)), dtype=bool)
    curved[held.objectives.products.index] = True
    integer[game.column_owner[game.columns.integer]] = True
    integer[game.row_owner[held.rows.products.index]] = True
    linear = followers[~(curved | integer)[followers]]
    quadratic = followers[(curved & ~integer)[followers]]
    size = np.cumsum(np.bincount(game.column_owner, minlength=len(game.players))[quadratic])
    groups = np.split(quadratic, np.flatnonzero(np.diff(size // _QUADRATIC_COLUMNS)) + 1)
    answers = [_answer(held, np.array([player]), options) for player in followers[integer[followers]]]
    for group in (linear, *groups):
        answers += _answer_jointly(held, group, options)
    return tuple(answers)


def _answer_jointly(held: HeldGame, players: Integers, options: HighsOptions) -> list[Answered]:
    """Solve ``players`` as one program, and each by itself where that has no optimal point."""
    if not len(players):
        return []
    joint = _answer(held, players, options)
    if len(players) == 1 or (joint.outcome is not None and joint.is_optimal and joint.outcome.point is not None):
        return [joint]
    return [_answer(held, np.array([player]), options) for player in players]


def optima(held: HeldGame, answers: Sequence[Answered]) -> Floats:
    """Return the optimal objective of each player ``(P,)`` in its own sense; NaN where there is none."""
    game = held.game
    point, known = held.point.copy(), np.zeros(len(game.players), dtype=bool)
    values = np.full(len(game.players), np.nan)
    for answer in answers:
        if not answer.is_optimal or answer.responses is None or answer.outcome is None:
            continue
        if answer.outcome.point is not None:
            point[answer.responses.columns] = answer.outcome.point
            known[answer.players] = True
        else:
            values[answer.players] = game.objectives.sense[answer.players] * answer.outcome.bound
    return np.where(known, held.objectives.value(point), values)


def _answer(held: HeldGame, players: Integers, options: HighsOptions) -> Answered:
    try:
        responses = response_program(held, players)
    except refusal.NotApplicable as refused:
        return Answered(players, None, None, str(refused))
    program = responses.program
    if not is_convex(program.products, len(program.columns)):
        return Answered(players, responses, None, "its objective is not convex in its own columns")
    here = held.point[responses.columns]
    try:
        solver = PersistentHighs(_switched(program), options)
        if program.columns.integer.any():
            solver.set_start(here)  # HiGHS checks it, and proves that nothing is better
        outcome = solver.solve()
    except BilevelError as failure:
        return _bounded_by_tangent(Answered(players, responses, None, str(failure)), here, options)
    remark = "" if outcome.status == "optimal" else f"solved again, it is {outcome.status.replace('_', ' ')}"
    answer = Answered(players, responses, outcome, remark)
    if len(program.products) and outcome.objective is not None:
        room = _WORSE * (1 + abs(outcome.objective))
        if outcome.objective > program.objective(here) + room:
            return _bounded_by_tangent(answer, here, options)
    return answer


def _switched(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return an integer follower's program, its own large coefficients of integers as small as they may be.

    With those of a user's big-M a solver calls a response optimal that lets through what it shuts off.
    """
    rows = with_smaller_switches(program.rows, program.columns) if program.columns.integer.any() else program.rows
    return program if rows is program.rows else replace(program, rows=rows)


def _bounded_by_tangent(answer: Answered, point: Floats, options: HighsOptions) -> Answered:
    """Replace the optimum by a bound from below, and leave the answer as it is where that is infinite."""
    if answer.responses is None:
        return answer
    try:
        outcome = PersistentHighs(linearised(answer.responses.program, point), options).solve()
    except SolverFailure:
        return answer
    if outcome.status != "optimal":
        return answer
    bound_only = replace(outcome, point=None, objective=None, row_duals=None, column_duals=None)
    return replace(answer, outcome=bound_only, remark="")
