"""The commands on the page of the command line run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bilevel as bl
from bilevel.command_line.app import app
from bilevel.command_line.exits import Exit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "command-line.md"
CODE = """
import pyomo.environ as pyo
import bilevel as bl

def declare():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.cap = pyo.Constraint(expr=m.f.y <= m.x)
    m.f.goal = pyo.Objective(expr=-m.f.y)
    m.goal = pyo.Objective(expr=m.x - 2 * m.f.y)
    return m
"""


def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("game.py").write_text(CODE)
    names: dict[str, object] = {}
    exec(CODE, names)
    model = names["declare"]()  # type: ignore[operator]
    for ending in (".json", ".mps"):
        bl.write(model, f"game{ending}")
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 11
    for line in lines:
        result = CliRunner().invoke(app, line.split()[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"


def test_the_page_lists_every_exit_code() -> None:
    listed = re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(map(int, listed)) == sorted([2, *Exit])
