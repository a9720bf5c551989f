"""The single-level program leaves the package as a Pyomo model or a file, with the same optimum."""

from __future__ import annotations

from pathlib import Path

import highspy
import pyomo.environ as pyo
import pytest

import bilevel as bl


def taxes() -> bl.Compiled:
    """Leader: max 3 t y - k, t in [0, 4], k binary. Producer: max (6 - t) y, 0 <= y <= 2 + k, hence y = 2 + k.

    At t = 4: 24 without k, 36 - 1 = 35 with it.
    """
    m = pyo.ConcreteModel()
    m.t = pyo.Var(bounds=(0, 4))
    m.k = pyo.Var(domain=pyo.Binary)
    m.producer = bl.Follower()
    m.producer.y = pyo.Var(bounds=(0, 5))
    m.producer.room = pyo.Constraint(expr=m.producer.y <= 2 + m.k)
    m.producer.gain = pyo.Objective(expr=6 * m.producer.y - m.t * m.producer.y, sense=pyo.maximize)
    m.income = pyo.Objective(expr=3 * m.t * m.producer.y - m.k, sense=pyo.maximize)
    return bl.compile(m)


def test_pyomo_model_has_the_same_optimum() -> None:
    model = taxes().to_pyomo()
    pyo.SolverFactory("appsi_highs").solve(model)
    assert pyo.value(model.objective) == pytest.approx(-35)
    assert pyo.value(model.z["t"]) == pytest.approx(4)


@pytest.mark.parametrize("ending", [".mps", ".lp"])
def test_file_read_back_has_the_same_optimum(ending: str, tmp_path: Path) -> None:
    path = str(tmp_path / f"game{ending}")
    taxes().write(path)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    assert solver.readModel(path) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getObjectiveValue() == pytest.approx(-35)


def test_file_holds_the_names_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "game.mps"
    taxes().write(str(path))
    assert "producer.room" in path.read_text("utf-8")


@pytest.mark.parametrize("ending", [".mps", ".lp"])
def test_a_missing_folder_is_named(ending: str, tmp_path: Path) -> None:
    with pytest.raises(bl.InvalidFile, match=rf"nowhere.game\{ending}: No such file or directory"):
        taxes().write(str(tmp_path / "nowhere" / f"game{ending}"))


def test_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(bl.InvalidGame, match=r"\.mps or \.lp"):
        taxes().write(str(tmp_path / "game.xyz"))
