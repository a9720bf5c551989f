"""Robust games whose followers wait and see over finitely many scenarios, or whose recourse is integer or uncertain.

Column-and-constraint generation as in :mod:`bilevel.robust.ccg`, with masters that copy the late followers
(:mod:`reformulations.robust.scenario_masters`) and an adversary that evaluates every scenario by two lexicographic
programs (:mod:`bilevel.robust.late_adversary`), or integer recourse over a continuous set
(:mod:`bilevel.robust.nested_adversary`). Master and adversary take the best of the followers' optimal responses for the
leader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bilevel.errors import InfeasibleGame, NotApplicable, OutOfTime, SolverFailure
from bilevel.robust.adversaries import Adversary, adversary_for
from bilevel.robust.answer import RobustAnswer, RobustStatus
from bilevel.robust.iterations import Iteration, IterationTable, Kind
from bilevel.robust.late_adversary import LateAdversary, Wanted, Worst
from bilevel.robust.late_run import LatePlan, LateRun
from bilevel.robust.masters import compile_master
from bilevel.robust.nested_adversary import NestedAdversary
from bilevel.robust.resume import Files
from bilevel.robust.saved_runs import SavedPlan, SavedRun
from bilevel.search.optimise import optimise
from bilevel.solvers.clock import Clock
from reformulations import refusal
from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.robust.late_followers import timing_of
from reformulations.robust.scenario_masters import eta_of, scenario_master
from reformulations.sets.independent_sets import is_finite
from reformulations.uncertainty import UncertaintySet

if TYPE_CHECKING:
    from bilevel.robust.ccg import CCG

_MASTER_SHARE, _ORACLE_SHARE = 0.6, 0.3
"""What master and adversary may leave open, as shares of the gap."""

_SAME = 1e-7
"""Scenarios this close to each other, relative to their size, are the same."""


_OPEN: RobustStatus = "feasible"


def solve_wait_and_see(
    program: BilevelProgram,
    within: UncertaintySet,
    clock: Clock,
    options: CCG,
    progress: Callable[[Iteration], None] | None,
    files: Files,
) -> RobustAnswer:
    """Solve a game for which :func:`bilevel.robust.adversaries.waits_and_sees`.

    Raises
    ------
    NotApplicable
        For a set that does not list its points, and a game outside
        :func:`reformulations.robust.late_followers.timing_of`.
    SolverFailure
        When a scenario comes back although it is stored and the bounds have not met.
    SavedRunError
        When a file cannot be read or written.
    """
    limits = clock.limits
    _refuse_options(options, within)
    try:
        timing = timing_of(program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    adversary = adversary_for(program, timing, within, limits.threads)
    run, status = LateRun((_nearest(adversary, within.nominal()),), looseness=options.master_gap or 0.0), _OPEN
    if files.resume is not None:
        saved = files.resume.read()
        clock, run = replace(clock, earlier=saved.seconds), _resumed(adversary, saved, limits.threads)
        if run.has_met(limits.gap):
            return _answer(adversary, run, _settled(run), clock)
    _save(files, run, clock)
    for _ in range(options.max_iterations - len(run.rounds)):
        run, ended = _round(adversary, run, clock, progress)
        _save(files, run, clock)
        if ended is not None:
            status = ended
            break
    return _answer(adversary, run, status, clock)


def _refuse_options(options: CCG, within: UncertaintySet) -> None:
    """Refuse what a run can be asked only where recourse is linear and nobody waits."""
    if options.oracle == "game" or (options.oracle == "vertices" and not is_finite(within)):
        raise NotApplicable(
            f"CCG(oracle={options.oracle!r})",
            "recourse has followers, integer variables or uncertain prices, and nature's answer follows from that; "
            "leave it out",
        )
    if not isinstance(options.start, str) or options.start == "none":
        raise NotApplicable("CCG(start=...)", "a run with such recourse begins with the nominal scenario; leave it out")


def _nearest(adversary: Adversary, u: Floats) -> Floats:
    if not isinstance(adversary, LateAdversary):
        return u
    return np.asarray(adversary.points[int(np.argmin(np.abs(adversary.points - u).sum(axis=1)))])


def _round(
    adversary: Adversary, run: LateRun, clock: Clock, progress: Callable[[Iteration], None] | None
) -> tuple[LateRun, RobustStatus | None]:
    """Solve one master and let nature answer; the status is None where another round is needed."""
    limits, master = (
        clock.limits,
        scenario_master(adversary.evaluation.program, adversary.evaluation.timing, run.stored),
    )
    try:
        image = compile_master(master, None, limits.threads, clock.end())
    except (InfeasibleGame, OutOfTime) as reason:
        return run, "infeasible" if isinstance(reason, InfeasibleGame) else "time_limit"
    gap = _master_gap(run, limits.gap)
    answer = optimise(image, replace(limits, gap=gap, time_limit=clock.remaining(run.patience)))
    run = replace(run, image=image, lower=max(run.lower, answer.bound))
    stopped = clock.is_over() or (answer.status != "optimal" and clock.master_seconds is None)
    if answer.point is None:
        ended: dict[str, RobustStatus] = {"infeasible": "infeasible", "unbounded": "unbounded"}
        status = ended.get(answer.status, "time_limit" if stopped else None)
        return (_sterner(run) if status is None else run), status
    run, attacked = _attacked(adversary, run, clock, (master, image.source_point(answer.point), answer.point), progress)
    if run.has_met(limits.gap):
        return run, _settled(run)
    if stopped or clock.is_over() or (attacked is None and clock.oracle_seconds is None):
        return run, "time_limit"
    if attacked is None:
        return _sterner(run), None
    is_open = bool(np.isinf(attacked.bound) and np.isfinite(attacked.late.cost))
    inexact = answer.status != "optimal" or is_open or run.looseness > _MASTER_SHARE * limits.gap
    return _continued(run, attacked, inexact=inexact)


def _attacked(
    adversary: Adversary,
    run: LateRun,
    clock: Clock,
    plan: tuple[BilevelProgram, Floats, Floats],
    progress: Callable[[Iteration], None] | None,
) -> tuple[LateRun, Worst | None]:
    """Let nature answer a plan (the master, its primal-dual point, its point of the MPEC) and record the round."""
    master, solved, mpec_point = plan
    source, first = _early_point(adversary, solved)
    wanted = Wanted(float(solved[eta_of(adversary.evaluation.timing)]), run.upper - first)
    worst = adversary.worst(source, _ORACLE_SHARE * clock.limits.gap, clock.deadline(run.patience), wanted)
    if worst is None:
        return run, None
    if first + worst.bound < run.upper:
        run = replace(run, best=LatePlan(master, solved, worst, first, mpec_point, len(run.stored)))
    round_ = _iteration(adversary.evaluation.program, run, worst, clock.seconds())
    if progress is not None:
        progress(round_)
    return replace(run, rounds=(*run.rounds, round_)), worst


def _master_gap(run: LateRun, gap: float) -> float:
    """Return the relative gap of the next master: half the distance of the bounds, within looseness and tolerance."""
    distance = (run.upper - run.lower) / max(1.0, abs(run.upper)) if np.isfinite(run.upper) else np.inf
    return max(_MASTER_SHARE * gap, min(0.5 * distance, run.looseness))


def _continued(run: LateRun, worst: Worst, *, inexact: bool) -> tuple[LateRun, RobustStatus | None]:
    """Store the scenario, or ask the same master again more sternly where it is stored and something was inexact.

    A limit is left open where no scenario is near enough to it: rows that are missed by less would count as held.
    """
    scenario = worst.scenario if worst.nearby is None else worst.nearby
    for k, u in enumerate(run.stored):
        if np.max(np.abs(u - scenario)) <= (_SAME * (1 + np.max(np.abs(u))) if worst.nearby is None else 0.0):
            if inexact:
                return _sterner(run), None
            if worst.nearby is not None:
                return run, _OPEN
            raise SolverFailure(
                f"scenario {k + 1} came back although it is stored, while the bounds are {run.lower:.9g} and "
                f"{run.upper:.9g}: the solver's tolerances decide; rescale the late rows, or ask for a larger gap"
            )
    return replace(run, stored=(*run.stored, scenario)), None


def _sterner(run: LateRun) -> LateRun:
    """Return the run whose next master has a tenth of the gap and twice the time."""
    return replace(run, looseness=0.1 * run.looseness, patience=2 * run.patience)


def _early_point(adversary: Adversary, solved: Floats) -> tuple[Floats, float]:
    """Return the game's columns with what was decided early, and what that costs, minimised."""
    program, early = adversary.evaluation.program, adversary.evaluation.timing.early
    source = np.zeros(len(program.columns))
    source[early] = solved[: len(early)]
    return source, float(program.objectives.sense[LEADER] * program.objectives.value(source)[LEADER])


def _settled(run: LateRun) -> RobustStatus:
    return "feasible" if run.image is not None and run.image.assumes else "optimal"


def _save(files: Files, run: LateRun, clock: Clock) -> None:
    if files.save is None:
        return
    plan, best = None, run.best
    if best is not None:
        worst = best.worst
        response = worst.late.response
        plan = SavedPlan(best.mpec_point, best.stored, worst.scenario, worst.late.cost, worst.bound, response)
    files.save.write(SavedRun(run.stored, 1, run.lower, run.upper, clock.seconds(), run.rounds, plan))


def _resumed(adversary: Adversary, saved: SavedRun, threads: int | None) -> LateRun:
    """Return the run that was saved; the master of the best plan is compiled, and its worst case evaluated, again."""
    best, image, plan, game = None, None, saved.plan, adversary.evaluation
    if plan is not None:
        master = scenario_master(game.program, game.timing, saved.scenarios[: plan.stored])
        image = compile_master(master, None, threads)
        solved = image.source_point(plan.mpec_point)
        source, first = _early_point(adversary, solved)
        late = replace(game.answer(source, plan.scenario), cost=plan.value, response=plan.response)
        worst = Worst(plan.scenario, late, plan.bound)
        best = LatePlan(master, solved, worst, first, plan.mpec_point, plan.stored)
    return LateRun(saved.scenarios, saved.lower, best, image, saved.rounds)


def _iteration(program: BilevelProgram, run: LateRun, worst: Worst, seconds: float) -> Iteration:
    lower, upper = run.lower, run.upper
    if program.objectives.sense[LEADER] < 0:
        lower, upper = -upper, -lower
    kind: Kind = "feasibility" if np.isinf(worst.late.cost) else "optimality"
    return Iteration(lower, upper, worst.scenario, seconds, kind)


def _answer(adversary: Adversary, run: LateRun, status: RobustStatus, clock: Clock) -> RobustAnswer:
    best, sense = run.best, float(adversary.evaluation.program.objectives.sense[LEADER])
    solved = status not in ("infeasible", "unbounded")
    notes = () if run.image is None else run.image.notes
    return RobustAnswer(
        status=status,
        objective=None if best is None else sense * (best.first_cost + best.worst.late.cost),
        worst_bound=None if best is None else sense * best.bound,
        bound=sense * run.lower if solved and np.isfinite(run.lower) else None,
        point=None if best is None else _game_point(adversary, best),
        scenario=None if best is None else best.worst.scenario,
        scenarios=run.stored,
        iterations=IterationTable(run.rounds),
        image=run.image,
        assumes=() if run.image is None else run.image.assumes,
        notes=(f"nature answers by {adversary.name}", *notes),
        seconds=clock.seconds(),
        way=f"column-and-constraint generation, {len(run.stored)} scenarios stored",
        source=adversary.evaluation.program,
        proof=adversary.proof if isinstance(adversary, NestedAdversary) else (),
    )


def _game_point(adversary: Adversary, best: LatePlan) -> Floats:
    """Return the primal-dual point ``(3 n + m,)`` of the game at the worst case of the best plan."""
    program, timing, late = adversary.evaluation.program, adversary.evaluation.timing, best.worst.late
    n, m, width, height = len(program.columns), len(program.rows), len(best.master.columns), len(best.master.rows)
    early, rows = timing.early, np.flatnonzero(~timing.late_rows)
    point = np.zeros(program.point_size)
    point[early], point[timing.nature] = best.point[: len(early)], best.worst.scenario
    point[timing.late] = late.response
    point[n + rows] = best.point[width : width + len(rows)]
    for target, start in ((n + m, width + height), (2 * n + m, 2 * width + height)):
        point[target + early] = best.point[start : start + len(early)]
    owner = program.column_owner[timing.late]
    sense = np.where(timing.late_followers, program.objectives.sense, 0.0)
    mine = np.flatnonzero(timing.late_rows & timing.late_followers[program.row_owner])
    point[n + mine] = sense[program.row_owner[mine]] * late.row_duals
    point[n + m + timing.late] = sense[owner] * np.maximum(late.column_duals, 0.0)
    point[2 * n + m + timing.late] = sense[owner] * np.minimum(late.column_duals, 0.0)
    return point
