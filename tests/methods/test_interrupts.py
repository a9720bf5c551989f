"""Ctrl-C ends a search with its incumbent and its proven bound, by every method."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.robust.iterations import Iteration
from bilevel.search import automatic
from bilevel.solvers.interrupts import interruptible
from tests.benchmarks.runs import Instance, own_run
from tests.problems.generated import coupled_game, price_game
from tests.problems.interdiction import interdict
from tests.robust.test_transportation import transportation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _hearing() -> Iterator[None]:
    """Hear Ctrl-C, which a shell's background processes ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interdiction(items: int) -> pyo.ConcreteModel:
    """A knapsack of random items, of which the leader may forbid about half: minutes to prove."""
    chance = np.random.default_rng(5)
    profit, weight, cost = chance.integers(50, 100, (3, items))
    return interdict(profit, weight, cost, int(weight.sum() // 3), int(cost.sum() // 2))


def interrupting() -> Callable[[Any], None]:
    """Press Ctrl-C once, as soon as there is an incumbent."""
    pressed: list[Any] = []

    def press(news: Any) -> None:
        if np.isfinite(news.incumbent) and not pressed:
            pressed.append(news)
            signal.raise_signal(signal.SIGINT)

    return press


GAMES: dict[str, tuple[Callable[[], pyo.ConcreteModel], Any]] = {
    "branching": (lambda: coupled_game(100, 1).model(), bl.Branching()),
    "big-M": (lambda: price_game("T24K2", 1).model(), bl.KKT()),
    "rounds": (lambda: interdiction(26), bl.ValueFunction(search="rounds")),
    "tree": (lambda: interdiction(26), bl.ValueFunction(search="tree")),
}


@pytest.mark.parametrize("name", GAMES)
def test_an_interrupt_returns_the_incumbent_with_its_bound(name: str) -> None:
    game, method = GAMES[name]
    model = game()
    solution = bl.solve(model, method=method, progress=interrupting(), time_limit=60)
    sense = next(int(goal.sense) for goal in model.component_data_objects(pyo.Objective, descend_into=False))
    assert solution.status == "interrupted"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert sense * solution.bound <= sense * solution.objective
    assert solution.seconds < 50
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_between_branching_and_big_m_keeps_the_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Press(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "a search by branching" in record.getMessage():
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(automatic, "SEARCHED_NODES", 100)
    log, press = logging.getLogger(automatic.__name__), Press()
    before, _ = log.level, log.addHandler(press)
    log.setLevel(logging.INFO)
    try:
        solution = bl.solve(price_game("T12K2", 1).model(), threads=1)
    finally:
        log.removeHandler(press)
        log.setLevel(before)
    assert solution.status == "interrupted"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective < 273.0302 < solution.bound


def test_a_benchmark_in_the_background_of_a_shell_stops_at_its_limit_with_a_point() -> None:
    """There Ctrl-C is ignored; 60 pairs with seed 4 are open after a second."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = own_run(Instance("coupled", "60", 4), "auto", "auto", 1.0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.certified
    assert run.objective is not None
    assert run.claim is None


def test_a_robust_run_ends_with_its_best_plan() -> None:
    """14296 <= 33680 <= 35238 after the first round (Zeng & Zhao, 2013), and the second one is not begun."""
    model, rounds = transportation(least_total=772), list[Iteration]()

    def press(news: Any) -> None:
        if isinstance(news, Iteration):
            rounds.append(news)
        if len(rounds) == 1:
            signal.raise_signal(signal.SIGINT)

    solution = bl.solve(model, method=bl.CCG(start="none"), progress=press)
    assert (solution.status, len(rounds)) == ("interrupted", 1)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert (solution.bound, solution.objective) == (pytest.approx(14296), pytest.approx(35238))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("integer", [False, True])
def test_an_interrupt_of_a_run_with_late_decisions_returns_its_best_plan(integer: bool) -> None:  # noqa: FBT001
    """Min 2 z + max_u min {3 y : y >= u - z}, u in {1, 3} or [1, 3]: the first master knows one scenario only."""
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 5))
    m.u = bl.Uncertain(within=bl.uncertainty.Box(1, 3) if integer else bl.uncertainty.Scenarios([1.0, 3.0]))
    m.later = bl.Recourse()
    m.later.y = pyo.Var(domain=pyo.NonNegativeIntegers if integer else pyo.NonNegativeReals, bounds=(0, 5))
    m.later.need = pyo.Constraint(expr=m.later.y >= m.u - m.z)
    m.cost = pyo.Objective(expr=2 * m.z + 3 * m.later.y)
    rounds: list[Iteration] = []

    def press(news: Any) -> None:
        if isinstance(news, Iteration) and not rounds:
            rounds.append(news)
            signal.raise_signal(signal.SIGINT)

    solution = bl.solve(m, progress=press)
    assert solution.status == "interrupted"
    assert len(solution.iterations) == 1
    assert solution.certificate is not None
    assert solution.bound < solution.objective


def test_the_second_interrupt_is_an_exception() -> None:
    with interruptible() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_handler_of_the_caller_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with interruptible() as stopped:
            signal.raise_signal(signal.SIGINT)
            assert heard == [signal.SIGINT]
            assert not stopped()
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_on_the_command_line_prints_the_incumbent(tmp_path: Path) -> None:
    bl.write(interdiction(26), tmp_path / "knapsack.mps")
    command = [sys.executable, "-m", "bilevel", "solve", str(tmp_path / "knapsack.mps"), "--json", "--progress"]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "incumbent" in line and "incumbent -" not in line:
            running.send_signal(signal.SIGINT)
            break
    printed, _ = running.communicate(timeout=120)
    found = json.loads(printed)
    assert running.returncode == 130
    assert found["status"] == "interrupted"
    assert found["certificate"]["holds"]
    assert found["bound"] <= found["objective"]
