"""One HiGHS for programs that grow: what is new is added to what is there, which keeps basis and scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import sparse

from bilevel.highs import HighsOptions, PersistentHighs
from bilevel.outcome import Outcome, Search
from reformulations.growth import growth
from reformulations.programs import Columns, Floats, Integers, MixedIntegerProgram, Names, Rows


class Solver(Protocol):
    """What solves one program."""

    def set_start(self, point: Floats) -> None:
        """Offer a start ``(n,)`` to a branch and bound."""
        ...

    def solve(self) -> Outcome:
        """Solve the program."""
        ...


SolverOf = Callable[[MixedIntegerProgram, HighsOptions], Solver]


class GrowingHighs:
    """Makes solvers of one program after the other, from the one before where the program has grown from that.

    Only the solver made last may be used.
    """

    def __init__(self) -> None:
        self._kept: tuple[PersistentHighs, MixedIntegerProgram] | None = None

    def __call__(self, program: MixedIntegerProgram, options: HighsOptions) -> Solver:
        """Return a solver of ``program``."""
        grown = None if self._kept is None else growth(self._kept[1], program)
        if grown is None or self._kept is None:
            self._kept = PersistentHighs(program, options), program
            return self._kept[0]
        (solver, smaller), larger = self._kept, grown.applied(program)
        solver.change_options(replace(options, meanwhile=_in_order(options.meanwhile, grown.columns)))
        _grow(solver, len(smaller.columns), len(smaller.rows), larger)
        self._kept = solver, larger
        return _Ordered(solver, grown.columns, grown.rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
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
class _OrderedSearch:
    search: Search
    columns: Integers

    def is_over(self) -> bool:
        return self.search.is_over()

    def step(self) -> Floats | None:
        point = self.search.step()
        return None if point is None else point[self.columns]


def _in_order(search: Search | None, columns: Integers) -> Search | None:
    return None if search is None else _OrderedSearch(search, columns)


def _back(values: Floats | None, order: Integers) -> Floats | None:
    if values is None:
        return None
    placed = np.empty(len(values))
    placed[order] = values
    return placed


def _grow(solver: PersistentHighs, n: int, m: int, larger: MixedIntegerProgram) -> None:
    """Turn the program inside ``solver``, of ``n`` columns and ``m`` rows, into the larger one that begins like it."""
    columns, rows, every = larger.columns, larger.rows, np.arange(len(larger.columns))
    added = Columns(columns.lower[n:], columns.upper[n:], columns.integer[n:], Names.of(columns.names[n:]))
    solver.add_columns(added, larger.cost[n:], sparse.csc_array(rows.matrix[:m, n:]))
    solver.add_rows(Rows(rows.matrix[m:], rows.lower[m:], rows.upper[m:], Names.of(rows.names[m:])))
    solver.set_cost(larger.cost, larger.constant)
    solver.change_column_bounds(every, columns.lower, columns.upper)
    solver.change_row_bounds(np.arange(len(rows)), rows.lower, rows.upper)
