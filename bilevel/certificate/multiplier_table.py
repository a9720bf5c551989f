"""Multipliers of followers as a table: each one of the optimal ones, and where there are many, their interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bilevel.certificate.certify import Certificate
from bilevel.certificate.multiplier_ranges import PriceLine, multiplier_ranges
from bilevel.printing import html, interval, number, plain
from reformulations.optimality import multiplier_names
from reformulations.programs import BilevelProgram, Booleans, Floats, Integers, Role

_MOST_LINES = 40


@dataclass(frozen=True, slots=True, repr=False)
class MultiplierTable:
    """The multipliers of some rows and bounds of followers, with their ranges."""

    lines: tuple[PriceLine, ...]

    @property
    def degenerate(self) -> tuple[PriceLine, ...]:
        """The lines of multipliers that are one of many."""
        return tuple(line for line in self.lines if line.is_degenerate)

    def __rich__(self) -> RenderableType:
        if not self.lines:
            return Text("no row of a follower has a multiplier")
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("row or bound")
        table.add_column("multiplier", justify="right")
        table.add_column("any value in")
        for line in self.lines[:_MOST_LINES]:
            ends = interval(line.lower, line.upper) if line.is_degenerate else ""
            table.add_row(Text(line.name), number(line.value), Text(ends), style="yellow" if ends else None)
        left = len(self.lines) - _MOST_LINES
        return Group(table, Text(f"and {left} more")) if left > 0 else table

    def __str__(self) -> str:
        return plain(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


def multiplier_table(program: BilevelProgram, point: Floats, targets: Integers) -> MultiplierTable:
    """Return the table of the multipliers at positions ``targets`` ``(k,)`` among the ``m + 2 n`` of a game.

    Raises
    ------
    NotApplicable, SolverFailure
        As :func:`bilevel.certificate.multiplier_ranges.multiplier_ranges` does.
    """
    names = multiplier_names(program).take(targets)
    values = point[len(program.columns) + targets].tolist()
    ends = multiplier_ranges(program, point, targets).tolist()
    return MultiplierTable(tuple(PriceLine(*line, *pair) for *line, pair in zip(names, values, ends, strict=True)))


def have_multipliers(program: BilevelProgram, certificate: Certificate | None) -> Booleans:
    """Return which players are followers whose optimum has multipliers: no integers, and not solved globally."""
    found = program.roles == Role.FOLLOWER
    found[program.column_owner[program.columns.integer]] = False
    searched = [line.follower for line in certificate.followers if line.is_searched] if certificate else []
    return np.asarray(found & ~np.isin(list(program.players), searched))


def rows_with_multipliers(program: BilevelProgram, certificate: Certificate | None) -> Integers:
    """Return the rows of the followers whose optimum has multipliers."""
    return np.flatnonzero(have_multipliers(program, certificate)[program.row_owner])
