"""Auxiliary files: which columns and rows of an MPS file are the follower's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bilevel.io.lines import Lines
from bilevel.io.mps_writer import short

_SECTIONS = {
    "@NUMVARS": "count of columns",
    "@NUMCONSTRS": "count of rows",
    "@NUMCONSTR": "count of rows",
    "@VARSBEGIN": "columns",
    "@CONSTRSBEGIN": "rows",
    "@CONSTRBEGIN": "rows",
    "@NAME": "ignored",
    "@MPS": "ignored",
    "@LP": "ignored",
}
_ENDS = {"@VARSEND": "columns", "@CONSTRSEND": "rows", "@CONSTREND": "rows"}


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """What an auxiliary file says of the follower.

    Attributes
    ----------
    columns, rows
        Positions in the MPS file, or names.
    cost
        The follower's objective, one number for each of its columns.
    sense
        +1 where the follower minimises, -1 where it maximises.
    interdiction_cost, budget
        What interdicting each column of the MPS file costs the leader, and what it may spend; ``None`` when the game
        is no interdiction game.
    """

    columns: tuple[int, ...] | tuple[str, ...]
    rows: tuple[int, ...] | tuple[str, ...]
    cost: tuple[float, ...]
    sense: float = 1.0
    interdiction_cost: tuple[float, ...] = ()
    budget: float | None = None


def read_auxiliary(path: str | Path) -> Auxiliary:
    """Read an auxiliary file of MibS: keys ``N, M, LC, LR, LO, OS, IC, IB``, or sections ``@VARSBEGIN`` and so on.

    Raises
    ------
    InvalidFile
        With the file and the line, where it is malformed, or where its counts do not fit.
    """
    lines = Lines(path, ("*", "#"))
    by_name = any(words[0].startswith("@") for words in lines)
    return _by_name(lines) if by_name else _by_position(lines)


def _by_position(lines: Lines) -> Auxiliary:
    counts: dict[str, int] = {}
    places: dict[str, list[int]] = {"LC": [], "LR": []}
    values: dict[str, list[float]] = {"LO": [], "IC": [], "IB": []}
    sense = 1.0
    for words in lines:
        key = words[0]
        if len(words) != 2:  # noqa: PLR2004 - a key and its value
            raise lines.error(f"expected a key and one value, found {' '.join(words)!r}")
        if key in ("N", "M"):
            counts[key] = lines.whole(words[1])
        elif key in places:
            places[key].append(lines.whole(words[1]))
        elif key in values:
            values[key].append(lines.finite(words[1]))
        elif key == "OS":
            sense = lines.finite(words[1])
            if sense not in (1.0, -1.0):
                raise lines.error(f"OS is 1 (the follower minimises) or -1, not {words[1]}")
        else:
            raise lines.error(f"unknown key {key!r}; expected N, M, LC, LR, LO, OS, IC or IB")
    _check(lines, "N", counts.get("N"), len(places["LC"]), "LC")
    _check(lines, "N", counts.get("N"), len(values["LO"]), "LO")
    _check(lines, "M", counts.get("M"), len(places["LR"]), "LR")
    if bool(values["IC"]) != bool(values["IB"]) or len(values["IB"]) > 1:
        raise lines.error_of_file("an interdiction game has IC for each column and IB once")
    return Auxiliary(
        tuple(places["LC"]),
        tuple(places["LR"]),
        tuple(values["LO"]),
        sense,
        tuple(values["IC"]),
        values["IB"][0] if values["IB"] else None,
    )


def _by_name(lines: Lines) -> Auxiliary:
    counts: dict[str, int] = {}
    cost: dict[str, float] = {}
    rows: list[str] = []
    section = ""
    for words in lines:
        key = words[0].upper()
        if key.startswith("@"):
            section = _next_section(lines, section, key)
        elif section in ("count of columns", "count of rows"):
            counts[section] = lines.whole(words[0])
        elif section == "columns":
            if len(words) != 2 or words[0] in cost:  # noqa: PLR2004 - a name and its cost
                raise lines.error(f"expected a new column and its cost for the follower, found {' '.join(words)!r}")
            cost[words[0]] = lines.finite(words[1])
        elif section == "rows":
            rows.append(words[0])
        elif section != "ignored":
            raise lines.error(f"{' '.join(words)!r} stands in no section")
    if section in ("columns", "rows"):
        raise lines.error(f"the section of {section} does not end")
    _check(lines, "@NUMVARS", counts.get("count of columns"), len(cost), "columns")
    _check(lines, "@NUMCONSTRS", counts.get("count of rows"), len(rows), "rows")
    return Auxiliary(tuple(cost), tuple(rows), tuple(cost.values()))


def _next_section(lines: Lines, section: str, key: str) -> str:
    """Return the section that ``key`` begins; empty where it ends one."""
    if key in _ENDS:
        if section != _ENDS[key]:
            raise lines.error(f"{key} ends a section that has not begun")
        return ""
    if section in ("columns", "rows"):
        raise lines.error(f"the section of {section} has not ended before {key}")
    if key not in _SECTIONS:
        raise lines.error(f"unknown section {key!r}")
    return _SECTIONS[key]


def _check(lines: Lines, key: str, said: int | None, found: int, what: str) -> None:
    if said is None:
        raise lines.error_of_file(f"{key} is missing")
    if said != found:
        raise lines.error_of_file(f"{key} says {said}, but there are {found} {what}")


def auxiliary_text(auxiliary: Auxiliary) -> str:
    """Return the text of an auxiliary file by positions."""
    lines = [f"N {len(auxiliary.columns)}", f"M {len(auxiliary.rows)}"]
    lines += [f"LC {column}" for column in auxiliary.columns]
    lines += [f"LR {row}" for row in auxiliary.rows]
    lines += [f"LO {short(cost)}" for cost in auxiliary.cost]
    lines.append(f"OS {int(auxiliary.sense)}")
    return "\n".join(lines) + "\n"
