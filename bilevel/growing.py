"""One HiGHS for programs that grow: what is new is added to what is there, which keeps its basis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import sparse

from bilevel.highs import HighsOptions, PersistentHighs
from bilevel.outcome import Outcome, Search
from reformulations.growth import growth, in_order
from reformulations.programs import Columns, Floats, Integers, MixedIntegerProgram, Rows


class Solver(Protocol):
    """What solves one program."""

    def set_start(self, point: Floats) -> None:
        """Offer a start ``(n,)`` to a branch and bound."""
        ...

    def solve(self) -> Outcome:
        """Solve the program."""
        ...


SolverOf = Callable[[MixedIntegerProgram, HighsOptions], Solver]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A program, and the solver that has it with columns and rows in the order of these numbers."""

    program: MixedIntegerProgram
    solver: PersistentHighs
    columns: Integers
    rows: Integers


class GrowingHighs:
    """Makes solvers of one program after the other, from the one before where the program has grown from that.

    Only the solver made last may be used.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def growing_at(self, place: int) -> SolverOf:
        """Return what makes the next solver; columns that its program has more are those from ``place`` on."""
        return lambda program, options: self._next(program, options, place)

    def _next(self, program: MixedIntegerProgram, options: HighsOptions, place: int) -> Solver:
        kept = self._kept
        grown = None if kept is None else growth(kept.program, program, place)
        if grown is None or kept is None:
            solver = PersistentHighs(program, options)
            self._kept = _Kept(program, solver, np.arange(len(program.columns)), np.arange(len(program.rows)))
            return solver
        columns = np.concatenate([grown.columns[kept.columns], grown.new_columns])
        rows = np.concatenate([grown.rows[kept.rows], grown.new_rows])
        kept.solver.change_options(replace(options, meanwhile=_reordered(options.meanwhile, columns)))
        _grow(kept.solver, len(kept.columns), len(kept.rows), in_order(program, columns, rows))
        self._kept = _Kept(program, kept.solver, columns, rows)
        return _Reordered(kept.solver, columns, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Reordered:
    """A solver in another order: ``columns[i]`` and ``rows[i]`` are the program's numbers of its ``i``-th ones."""

    solver: PersistentHighs
    columns: Integers
    rows: Integers

    def set_start(self, point: Floats) -> None:
        self.solver.set_start(point[self.columns])

    def solve(self) -> Outcome:
        outcome = self.solver.solve()
        return replace(
            outcome,
            point=_back(outcome.point, self.columns),
            row_duals=_back(outcome.row_duals, self.rows),
            column_duals=_back(outcome.column_duals, self.columns),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _ReorderedSearch:
    search: Search
    columns: Integers

    def is_over(self) -> bool:
        return self.search.is_over()

    def step(self) -> Floats | None:
        point = self.search.step()
        return None if point is None else point[self.columns]


def _reordered(search: Search | None, columns: Integers) -> Search | None:
    return None if search is None else _ReorderedSearch(search, columns)


def _back(values: Floats | None, order: Integers) -> Floats | None:
    if values is None:
        return None
    placed = np.empty(len(values))
    placed[order] = values
    return placed


def _grow(solver: PersistentHighs, n: int, m: int, larger: MixedIntegerProgram) -> None:
    """Turn the program inside ``solver``, of ``n`` columns and ``m`` rows, into the larger one that begins like it."""
    columns, rows, every = larger.columns, larger.rows, np.arange(len(larger.columns))
    names = (columns.names.take(every[n:]), rows.names.take(np.arange(m, len(rows))))
    added = Columns(columns.lower[n:], columns.upper[n:], columns.integer[n:], names[0])
    solver.add_columns(added, larger.cost[n:], sparse.csc_array(rows.matrix[:m, n:]))
    solver.add_rows(Rows(rows.matrix[m:], rows.lower[m:], rows.upper[m:], names[1]))
    solver.set_cost(larger.cost, larger.constant)
    solver.change_column_bounds(every, columns.lower, columns.upper)
    solver.change_row_bounds(np.arange(len(rows)), rows.lower, rows.upper)
