"""Recourse at many scenarios: tasks of arrays, for this process or for the workers of any executor.

Scenarios are dealt out in chunks that do not depend on the number of workers, and the same scenario wins whatever the
order in which the chunks come back. Each worker keeps its linear programs warm from one round to the next.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bilevel.errors import InvalidGame
from bilevel.robust.recourse import RecourseSolver
from bilevel.solvers.outcome import never
from reformulations.fingerprint import fingerprint
from reformulations.programs import Floats, Names
from reformulations.robust.second_stage import SecondStage

Question = Literal["violation", "cost"]

CHUNK = 50
"""Scenarios a task: enough to be worth the way to another process."""

_KEPT = 4
"""Second stages whose linear programs a worker keeps."""

_TIE = 1e-9
"""Values this close to the largest, relative to it, are equal: the first of them wins."""


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioTask:
    """Scenarios ``(s, k)`` to be answered for one second stage, which carries numbers for names.

    ``key`` is the same as long as only sides of rows and nature's coefficients change.
    """

    key: str
    question: Question
    stage: SecondStage
    scenarios: Floats
    threads: int | None


@dataclass(frozen=True, slots=True)
class Largest:
    """Position and value of the scenario with the largest value, and whether all have been asked."""

    position: int
    value: float
    complete: bool


_WORKER = threading.local()


def values_of(task: ScenarioTask, is_over: Callable[[], bool] = never) -> Floats:
    """Return the value ``(s,)`` of each scenario: the least violation of the rows, or the least cost; NaN once over."""
    solver = _solver(task)
    if task.question == "violation":
        return solver.violations(task.stage, task.scenarios, is_over)
    return solver.costs(task.stage, task.scenarios, is_over)


def largest(
    question: Question,
    stage: SecondStage,
    scenarios: Floats,
    how: tuple[Executor | None, int | None],
    deadline: float | None,
) -> Largest | None:
    """Return which scenario has the largest value; None when the deadline passes before any is known.

    ``how`` is an executor, None for this process, and the threads of HiGHS.
    """
    executor, threads = how
    bare = replace(
        stage,
        names=Names(len(stage.names), str),
        columns=replace(stage.columns, names=Names(len(stage.columns), str)),
    )
    key = fingerprint(stage.matrix, stage.columns, stage.cost, stage.scale, np.isfinite(stage.lower))
    key += fingerprint(np.isfinite(stage.upper))
    tasks = [
        ScenarioTask(key, question, bare, scenarios[start : start + CHUNK], threads)
        for start in range(0, len(scenarios), CHUNK)
    ]
    values = _here(tasks, deadline) if executor is None else _elsewhere(tasks, executor, deadline)
    found = np.concatenate(values)
    if np.isnan(found).all():
        return None
    most = float(np.nanmax(found))
    position = int(np.flatnonzero(found >= most - _TIE * (1 + abs(most)))[0])
    return Largest(position, float(found[position]), not np.isnan(found).any())


def _here(tasks: list[ScenarioTask], deadline: float | None) -> list[Floats]:
    def is_over() -> bool:
        return deadline is not None and time.perf_counter() > deadline

    return [np.full(len(task.scenarios), np.nan) if is_over() else values_of(task, is_over) for task in tasks]


def _elsewhere(tasks: list[ScenarioTask], executor: Executor, deadline: float | None) -> list[Floats]:
    futures: list[Future[Floats]] = []
    try:
        futures += (_submitted(executor, task) for task in tasks)
        done, _ = wait(futures, None if deadline is None else max(deadline - time.perf_counter(), 0.0))
    finally:
        for future in futures:
            future.cancel()
    unknown = [np.full(len(task.scenarios), np.nan) for task in tasks]
    return [future.result() if future in done else none for future, none in zip(futures, unknown, strict=True)]


def _submitted(executor: Executor, task: ScenarioTask) -> Future[Floats]:
    try:
        return executor.submit(values_of, task)
    except RuntimeError as reason:
        raise InvalidGame(f"executor={executor!r}: it takes no tasks ({reason}); give one that is open") from reason


def _solver(task: ScenarioTask) -> RecourseSolver:
    solvers: OrderedDict[str, RecourseSolver] | None = getattr(_WORKER, "solvers", None)
    if solvers is None:
        solvers = _WORKER.solvers = OrderedDict()
    solver = solvers.pop(task.key, None)
    if solver is None:
        solver = RecourseSolver(task.stage, task.threads)
    solvers[task.key] = solver
    while len(solvers) > _KEPT:
        solvers.popitem(last=False)
    return solver
