"""Irreducible sets of rows and bounds that contradict each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.highs import HighsOptions, PersistentHighs
from reformulations.programs import Booleans, Floats, Integers, MixedIntegerProgram, Product

SECONDS = 20.0
"""Time for making a set irreducible; what is not examined by then stays in it."""

_SECONDS_EACH = 5.0


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

    The first ``rows`` (m) rows and the bounds of the first ``columns`` (n) columns are looked at; the others,
    and integrality, hold throughout. HiGHS proposes a subset of a linear program, and where integers
    are the cause everything is a candidate; either is cut down by divide and conquer, each step of
    which is one solve (Junker, QuickXplain, AAAI 2004).
    """
    feasibility = replace(program, cost=np.zeros(len(program.columns)), products=Product.none())
    whole = feasibility.columns.integer
    relaxed = replace(feasibility, columns=replace(feasibility.columns, integer=np.zeros(len(whole), bool)))
    options = HighsOptions(threads=threads, time_limit=SECONDS)
    solver = PersistentHighs(relaxed, options)
    if solver.solve().status == "infeasible":
        trial = _Trial(relaxed, rows, columns, options)
        proposed = _proposed(solver, rows, columns)
        if proposed is None or not trial.is_infeasible(proposed):
            proposed = trial.everything()
        return trial.reduced(proposed, integral=False)
    if not whole.any() or PersistentHighs(feasibility, options).solve().status != "infeasible":
        return None
    trial = _Trial(feasibility, rows, columns, replace(options, time_limit=_SECONDS_EACH))
    return trial.reduced(trial.everything(), integral=True)


def _proposed(solver: PersistentHighs, rows: int, columns: int) -> list[int] | None:
    found = solver.infeasible_subset()
    if found is None:
        return None
    row, lower, upper = found
    lower, upper = lower[lower < columns], upper[upper < columns]
    return [*row[row < rows].tolist(), *(rows + lower).tolist(), *(rows + columns + upper).tolist()]


class _Trial:
    """A program in HiGHS of which only some rows and bounds are in force."""

    def __init__(self, program: MixedIntegerProgram, rows: int, columns: int, options: HighsOptions) -> None:
        self._program, self._rows, self._columns = program, rows, columns
        self._solver = PersistentHighs(program, options)
        self._until = time.perf_counter() + SECONDS
        self._is_sure = True

    def everything(self) -> list[int]:
        """Return all candidates, rows before bounds, so that rows are blamed before bounds are."""
        rows, columns = self._program.rows, self._program.columns
        m, n = self._rows, self._columns
        some = np.isfinite(rows.lower[:m]) | np.isfinite(rows.upper[:m])
        sides = np.concatenate([some, np.isfinite(columns.lower[:n]), np.isfinite(columns.upper[:n])])
        return [int(i) for i in np.flatnonzero(sides)]

    def reduced(self, candidates: list[int], *, integral: bool) -> Conflict:
        """Return a subset of contradicting candidates from which nothing can be left out."""
        found = [] if self.is_infeasible([]) else _necessary(candidates, self.is_infeasible)
        return Conflict(np.array(sorted(found), np.int64), integral, self._is_sure)

    def is_infeasible(self, kept: Sequence[int]) -> bool:
        """Tell whether ``kept`` are proved to contradict each other; False when time is up."""
        if time.perf_counter() > self._until:
            self._is_sure = False
            return False
        m, n = self._rows, self._columns
        on = np.zeros(m + 2 * n, bool)
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
