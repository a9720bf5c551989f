"""Scenarios shared out to workers: the answer does not depend on who they are, nor on how many."""

from __future__ import annotations

import multiprocessing
import pickle
import re
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.language.read import read
from bilevel.robust.ccg import solve_robust
from bilevel.robust.scenario_tasks import largest
from reformulations.robust.second_stage import second_stage
from reformulations.robust.two_stage import split
from tests.robust.test_small_cases import stock

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "robust-runs.md"


def shops(count: int = 5) -> pyo.ConcreteModel:
    """Two and a half of five shops deviate, each up or down: 10 pairs, 3 thirds, 8 signs, 240 vertices in 5 tasks."""
    m = pyo.ConcreteModel()
    index = range(count)
    m.stock = pyo.Var(bounds=(0, 100))
    m.demand = bl.Uncertain(index, within=bl.uncertainty.Budget(10, 4, budget=2.5))
    m.later = bl.Recourse()
    m.later.delivery = pyo.Var(index, bounds=(0, 14))
    m.later.bought = pyo.Var(index, bounds=(0, 3))
    m.later.need = pyo.Constraint(index, rule=lambda b, k: b.delivery[k] + b.bought[k] >= m.demand[k])
    m.later.room = pyo.Constraint(expr=sum(m.later.delivery[k] for k in index) <= m.stock)
    m.cost = pyo.Objective(expr=2 * m.stock + sum((3 + k) * m.later.bought[k] for k in index))
    return m


def rounds(executor: Executor | None) -> tuple[object, ...]:
    answer = solve_robust(read(shops()), executor=executor)
    assert answer.status == "optimal"
    steps = [(r.lower, r.upper, tuple(r.scenario), r.kind) for r in answer.iterations]
    assert answer.point is not None
    return answer.objective, answer.bound, steps, tuple(answer.point)


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_give_the_answer_of_this_process(workers: int):
    with ThreadPoolExecutor(workers) as pool:
        assert rounds(pool) == rounds(None)


def test_processes_give_the_answer_of_this_process():
    # spawned, for a forked process would inherit the threads of HiGHS
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert rounds(pool) == rounds(None)


def test_the_public_entry_hands_the_executor_on():
    with ThreadPoolExecutor(2) as pool:
        assert bl.solve(stock(), executor=pool).objective == pytest.approx(4)


def test_a_closed_executor_is_named():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(bl.InvalidGame, match=r"executor=.*it takes no tasks .*shutdown.*give one that is open"):
        bl.solve(stock(), executor=pool)


class Counting(ThreadPoolExecutor):
    """Threads that keep the size of every task."""

    sizes: list[int]

    def submit(self, *task, **keywords):
        self.sizes = [*getattr(self, "sizes", []), len(pickle.dumps(task[1]))]
        return super().submit(*task, **keywords)


def test_tasks_carry_arrays_and_no_models():
    with Counting(2) as pool:
        rounds(pool)
        assert len(pool.sizes) >= 5
        assert max(pool.sizes) < 20_000


def test_scenarios_that_were_not_reached_in_time_are_not_passed_over():
    two_stage = split(read(stock()).program)
    stage = second_stage(two_stage, np.array([1.0]))
    points = np.array([[0.0], [1.0]])
    assert largest("cost", stage, points, (None, None), time.perf_counter() - 1) is None
    found = largest("cost", stage, points, (None, None), None)
    assert found is not None
    assert (found.position, found.complete) == (1, True)
    assert found.value == pytest.approx(1)


def test_the_recipe_for_dask_solves_the_game():
    """The block of the page, on threads of one worker. Skipped where Dask, which nothing else needs, is missing."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    blocks = re.findall(r"^``` python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    block = next(code for code in blocks if "dask" in code)
    names: dict[str, object] = {"bl": bl, "m": shops()}
    exec(compile(block, str(PAGE), "exec"), names)
    assert names["solution"].objective == pytest.approx(bl.solve(shops()).objective)
