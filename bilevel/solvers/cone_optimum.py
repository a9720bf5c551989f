"""Programs with second-order cones, by tangents that HiGHS takes as linear rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bilevel.solvers.highs import PersistentHighs
from bilevel.solvers.outcome import HighsOptions, Outcome
from reformulations.arrays import Floats
from reformulations.conic.cone_tangents import Tangents, first_tangents, tangents_at
from reformulations.conic.cones import Cones
from reformulations.programs import MixedIntegerProgram

ROUNDS = 300
"""Most rounds of tangents; the residual is reported as it stands after them."""

FEASIBILITY = 1e-9
"""Tolerance of HiGHS on the tangents, below which their violation says nothing."""


@dataclass(frozen=True, slots=True)
class ConicOutcome:
    """The last linear program's outcome, the tangents in it, and how far its point is outside the cones."""

    outcome: Outcome
    tangents: Tangents
    residual: float

    @property
    def duals(self) -> Floats | None:
        """The cones' multipliers ``(D,)`` of the minimisation; None without multipliers."""
        if self.outcome.row_duals is None:
            return None
        weights = self.outcome.row_duals[len(self.outcome.row_duals) - len(self.tangents) :]
        return np.asarray(self.tangents.matrix.T @ np.maximum(weights, 0.0))


def conic_optimum(
    program: MixedIntegerProgram,
    cones: Cones,
    options: HighsOptions,
    *,
    tolerance: float,
    tangents: Tangents | None = None,
) -> ConicOutcome:
    """Minimise a linear objective over linear rows and cones, to a residual of the cones below ``tolerance``.

    Every linear program's optimum bounds the conic one from below; its tangents at its point
    join the next (Kelley, Journal of SIAM 8, 1960). The last tangents' multipliers make the multipliers of
    the cones. Stops early where a round moves nothing.

    Parameters
    ----------
    program
        With ``n`` columns and a linear objective; integer columns are taken as such in every round.
    cones
        Over the same columns.
    options
        Of HiGHS.
    tolerance
        Relative, as in :meth:`reformulations.conic.cones.Cones.residuals`.
    tangents
        To begin with, beside the first of every cone.
    """
    began = time.perf_counter()
    pool = first_tangents(cones)
    if tangents is not None:
        pool = pool + tangents
    solver = PersistentHighs(program, options)
    solver.add_rows(pool.rows(cones))
    best = None
    for _ in range(ROUNDS):
        left = None if options.time_limit is None else max(options.time_limit - (time.perf_counter() - began), 0.1)
        outcome = solver.solve(time_limit=left)
        if outcome.point is None or outcome.status != "optimal":
            return best if best is not None and outcome.status != "infeasible" else ConicOutcome(outcome, pool, np.inf)
        terms = cones.terms(outcome.point)
        residuals = cones.residuals(terms)
        best = ConicOutcome(outcome, pool, float(residuals.max(initial=0.0)))
        outside = np.flatnonzero(residuals > tolerance)
        fresh = tangents_at(cones, terms, outside)
        if not len(outside) or not len(fresh):
            break
        solver.add_rows(fresh.rows(cones))
        pool = pool + fresh
    if best is None:
        raise AssertionError
    return best
