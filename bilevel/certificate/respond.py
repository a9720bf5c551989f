"""Solve every follower again at a point of the game, from its own rows and objective only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import BilevelError, SolverFailure
from bilevel.solvers import scip
from bilevel.solvers.highs import PersistentHighs
from bilevel.solvers.outcome import HighsOptions, Outcome
from reformulations import refusal
from reformulations.convexity import convex_terms
from reformulations.equilibration import better_program_units
from reformulations.programs import Booleans, Floats, Integers, MixedIntegerProgram, Product, Role
from reformulations.responses import (
    HeldGame,
    QuadraticResponses,
    Responses,
    linearised,
    quadratic_response_program,
    response_program,
)
from reformulations.switched_rows import with_smaller_switches

_GAP = 1e-9
_SECONDS = 60.0
_WORSE = 1e-7
_QUADRATIC_COLUMNS = 200  # the active-set method of HiGHS is dense in the columns off their bounds


@dataclass(frozen=True, slots=True)
class Answered:
    """The joint problem of some followers and what solving it gave; ``remark`` says why there is no optimum.

    ``searched`` is the problem of a follower that SCIP solves globally; ``responses`` is then None.
    """

    players: Integers
    responses: Responses | None
    outcome: Outcome | None
    remark: str = ""
    searched: QuadraticResponses | None = None

    @property
    def is_optimal(self) -> bool:
        """Whether the problem was solved."""
        return self.outcome is not None and self.outcome.status == "optimal"


def respond(held: HeldGame, threads: int | None = None, without: Integers | None = None) -> tuple[Answered, ...]:
    """Solve every follower of ``held`` but ``without`` again: linear ones as one program, quadratic ones in groups.

    Followers with integer columns are solved by themselves, and so is each follower of a joint
    program without an optimum, to find out whose fault it is. What is not convex, or integer and quadratic, is solved
    by SCIP (:func:`needs_global_search`). A quadratic follower that HiGHS fails on, or
    answers worse than the point does, is bounded by the linear program of its tangent at the point.
    """
    options = HighsOptions(gap=_GAP, threads=threads, time_limit=_SECONDS)
    game = held.game
    followers = np.setdiff1d(np.flatnonzero(game.roles == Role.FOLLOWER), [] if without is None else without)
    curved, integer = np.zeros((2, len(game.players)), dtype=bool)
    curved[held.objectives.products.index] = True
    integer[game.column_owner[game.columns.integer]] = True
    globally = needs_global_search(held)
    searched = [_search(held, player) for player in followers[globally[followers]].tolist()]
    followers = followers[~globally[followers]]
    linear = followers[~(curved | integer)[followers]]
    quadratic = followers[(curved & ~integer)[followers]]
    size = np.cumsum(np.bincount(game.column_owner, minlength=len(game.players))[quadratic])
    groups = np.split(quadratic, np.flatnonzero(np.diff(size // _QUADRATIC_COLUMNS)) + 1)
    answers = searched + [_answer(held, np.array([player]), options) for player in followers[integer[followers]]]
    for group in (linear, *groups):
        answers += _answer_jointly(held, group, options)
    return tuple(answers)


def needs_global_search(held: HeldGame) -> Booleans:
    """Mask the followers ``(P,)`` whose own problem is neither linear, integer linear nor convex with linear rows."""
    game, terms = held.game, held.objectives.products
    found, integer = np.zeros((2, len(game.players)), dtype=bool)
    found[game.row_owner[held.rows.products.index]] = True
    integer[game.column_owner[game.columns.integer]] = True
    found[terms.index[integer[terms.index]]] = True
    # the columns of different players are different, so one form holds the own products of all of them
    signed = game.objectives.sense[terms.index] * terms.value
    form = Product.of(np.zeros(len(terms), np.int64), terms.left, terms.right, signed)
    found[game.column_owner[form.left[~convex_terms(form, len(game.columns))]]] = True
    return np.asarray(found & (game.roles == Role.FOLLOWER))


def _search(held: HeldGame, player: int) -> Answered:
    """Solve a follower's own problem by SCIP, which begins with the response at the point."""
    players = np.array([player])
    found = quadratic_response_program(held, players)
    try:
        outcome = scip.solve(found.program, HighsOptions(gap=_GAP, time_limit=_SECONDS), held.point[found.columns])
    except BilevelError as failure:
        return Answered(players, None, None, str(failure), found)
    remark = "" if outcome.status == "optimal" else f"solved again, it is {outcome.status.replace('_', ' ')}"
    return Answered(players, None, outcome, remark, found)


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
        own = answer.responses or answer.searched
        if not answer.is_optimal or own is None or answer.outcome is None:
            continue
        if answer.outcome.point is not None:
            point[own.columns] = answer.outcome.point
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
    here, whole = held.point[responses.columns], bool(program.columns.integer.any())
    try:
        outcome = _integer_optimum(program, here, options) if whole else _continuous_optimum(program, options)
    except BilevelError as failure:
        return _bounded_by_tangent(Answered(players, responses, None, str(failure)), here, options)
    remark = "" if outcome.status == "optimal" else f"solved again, it is {outcome.status.replace('_', ' ')}"
    answer = Answered(players, responses, outcome, remark)
    if len(program.products) and outcome.objective is not None:
        room = _WORSE * (1 + abs(outcome.objective))
        if outcome.objective > program.objective(here) + room:
            return _bounded_by_tangent(answer, here, options)
    return answer


def _integer_optimum(program: MixedIntegerProgram, here: Floats, options: HighsOptions) -> Outcome:
    """Solve an integer follower's program, its own large coefficients of integers as small as they may be.

    With those of a user's big-M a solver calls a response optimal that lets through what it shuts off.
    """
    smaller = replace(program, rows=with_smaller_switches(program.rows, program.columns))
    solver = PersistentHighs(smaller, options)
    solver.set_start(here)  # HiGHS checks it, and proves that nothing is better
    return solver.solve()


def _continuous_optimum(program: MixedIntegerProgram, options: HighsOptions) -> Outcome:
    """Solve a continuous follower's program in units in which its data are near one.

    HiGHS takes multipliers of the wrong sign for zero up to an absolute tolerance.
    """
    units = better_program_units(program)
    if units is None:
        return PersistentHighs(program, options).solve()
    found = PersistentHighs(units.apply(program), options).solve()
    point = None if found.point is None else units.columns * found.point
    row_duals, column_duals = found.row_duals, found.column_duals
    if row_duals is not None and column_duals is not None:
        row_duals, column_duals = units.source_multipliers(row_duals, column_duals)
    return replace(
        found,
        point=point,
        objective=None if point is None else program.objective(point),
        bound=found.bound / units.objective,
        row_duals=row_duals,
        column_duals=column_duals,
    )


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
