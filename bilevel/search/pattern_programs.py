"""The MPEC at one complementarity pattern after another, kept warm in HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.compiler.pipeline import Image
from bilevel.errors import SolverFailure
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.outcome import Outcome
from reformulations.patterns import at_pattern
from reformulations.programs import (
    MPEC,
    Booleans,
    Columns,
    Floats,
    Integers,
    MixedIntegerProgram,
    Names,
    Product,
    Rows,
)
from reformulations.tangents import epigraph, tangents

GAIN = 1e-7
"""Relative gain of the leader below which a search stops."""

_TANGENT_ROUNDS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A point ``(N,)`` of the MPEC with the leader's objective, minimised.

    ``row_duals`` and ``column_duals`` are the derivatives of that objective by the sides and bounds of the linear
    program that the point is an optimum of.
    """

    point: Floats
    value: float
    row_duals: Floats
    column_duals: Floats

    def is_worse_than(self, other: Found) -> bool:
        """Tell whether ``other`` is better by more than rounding."""
        return self.value - other.value > GAIN * max(1.0, abs(other.value))


class PatternPrograms:
    """The best point of each pattern; quadratic objectives by tangents that stay.

    ``mpec`` has the bounds of multipliers that the image's program has: a start outside of them would be refused.
    ``linking`` are the leader's columns that followers see.
    """

    def __init__(self, image: Image, linking: Integers, threads: int | None) -> None:
        size, columns = len(image.mpec.columns), image.program.columns
        bounded = Columns(columns.lower[:size], columns.upper[:size], np.zeros(size, bool), image.mpec.columns.names)
        self.mpec, self.linking = replace(image.mpec, columns=bounded), linking
        self.integers = np.flatnonzero(image.mpec.columns.integer)
        self._threads, self._size = threads, size
        mpec = self.mpec
        program, self._squares = epigraph(
            MixedIntegerProgram(bounded, mpec.rows, mpec.cost, mpec.constant, mpec.products)
        )
        self._solver = PersistentHighs(program, HighsOptions(threads=threads, presolve=False))
        self._nearest: PersistentHighs | None = None

    def relaxation(self) -> Floats | None:
        """Return the optimum of the MPEC without its complementarities."""
        found = self.minimised(self.mpec.columns.lower, self.mpec.columns.upper, self.mpec.rows.upper)
        return None if found is None else found.point

    def at(self, active: Booleans, point: Floats) -> Found | None:
        """Return the best point of a pattern (slack zero where ``active``) with the integers of ``point``."""
        program = self.program(active, point)
        return self.minimised(program.columns.lower, program.columns.upper, program.rows.upper)

    def program(self, active: Booleans, point: Floats) -> MixedIntegerProgram:
        """Return the program of a pattern with the integers of ``point``."""
        whole = np.round(point[self.integers])
        held = at_pattern(self.mpec, active, np.empty(0))
        lower, upper = held.columns.lower.copy(), held.columns.upper.copy()
        lower[self.integers] = upper[self.integers] = whole
        return replace(held, columns=replace(held.columns, lower=lower, upper=upper))

    def reach(self, point: Floats) -> Floats:
        """Return the ranges ``(r,)`` of the linking columns; where they are infinite, the size of ``point``."""
        low, high = self.mpec.columns.lower[self.linking], self.mpec.columns.upper[self.linking]
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(high - low), high - low, 1 + np.abs(point[self.linking]))

    def near(self, point: Floats) -> Floats | None:
        """Return a point of the relaxation whose leader's decision is nearest to that of ``point``."""
        x, rows = self.linking, len(self.mpec.rows)
        if self._nearest is None:
            self._nearest = PersistentHighs(
                _nearest_program(self.mpec, x), HighsOptions(threads=self._threads, presolve=False)
            )
        self._nearest.change_row_bounds(rows + np.arange(len(x)), point[x], point[x])
        outcome = solved(self._nearest)
        return None if outcome is None or outcome.point is None else outcome.point[: self._size]

    def minimised(self, lower: Floats, upper: Floats, row_upper: Floats) -> Found | None:
        """Return the optimum within bounds of columns and upper sides of rows; None where none is found."""
        if np.any(lower > upper):
            return None
        self._solver.change_column_bounds(np.arange(self._size), lower, upper)
        self._solver.change_row_bounds(np.arange(len(row_upper)), self.mpec.rows.lower, row_upper)
        found = None
        for _ in range(_TANGENT_ROUNDS):
            outcome = solved(self._solver)
            if outcome is None or outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
                return found
            point = outcome.point[: self._size]
            value = self.mpec.objective(point)
            found = Found(point, value, outcome.row_duals, outcome.column_duals)
            roots = self._squares.roots(point)
            short = float(np.sum(np.maximum(self._squares.weight * roots**2 - outcome.point[self._size :], 0.0)))
            if short <= GAIN * max(1.0, abs(value)):
                return found
            self._solver.add_rows(tangents(self._squares, roots))
        return found


def solved(solver: PersistentHighs) -> Outcome | None:
    """Return an optimum with its point and duals; None for anything else."""
    try:
        outcome = solver.solve()
    except SolverFailure:
        return None
    return outcome if outcome.status == "optimal" else None


def _nearest_program(mpec: MPEC, x: Integers) -> MixedIntegerProgram:
    """Return ``min sum (a + b)  s.t.  z_x + a - b = target``, the relaxation's rows, and no complementarity."""
    size, count = len(mpec.columns), len(x)
    apart = Columns(
        np.zeros(2 * count),
        np.full(2 * count, np.inf),
        np.zeros(2 * count, bool),
        Names(2 * count, "distance {}".format),
    )
    chosen = sparse.csr_array((np.ones(count), (np.arange(count), x)), shape=(count, size))
    unit = sparse.eye_array(count)
    equal = Rows(
        sparse.csr_array(sparse.hstack([chosen, unit, -unit], format="csr")),
        np.zeros(count),
        np.zeros(count),
        Names(count, "distance {}".format),
    )
    cost = np.concatenate([np.zeros(size), np.ones(2 * count)])
    return MixedIntegerProgram(mpec.columns.append(apart), mpec.rows.append(equal), cost, 0.0, Product.none())
