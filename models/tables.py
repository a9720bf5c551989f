"""Tables and parameters from files, checked while they are read."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import Any


class DataError(ValueError):
    """Data that cannot be used; the message names the file, the row and the column."""


class Kind(Enum):
    """What the numbers of a column must be; every one is finite."""

    NUMBER = "a finite number"
    NONNEGATIVE = "a finite number from 0 up"
    POSITIVE = "a finite number above 0"
    FRACTION = "a number above 0, at most 1"
    WHOLE = "a whole number from 0 up"


def read_table(path: Path, columns: Mapping[str, Kind]) -> dict[str, list[float]]:
    """Return the columns of a comma-separated file with one line of headers; other columns are ignored.

    Raises
    ------
    DataError
        When the file cannot be read or has no rows, a column is missing, or a cell is not of its column's kind.
    """
    return {
        name: [_number(cell, kind, f"{path.name}, row {row}, column {name}") for row, cell in cells]
        for (name, kind), cells in zip(columns.items(), _cells(path, columns), strict=True)
    }


def read_texts(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of a comma-separated file with one line of headers as they are written.

    Raises
    ------
    DataError
        When the file cannot be read or has no rows, or a column is missing.
    """
    return {
        name: [cell.strip() for _, cell in cells] for name, cells in zip(columns, _cells(path, columns), strict=True)
    }


def _cells(path: Path, columns: Iterable[str]) -> list[list[tuple[int, str]]]:
    """Return row numbers and cells of each of ``columns``."""
    lines = list(csv.reader(_text(path).splitlines()))
    if not any(lines):
        raise DataError(f"{path.name}: the file is empty; expected the columns {', '.join(columns)}")
    header = [cell.strip() for cell in lines[0]]
    for name in columns:
        if name not in header:
            raise DataError(f"{path.name}: column {name} is missing; the columns are {', '.join(header) or 'none'}")
    for number, name in enumerate(header, 1):
        if name in header[: number - 1]:
            raise DataError(f"{path.name}, row 1, column {name}: there are two columns of that name")
    rows = list(enumerate(lines[1:], 2))
    while rows and not rows[-1][1]:
        rows.pop()
    if not rows:
        raise DataError(f"{path.name}: there is no row below the headers")
    for number, line in rows:
        if len(line) != len(header):
            raise DataError(f"{path.name}, row {number}: {len(line)} cells below {len(header)} headers")
    return [[(number, line[header.index(name)]) for number, line in rows] for name in columns]


def read_parameters(path: Path, entries: Mapping[str, Mapping[str, Kind]]) -> dict[str, dict[str, float]]:
    """Return the ``entries`` ``{section: {key: kind}}`` of a TOML file.

    Raises
    ------
    DataError
        When the file cannot be read, a section or key is missing or unknown, or a value is not of its kind.
    """
    try:
        found: dict[str, Any] = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name}: {error}") from error
    _same_names(f"{path.name}, section", found, entries)
    for section, keys in entries.items():
        if not isinstance(found[section], dict):
            raise DataError(f"{path.name}, section {section}: expected [{section}] with one line for each value")
        _same_names(f"{path.name}, [{section}], key", found[section], keys)
    return {
        section: {
            key: _number(found[section][key], kind, f"{path.name}, [{section}], key {key}")
            for key, kind in keys.items()
        }
        for section, keys in entries.items()
    }


def unique(path: Path, table: Mapping[str, Sequence[float | str]], *columns: str) -> None:
    """Refuse a table whose rows are named by ``columns`` and that names two of them alike.

    Raises
    ------
    DataError
        With the first row whose name occurs before.
    """
    first: dict[tuple[float | str, ...], int] = {}
    for row, name in enumerate(zip(*(table[column] for column in columns), strict=True), 2):
        if name in first:
            written = ", ".join(f"{each:g}" if isinstance(each, float) else each for each in name)
            raise DataError(
                f"{path.name}, row {row}, column {columns[-1]}: {written} occurs more than once, first in row "
                f"{first[name]}"
            )
        first[name] = row


def in_order(path: Path, table: Mapping[str, Sequence[float]], column: str, expected: Sequence[int]) -> None:
    """Refuse a column that does not count its rows as expected.

    Raises
    ------
    DataError
        With the first row that is another one, or is missing.
    """
    for row, (value, wanted) in enumerate(zip_longest(table[column], expected), 2):
        if value != wanted:
            found = "no row" if value is None else f"{value:g}"
            due = "no further row" if wanted is None else f"{wanted}"
            raise DataError(
                f"{path.name}, row {row}, column {column}: {found} where {due} is expected; the rows are "
                f"{expected[0]} to {expected[-1]} in order"
            )


def _text(path: Path) -> str:
    """Return the file as text; the mark that spreadsheets put before UTF-8 is left out."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        byte = error.start - content.rfind(b"\n", 0, error.start)
        raise DataError(
            f"{path.name}, row {row}, byte {byte}: {content[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from error


def _same_names(where: str, found: Mapping[str, object], expected: Mapping[str, object]) -> None:
    for name in expected:
        if name not in found:
            raise DataError(f"{where} {name} is missing")
    for name in found:
        if name not in expected:
            raise DataError(f"{where} {name} is unknown; expected {', '.join(expected)}")


def _number(cell: object, kind: Kind, where: str) -> float:
    try:
        value = float(cell) if isinstance(cell, (str, int, float)) and not isinstance(cell, bool) else math.nan
    except ValueError:
        value = math.nan
    good = (
        math.isfinite(value)
        and {
            Kind.NUMBER: True,
            Kind.NONNEGATIVE: value >= 0,
            Kind.POSITIVE: value > 0,
            Kind.FRACTION: 0 < value <= 1,
            Kind.WHOLE: value >= 0 and value == math.floor(value),
        }[kind]
    )
    if not good:
        raise DataError(f"{where}: {cell!r} is not {kind.value}")
    return value
