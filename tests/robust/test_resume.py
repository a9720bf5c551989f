"""A run that was killed goes on where it was: with the location-transportation problem, whose optimum is 33680."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.robust.iterations import Iteration
from tests.robust import test_integer_recourse as integer_recourse
from tests.robust import test_recourse_that_fails as recourse_that_fails
from tests.robust import test_wait_and_see as wait_and_see
from tests.robust.test_small_cases import stock
from tests.robust.test_transportation import OPTIMUM, transportation

ROOT = Path(__file__).resolve().parents[2]
METHOD = {"oracle": "vertices", "start": "none"}


def located() -> tuple[pyo.ConcreteModel, dict[str, object]]:
    """Two-stage location and transportation, 4 rounds."""
    return transportation(), METHOD


def waiting() -> tuple[pyo.ConcreteModel, dict[str, object]]:
    """A follower that waits and sees over five scenarios, 4 rounds, optimum 6 (as brute force says)."""
    numbers = [0, 0, 2, 1, 0, -2, 0, -3, 2, 2, 1, 2, -1, -3, -1, 2, 1, -2, 2, -2, 2, 2, -1, 2]
    return wait_and_see.model_of(wait_and_see.Instance(np.array(numbers, float), np.arange(-2.0, 3.0))), {}


def whole_ways() -> tuple[pyo.ConcreteModel, dict[str, object]]:
    """Integer recourse over a polyhedron that fails for two of the three plans, 3 rounds, optimum 6.111."""
    slope = np.array([[[-2, 0], [-2, 3]], [[2, 2], [-2, 2]], [[0, 1], [2, 2]]], float)
    level = np.array([[2, 0], [1, 1], [-2, 2]], float)
    return integer_recourse.model_of(integer_recourse.Case(np.zeros(3), slope, level, 2.5, "polyhedron")), {}


def two_ways() -> tuple[pyo.ConcreteModel, dict[str, object]]:
    """Integer recourse with its worst case inside the set, 2 rounds, optimum 1.15."""
    return integer_recourse.two_ways(bl.uncertainty.Box(0, 2)), {}


def jump() -> tuple[pyo.ConcreteModel, dict[str, object]]:
    """Integer recourse whose worst case is a limit, 6 rounds that come nearer to it, optimum 2.75."""
    return recourse_that_fails.stairs(1.4, fall=0.75), {}


GAMES = {"located": located, "waiting": waiting, "two_ways": two_ways, "whole_ways": whole_ways, "jump": jump}
LATE = {"waiting": (4, 6.0), "two_ways": (2, 1.15), "whole_ways": (3, 6 + 1 / 9), "jump": (6, 2.75)}
"""Rounds and optimum."""

KILLED_IN = [
    ("waiting", 2),
    ("two_ways", 2),
    *(pytest.param("waiting", round_, marks=pytest.mark.long) for round_ in (1, 3, 4)),
    pytest.param("two_ways", 1, marks=pytest.mark.long),
    *(pytest.param("jump", round_, marks=pytest.mark.long) for round_ in (1, 2, 3, 4, 5, 6)),
    *(pytest.param("whole_ways", round_, marks=pytest.mark.long) for round_ in (1, 2, 3)),
]

# the process kills itself inside the report of a round, before the state of that round is saved
KILLED = """
import os, signal, sys
import bilevel as bl
from bilevel.robust.iterations import Iteration
from tests.robust.test_resume import GAMES

path, last, resume, game = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume", sys.argv[4]
count = 0

def report(event):
    global count
    if isinstance(event, Iteration):
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)

m, options = GAMES[game]()
bl.solve(m, method=bl.CCG(save=path, **options), progress=report, resume=path if resume else None)
"""


def killed_in(round_: int, path: Path, *, resume: bool = False, game: str = "located") -> None:
    arguments = [sys.executable, "-c", KILLED, str(path), str(round_), "resume" if resume else "begin", game]
    ended = subprocess.run(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -signal.SIGKILL


def bounds(solution: bl.Solution) -> list[tuple[float, float, str]]:
    return [(r.lower, r.upper, r.kind) for r in solution.iterations]


@pytest.fixture(scope="module")
def whole() -> bl.Solution:
    return bl.solve(transportation(), method=bl.CCG(**METHOD))


@pytest.mark.parametrize("round_", [1, *(pytest.param(k, marks=pytest.mark.long) for k in (2, 3)), 4])
def test_a_run_killed_in_a_round_resumes_to_the_same_bounds_and_answer(round_: int, whole: bl.Solution, tmp_path: Path):
    assert len(whole.iterations) == 4
    path = tmp_path / "run.json"
    killed_in(round_, path)
    resumed = bl.solve(transportation(), method=bl.CCG(**METHOD), resume=path)
    assert resumed.objective == pytest.approx(OPTIMUM, rel=1e-6)
    assert bounds(resumed) == [
        (pytest.approx(lower, rel=1e-9), pytest.approx(upper, rel=1e-9), kind) for lower, upper, kind in bounds(whole)
    ]
    assert resumed.values == pytest.approx(whole.values, abs=1e-6)


@pytest.mark.long
def test_a_run_killed_in_each_of_its_rounds_one_after_the_other(whole: bl.Solution, tmp_path: Path):
    path = tmp_path / "run.json"
    killed_in(1, path)
    for _ in range(len(whole.iterations) - 1):
        killed_in(2, path, resume=True)
    resumed = bl.solve(transportation(), method=bl.CCG(**METHOD), resume=path)
    assert bounds(resumed) == [
        (pytest.approx(lower, rel=1e-9), pytest.approx(upper, rel=1e-9), kind) for lower, upper, kind in bounds(whole)
    ]


@pytest.mark.parametrize(("game", "round_"), KILLED_IN)
def test_runs_with_late_followers_and_integer_recourse_are_resumed(game: str, round_: int, tmp_path: Path):
    path = tmp_path / "run.json"
    killed_in(round_, path, game=game)
    m, _ = GAMES[game]()
    whole = bl.solve(m)
    rounds, optimum = LATE[game]
    assert len(whole.iterations) == rounds
    resumed = bl.solve(m, resume=path)
    assert resumed.status == "optimal"
    assert resumed.objective == pytest.approx(optimum)
    assert [r.kind for r in resumed.iterations] == [r.kind for r in whole.iterations]
    assert [r.lower for r in resumed.iterations] == pytest.approx([r.lower for r in whole.iterations], rel=1e-9)
    assert [r.upper for r in resumed.iterations] == pytest.approx([r.upper for r in whole.iterations], rel=1e-9)
    again = bl.solve(m, resume=path)
    assert (again.status, again.objective, again.bound) == ("optimal", resumed.objective, resumed.bound)
    with pytest.raises(bl.SavedRunError, match="another game"):
        bl.solve(stock(), resume=path)


def test_a_finished_run_answers_at_once(tmp_path: Path):
    path = tmp_path / "run.json"
    first = bl.solve(transportation(), method=bl.CCG(save=path))
    rounds: list[object] = []
    again = bl.solve(transportation(), resume=str(path), progress=rounds.append)
    assert not any(isinstance(event, Iteration) for event in rounds)
    assert (again.status, again.objective, again.bound) == ("optimal", first.objective, first.bound)


def test_a_run_stopped_by_its_limit_of_rounds_goes_on_with_more(tmp_path: Path):
    path = tmp_path / "run.json"
    stopped = bl.solve(transportation(), method=bl.CCG(start="none", save=path, max_iterations=2))
    assert stopped.status != "optimal"
    assert bl.solve(transportation(), resume=path).objective == pytest.approx(OPTIMUM)


def test_nothing_is_left_beside_the_file(tmp_path: Path):
    bl.solve(stock(), method=bl.CCG(save=tmp_path / "run.json"))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def saved(folder: Path) -> Path:
    path = folder / "run.json"
    bl.solve(stock(), method=bl.CCG(save=path, start=[0.0]))
    return path


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path):
    path = saved(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(bl.SavedRunError, match=r"run\.json: it is damaged or no saved run"):
        bl.solve(stock(), resume=path)


def test_a_changed_number_is_refused(tmp_path: Path):
    path = saved(tmp_path)
    whole = json.loads(path.read_text())
    whole["content"]["lower"] = 3.0
    path.write_text(json.dumps(whole))
    with pytest.raises(bl.SavedRunError, match="its digest does not fit"):
        bl.solve(stock(), resume=path)


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', "\x00\x01"])
def test_a_file_of_another_kind_is_refused(text: str, tmp_path: Path):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(bl.SavedRunError, match=r"other\.json: it is"):
        bl.solve(stock(), resume=path)


def test_a_run_of_another_game_is_refused(tmp_path: Path):
    path = saved(tmp_path)
    with pytest.raises(bl.SavedRunError, match=r"another game: the model or CCG\(penalty=...\) differs"):
        bl.solve(stock(most=4), resume=path)
    with pytest.raises(bl.SavedRunError, match=r"another game: the model or CCG\(penalty=...\) differs"):
        bl.solve(stock(), method=bl.CCG(penalty=100), resume=path)
    with pytest.raises(bl.SavedRunError, match=r"it keeps scenarios, this run prices; give the same CCG\(stored=...\)"):
        bl.solve(stock(), method=bl.CCG(stored="prices"), resume=path)
    m = stock()
    m.demand.within = bl.uncertainty.Box(0, 1)
    with pytest.raises(bl.SavedRunError, match="another game: nature's set differs"):
        bl.solve(m, resume=path)


@pytest.mark.parametrize("place", [(), ("plan",)])
def test_a_file_that_lacks_an_entry_or_has_another_in_its_place_is_refused(place: tuple[str, ...], tmp_path: Path):
    path, other = saved(tmp_path), tmp_path / "other.json"

    def refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
        content = json.loads(path.read_text())["content"]
        change(content[place[0]] if place else content)
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        other.write_text(json.dumps({"digest": digest, "content": content}))
        with pytest.raises(bl.SavedRunError, match=message):
            bl.solve(stock(), resume=other)

    whole = json.loads(path.read_text())["content"]
    for key in set(whole[place[0]] if place else whole) - {"format", "belongs", "options"}:
        refused(lambda inside, key=key: inside.pop(key), f"other.json: it is damaged, '{key}' is missing")
        refused(lambda inside, key=key: inside.update({key: "abc"}), r"other.json: it is damaged, .*start again")


def test_a_missing_file_and_a_missing_folder_are_refused(tmp_path: Path):
    with pytest.raises(bl.SavedRunError, match="no saved run can be read there"):
        bl.solve(stock(), resume=tmp_path / "none.json")
    with pytest.raises(bl.SavedRunError, match="cannot be saved there"):
        bl.solve(stock(), method=bl.CCG(save=tmp_path / "nowhere" / "run.json"))


def test_a_game_without_nature_has_no_run_to_resume(tmp_path: Path):
    m = pyo.ConcreteModel()
    m.z = pyo.Var(bounds=(0, 1))
    m.other = bl.Follower()
    m.other.y = pyo.Var(bounds=(0, 1))
    m.other.cost = pyo.Objective(expr=m.other.y)
    m.cost = pyo.Objective(expr=m.z)
    with pytest.raises(bl.InvalidGame, match="only robust games"):
        bl.solve(m, resume=tmp_path / "run.json")
