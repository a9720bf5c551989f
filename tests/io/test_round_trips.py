"""What is written reads back as the same arrays: games in files, and single-level programs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.io import read_model, read_program
from bilevel.io.lp_file import read_lp_file
from bilevel.io.mps_file import read_mps_file
from bilevel.language.read import read
from reformulations.programs import BilevelProgram, Columns, Product, Rows
from tests.problems.external import declare_special, is_conic, load_special

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"


def cases(pattern: str) -> list[object]:
    """External cases by name, or one that is skipped where the folder is absent."""
    found = sorted(FOLDER.glob(pattern))
    return [pytest.param(path, id=path.stem) for path in found] or [pytest.param(None, id="(no cases)")]


def assert_same_products(left: Product, right: Product) -> None:
    for item in fields(Product):
        np.testing.assert_array_equal(getattr(left, item.name), getattr(right, item.name))


def assert_same_columns(left: Columns, right: Columns) -> None:
    for item in ("lower", "upper", "integer"):
        np.testing.assert_array_equal(getattr(left, item), getattr(right, item))
    assert list(left.names) == list(right.names)


def assert_same_rows(left: Rows, right: Rows) -> None:
    np.testing.assert_array_equal(left.lower, right.lower)
    np.testing.assert_array_equal(left.upper, right.upper)
    assert (left.matrix != right.matrix).nnz == 0
    assert list(left.names) == list(right.names)
    assert_same_products(left.products, right.products)


def assert_same_game(left: BilevelProgram, right: BilevelProgram) -> None:
    assert_same_columns(left.columns, right.columns)
    assert_same_rows(left.rows, right.rows)
    for item in ("roles", "column_owner", "row_owner"):
        np.testing.assert_array_equal(getattr(left, item), getattr(right, item))
    np.testing.assert_array_equal(left.objectives.sense, right.objectives.sense)
    np.testing.assert_array_equal(left.objectives.constant, right.objectives.constant)
    assert (left.objectives.linear != right.objectives.linear).nnz == 0
    assert_same_products(left.objectives.products, right.objectives.products)
    np.testing.assert_array_equal(left.multipliers.column, right.multipliers.column)
    assert (left.multipliers.matrix != right.multipliers.matrix).nnz == 0


@pytest.mark.parametrize("path", cases("milp/*.mps"))
def test_mps_cases_read_as_highs_reads_them_and_round_trip(path: Path, cases_folder: Path, tmp_path: Path) -> None:
    ours, theirs = read_mps_file(path), read_lp_file(path)
    assert_same_columns(ours.columns, theirs.columns)
    assert_same_rows(ours.rows, theirs.rows)
    np.testing.assert_array_equal(ours.cost, theirs.cost)
    assert (ours.constant, ours.sense) == (theirs.constant, theirs.sense)
    game = read_program(path)
    for name in ("again.mps", "again.json"):
        assert bl.write(game, tmp_path / name) == {}
        assert_same_game(game, read_program(tmp_path / name))


@pytest.mark.parametrize("path", [*cases("continuous/*.json"), *cases("derived/*.json")])
def test_json_cases_round_trip(path: Path, cases_folder: Path, tmp_path: Path) -> None:
    game = read_program(path)
    assert bl.write(game, tmp_path / "again.json") == {}
    assert_same_game(game, read_program(tmp_path / "again.json"))
    model = read_model(path)
    declared = read(model).program
    bl.write(model, tmp_path / "declared.json")
    assert_same_game(declared, read_program(tmp_path / "declared.json"))


def test_special_cases_round_trip_from_their_declaration(cases_folder: Path, tmp_path: Path) -> None:
    """Multipliers as variables, products, integers: what the algebra of special.json declares."""
    special = load_special(cases_folder / "special.json")
    linear = [name for name in special if not is_conic(special[name]) and name != "jump_nlp_02"]
    assert len(linear) == 30
    for name in linear:
        model = declare_special(special[name])
        bl.write(model, tmp_path / f"{name}.json")
        declared, again = read(model).program, read_program(tmp_path / f"{name}.json")
        assert_same_game(declared, again)
        assert_same_numbers(declared, read(read_model(tmp_path / f"{name}.json")).program)


def assert_same_numbers(left: BilevelProgram, right: BilevelProgram) -> None:
    """The same columns and rows in whatever order multipliers come."""
    assert (len(left.columns), len(left.rows)) == (len(right.columns), len(right.rows))
    for item in ("lower", "upper"):
        np.testing.assert_array_equal(np.sort(getattr(left.columns, item)), np.sort(getattr(right.columns, item)))
        np.testing.assert_array_equal(np.sort(getattr(left.rows, item)), np.sort(getattr(right.rows, item)))


def two_followers() -> pyo.ConcreteModel:
    """A market whose price is a variable of the leader's, and a buyer who pays it; ranges, products, both senses."""
    m = pyo.ConcreteModel()
    m.offer = pyo.Var(bounds=(0, 9.7))
    m.market = bl.Follower()
    m.market.y = pyo.Var([1, 2], bounds=(0, 5))
    m.market.balance = pyo.Constraint(expr=m.market.y[1] + m.market.y[2] == 4 + 0.1 * m.offer)
    m.market.cost = pyo.Objective(expr=m.market.y[1] + 3 * m.market.y[2] + m.market.y[1] ** 2)
    m.price = bl.Multiplier(m.market.balance)
    m.scarcity = bl.Multiplier(m.market.y[1], bound="upper", bounds=(None, 0))
    m.buyer = bl.Follower()
    m.buyer.buys = pyo.Var(domain=pyo.Binary)
    m.buyer.room = pyo.Constraint(expr=pyo.inequality(0.1, m.buyer.buys + m.offer, 10.3))
    m.buyer.gain = pyo.Objective(expr=(5 - m.offer) * m.buyer.buys, sense=pyo.maximize)
    m.income = pyo.Objective(expr=m.price * m.offer - m.buyer.buys + 7, sense=pyo.maximize)
    return m


def test_several_followers_multipliers_ranges_and_products_round_trip_as_json(tmp_path: Path) -> None:
    model = two_followers()
    assert bl.write(model, tmp_path / "game.json") == {}
    assert_same_game(read(model).program, read_program(tmp_path / "game.json"))
    again = read_model(tmp_path / "game.json")
    assert again.follower["market"].y["market.y[1]"].bounds == (0, 5)
    assert_same_numbers(read(model).program, read(again).program)


def test_mps_refuses_by_component_what_it_cannot_hold(tmp_path: Path) -> None:
    model = two_followers()
    with pytest.raises(bl.NotApplicable, match=r"buyer: MPS and auxiliary files hold a leader and one follower"):
        bl.write(model, tmp_path / "game.mps")
    model.buyer.deactivate()
    model.income.set_value(model.price)
    with pytest.raises(bl.NotApplicable, match=r"price: MPS files hold no multipliers as variables; write a \.json"):
        bl.write(model, tmp_path / "game.mps")


def blanks() -> pyo.ConcreteModel:
    """Names with blanks, a range, a free row's worth of bounds; max x - y, the follower raises y up to 3 - x / 4."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(["first one", "second"], bounds=(-2.5, 8), domain=pyo.Integers)
    m.far = pyo.Constraint(expr=pyo.inequality(-7.3, m.x["first one"] + 0.1 * m.x["second"], 9.1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(None, 10))
    m.f.cap = pyo.Constraint(expr=m.f.y + m.x["second"] / 4 <= 3)
    m.f.goal = pyo.Objective(expr=m.f.y, sense=pyo.maximize)
    m.goal = pyo.Objective(expr=m.x["first one"] + m.x["second"] - m.f.y + 1.25, sense=pyo.maximize)
    return m


def test_mps_keeps_names_but_for_blanks_and_says_which(tmp_path: Path) -> None:
    model = blanks()
    renamed = bl.write(model, tmp_path / "game.mps")
    assert renamed == {"x[first_one]": "x[first one]"}
    assert "* name: x[first_one] is x[first one]" in (tmp_path / "game.mps").read_text()
    again = read_program(tmp_path / "game.mps")
    assert list(again.columns.names) == ["x[first_one]", "x[second]", "f.y"]
    declared = read(model).program
    np.testing.assert_array_equal(again.rows.lower, declared.rows.lower)
    np.testing.assert_array_equal(again.rows.upper, declared.rows.upper)
    assert bl.solve(read_model(tmp_path / "game.mps")).objective == pytest.approx(bl.solve(model).objective)


def producer() -> bl.Compiled:
    """Price t in [0, 4]; the producer makes y = 3 - t / 2, the leader wants it and t near 2: a quadratic objective."""
    m = pyo.ConcreteModel()
    m.t = pyo.Var(["high price"], bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.room = pyo.Constraint(expr=m.f.y + 0.5 * m.t["high price"] <= 3)
    m.f.goal = pyo.Objective(expr=-m.f.y)
    m.goal = pyo.Objective(expr=(m.t["high price"] - 2) ** 2 - m.f.y)
    return bl.compile(m, method=bl.KKT())


def test_a_quadratic_program_with_integers_is_written_as_mps(tmp_path: Path) -> None:
    """y = 3 - t/2: (t - 2)^2 - 3 + t/2 is least at t = 1.75, where it is 1/16 - 3 + 7/8 = -2.0625."""
    compiled = producer()
    renamed = compiled.write(str(tmp_path / "one.mps"))
    assert "t[high price]" in renamed.values()
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    assert solver.readModel(str(tmp_path / "one.mps")) == highspy.HighsStatus.kOk
    columns = solver.getLp().integrality_
    for j in range(len(columns)):
        solver.changeColIntegrality(j, highspy.HighsVarType.kContinuous)
    solver.run()
    assert solver.getObjectiveValue() <= -2.0625 + 1e-6
    assert [value for value in solver.getModel().hessian_.value_ if value] == [2.0]


def test_lp_says_which_names_it_could_not_carry(tmp_path: Path) -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var([1], bounds=(0, 4))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.cap = pyo.Constraint(expr=m.f.y <= m.x[1])
    m.f.goal = pyo.Objective(expr=-m.f.y)
    m.goal = pyo.Objective(expr=m.x[1] - 2 * m.f.y)
    compiled = bl.compile(m)
    renamed = compiled.write(str(tmp_path / "one.lp"))
    assert renamed["x(1)"] == "x[1]"
    assert "\\ name: x(1) is x[1]" in (tmp_path / "one.lp").read_text()
    assert "x(1)" in list(read_lp_file(tmp_path / "one.lp").columns.names)


@pytest.mark.parametrize("ending", [".json", ".mps"])
def test_a_game_written_to_a_missing_folder_names_it(ending: str, tmp_path: Path) -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 1))
    m.f.row = pyo.Constraint(expr=m.f.y >= m.x)
    m.f.cost = pyo.Objective(expr=m.f.y)
    m.gain = pyo.Objective(expr=m.f.y - 2 * m.x)
    with pytest.raises(bl.InvalidFile, match=rf"nowhere.game\{ending}: No such file or directory"):
        bl.write(m, tmp_path / "nowhere" / f"game{ending}")
