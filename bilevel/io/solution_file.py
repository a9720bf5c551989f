"""Points of a game in files: as a solve writes them, or as names and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bilevel.errors import InvalidFile
from bilevel.io.json_items import Item
from bilevel.io.lines import Lines
from reformulations.programs import BilevelProgram, Floats, Integers

FORMAT = "bilevel-solution-1"


@dataclass(frozen=True, slots=True)
class PointFile:
    """Values by name, and the multipliers of rows and bounds by name; None where the file has none of them."""

    values: Mapping[str, float]
    rows: Mapping[str, float] | None = None
    lower: Mapping[str, float] | None = None
    upper: Mapping[str, float] | None = None


def read_point(path: str | Path) -> PointFile:
    """Read a point: JSON with ``values`` and perhaps ``multipliers``, or text with a name and a value on each line.

    ::

        {"values": {name: value}, "multipliers": {"rows": {...}, "lower": {...}, "upper": {...}}}

    Raises
    ------
    InvalidFile
        With file and line, where it is malformed.
    """
    if Path(path).suffix != ".json":
        return PointFile(_text_values(path))
    file = Item.of(path)
    if file["values"].value is None:
        raise file["values"].error("the solution has no point")
    values = _numbers(file["values"])
    if "multipliers" not in file or file["multipliers"].value is None:
        return PointFile(values)
    known = file["multipliers"]
    return PointFile(values, *(_numbers(known[kind]) for kind in ("rows", "lower", "upper")))


def _numbers(item: Item) -> dict[str, float]:
    return {name: value.number() for name, value in item.members()}


def _text_values(path: str | Path) -> dict[str, float]:
    lines, values = Lines(path, ("*", "#", "\\")), dict[str, float]()
    for words in lines:
        if len(words) != 2 or words[0] in values:  # noqa: PLR2004 - a name and a value
            raise lines.error(f"expected a new name and its value, found {' '.join(words)!r}")
        values[words[0]] = lines.finite(words[1])
    return values


def place_point(file: PointFile, path: str | Path, program: BilevelProgram) -> Floats:
    """Return the primal-dual point ``(n + m + 2 n,)`` of a file; multipliers that it does not name are zero.

    Parameters
    ----------
    file, path
        What was read, and from where.
    program
        The game, ``n`` columns and ``m`` rows.

    Raises
    ------
    InvalidFile
        When a value is missing, or a name is not of the game.
    """
    n, m = len(program.columns), len(program.rows)
    columns, rows = list(program.columns.names), list(program.rows.names)
    point = np.zeros(program.point_size)
    for name in (name for name in columns if name not in file.values):
        raise InvalidFile(path, None, f"the value of {name} is missing")
    follower_rows = np.flatnonzero(program.follower_rows)
    parts: list[tuple[Mapping[str, float] | None, list[str], Integers, int]] = [
        (file.values, columns, np.arange(n), 0),
        (file.rows, [rows[i] for i in follower_rows], follower_rows, n),
        (file.lower, columns, np.arange(n), n + m),
        (file.upper, columns, np.arange(n), 2 * n + m),
    ]
    for values, names, places, first in parts:
        place = dict(zip(names, places.tolist(), strict=True))
        for name, value in (values or {}).items():
            if name not in place:
                raise InvalidFile(path, None, f"{name} is not of this game")
            point[first + place[name]] = value
    return point
