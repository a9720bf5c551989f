"""Column-and-constraint generation for two-stage robust games with linear recourse.

A master (:func:`reformulations.robust.two_stage.master`) proposes a plan for the scenarios stored so far; an adversary
(:mod:`bilevel.robust.oracles`) answers with the scenario that violates it most, or, where recourse exists in all of
them, with the most expensive one; that scenario is stored, and so on. The master's proven bound bounds the robust
optimum from one side, the best plan's proven worst case from the other (Zeng & Zhao, Operations Research Letters 41,
2013, DOI 10.1016/j.orl.2013.05.003).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bilevel.errors import InvalidGame, NotApplicable, SavedRunError
from bilevel.language.nature import moves, moving_sets, nature_set
from bilevel.language.penalties import Penalty, elastic_game
from bilevel.language.read import Game
from bilevel.robust.adversaries import waits_and_sees
from bilevel.robust.answer import RobustAnswer
from bilevel.robust.good_units import solve_in_good_units
from bilevel.robust.iterations import Iteration
from bilevel.robust.options import Costs, check_options, without_rounds
from bilevel.robust.oracles import OracleName, oracle_for
from bilevel.robust.parametric import solve_parametric
from bilevel.robust.priced import priced_first_stage
from bilevel.robust.recourse import RecourseSolver
from bilevel.robust.resume import Files, generate_saved
from bilevel.robust.run_state import Setting, Start, State
from bilevel.robust.static_answer import MOST_ENTRIES, is_static, solve_static
from bilevel.robust.wait_and_see import solve_wait_and_see
from bilevel.search.optimise import Limits
from bilevel.solvers.clock import Clock
from bilevel.solvers.outcome import MipProgress, never
from reformulations import refusal
from reformulations.programs import BilevelProgram, Floats
from reformulations.robust.complete_recourse import has_complete_recourse
from reformulations.robust.second_stage import second_stage
from reformulations.robust.static_costs import with_early_recourse
from reformulations.robust.two_stage import TwoStage, split
from reformulations.sets.dependent_sets import DependentSets
from reformulations.uncertainty import UncertaintySet

_INSIDE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class CCG:
    """Column-and-constraint generation.

    Parameters
    ----------
    oracle
        How nature answers: ``"vertices"`` solves one linear program a vertex of the set, ``"game"`` compiles nature's
        own game against the recourse, ``"auto"`` takes vertices where there are at most 2000.
    gap
        Relative distance of the bounds at which to stop; None takes that of the call.
    max_iterations
        Rounds after which to stop with the bounds reached.
    start
        The scenario stored before the first round: ``"nominal"``, a point ``(k,)`` of the set in the order of nature's
        variables, or ``"none"`` where the bounds of recourse bound its cost from below. ``"auto"``: none where recourse
        has constant prices (:mod:`reformulations.robust.constant_prices`), which bound the worst case then, else the
        nominal one.
    save
        File that holds the state after each round, replaced in one step; ``bl.solve(..., resume=file)`` continues. A
        static program (see ``costs``) has no rounds and writes none; the notes say so.
    costs
        What to do where nature changes costs only, so that recourse need not wait for it: ``"dualised"`` solves one
        program with the dual of nature's maximum, ``"generated"`` adds the worst cases one after the other as rows,
        ``"auto"`` dualises unless the description of the set is too long. With another oracle than ``"auto"`` nothing
        of this is done.
    penalty
        What a unit costs by which a row is missed in which recourse appears, for all of them or by constraint: recourse
        then exists wherever the other rows hold, and the penalty bounds its multipliers. The notes of the solution say
        what is missed in the worst case; a penalty above every multiplier leaves the answer as it is. None keeps all
        rows hard.
    stored
        What a round keeps: ``"scenarios"`` nature's choice, ``"prices"`` what nature maximised, so that it answers to
        every plan anew in the master. ``"auto"`` keeps prices where the set moves with the plan, where a scenario
        would bound nothing, and scenarios elsewhere.
    master_gap
        Relative gap at which masters may stop at first (0.05, say). It falls with the distance of the bounds, and to a
        tenth where a stored scenario comes back, when the same master is asked again (Tsang, Shehadeh & Curtis,
        Operations Research Letters, 2023). None solves every master to the end.
    master_seconds, oracle_seconds
        Time for a master and for an answer of nature, doubled where it does not suffice. Bounds stay proven: from below
        by the master's bound, from above by that of nature's answer.
    """

    oracle: OracleName = "auto"
    gap: float | None = None
    max_iterations: int = 200
    start: ArrayLike | Literal["auto", "nominal", "none"] = "auto"
    save: str | Path | None = None
    costs: Costs = "auto"
    penalty: Penalty | None = None
    stored: Literal["auto", "scenarios", "prices"] = "auto"
    master_gap: float | None = None
    master_seconds: float | None = None
    oracle_seconds: float | None = None


def solve_robust(  # noqa: PLR0913 - everything that a run can be asked
    game: Game,
    method: CCG | None = None,
    *,
    gap: float = 1e-6,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: Callable[[Iteration | MipProgress], None] | None = None,
    start: Start | None = None,
    resume: str | Path | None = None,
    executor: Executor | None = None,
    stopped: Callable[[], bool] = never,
) -> RobustAnswer:
    """Solve a game with nature and recourse against the worst case of its uncertainty set.

    Followers respond to the leader before nature moves; among their optimal responses the leader takes the one that is
    best for it in the worst case.

    Parameters
    ----------
    game
        A game with :class:`bilevel.Uncertain` variables.
    method
        How; a default :class:`CCG` where None.
    gap
        Relative distance of the bounds at which to stop, unless the method says another.
    time_limit
        Seconds for everything.
    threads
        Of HiGHS.
    progress
        Called with each round as it ends, and with incumbent and bound of the branch and bounds meanwhile.
    start
        Gives a point of the first master's MPEC to begin its branch and bound with.
    resume
        File of an earlier run to continue; it goes on being written, unless the method names another.
    executor
        Takes the recourse programs of many scenarios at once; the answer is the same for any number of workers.
    stopped
        Ends the run with the best plan once it says so; nature's answer that has begun is waited for.

    Raises
    ------
    NotApplicable
        For a game outside the class; names the component.
    InvalidGame
        For an uncertain variable whose set is missing or does not fit.
    UnboundedFollower
        When recourse costs can fall without end.
    SolverFailure
        When a scenario comes back although it is stored and the bounds have not met.
    SavedRunError
        When ``resume`` is no file of this game, or the file cannot be written.
    """
    return solve_two_stage(
        elastic_game(game, None if method is None else method.penalty),
        moving_sets(game) if _stores_prices(game, method) else nature_set(game),
        method,
        gap=gap,
        time_limit=time_limit,
        threads=threads,
        progress=progress,
        start=start,
        resume=resume,
        executor=executor,
        stopped=stopped,
    )


def solve_two_stage(  # noqa: PLR0913 - everything that a run can be asked
    program: BilevelProgram,
    within: UncertaintySet | DependentSets,
    method: CCG | None = None,
    *,
    gap: float = 1e-6,
    time_limit: float | None = None,
    threads: int | None = None,
    progress: Callable[[Iteration | MipProgress], None] | None = None,
    start: Start | None = None,
    resume: str | Path | None = None,
    executor: Executor | None = None,
    stopped: Callable[[], bool] = never,
) -> RobustAnswer:
    """Solve a two-stage game given as arrays; ``within`` holds nature's columns in their order.

    See :func:`solve_robust`.
    """
    began, chosen = time.perf_counter(), method or CCG()
    gap = gap if chosen.gap is None else chosen.gap
    check_options(chosen, executor)
    limits = Limits(gap, time_limit, threads, progress, stopped, executor).checked()
    run = _Run(limits, began, progress, start, resume)
    files = Files.of((resume, chosen.save), program, within, chosen)
    if isinstance(within, DependentSets):
        return solve_parametric(program, within, chosen, limits, began, progress, files)

    def solved(better: BilevelProgram) -> RobustAnswer:
        return _solved(better, within, chosen, run, files)

    # a start is a point in the user's units
    return solved(program) if start is not None else solve_in_good_units(program, solved)


@dataclass(frozen=True, slots=True)
class _Run:
    """What one call of :func:`solve_two_stage` was given besides the game and the method."""

    limits: Limits
    began: float
    progress: Callable[[Iteration | MipProgress], None] | None
    start: Start | None
    resume: str | Path | None


def _solved(program: BilevelProgram, within: UncertaintySet, chosen: CCG, run: _Run, files: Files) -> RobustAnswer:
    """Solve a game whose set does not move, by what its structure asks for."""
    limits, progress = run.limits, run.progress
    if is_static(program, within) and chosen.oracle == "auto":
        if chosen.costs == "dualised" or (chosen.costs == "auto" and _fits(within)):
            _refuse_rounds(run.resume)
            answer = solve_static(program, within, limits, progress)
            return replace(answer, notes=(*without_rounds(chosen, CCG()), *answer.notes))
        program = with_early_recourse(program)
    elif chosen.costs != "auto":
        raise NotApplicable(
            f"CCG(costs={chosen.costs!r})",
            "nature stands in rows, or what is best in recourse depends on it; leave out costs",
        )
    elif waits_and_sees(program):
        clock = Clock(limits, run.began, 0.0, chosen.master_seconds, chosen.oracle_seconds)
        return solve_wait_and_see(program, within, clock, chosen, progress, files)
    try:
        two_stage = split(program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    recourse = RecourseSolver(second_stage(two_stage, np.zeros(two_stage.eta)), limits.threads)
    oracle = oracle_for(chosen.oracle, within, two_stage, recourse, limits)
    complete = has_complete_recourse(two_stage)
    if _is_automatic(chosen):
        priced = priced_first_stage(two_stage, within, limits.threads)
        chosen = replace(chosen, start="nominal" if priced is None else "none")
        two_stage = two_stage if priced is None else priced
    setting = Setting(two_stage, oracle, recourse, limits, run.began, progress, run.start, complete=complete)
    setting = replace(setting, master_seconds=chosen.master_seconds, oracle_seconds=chosen.oracle_seconds)
    scenarios = _first_scenarios(chosen, two_stage, within)
    state = State(scenarios, first=len(scenarios), looseness=chosen.master_gap or 0.0)
    return generate_saved(setting, state, chosen.max_iterations, files)


def _stores_prices(game: Game, method: CCG | None) -> bool:
    stored = "auto" if method is None else method.stored
    if stored not in ("auto", "scenarios", "prices"):
        raise InvalidGame(f'CCG(stored={stored!r}): give "auto", "scenarios" or "prices"')
    return stored == "prices" or (stored == "auto" and moves(game))


def _fits(within: UncertaintySet) -> bool:
    return within.polyhedral().matrix.nnz <= MOST_ENTRIES


def _refuse_rounds(resume: str | Path | None) -> None:
    if resume is not None:
        raise SavedRunError(
            f"{resume}: this game is one static program without rounds, so none can be resumed; leave out resume"
        )


def _is_automatic(method: CCG) -> bool:
    return isinstance(method.start, str) and method.start == "auto"


def _first_scenarios(method: CCG, two_stage: TwoStage, within: UncertaintySet) -> tuple[Floats, ...]:
    if isinstance(method.start, str):
        if method.start == "nominal":
            return (within.nominal(),)
        if method.start != "none":
            raise InvalidGame(f'CCG(start={method.start!r}): give "auto", "nominal", "none" or a point of the set')
        is_bounded = np.isfinite(two_stage.first.columns.lower[two_stage.eta])
        if not is_bounded and len(two_stage.first.columns) == two_stage.eta + 1:
            raise NotApplicable(
                'CCG(start="none")', "the bounds of recourse do not bound its cost, so a first scenario is needed"
            )
        return ()
    try:
        u = np.asarray(method.start, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise InvalidGame("CCG(start=...): give numbers in the order of nature's variables") from reason
    if u.shape != (within.dimension,) or not within.contains(u, _INSIDE):
        raise InvalidGame(f"CCG(start=...): {u} is no point of the uncertainty set of dimension {within.dimension}")
    return (u,)
