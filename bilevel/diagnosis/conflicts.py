"""Irreducible sets of rows and bounds that contradict each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import Booleans, Floats, Integers, MixedIntegerProgram, Product

SECONDS = 20.0
"""Time for making a set irreducible; what is not examined by then stays in it."""

_SECONDS_EACH = 5.0
_NEAR = 1e-7


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rows and bounds that cannot hold together, as positions ``(k,)`` among ``m + 2 n``.

    ``integral`` tells that the contradiction needs the integrality of columns; ``irreducible`` that
    every one of them was found to be necessary.
    """

    positions: Integers
    integral: bool
    irreducible: bool


def conflict(program: MixedIntegerProgram, rows: int, columns: int, threads: int | None = None) -> Conflict | None:
    """Return an irreducible infeasible subset of a program; None where no contradiction is found.

    The first ``rows`` (m) rows and the bounds of the first ``columns`` (n) columns are looked at; the others
    hold throughout. HiGHS proposes a subset of a linear program, which is cut down by divide and conquer, each
    step of which is one solve (Junker, QuickXplain, AAAI 2004). Where integers are the cause, rows alone are
    looked at and all bounds hold too, because branch and bound need not end without them; bounds are
    named there only where a column has no integer between its own.
    """
    feasibility = replace(program, cost=np.zeros(len(program.columns)), products=Product.none())
    whole = feasibility.columns.integer
    relaxed = replace(feasibility, columns=replace(feasibility.columns, integer=np.zeros(len(whole), bool)))
    options = HighsOptions(threads=threads, time_limit=SECONDS)
    solver = PersistentHighs(relaxed, options)
    if solver.solve().status == "infeasible":
        trial = _Trial(relaxed, (rows, columns), _sides(relaxed, rows, columns), options)
        proposed = _proposed(solver, rows, columns)
        return trial.reduced(proposed if proposed and trial.is_infeasible(proposed) else trial.candidates)
    if not whole.any() or PersistentHighs(feasibility, options).solve().status != "infeasible":
        return None
    for column in np.flatnonzero(_without_integer(feasibility)[:columns])[:1]:
        return Conflict(rows + column + np.array([0, columns]), integral=True, irreducible=True)
    among_rows = _sides(feasibility, rows, 0)
    found = _Trial(feasibility, (rows, columns), among_rows, replace(options, time_limit=_SECONDS_EACH))
    return replace(found.reduced(among_rows), integral=True)


def _sides(program: MixedIntegerProgram, rows: int, columns: int) -> list[int]:
    """Return the positions of all finite sides, rows before bounds, so that rows are blamed before bounds are."""
    row, column = program.rows, program.columns
    some = np.isfinite(row.lower[:rows]) | np.isfinite(row.upper[:rows])
    sides = [some, np.isfinite(column.lower[:columns]), np.isfinite(column.upper[:columns])]
    return [int(i) for i in np.flatnonzero(np.concatenate(sides))]


def _without_integer(program: MixedIntegerProgram) -> Booleans:
    columns = program.columns
    return np.asarray(columns.integer & (np.ceil(columns.lower - _NEAR) > np.floor(columns.upper + _NEAR)))


def _proposed(solver: PersistentHighs, rows: int, columns: int) -> list[int] | None:
    found = solver.infeasible_subset()
    if found is None:
        return None
    row, lower, upper = found
    lower, upper = lower[lower < columns], upper[upper < columns]
    return [*row[row < rows].tolist(), *(rows + lower).tolist(), *(rows + columns + upper).tolist()]


class _Trial:
    """A program in HiGHS of whose candidates only some are in force; what is no candidate always is."""

    def __init__(
        self, program: MixedIntegerProgram, size: tuple[int, int], candidates: list[int], options: HighsOptions
    ) -> None:
        self._program, self._size, self.candidates = program, size, candidates
        self._solver = PersistentHighs(program, options)
        self._until = time.perf_counter() + SECONDS
        self._is_sure = True

    def reduced(self, proposed: list[int]) -> Conflict:
        """Return a part of contradicting candidates from which nothing can be left out."""
        found = [] if self.is_infeasible([]) else _necessary(proposed, self.is_infeasible)
        return Conflict(np.array(sorted(found), np.int64), integral=False, irreducible=self._is_sure)

    def is_infeasible(self, kept: Sequence[int]) -> bool:
        """Tell whether ``kept`` are proved to contradict each other; False when time is up."""
        if time.perf_counter() > self._until:
            self._is_sure = False
            return False
        m, n = self._size
        on = np.ones(m + 2 * n, bool)
        on[np.asarray(self.candidates, np.int64)] = False
        on[np.asarray(kept, np.int64)] = True
        rows, columns = self._program.rows, self._program.columns
        self._solver.change_row_bounds(np.arange(m), *_in_force(rows.lower[:m], rows.upper[:m], on[:m], on[:m]))
        sides = _in_force(columns.lower[:n], columns.upper[:n], on[m : m + n], on[m + n :])
        self._solver.change_column_bounds(np.arange(n), *sides)
        try:
            status = self._solver.solve().status
        except SolverFailure:
            status = "limit"
        self._is_sure = self._is_sure and status in ("optimal", "infeasible", "unbounded")
        return status == "infeasible"


def _in_force(lower: Floats, upper: Floats, low: Booleans, high: Booleans) -> tuple[Floats, Floats]:
    return np.where(low, lower, -np.inf), np.where(high, upper, np.inf)


def _necessary(candidates: list[int], is_infeasible: Callable[[Sequence[int]], bool]) -> list[int]:
    """Return a smallest part of contradicting candidates, smallest by inclusion."""

    def explain(base: list[int], part: list[int], *, grown: bool) -> list[int]:
        if grown and is_infeasible(base):
            return []
        if len(part) == 1:
            return part
        half = len(part) // 2
        first, second = part[:half], part[half:]
        late = explain(base + first, second, grown=True)
        return explain(base + late, first, grown=bool(late)) + late

    return explain([], candidates, grown=False) if candidates else []
