"""MPS files, fixed or free, as arrays."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
from scipy import sparse

from bilevel.io.linear_file import LinearFile
from bilevel.io.lines import INFINITE, Lines
from bilevel.io.mps_bounds import MpsBounds
from reformulations.programs import Columns, Floats, Names, Rows

_SECTIONS = ("NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS", "ENDATA")
_BEYOND = {
    **dict.fromkeys(("QUADOBJ", "QMATRIX", "QSECTION", "QCMATRIX", "PWLOBJ"), "what is not linear"),
    **dict.fromkeys(
        ("SOS", "SOS1", "SOS2", "SETS", "INDICATORS", "CSECTION", "GENCONS"), "constraints that are no rows"
    ),
}
_SENSES = {"MIN": 1.0, "MINIMIZE": 1.0, "MINIMISE": 1.0, "MAX": -1.0, "MAXIMIZE": -1.0, "MAXIMISE": -1.0}
_OBJECTIVE, _FREE = -1, -2
"""Numbers in place of a position, of the objective and of rows without a side, which say nothing."""

_SMALL = 1e-300


def read_mps_file(path: str | Path) -> LinearFile:
    """Read a mixed-integer linear program; rows and columns keep their order and names.

    Names hold no blanks. The first ``N`` row is the objective, others are left out, as HiGHS and COIN do; the
    right-hand side of the objective is the negative of its constant. Integer columns for which the file has no
    bounds are within 0 and 1. Numbers from 1e20 on are infinite. What solvers read in different ways is an error:
    a negative upper bound without a lower one, and second sets of right-hand sides, ranges or bounds.

    Raises
    ------
    InvalidFile
        With the line, where it is malformed, or not linear.
    """
    lines = Lines(path)
    draft = _Draft(lines)
    section, seen = "", set[str]()
    for words in lines:
        if lines.at_margin and not (section == "OBJSENSE" and words[0].upper() in _SENSES):
            section = _section(lines, words[0].upper(), seen)
            if section == "ENDATA":
                return draft.finished()
            if section == "OBJSENSE" and len(words) > 1:
                draft.take(section, words[1:])
            continue
        draft.take(section, words)
    raise lines.error_of_file("it ends before ENDATA")


def _section(lines: Lines, name: str, seen: set[str]) -> str:
    if name in _BEYOND:
        raise lines.error(f"section {name} declares {_BEYOND[name]}; only linear programs with rows are read")
    if name not in _SECTIONS:
        raise lines.error(f"unknown section {name!r}; expected {', '.join(_SECTIONS)}, and a blank before data")
    if name in seen:
        raise lines.error(f"section {name} begins a second time")
    seen.add(name)
    return name


class _Draft:
    """What the lines have said so far."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._sense = 1.0
        self._rows: dict[str, int] = {}
        self._kinds: list[str] = []
        self._bounds = MpsBounds(lines)
        self._in_integers = False
        self._current, self._entered = "", set[str]()
        self._cost: list[float] = []
        self._entries: tuple[list[int], list[int], list[float]] = ([], [], [])
        self._sets: dict[str, str] = {}
        self._sides: dict[str, dict[str, Decimal]] = {"RHS": {}, "RANGES": {}}

    def take(self, section: str, words: list[str]) -> None:
        """Take a line of data."""
        if section == "ROWS":
            self._row(words)
        elif section == "COLUMNS":
            self._column(words)
        elif section in self._sides:
            self._side(section, words)
        elif section == "BOUNDS":
            self._bounds.take(words)
        elif section == "OBJSENSE" and len(words) == 1 and words[0].upper() in _SENSES:
            self._sense = _SENSES[words[0].upper()]
        else:
            raise self._lines.error(f"{' '.join(words)!r} does not belong into section {section or 'none'}")

    def _row(self, words: list[str]) -> None:
        if len(words) != 2 or words[0].upper() not in ("N", "L", "G", "E"):  # noqa: PLR2004 - kind and name
            raise self._lines.error(f"expected N, L, G or E and a name without blanks, found {' '.join(words)!r}")
        kind, name = words[0].upper(), words[1]
        if name in self._rows:
            raise self._lines.error(f"row {name} is declared a second time")
        if kind == "N":
            self._rows[name] = _FREE if _OBJECTIVE in self._rows.values() else _OBJECTIVE
            return
        self._rows[name] = len(self._kinds)
        self._kinds.append(kind)

    def _column(self, words: list[str]) -> None:
        if len(words) == 3 and words[1].upper() == "'MARKER'":  # noqa: PLR2004 - name, marker and kind
            kind = words[2].upper().strip("'")
            if kind not in ("INTORG", "INTEND") or (kind == "INTORG") == self._in_integers:
                raise self._lines.error(f"marker {words[2]} does not fit; 'INTORG' and 'INTEND' take turns")
            self._in_integers = kind == "INTORG"
            return
        if len(words) not in (3, 5):
            raise self._lines.error(f"expected a column and one or two rows with values, found {' '.join(words)!r}")
        if words[0] != self._current or not self._bounds.positions:
            self._current, self._entered = words[0], set()
            self._bounds.declare(words[0], self._in_integers)
            self._cost.append(0.0)
        for name, value in zip(words[1::2], map(self._lines.finite, words[2::2]), strict=True):
            place = self._place(name)
            if name in self._entered:
                raise self._lines.error(f"column {words[0]} has a second value in row {name}")
            self._entered.add(name)
            if place == _OBJECTIVE:
                self._cost[-1] = value
            elif place != _FREE and value:
                rows, columns, values = self._entries
                rows.append(place)
                columns.append(len(self._cost) - 1)
                values.append(value)

    def _place(self, row: str) -> int:
        if row not in self._rows:
            raise self._lines.error(f"there is no row {row}")
        return self._rows[row]

    def _side(self, section: str, words: list[str]) -> None:
        name, pairs = (words[0], words[1:]) if len(words) % 2 else ("", words)
        if len(pairs) not in (2, 4):
            raise self._lines.error(f"expected a name and one or two rows with values, found {' '.join(words)!r}")
        if self._sets.setdefault(section, name) != name:
            raise self._lines.error(f"a second set in {section}, {name!r} after {self._sets[section]!r}; keep one")
        for row, text in zip(pairs[::2], pairs[1::2], strict=True):
            value = self._lines.number_or_infinity(text)
            place = self._place(row)
            if row in self._sides[section]:
                raise self._lines.error(f"row {row} has a second value in {section}")
            if section == "RANGES" and place < 0:
                raise self._lines.error(f"row {row} has no side that a range could widen")
            if np.isinf(value) and not (section == "RHS" and place >= 0 and self._is_no_side(place, value)):
                raise self._lines.error(f"the value {text} of row {row} is as good as infinite")
            self._sides[section][row] = Decimal(text) if _SMALL < abs(value) < INFINITE else Decimal(value)

    def _is_no_side(self, place: int, value: float) -> bool:
        """Tell whether an infinite right-hand side leaves a row without a side, as it may."""
        return self._kinds[place] == ("L" if value > 0 else "G")

    def finished(self) -> LinearFile:
        """Return the program."""
        if not self._rows or _OBJECTIVE not in self._rows.values():
            raise self._lines.error_of_file("it has no objective, a row of kind N")
        if self._in_integers:
            raise self._lines.error_of_file("the marker 'INTEND' is missing after the last integer column")
        row, column, value = self._entries
        m, n = len(self._kinds), len(self._cost)
        matrix = sparse.csr_array(
            (np.array(value, np.float64), (np.array(row, np.int64), np.array(column, np.int64))), shape=(m, n)
        )
        matrix.sort_indices()
        lower, upper = self._row_sides()
        names = [name for name, place in self._rows.items() if place >= 0]
        objective = next(name for name, place in self._rows.items() if place == _OBJECTIVE)
        constant = -float(self._sides["RHS"].get(objective, 0))
        low, high, integer = self._bounds.arrays()
        return LinearFile(
            Columns(low, high, integer, Names.of(list(self._bounds.positions))),
            Rows(matrix, lower, upper, Names.of(names)),
            np.array(self._cost, np.float64),
            constant or 0.0,
            self._sense,
        )

    def _row_sides(self) -> tuple[Floats, Floats]:
        m = len(self._kinds)
        lower, upper = np.full(m, -np.inf), np.full(m, np.inf)
        for name, i in self._rows.items():
            if i < 0:
                continue
            kind, side = self._kinds[i], self._sides["RHS"].get(name, Decimal(0))
            width = self._sides["RANGES"].get(name)
            if kind in "GE":
                lower[i] = _bound(side)
            if kind in "LE":
                upper[i] = _bound(side)
            if width is None:
                continue
            if kind == "L" or (kind == "E" and width < 0):
                lower[i] = _bound(side - abs(width))
            else:
                upper[i] = _bound(side + abs(width))
            if lower[i] == np.inf or upper[i] == -np.inf:
                raise self._lines.error_of_file(f"the range of row {name} starts at a side that is as good as infinite")
        return lower, upper


def _bound(side: Decimal) -> float:
    """Return the side of a row; decimals are added before they are rounded, so that -7.3 and 16.4 make 9.1."""
    return float(side) if abs(side) < INFINITE else math.copysign(math.inf, side)
