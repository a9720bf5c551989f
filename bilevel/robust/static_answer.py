"""Robust games whose uncertainty stands in costs only: one static program instead of rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.errors import InfeasibleGame, OutOfTime
from bilevel.robust.answer import RobustAnswer, RobustStatus
from bilevel.robust.iterations import Iteration, IterationTable
from bilevel.robust.masters import compile_master
from bilevel.search.optimise import Limits, optimise
from bilevel.solvers.deadline import Deadline
from reformulations.programs import LEADER, BilevelProgram
from reformulations.robust.early_recourse import may_decide_early
from reformulations.robust.static_costs import dualised_costs, has_static_costs, nature_cost, original_point
from reformulations.uncertainty import UncertaintySet

STATIC = "nature changes costs only, and recourse need not wait for it: "

MOST_ENTRIES = 200_000
"""A set described by more numbers than this is not dualised; its worst cases are added as rows, one after the other."""


def is_static(program: BilevelProgram, within: UncertaintySet) -> bool:
    """Tell whether recourse may be decided before nature moves, by :mod:`reformulations.robust.early_recourse`."""
    return has_static_costs(program) and may_decide_early(program, within)


def solve_static(
    program: BilevelProgram, within: UncertaintySet, limits: Limits, progress: Callable[[Iteration], None] | None
) -> RobustAnswer:
    """Solve a game for which :func:`is_static` as one program, nature's maximum dualised."""
    began = time.perf_counter()
    static = dualised_costs(program, within.polyhedral(), within.nominal())
    try:
        image = compile_master(static, None, limits.threads, Deadline.of(limits, began))
    except (InfeasibleGame, OutOfTime) as reason:
        ended: RobustStatus = "infeasible" if isinstance(reason, InfeasibleGame) else "time_limit"
        return _answer(program, ended, None, None, began, (str(reason),))
    answer = optimise(image, limits)
    sense = float(program.objectives.sense[LEADER])
    bound = sense * answer.bound if np.isfinite(answer.bound) else None
    if answer.point is None:
        status: RobustStatus = "infeasible" if answer.status == "infeasible" else "time_limit"
        status = "unbounded" if answer.status == "unbounded" else status
        return _answer(program, status, image, bound if status == "time_limit" else None, began, image.notes)
    point = image.source_point(answer.point)
    u = within.worst_case(nature_cost(program).at(point))
    point = original_point(program, static, point, u)
    objective = float(program.objectives.value(point[: len(program.columns)])[LEADER])
    limits_of_value = (sense * answer.bound, objective)
    round_ = Iteration(min(limits_of_value), max(limits_of_value), u, time.perf_counter() - began, "optimality")
    if progress is not None:
        progress(round_)
    proven: RobustStatus = "feasible" if image.assumes else "optimal"
    status = proven if answer.status == "optimal" else "time_limit"
    without = _answer(program, status, image, bound, began, image.notes)
    return replace(
        without,
        objective=objective,
        worst_bound=objective,
        point=point,
        scenario=u,
        iterations=IterationTable((round_,)),
    )


def _answer(
    program: BilevelProgram,
    status: RobustStatus,
    image: Image | None,
    bound: float | None,
    began: float,
    notes: tuple[str, ...],
) -> RobustAnswer:
    return RobustAnswer(
        status=status,
        objective=None,
        worst_bound=None,
        bound=bound,
        point=None,
        scenario=None,
        scenarios=(),
        iterations=IterationTable(),
        image=image,
        assumes=() if image is None else image.assumes,
        notes=(f"{STATIC}one program, with the dual of nature's maximum", *notes),
        seconds=time.perf_counter() - began,
        way="one static program",
        source=program,
    )
