"""Solve a game: compile, optimise, certify, load."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pyomo.core.base.block import BlockData

from bilevel.certificate.certify import Certificate, certify
from bilevel.compiler.compile import SOLVERS, Compiled, chosen_method, compile_read
from bilevel.compiler.hopeless import refuse_hopeless_followers
from bilevel.compiler.pipeline import Image, optimality_system
from bilevel.conic.games import has_cones, solve_conic_game
from bilevel.errors import InfeasibleGame, InvalidGame, NotApplicable, OutOfTime
from bilevel.language.load import load
from bilevel.language.read import Game, read
from bilevel.methods import SOS1, Branching, Indicator, Method, StrongDuality, ValueFunction
from bilevel.responses.games import solve_integer_game
from bilevel.responses.value_function import has_integer_followers, needs_responses
from bilevel.robust.ccg import CCG
from bilevel.robust.games import is_robust, solve_robust_game
from bilevel.search.automatic import optimised, solve_automatically
from bilevel.search.held_leader import held_optimum
from bilevel.search.optimise import Answer, Limits
from bilevel.search.warm_start import values_of
from bilevel.solution import Solution, SolutionStatus
from bilevel.solvers import scip
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.worst_response import solve_pessimistic_game
from reformulations.programs import LEADER, Floats, MixedIntegerProgram, Product
from reformulations.spatial import SpatialProgram


def solve(  # noqa: PLR0913 - the public contract
    model: BlockData,
    *,
    method: Method | ValueFunction | CCG | str = "auto",
    solver: str = "auto",
    gap: float = 1e-6,
    time_limit: float | None = None,
    pessimistic: bool = False,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[Any], None] | None = None,
    resume: str | Path | None = None,
    warmstart: bool = False,
) -> Solution:
    """Solve a game to proven optimality and load the values into the model's variables.

    Parameters
    ----------
    model
        A Pyomo model with followers (:class:`bilevel.Follower`).
    method
        ``"auto"``, or a value: ``bl.KKT(complementarity=bl.BigM(bounds=...))``, ``bl.StrongDuality()``; games
        with followers that are integer or not convex are solved by ``bl.ValueFunction()``, games with nature by
        ``bl.CCG(...)``.
    solver
        ``"highs"``, ``"scip"`` (an extra: ``pip install "bilevel-compiler[scip]"``), or ``"auto"``: SCIP, where it
        is installed, for what HiGHS cannot take, such as a leader's objective or a follower that is not convex.
    gap
        Relative distance of objective and bound at which to stop.
    time_limit
        Seconds; the solution then has the incumbent, the bound and the gap reached.
    pessimistic
        Break the followers' ties against the leader (linear followers on which the leader acts through
        right-hand sides, and with bounded integers in any way; others are refused).
    threads
        Of HiGHS; one value for the whole process.
    executor
        For independent sub-problems: any ``concurrent.futures.Executor``, threads, processes or Dask's. Robust games
        share out the scenarios nature chooses from; the answer is the same for any number of workers. Games with one
        program have none.
    progress
        Called with each ``MipProgress`` (incumbent, bound, gap) and, in robust games, each ``Iteration``.
    resume
        File of a robust run that was interrupted (``bl.CCG(save=file)``), to continue with its state.
    warmstart
        Begin with the values in the model's variables: the leader's decision there, to which linear and integer
        followers respond anew (of quadratic followers and those that see each other their own values count as well).
        The answer is the same; a note of the solution says whether a point of the game was found there.

    Returns
    -------
    Solution
        Optimistic: among a follower's optimal responses the one the leader likes best.

    Raises
    ------
    InvalidGame
        When the model is not a game, or an option means nothing.
    NotApplicable
        When the game does not fit the method; names the component and the way out.
    InfeasibleFollower, UnboundedFollower
        When a follower can never respond.
    """
    began = time.perf_counter()
    limits = Limits(gap, time_limit, threads, progress, executor=executor).checked()
    _refuse_unknown(method, solver)
    game = read(model)
    if warmstart:
        limits = replace(limits, values=_where_to_begin(game, pessimistic))
    if pessimistic:
        if is_robust(game) or isinstance(method, CCG | ValueFunction):
            raise NotApplicable("pessimistic=True", "games with nature or integer followers are solved optimistically")
        return solve_pessimistic_game(game, method, limits)
    if is_robust(game):
        return solve_robust_game(game, method, limits, progress, resume)
    if resume is not None:
        raise InvalidGame(f"resume={str(resume)!r}: only robust games, solved by bl.CCG, have runs to continue")
    if isinstance(method, CCG):
        raise InvalidGame("method=bl.CCG(...): the game has no bl.Uncertain variables")
    if method == "auto" and (has_integer_followers if solver == "highs" else needs_responses)(game.program):
        method = ValueFunction()
    if isinstance(method, ValueFunction):
        return solve_integer_game(game, method, limits, progress)
    if has_cones(game):
        return solve_conic_game(game, method, limits, solver)
    chosen = chosen_method(method)
    try:
        left = limits.after(time.perf_counter() - began)
        compiled, answer = _compiled_and_optimised(game, method, left, solver)
    except (InfeasibleGame, OutOfTime) as reason:
        status: SolutionStatus = "infeasible" if isinstance(reason, InfeasibleGame) else "time_limit"
        return _without_point(game, status, chosen, began, (str(reason),))
    solution = _solution(compiled, answer, limits, began)
    if solution.values is not None:
        load(game, solution.values)
    return solution


def _refuse_unknown(method: Any, solver: str) -> None:
    if solver not in SOLVERS:
        raise InvalidGame(f'solver={solver!r}: give "auto", "highs" or "scip"')
    if not isinstance(method, ValueFunction | CCG):
        chosen_method(method)


def _where_to_begin(game: Game, pessimistic: bool) -> Floats:  # noqa: FBT001
    """Return the values in the model; refuse what has no use for them."""
    if is_robust(game):
        raise NotApplicable("warmstart=True", "robust games begin with a scenario: give method=bl.CCG(start=...)")
    if pessimistic:
        raise NotApplicable("warmstart=True", "pessimistic games are searched without a start; leave it out")
    if has_cones(game):
        raise NotApplicable("warmstart=True", "games with cones are a sequence of games; leave it out")
    if game.levels:
        raise NotApplicable("warmstart=True", "a multilevel problem of PAO has no values to begin with; leave it out")
    return values_of(game)


def _compiled_and_optimised(game: Game, method: Method | str, limits: Limits, solver: str) -> tuple[Compiled, Answer]:
    if isinstance(method, str) and solver != "scip":
        return solve_automatically(game, limits, solver)
    began = time.perf_counter()
    try:
        compiled = compile_read(game, method, limits.threads, solver, Deadline.of(limits, began))
    except OutOfTime as reason:
        compiled = _without_bounds(game, limits, reason)
    return compiled, optimised(compiled.image, limits.after(time.perf_counter() - began))


def _without_bounds(game: Game, limits: Limits, reason: OutOfTime) -> Compiled:
    """Compile for branching, which begins at once, so that a time limit ends with a point and a bound."""
    try:
        return replace(compile_read(game, Branching(), limits.threads), why=str(reason))
    except NotApplicable:
        raise reason from None


def solve_compiled(compiled: Compiled, limits: Limits) -> Solution:
    """Solve a game that is compiled and load the values into the model's variables."""
    solution = solution_of(compiled, limits)
    if solution.values is not None:
        load(compiled.game, solution.values)
    return solution


def solution_of(compiled: Compiled, limits: Limits) -> Solution:
    """Solve a game that is compiled, on its arrays; where the leader is held, without a search."""
    began = time.perf_counter()
    answer = held_optimum(compiled.image, limits)
    if answer is not None:
        solution = _solution(compiled, answer, limits, began)
        if solution.status == "optimal":
            return replace(solution, method="one response and one linear program, since the leader is held; HiGHS")
    left = limits.after(time.perf_counter() - began)
    return _solution(compiled, optimised(compiled.image, left), limits, began)


def _solution(compiled: Compiled, answer: Answer, limits: Limits, began: float) -> Solution:
    image, game = compiled.image, compiled.game
    if answer.point is None:
        status = _status_without_point(image, answer, limits)
        return _without_point(game, status, image.method, began, image.notes, answer)
    point = image.source_point(answer.point)
    sense = float(game.program.objectives.sense[LEADER])
    certificate = certify(
        game.program,
        point,
        bound=sense * answer.bound if np.isfinite(answer.bound) else None,
        gap=limits.gap,
        assumptions=image.assumes,
        threads=limits.threads,
    )
    certificate = replace(certificate, proof=answer.proof)
    return Solution(
        status=_status(answer, certificate),
        objective=certificate.objective,
        bound=certificate.bound,
        gap=certificate.gap,
        certificate=certificate,
        seconds=time.perf_counter() - began,
        method="; ".join(filter(None, (described(image), compiled.why))),
        game=game,
        point=point,
        notes=(*image.notes, *answer.notes),
    )


def _status(answer: Answer, certificate: Certificate) -> SolutionStatus:
    """Only a proven point is optimal; a limit is called a limit."""
    if certificate.is_proven:
        return "optimal"
    if answer.status == "interrupted":
        return "interrupted"
    return "time_limit" if answer.status == "time_limit" else "feasible"


def _status_without_point(image: Image, answer: Answer, limits: Limits) -> SolutionStatus:
    status = answer.status
    if status == "unbounded":
        # a relaxation that is unbounded says nothing of the integers: ask for any point at all
        status = _status_of_any_point(image.program, limits)
        status = "infeasible" if status == "infeasible" else "unbounded"
    if status == "infeasible":
        refuse_hopeless_followers(optimality_system(image.source), image.source.players, limits.threads)
    if status == "infeasible" and image.assumes:
        raise NotApplicable(
            "BigM(bounds=...)", f"no solution within bounds that are not derived ({image.assumes[0]}); enlarge them"
        )
    if status == "infeasible":
        return "infeasible"
    if status == "interrupted":
        return "interrupted"
    return "unbounded" if status == "unbounded" else "time_limit"


def _status_of_any_point(program: MixedIntegerProgram | SpatialProgram, limits: Limits) -> str:
    if isinstance(program, SpatialProgram):
        return scip.solve(program.any_point(), HighsOptions(time_limit=limits.time_limit)).status
    free = replace(program, cost=np.zeros(len(program.columns)), products=Product.none())
    return PersistentHighs(free, HighsOptions(threads=limits.threads)).solve().status


def _without_point(
    game: Game,
    status: SolutionStatus,
    method: Method,
    began: float,
    notes: tuple[str, ...],
    answer: Answer | None = None,
) -> Solution:
    sense = float(game.program.objectives.sense[LEADER])
    known = answer is not None and np.isfinite(answer.bound)
    return Solution(
        status=status,
        objective=None,
        bound=sense * answer.bound if known and answer is not None else None,
        gap=None,
        certificate=None,
        seconds=time.perf_counter() - began,
        method=type(method).__name__,
        game=game,
        point=None,
        notes=notes,
    )


def described(image: Image) -> str:
    """Say in words how the game was solved."""
    size = f"{len(image.program.columns)} columns, {len(image.program.rows)} rows"
    whole = int(image.program.columns.integer.sum())
    solver = "SCIP" if isinstance(image.program, SpatialProgram) else "HiGHS"
    how = _written_as(image)
    return f"{how}; {size}, {whole} integers; {solver}"


def _written_as(image: Image) -> str:
    method, pairs = image.method, len(image.mpec.complementarity.pairs)
    if isinstance(method, StrongDuality):
        return "strong duality"
    if isinstance(method, Branching):
        return f"KKT conditions, branching on {pairs} complementarities"
    if isinstance(method.complementarity, SOS1):
        return f"KKT conditions, {pairs} complementarities by special ordered sets"
    if isinstance(method.complementarity, Indicator):
        return f"KKT conditions, {pairs} complementarities by indicators"
    return f"KKT conditions, {len(image.binaries)} complementarities by big-M"
