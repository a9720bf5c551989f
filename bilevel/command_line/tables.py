"""What the commands print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.command_line.games import NamedGame
from bilevel.printing import number
from bilevel.solution import Solution
from reformulations.programs import LEADER

_MOST_LINES = 20
_ZERO = 1e-9


def decisions(solution: Solution, named: NamedGame, *others: RenderableType) -> RenderableType:
    """Return the solution, the leader's decisions that are not zero, and other parts below."""
    if solution.values is None:
        return solution
    program = solution.game.program
    mine = np.flatnonzero((program.column_owner == LEADER) & (np.abs(solution.values) > _ZERO))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for j in mine[:_MOST_LINES].tolist():
        table.add_row(Text(named.name_of(solution.game.variables[j])), number(float(solution.values[j])))
    heading = Text("leader's decisions", "bold")
    heading.append(" (those that are not zero)" if len(mine) else ": all zero", "dim")
    more = [Text(f"and {len(mine) - _MOST_LINES} more; --output writes all", "dim")] if len(mine) > _MOST_LINES else []
    parts = [part for other in others for part in (Text(""), other)]
    return Group(solution, Text(""), heading, table, *more, *parts)


def written(report: Mapping[str, Any]) -> RenderableType:
    """Return what was written, its size where it has one, and which names had to be changed."""
    parts: list[RenderableType] = [Text.assemble("written to ", (report["output"], "bold green"))]
    if "columns" in report:
        parts.append(Text(f"{report['columns']} columns ({report['integers']} integer), {report['rows']} rows"))
    parts.extend(Text.assemble(("note: ", "bold"), note) for note in report.get("notes", ()))
    parts.extend(Text.assemble(("assumed: ", "bold yellow"), said) for said in report.get("assumptions", ()))
    if report["renamed"]:
        label, name = next(iter(report["renamed"].items()))
        count = len(report["renamed"])
        parts.append(Text(f"{count} names had to be changed, {name} to {label} for one; the file lists them", "yellow"))
    return Group(*parts)
