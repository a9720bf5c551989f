"""Continuous convex programs: linear ones as they are, quadratic ones by HiGHS or by tangents."""

from __future__ import annotations

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import Floats, MixedIntegerProgram
from reformulations.tangents import epigraph, tangents

QUADRATIC_COLUMNS = 200
"""Up to this size HiGHS solves quadratic programs itself; its active-set method can run for minutes on larger ones."""

ROUNDS = 60
"""Most rounds of tangents; each divides the error of a square by about four."""

CLOSED = 1e-9
"""Relative distance of the value and its bound from tangents at which to stop."""


def convex_optimum(program: MixedIntegerProgram, threads: int | None = None) -> Floats | None:
    """Return an optimal point ``(n,)`` of a continuous linear or convex quadratic program.

    Larger quadratic programs are bounded below by tangents, added at each linear program's optimum;
    the best point seen is returned, within :data:`CLOSED` of the bound unless the rounds run out.
    None when there is no optimum, or the solver found none.
    """
    try:
        if not len(program.products) or len(program.columns) <= QUADRATIC_COLUMNS:
            outcome = PersistentHighs(program, HighsOptions(threads=threads)).solve()
            return outcome.point if outcome.status == "optimal" else None
        return _by_tangents(program, threads)
    except SolverFailure:
        return None


def _by_tangents(program: MixedIntegerProgram, threads: int | None) -> Floats | None:
    linear, squares = epigraph(program)
    solver, n = PersistentHighs(linear, HighsOptions(threads=threads)), len(program.columns)
    best, point = np.inf, None
    for _ in range(ROUNDS):
        outcome = solver.solve()
        if outcome.point is None or outcome.status != "optimal":
            break
        value = program.objective(outcome.point[:n])
        if value < best:
            best, point = value, outcome.point[:n]
        if best - outcome.bound <= CLOSED * max(1.0, abs(best)):
            break
        solver.add_rows(tangents(squares, squares.roots(outcome.point)))
    return point
