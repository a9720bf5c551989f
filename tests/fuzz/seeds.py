"""Well-formed games, by file name, from which mutated ones are made."""

from __future__ import annotations

from pathlib import Path

MPS = b"""\
* every section that is read
NAME          everything
OBJSENSE
    MAX
ROWS
 N  COST
 L  R1
 L  R2
 G  R3
 E  R4
 N  NOTHING
COLUMNS
    M1        'MARKER'                 'INTORG'
    x         COST      -1             R1        -25
    x         R2        1              R3        2
    z         R2        1              NOTHING   2
    M2        'MARKER'                 'INTEND'
    y         COST      -10            R1        20
    y         R2        2              R3        -1
    y         R4        10
    w         R4        1
RHS
    RHS       R1        30             R2        10
    RHS       R3        1.5e1          R4        15
    RHS       COST      -2
RANGES
    RNG       R1        4              R4        -2.5
BOUNDS
 UP BND       x         10
 UI BND       y         5
 MI BND       w
ENDATA
"""
BY_POSITION = b"N 2\nM 3\nLC 2\nLC 3\nLR 0\nLR 2\nLR 3\nLO 1\nLO -2.5\nOS -1\n"
BY_NAME = b"""\
@NUMVARS
2
@NUMCONSTRS
2
@VARSBEGIN
y 1.
w 2
@VARSEND
@CONSTRSBEGIN
R1
R4
@CONSTRSEND
@NAME
x
@MPS
x.mps
"""
KNAPSACK = b"""\
NAME knapsack
ROWS
 N COST
 L CAPACITY
COLUMNS
 a COST -4 CAPACITY 2
 b COST -3 CAPACITY 2
RHS
 RHS CAPACITY 3
BOUNDS
 BV BND a
 UP BND b 2
ENDATA
"""
INTERDICTION = b"N 2\nM 3\nLC 2\nLC 3\nLR 1\nLR 2\nLR 3\nLO -4\nLO -3\nOS 1\nIC 1\nIC 2.5\nIB 3\n"
JSON = b"""\
{"format": "bilevel-json-2", "name": "two",
 "variables": [
  {"name": "x", "level": "leader", "type": "integer", "lb": 0, "ub": 10},
  {"name": "p", "level": "leader", "type": "continuous", "lb": null, "ub": 5, "dual_of": "r"},
  {"name": "q", "level": "leader", "type": "continuous", "lb": null, "ub": 5, "dual_of": "y", "bound": "upper"},
  {"name": "y", "level": "a", "type": "continuous", "lb": 0, "ub": 4},
  {"name": "z", "level": "b", "type": "binary", "lb": 0, "ub": 1}],
 "leader": {"sense": "max", "objective": {"constant": 1, "linear": {"x": 1}, "quadratic": [["p", "y", 2]]},
  "constraints": [{"name": "r", "expr": {"constant": 1, "linear": {"x": 1, "y": 2}}, "sense": "<=", "rhs": 9}]},
 "followers": [
  {"name": "a", "sense": "min", "objective": {"linear": {"y": 1}, "quadratic": [["y", "y", 1]]},
   "constraints": [{"name": "r", "expr": {"linear": {"x": 1, "y": 2}}, "sense": "range", "lower": 1, "upper": 30}]},
  {"name": "b", "sense": "max", "objective": {"linear": {"z": 1}, "quadratic": [["x", "z", -1]]},
   "constraints": []}]}
"""


def seeds(cases: Path | None, most_bytes: int) -> list[dict[str, bytes]]:
    """Return the games written here, and those of the folder of external cases that are small enough."""
    games = [
        {"game.mps": MPS, "game.aux": BY_POSITION},
        {"game.mps": MPS, "game.aux": BY_NAME},
        {"game.mps": KNAPSACK, "game.aux": INTERDICTION},
        {"game.json": JSON},
    ]
    if cases is None:
        return games
    small = [path for path in sorted((cases / "milp").glob("*.mps")) if path.stat().st_size < most_bytes]
    games += [{"game.mps": path.read_bytes(), "game.aux": path.with_suffix(".aux").read_bytes()} for path in small]
    texts = sorted((cases / "continuous").glob("*.json"))
    return games + [{"game.json": path.read_bytes()} for path in texts]
