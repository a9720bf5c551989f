"""Robust games whose followers wait and see over finitely many scenarios, or whose recourse is integer or uncertain.

Column-and-constraint generation as in :mod:`bilevel.ccg`, with masters that copy the late followers
(:mod:`reformulations.scenario_masters`) and an adversary that evaluates every scenario by two lexicographic programs
(:mod:`bilevel.late_adversary`), or integer recourse over a continuous set (:mod:`bilevel.nested_adversary`). Master and
adversary take the best of the followers' optimal responses for the leader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from bilevel.adversaries import Adversary, adversary_for
from bilevel.errors import InfeasibleGame, NotApplicable, SolverFailure
from bilevel.iterations import Iteration, IterationTable, Kind
from bilevel.late_adversary import LateAdversary, Worst
from bilevel.masters import compile_master
from bilevel.optimise import Limits, optimise
from bilevel.pipeline import Image
from bilevel.resume import Files
from bilevel.robust_answer import RobustAnswer, RobustStatus
from bilevel.saved_runs import SavedPlan, SavedRun
from reformulations import refusal
from reformulations.late_followers import timing_of
from reformulations.programs import LEADER, BilevelProgram, Floats
from reformulations.scenario_masters import scenario_master
from reformulations.uncertainty import UncertaintySet

_MASTER_SHARE, _ORACLE_SHARE = 0.6, 0.3
"""What master and adversary may leave open, as shares of the gap."""

_SAME = 1e-7
"""Scenarios this close to each other, relative to their size, are the same."""


_OPEN: RobustStatus = "feasible"
NO_FILES = Files()


@dataclass(frozen=True, slots=True, eq=False)
class _Best:
    """The best plan so far: the master's primal-dual point and program, its worst case and what happens there.

    ``mpec_point`` is the plan in the MPEC of the master with ``stored`` scenarios.
    """

    master: BilevelProgram
    point: Floats
    worst: Worst
    first_cost: float
    mpec_point: Floats
    stored: int

    @property
    def bound(self) -> float:
        return self.first_cost + self.worst.bound


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Where a run stands; ``earlier`` are the seconds before it was interrupted."""

    stored: tuple[Floats, ...]
    lower: float = -np.inf
    best: _Best | None = None
    image: Image | None = None
    rounds: tuple[Iteration, ...] = field(default=())
    earlier: float = 0.0

    @property
    def upper(self) -> float:
        return np.inf if self.best is None else self.best.bound

    def has_met(self, gap: float) -> bool:
        """Tell whether the bounds are within the relative ``gap``."""
        return bool(np.isfinite(self.upper) and self.upper - self.lower <= gap * max(1.0, abs(self.upper)))


def solve_wait_and_see(
    program: BilevelProgram,
    within: UncertaintySet,
    limits: Limits,
    most: int,
    progress: Callable[[Iteration], None] | None,
    files: Files = NO_FILES,
) -> RobustAnswer:
    """Solve a game for which :func:`bilevel.adversaries.waits_and_sees`.

    Raises
    ------
    NotApplicable
        For a set that does not list its points, and a game outside :func:`reformulations.late_followers.timing_of`.
    SolverFailure
        When a scenario comes back although it is stored and the bounds have not met.
    SavedRunError
        When a file cannot be read or written.
    """
    began = time.perf_counter()
    try:
        timing = timing_of(program)
    except refusal.NotApplicable as refused:
        raise NotApplicable(refused.where, refused.reason) from refused
    adversary = adversary_for(program, timing, within, limits.threads)
    run, status = _Run((_nearest(adversary, within.nominal()),)), _OPEN
    if files.resume is not None:
        run = _resumed(adversary, files.resume.read(), limits.threads)
        if run.has_met(limits.gap):
            return _answer(adversary, run, _settled(run), began)
    _save(files, run, began)
    for _ in range(most - len(run.rounds)):
        run, ended = _round(adversary, run, limits, began, progress)
        _save(files, run, began)
        if ended is not None:
            status = ended
            break
    return _answer(adversary, run, status, began)


def _nearest(adversary: Adversary, u: Floats) -> Floats:
    if not isinstance(adversary, LateAdversary):
        return u
    return np.asarray(adversary.points[int(np.argmin(np.abs(adversary.points - u).sum(axis=1)))])


def _round(
    adversary: Adversary,
    run: _Run,
    limits: Limits,
    began: float,
    progress: Callable[[Iteration], None] | None,
) -> tuple[_Run, RobustStatus | None]:
    """Solve one master and let nature answer; the status is None where another round is needed."""
    master = scenario_master(adversary.program, adversary.timing, run.stored)
    try:
        image = compile_master(master, None, limits.threads)
    except InfeasibleGame:
        return run, "infeasible"
    answer = optimise(image, replace(limits, gap=_MASTER_SHARE * limits.gap, time_limit=_left(limits, began)))
    run = replace(run, image=image, lower=max(run.lower, answer.bound))
    if answer.point is None:
        return run, {"infeasible": "infeasible", "unbounded": "unbounded"}.get(answer.status, "time_limit")  # type: ignore[return-value]
    solved = image.source_point(answer.point)
    source, first = _early_point(adversary, solved)
    worst = adversary.worst(source, _ORACLE_SHARE * limits.gap)
    if first + worst.bound < run.upper:
        run = replace(run, best=_Best(master, solved, worst, first, answer.point, len(run.stored)))
    round_ = _iteration(adversary.program, run, worst, run.earlier + time.perf_counter() - began)
    if progress is not None:
        progress(round_)
    run = replace(run, rounds=(*run.rounds, round_))
    if run.has_met(limits.gap):
        return run, _settled(run)
    if answer.status != "optimal" or limits.stopped():
        return run, "time_limit"
    for k, u in enumerate(run.stored):
        if np.max(np.abs(u - worst.scenario)) <= _SAME * (1 + np.max(np.abs(u))):
            raise SolverFailure(
                f"scenario {k + 1} came back although it is stored, while the bounds are {run.lower:.9g} and "
                f"{run.upper:.9g}: the solver's tolerances decide; rescale the late rows, or ask for a larger gap"
            )
    return replace(run, stored=(*run.stored, worst.scenario)), None


def _early_point(adversary: Adversary, solved: Floats) -> tuple[Floats, float]:
    """Return the game's columns with what was decided early, and what that costs, minimised."""
    program, early = adversary.program, adversary.timing.early
    source = np.zeros(len(program.columns))
    source[early] = solved[: len(early)]
    return source, float(program.objectives.sense[LEADER] * program.objectives.value(source)[LEADER])


def _settled(run: _Run) -> RobustStatus:
    return "feasible" if run.image is not None and run.image.assumes else "optimal"


def _save(files: Files, run: _Run, began: float) -> None:
    if files.save is None:
        return
    plan, best, seconds = None, run.best, run.earlier + time.perf_counter() - began
    if best is not None:
        worst = best.worst
        response = worst.late.response
        plan = SavedPlan(best.mpec_point, best.stored, worst.scenario, worst.late.cost, worst.bound, response)
    files.save.write(SavedRun(run.stored, 1, run.lower, run.upper, seconds, run.rounds, plan))


def _resumed(adversary: Adversary, saved: SavedRun, threads: int | None) -> _Run:
    """Return the run that was saved; the master of the best plan is compiled, and its worst case evaluated, again."""
    best, image, plan = None, None, saved.plan
    if plan is not None:
        master = scenario_master(adversary.program, adversary.timing, saved.scenarios[: plan.stored])
        image = compile_master(master, None, threads)
        solved = image.source_point(plan.mpec_point)
        source, first = _early_point(adversary, solved)
        evaluation = adversary if isinstance(adversary, LateAdversary) else adversary.evaluation
        worst = Worst(plan.scenario, evaluation.answer(source, plan.scenario), plan.bound)
        best = _Best(master, solved, worst, first, plan.mpec_point, plan.stored)
    return _Run(saved.scenarios, saved.lower, best, image, saved.rounds, saved.seconds)


def _left(limits: Limits, began: float) -> float | None:
    if limits.time_limit is None:
        return None
    return max(limits.time_limit - (time.perf_counter() - began), 0.1)


def _iteration(program: BilevelProgram, run: _Run, worst: Worst, seconds: float) -> Iteration:
    lower, upper = run.lower, run.upper
    if program.objectives.sense[LEADER] < 0:
        lower, upper = -upper, -lower
    kind: Kind = "feasibility" if np.isinf(worst.late.cost) else "optimality"
    return Iteration(lower, upper, worst.scenario, seconds, kind)


def _answer(adversary: Adversary, run: _Run, status: RobustStatus, began: float) -> RobustAnswer:
    best, sense = run.best, float(adversary.program.objectives.sense[LEADER])
    solved = status not in ("infeasible", "unbounded")
    notes = () if run.image is None else run.image.notes
    return RobustAnswer(
        status=status,
        objective=None if best is None else sense * (best.first_cost + best.worst.late.cost),
        bound=sense * run.lower if solved and np.isfinite(run.lower) else None,
        point=None if best is None else _game_point(adversary, best),
        scenario=None if best is None else best.worst.scenario,
        scenarios=run.stored,
        iterations=IterationTable(run.rounds),
        image=run.image,
        assumes=() if run.image is None else run.image.assumes,
        notes=(f"nature answers by {adversary.name}", *notes),
        seconds=run.earlier + time.perf_counter() - began,
        way=f"column-and-constraint generation, {len(run.stored)} scenarios stored",
        source=adversary.program,
    )


def _game_point(adversary: Adversary, best: _Best) -> Floats:
    """Return the primal-dual point ``(3 n + m,)`` of the game at the worst case of the best plan."""
    program, timing, late = adversary.program, adversary.timing, best.worst.late
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
