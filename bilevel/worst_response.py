"""Pessimistic games: solved as optimistic ones with the worst response, multipliers by responding again."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bilevel.certificate.certify import certify
from bilevel.certificate.faces import joint_face
from bilevel.certificate.follower_multipliers import with_multipliers
from bilevel.certificate.respond import respond
from bilevel.compiler.compile import chosen_method
from bilevel.compiler.pipeline import Image, compile_program, with_linear_rows
from bilevel.compiler.units import Given, compiled_restated
from bilevel.errors import InfeasibleGame, NoBound, NotApplicable, OutOfTime
from bilevel.language.load import load
from bilevel.language.read import Game
from bilevel.methods import Branching, Method
from bilevel.search.optimise import optimise
from bilevel.solution import Solution, SolutionStatus
from bilevel.solvers.answer import Limits
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.interrupts import interruptible
from reformulations import refusal
from reformulations.pessimistic import Pessimistic
from reformulations.programs import LEADER, BilevelProgram, Floats, MixedIntegerProgram
from reformulations.responses import HeldGame


def solve_pessimistic_game(game: Game, method: Method | str, limits: Limits) -> Solution:
    """Solve a game whose followers break ties against the leader, and load the worst response.

    The game is rewritten by :class:`reformulations.pessimistic.Pessimistic` and solved as any other, after products
    of the leader's bounded integers with the followers' variables have become rows of the followers;
    where its multipliers have no bounds (the row "no worse off than proposed" leaves the follower no
    interior), the automatic method branches on complementarities.

    Raises
    ------
    NotApplicable
        When the rewriting does not fit the game; names the component.
    """
    began = time.perf_counter()
    try:
        linear = with_linear_rows(game.program, objectives=True)
        rewritten = Pessimistic().apply(linear.program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    try:
        image = _compiled(rewritten.program, method, limits, Deadline.of(limits, began))
        with interruptible() as stopped:
            answer = optimise(image, replace(limits, stopped=stopped))
    except InfeasibleGame as reason:
        return _solution(game, "infeasible", "pessimistic", began, (str(reason),), None, None, limits)
    how = f"pessimistic, as an optimistic game with the worst response; {type(image.method).__name__}"
    sense = float(game.program.objectives.sense[LEADER])
    bound = sense * answer.bound if np.isfinite(answer.bound) else None
    if answer.point is None:
        known = {status: status for status in ("infeasible", "unbounded", "interrupted")}
        status: SolutionStatus = known.get(answer.status, "time_limit")  # type: ignore[assignment]
        return _solution(game, status, how, began, image.notes, None, bound, limits)
    n = len(game.program.columns)
    values = linear.recover(rewritten.recover(image.source_point(answer.point)))[:n]
    point = _responded(game.program, values, limits)
    load(game, point[:n])
    notes = (*linear.notes, *image.notes)
    return _solution(game, "feasible", how, began, notes, point, bound, limits, image.assumes, answer.status)


def _compiled(program: BilevelProgram, method: Method | str, limits: Limits, deadline: Deadline) -> Image:
    try:
        return _compiled_by(chosen_method(method), program, limits, deadline)
    except NoBound:
        if not isinstance(method, str):
            raise
    except OutOfTime:
        pass  # branching begins at once, so that a time limit ends with a bound
    return _compiled_by(Branching(), program, limits, deadline)


def _compiled_by(method: Method, program: BilevelProgram, limits: Limits, deadline: Deadline) -> Image:
    def compiled(arrays: BilevelProgram, _: Given) -> Image:
        return compile_program(arrays, method, threads=limits.threads, deadline=deadline)

    return compiled_restated(program, None, compiled)


def _responded(program: BilevelProgram, values: Floats, limits: Limits) -> Floats:
    """Return the primal-dual point of the worst optimal response to the leader's decision in ``values``.

    Where the leader is indifferent, the rewritten game leaves followers short of their optimum, so they
    are solved again: their own optima first, then the leader's worst over the optimal face. Every
    optimal response of a linear follower is complementary to every optimal multiplier.
    """
    held = HeldGame.at(program, values, 1e-6)
    answers = respond(held, limits.threads)
    columns, rows, chosen = joint_face(held, answers)
    against = -program.objectives.sense[LEADER] * _leader_gradient(program, values)[chosen]
    worst = PersistentHighs(
        MixedIntegerProgram(columns, rows, against, 0.0), HighsOptions(threads=limits.threads)
    ).solve()
    chosen_values = np.array(values)
    if worst.point is not None:
        chosen_values[chosen] = worst.point
    return with_multipliers(program, chosen_values, answers)


def _leader_gradient(program: BilevelProgram, values: Floats) -> Floats:
    """Return the gradient ``(n,)`` of the leader's objective."""
    objectives, n = program.objectives, len(program.columns)
    linear = np.asarray(objectives.linear[[LEADER]].toarray()).ravel()
    return np.asarray(linear + objectives.products.hessian(n, LEADER) @ values)


def _solution(  # noqa: PLR0913, PLR0917 - one argument for each thing reported
    game: Game,
    status: SolutionStatus,
    how: str,
    began: float,
    notes: tuple[str, ...],
    point: Floats | None,
    bound: float | None,
    limits: Limits,
    assumes: tuple[str, ...] = (),
    ended: str = "",
) -> Solution:
    certificate = None
    if point is not None:
        certificate = certify(
            game.program, point, bound=bound, gap=limits.gap, assumptions=assumes, threads=limits.threads
        )
        stops: dict[str, SolutionStatus] = {"time_limit": "time_limit", "interrupted": "interrupted"}
        status = "optimal" if certificate.is_proven else stops.get(ended, "feasible")
    return Solution(
        status=status,
        objective=None if certificate is None else certificate.objective,
        bound=bound,
        gap=None if certificate is None else certificate.gap,
        certificate=certificate,
        seconds=time.perf_counter() - began,
        method=how,
        game=game,
        point=point,
        notes=notes,
    )
