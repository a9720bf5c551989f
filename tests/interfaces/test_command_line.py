"""The command ``bilevel``: its commands, what they print, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyomo.environ as pyo
import pytest
from click.testing import Result
from typer.testing import CliRunner

import bilevel as bl
from bilevel.command_line.app import app

CODE = '''
import pyomo.environ as pyo
import bilevel as bl

def game():
    """Moore and Bard (1990) without integers: min -x - 10 y, the follower takes the least y; -18 at (8, 1)."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 10))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    rows = (-25 * m.x + 20 * m.f.y <= 30, m.x + 2 * m.f.y <= 10, 2 * m.x - m.f.y <= 15, 2 * m.x + 10 * m.f.y >= 15)
    m.f.rows = pyo.Constraint([1, 2, 3, 4], rule=lambda _, i: rows[i - 1])
    m.f.goal = pyo.Objective(expr=m.f.y)
    m.goal = pyo.Objective(expr=-m.x - 10 * m.f.y)
    return m

number = 3
'''


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: object, code: int = 0) -> Any:
    """What a command prints as JSON; it ends with ``code``."""
    result = run(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def taxes(most: float = 5.0) -> pyo.ConcreteModel:
    """Leader: max 2 t + y, t in 0..4; producer: max 3 y, 0 <= y <= most, y + t <= 6, hence y = min(6 - t, most)."""
    m = pyo.ConcreteModel()
    m.t = pyo.Var([1], domain=pyo.Integers, bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, most))
    m.f.room = pyo.Constraint(expr=m.f.y + m.t[1] <= 6)
    m.f.gain = pyo.Objective(expr=3 * m.f.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=2 * m.t[1] + m.f.y, sense=pyo.maximize)
    return m


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """2 t + min(6 - t, 5) is 10 at t = 4, y = 2."""
    path = tmp_path / "taxes.mps"
    bl.write(taxes(), path)
    return path


def test_standard_output_is_json_whatever_the_game_and_solvers_print_there(tmp_path: Path) -> None:
    noise = 'import os\nprint("noise of the game")\nos.write(1, b"noise of a solver\\n")\n'
    (tmp_path / "noisy.py").write_text(noise + CODE, "utf-8")
    words = ["-m", "bilevel", "solve", "--python", f"{tmp_path / 'noisy.py'}:game", "--json"]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["objective"] == pytest.approx(-18)
    assert "noise of the game" in ended.stderr
    assert "noise of a solver" in ended.stderr


def test_solve_prints_the_answer_and_its_certificate(game: Path) -> None:
    result = run("solve", game)
    assert result.exit_code == 0
    assert "optimal" in result.stdout
    assert "certificate holds" in result.stdout
    assert "t[1]  4" in result.stdout
    assert result.stderr == ""


def test_solve_as_json_parses_and_check_takes_what_it_writes(game: Path, tmp_path: Path) -> None:
    found = answer("solve", game, "--output", tmp_path / "answer.json")
    assert found["status"] == "optimal"
    assert found["objective"] == pytest.approx(10)
    assert found["values"] == pytest.approx({"t[1]": 4, "f.y": 2})
    assert found["multipliers"]["rows"] == pytest.approx({"f.room": 3})
    assert found["certificate"]["holds"]
    assert json.loads((tmp_path / "answer.json").read_text()) == found
    assert answer("check", game, tmp_path / "answer.json")["holds"]


def test_multipliers_that_are_one_of_many_are_shown_as_intervals(tmp_path: Path) -> None:
    """At t = 4 both y + t <= 6 and y <= 2 hold the producer: the first is worth anything in [0, 3]."""
    path = tmp_path / "degenerate.mps"
    bl.write(taxes(2.0), path)
    assert "f.room" in run("solve", path, "--multipliers").stdout.split("any value in")[1]
    (line,) = answer("solve", path, "--multipliers")["multiplier_ranges"]
    assert (line["name"], line["lower"], line["upper"]) == ("f.room", 0, pytest.approx(3))
    assert "multiplier_ranges" not in answer("solve", path)


@pytest.mark.parametrize("method", ["kkt", "branching", "strong-duality"])
def test_methods_and_limits_are_passed_on(game: Path, method: str) -> None:
    found = answer("solve", game, "--method", method, "--solver", "highs", "--gap", "1e-7", "--time-limit", 60)
    assert found["objective"] == pytest.approx(10)
    assert ("strong duality" in found["method"]) == (method == "strong-duality")
    assert ("branching" in found["method"]) == (method == "branching")


def test_pessimistic_games_are_solved(tmp_path: Path) -> None:
    """The follower does not care for y in [0, x]; the leader wants y - x / 2, x <= 2: 1 if it is kind, 0 if not."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 2))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.z = pyo.Var(bounds=(0, 1))
    m.f.cap = pyo.Constraint(expr=m.f.y <= m.x)
    m.f.goal = pyo.Objective(expr=m.f.z)
    m.goal = pyo.Objective(expr=m.f.y - 0.5 * m.x, sense=pyo.maximize)
    bl.write(m, tmp_path / "tie.json")
    assert answer("solve", tmp_path / "tie.json")["objective"] == pytest.approx(1)
    assert answer("solve", tmp_path / "tie.json", "--pessimistic")["objective"] == pytest.approx(0)


def test_check_fails_where_the_follower_can_do_better(game: Path, tmp_path: Path) -> None:
    """At t = 3 the producer makes 3, not 2."""
    (tmp_path / "point.txt").write_text("t[1] 3\nf.y 2\n")
    found = answer("check", game, tmp_path / "point.txt", code=1)
    assert any("solved again" in failure for failure in found["failures"])
    (tmp_path / "point.txt").write_text("t[1] 3\nf.y 3\n")
    assert answer("check", game, tmp_path / "point.txt")["objective"] == pytest.approx(9)


def test_check_looks_at_multipliers_that_are_given(game: Path, tmp_path: Path) -> None:
    multipliers = {"rows": {"f.room": 2}, "lower": {}, "upper": {}}
    point = {"values": {"t[1]": 3, "f.y": 3}, "multipliers": multipliers}
    (tmp_path / "point.json").write_text(json.dumps(point))
    assert "gradient" in answer("check", game, tmp_path / "point.json", code=1)["failures"][0]
    (tmp_path / "point.json").write_text(json.dumps(point | {"multipliers": None}))
    assert answer("check", game, tmp_path / "point.json")["holds"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t[1] 3\n", r"point.txt: the value of f.y is missing"),
        ("t[1] 3\nf.y 3\nz 1\n", r"point.txt: z is not of this game"),
        ("t[1] 3\nf.y three\n", r"point.txt, line 2: 'three' is not a number"),
    ],
)
def test_check_refuses_points_of_other_games(game: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "point.txt").write_text(text)
    result = run("check", game, tmp_path / "point.txt")
    assert result.exit_code == 6
    assert message in result.stderr


def test_python_code_runs_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "moore.py"
    path.write_text(CODE + "\nraise SystemExit('it ran')\n")
    refused = run("solve", f"{path}:game")
    assert refused.exit_code == 6
    assert "--python" in refused.stderr
    path.write_text(CODE)
    assert answer("solve", "--python", f"{path}:game")["objective"] == pytest.approx(-18)
    for name, reason in (("none", "has no none"), ("number", "a Pyomo model is needed"), ("a b", "give file.py:name")):
        wrong = run("solve", "--python", f"{path}:{name}")
        assert wrong.exit_code == 6
        assert reason in " ".join(wrong.stderr.split())


def test_python_modules_are_taken_by_name() -> None:
    result = run("solve", "--python", "no_such_module:game")
    assert result.exit_code == 6
    assert "there is no such module" in result.stderr


def test_convert_and_back_is_the_same_file(game: Path, tmp_path: Path) -> None:
    assert answer("convert", game, tmp_path / "one.json") == {"output": str(tmp_path / "one.json"), "renamed": {}}
    assert run("convert", tmp_path / "one.json", tmp_path / "taxes2.mps").exit_code == 0
    again = (tmp_path / "taxes2.mps").read_text().replace("NAME taxes2", "NAME taxes")
    assert again == game.read_text()
    assert (tmp_path / "taxes2.aux").read_text() == game.with_suffix(".aux").read_text()


def test_compile_writes_the_single_level_program(game: Path, tmp_path: Path) -> None:
    written = answer("compile", game, tmp_path / "one.lp")
    assert written["rows"] > 0
    assert "\\ name: t(1) is t[1]" in (tmp_path / "one.lp").read_text()
    assert "names had to be changed" in run("compile", game, tmp_path / "one.lp").stdout


def test_explain_and_diagnose(game: Path, tmp_path: Path) -> None:
    assert [line["player"] for line in answer("explain", game)["players"]] == ["leader", "follower"]
    assert answer("diagnose", game)["verdict"] == "feasible"
    model = taxes()
    model.f.more = pyo.Constraint(expr=model.f.y >= 7)
    bl.write(model, tmp_path / "none.json")
    found = answer("diagnose", tmp_path / "none.json", code=3)
    assert any("f.more" in name for name in found["findings"][0]["names"])
    assert answer("solve", tmp_path / "none.json", code=3)["error"] == "InfeasibleFollower"


def test_refusals_and_invalid_files_have_exit_codes_and_json(game: Path, tmp_path: Path) -> None:
    text = game.read_text()
    game.write_text(text.replace("ROWS", "ROWZ"))
    found = answer("solve", game, code=6)
    assert found["error"] == "InvalidFile"
    assert "line" in found["message"]
    game.write_text(text)
    assert run("solve", game, "--method", "magic").exit_code == 2
    model = taxes()
    model.f.gain.set_value(3 * model.f.y - model.f.y**2 / 4)
    model.f.y.domain = pyo.Integers
    bl.write(model, tmp_path / "hard.json")
    assert answer("solve", tmp_path / "hard.json", "--method", "kkt", code=5)["error"] == "NotApplicable"
    assert run("solve", tmp_path / "no.txt").exit_code == 6


def test_progress_is_lines_where_there_is_no_terminal(cases_folder: Path) -> None:
    result = run("solve", cases_folder / "milp" / "moore90.mps", "--progress", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["objective"] == pytest.approx(-22)
    assert "incumbent -22" in result.stderr


FAULTY = """
import nothing_of_this_name

def game():
    return None
"""
RAISING = """
def game():
    return {}["key"]
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("solve", "game.json", "--output", "nowhere/a.json"), "nowhere/a.json: there is no folder nowhere"),
        (("solve", "game.json", "--output", "folder"), "folder: it is a folder"),
        (("solve", "folder"), "folder: games are read from files"),
        (("solve", "folder.json"), "folder.json: it is a folder"),
        (("compile", "game.json", "nowhere/a.mps"), "nowhere"),
        (("convert", "game.json", "nowhere/a.json"), "nowhere/a.json: No such file or directory"),
        (("convert", "game.json", "folder.json"), "folder.json: Is a directory"),
        (("solve", "--python", "faulty.py:game"), "ModuleNotFoundError: No module named 'nothing_of_this_name' ("),
        (("solve", "--python", "raising.py:game"), "raising.py:game: KeyError: 'key' (raising.py, line 3)"),
        (("solve", "--python", "syntax.py:game"), "was never closed (syntax.py, line 1)"),
    ],
    ids=str,
)
def test_wrong_paths_and_code_that_fails_end_in_one_sentence(
    game: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(game.parent)
    for name in ("folder", "folder.json"):
        Path(name).mkdir()
    bl.write(taxes(), "game.json")
    for name, code in (("faulty", FAULTY), ("raising", RAISING), ("syntax", "game = (")):
        Path(f"{name}.py").write_text(code)
    result = run(*words)
    assert result.exit_code == 6, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
