"""Reading games from MPS and auxiliary files."""

from __future__ import annotations

from pathlib import Path

import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.io import read_model, read_program

MPS = """\
NAME          moore_bard
ROWS
 N  COST
 L  R1
 L  R2
 L  R3
 G  R4
COLUMNS
    M1        'MARKER'                 'INTORG'
    x         COST      -1             R1        -25
    x         R2        1              R3        2
    x         R4        2
    y         COST      -10            R1        20
    y         R2        2              R3        -1
    y         R4        10
    M2        'MARKER'                 'INTEND'
RHS
    RHS       R1        30             R2        10
    RHS       R3        15             R4        15
BOUNDS
 UP BND       x         10
 UP BND       y         5
ENDATA
"""
BY_POSITION = "N 1\nM 4\nLC 1\nLR 0\nLR 1\nLR 2\nLR 3\nLO 1\nOS 1\n"
BY_NAME = """\
@NUMVARS
1
@NUMCONSTRS
4
@VARSBEGIN
y 1.
@VARSEND
@CONSTRSBEGIN
R1
R2
R3
R4
@CONSTRSEND
@NAME
Moore and Bard
@MPS
moore_bard.mps
"""
KNAPSACK = """\
NAME          knapsack
ROWS
 N  COST
 L  CAPACITY
COLUMNS
    a         COST      -4             CAPACITY  2
    b         COST      -3             CAPACITY  2
    c         COST      -2             CAPACITY  2
RHS
    RHS       CAPACITY  4
BOUNDS
 BV BND       a
 BV BND       b
 BV BND       c
ENDATA
"""
INTERDICTION = "N 3\nM 4\nLC 3\nLC 4\nLC 5\nLR 1\nLR 2\nLR 3\nLR 4\nLO -4\nLO -3\nLO -2\nOS 1\nIC 1\nIC 1\nIC 1\nIB 1\n"


def written(folder: Path, mps: str, aux: str) -> tuple[Path, Path]:
    paths = folder / "game.mps", folder / "game.aux"
    for path, text in zip(paths, (mps, aux), strict=True):
        path.write_text(text)
    return paths


@pytest.mark.parametrize("aux", [BY_POSITION, BY_NAME])
def test_positions_and_names_declare_the_same_game(tmp_path: Path, aux: str):
    """Moore and Bard (1990): -22 at (2, 2)."""
    m = read_model(*written(tmp_path, MPS, aux))
    assert m.x["x"].bounds == (0, 10)
    assert m.follower.y["y"].is_integer()
    assert [row.name for row in m.follower.row.values()] == [f"follower.row[R{k}]" for k in range(1, 5)]
    assert bl.solve(m).objective == pytest.approx(-22)
    assert m.follower.y["y"].value == pytest.approx(2)


def test_a_game_that_was_read_can_be_edited(tmp_path: Path):
    """With x >= 3 the best is x = 6, y = 2 (2 x - y <= 15 leaves y = 1 from x = 3: y >= (15 - 2 x) / 10)."""
    m = read_model(*written(tmp_path, MPS, BY_NAME))
    m.extra = pyo.Constraint(expr=m.x["x"] >= 3)
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(-18)


def test_an_interdiction_file_gets_the_leaders_binaries(tmp_path: Path):
    """Items worth 4, 3, 2 of which two fit and one may be forbidden: without the first the follower gets 5."""
    program = read_program(*written(tmp_path, KNAPSACK, INTERDICTION))
    assert list(program.columns.names) == ["interdict_a", "interdict_b", "interdict_c", "a", "b", "c"]
    assert list(program.column_owner) == [0, 0, 0, 1, 1, 1]
    assert list(program.row_owner) == [0, 1, 1, 1, 1]
    m = read_model(tmp_path / "game.mps", tmp_path / "game.aux")
    assert bl.solve(m).objective == pytest.approx(5)
    assert m.x["interdict_a"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("aux", "message"),
    [
        (BY_POSITION.replace("LR 2", "LR two"), r"game\.aux, line 6: 'two' is not a whole number"),
        (BY_POSITION.replace("LO 1", "LO"), r"game\.aux, line 8: expected a key and one value"),
        (BY_POSITION.replace("OS 1", "OS 2"), r"game\.aux, line 9: OS is 1"),
        (BY_POSITION.replace("N 1", "N 2"), r"game\.aux: N says 2, but there are 1 LC"),
        (BY_POSITION.replace("M 4\n", ""), r"game\.aux: M is missing"),
        (BY_POSITION + "XX 1\n", r"game\.aux, line 10: unknown key 'XX'"),
        (BY_POSITION.replace("LC 1", "LC 7"), r"game\.aux: the MPS file has no column 7"),
        (BY_NAME.replace("R4", "R9"), r"game\.aux: the MPS file has no row R9"),
        (BY_NAME.replace("y 1.", "y one"), r"game\.aux, line 6: 'one' is not a number"),
        (BY_NAME.replace("@VARSEND\n", ""), r"line 7: the section of columns has not ended before @CONSTRSBEGIN"),
        (BY_NAME.replace("@NAME", "@NAMES"), r"line 14: unknown section '@NAMES'"),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(tmp_path: Path, aux: str, message: str):
    with pytest.raises(bl.InvalidGame, match=message):
        read_program(*written(tmp_path, MPS, aux))


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(bl.InvalidGame, match="there is no such file"):
        read_program(tmp_path / "none.mps", tmp_path / "none.aux")
