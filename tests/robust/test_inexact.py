"""Masters and answers of nature that are cut short: bounds always hold the true value, 33680, between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bilevel as bl
from bilevel.language.read import read
from bilevel.robust.ccg import CCG, solve_robust
from bilevel.robust.oracles import Attack, GameOracle
from reformulations.robust.second_stage import SecondStage
from tests.robust.test_executors import shops
from tests.robust.test_transportation import OPTIMUM, transportation


def brackets(solution: bl.Solution, value: float) -> bool:
    room = 1e-6 * (1 + abs(value))
    return all(r.lower <= value + room and r.upper >= value - room for r in solution.iterations)


@pytest.mark.parametrize("master_gap", [0.5, 0.05, 1e-3])
@pytest.mark.parametrize("start", ["nominal", "none"])
def test_inexact_masters_reach_the_optimum(master_gap: float, start: str):
    solution = bl.solve(transportation(), method=CCG(master_gap=master_gap, start=start))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMUM, rel=1e-6)
    assert brackets(solution, OPTIMUM)


@pytest.mark.parametrize("seconds", [1e-4, 1e-2])
@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_masters_and_answers_with_too_little_time_get_more(seconds: float, oracle: str):
    method = CCG(oracle=oracle, master_seconds=seconds, oracle_seconds=seconds, start=np.zeros(3))
    solution = bl.solve(transportation(), method=method)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(OPTIMUM, rel=1e-6)
    assert brackets(solution, OPTIMUM)


def test_a_stored_scenario_may_come_back_while_answers_of_nature_are_cut_short(monkeypatch: pytest.MonkeyPatch):
    """The first eight answers have the right scenario and a bound that is proven and loose, as at a time limit."""
    in_full, answers = GameOracle.most_expensive, []

    def cut_short(oracle: GameOracle, stage: SecondStage, gap: float, deadline: float | None) -> Attack | None:
        attack = in_full(oracle, stage, gap, None)
        answers.append(deadline)
        return replace(attack, bound=attack.bound + 1000) if len(answers) <= 8 else attack

    monkeypatch.setattr(GameOracle, "most_expensive", cut_short)
    solution = bl.solve(transportation(), method=CCG(oracle="game", oracle_seconds=60.0, start=np.zeros(3)))
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(OPTIMUM, rel=1e-6))


@pytest.mark.parametrize("limit", [1e-3, 0.05, 0.2])
@pytest.mark.parametrize("oracle", ["vertices", "game"])
def test_bounds_hold_at_any_time_limit(limit: float, oracle: str):
    solution = bl.solve(transportation(), method=CCG(oracle=oracle, start=np.zeros(3)), time_limit=limit)
    assert solution.status in {"optimal", "time_limit"}
    assert brackets(solution, OPTIMUM)
    if solution.bound is not None:
        assert solution.bound <= OPTIMUM * (1 + 1e-6)
    if solution.status == "optimal":
        assert solution.objective == pytest.approx(OPTIMUM, rel=1e-6)


def test_answers_of_nature_without_time_bound_nothing():
    """One of 240 vertices may be asked in the time: no plan is called proven by it."""
    exact = bl.solve(shops()).objective
    answer = solve_robust(read(shops()), CCG(oracle_seconds=1e-9, max_iterations=3))
    assert answer.status == "feasible"
    assert answer.objective is None
    assert answer.bound is None or answer.bound <= exact + 1e-6
    patient = solve_robust(read(shops()), CCG(oracle_seconds=1e-3))
    assert patient.objective == pytest.approx(exact)
