"""The recourse problem inside HiGHS: its optimum and its least violation at one scenario after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bilevel.errors import SolverFailure, UnboundedFollower
from bilevel.robust.bunches import Bunches
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.outcome import Outcome, never
from bilevel.solvers.vertex_highs import VertexHighs
from reformulations.programs import Floats
from reformulations.robust.second_stage import (
    SecondStage,
    elastic_program,
    elastic_sides,
    recession_program,
    recourse_program,
)

VIOLATION = 1e-6
"""Violations of rows, in units of their scale, up to which recourse counts as possible."""

_FALL = 1e-7
"""A cost that falls faster than this along a direction of unit size, relative to its largest entry, is unbounded."""


@dataclass(frozen=True, slots=True)
class Response:
    """The cheapest recourse at one scenario and the second-stage cost with nature's own terms."""

    cost: float
    point: Floats


class RecourseSolver:
    """Two linear programs kept warm while first stage and scenario change: sides of rows are all that differs.

    Parameters
    ----------
    stage
        The second stage at any first stage.
    threads
        Of HiGHS.

    Raises
    ------
    UnboundedFollower
        If the cost of recourse can fall without end.
    """

    def __init__(self, stage: SecondStage, threads: int | None = None) -> None:
        options = HighsOptions(threads=threads)
        _refuse_unbounded(stage, options)
        # presolve would leave no basis to start from, or to answer other scenarios with
        self._stage, self._options = stage, replace(options, presolve=False)
        cheapest = recourse_program(stage, np.zeros(stage.nature.shape[1]))
        self._cheapest = VertexHighs(cheapest, self._options)
        self._costs, self._every = Bunches(cheapest, self._cheapest), np.arange(len(stage.lower))

    @cached_property
    def _elastic(self) -> tuple[VertexHighs, Bunches]:
        """The program of the least violation; where recourse is complete nobody asks for it."""
        elastic = elastic_program(self._stage, np.zeros(self._stage.nature.shape[1]))
        solver = VertexHighs(elastic, self._options)
        return solver, Bunches(elastic, solver)

    def violations(self, stage: SecondStage, scenarios: Floats, is_over: Callable[[], bool] = never) -> Floats:
        """Return :meth:`violation` ``(s,)`` at ``scenarios`` ``(s, k)``, few programs for many; NaN once over."""
        lower, upper = elastic_sides(stage, scenarios)
        found = self._elastic[1].values(lower, upper, lambda k: self.violation(stage, scenarios[k]), is_over)
        return np.maximum(found, 0.0)

    def costs(self, stage: SecondStage, scenarios: Floats, is_over: Callable[[], bool] = never) -> Floats:
        """Return the cost of :meth:`cheapest` ``(s,)`` at ``scenarios`` ``(s, k)``, few programs for many."""
        shift, by_nature = np.asarray((stage.nature @ scenarios.T).T), scenarios @ stage.nature_cost

        def solved(k: int) -> float:
            return self.cheapest(stage, scenarios[k]).cost - float(by_nature[k])

        return self._costs.values(stage.lower - shift, stage.upper - shift, solved, is_over) + by_nature

    def violation(self, stage: SecondStage, u: Floats) -> float:
        """Return the least violation of the rows at ``u``, in units of their scale: zero where recourse exists."""
        outcome = self._violated(stage, u)
        if outcome.objective is None:
            raise SolverFailure(f"the elastic recourse ended as {outcome.status}; rescale the rows of recourse")
        return max(outcome.objective, 0.0)

    def violation_prices(self, stage: SecondStage, u: Floats) -> Floats:
        """Return the multipliers ``(m,)`` of the rows for the least violation at ``u``."""
        duals = _duals(self._violated(stage, u))
        below, above = (np.flatnonzero(np.isfinite(side)) for side in (stage.lower, stage.upper))
        prices = np.zeros(len(stage.lower))
        prices[below] += duals[: len(below)]
        prices[above] += duals[len(below) :]
        return prices

    def prices(self, stage: SecondStage, u: Floats) -> Floats:
        """Return the multipliers ``(m,)`` of the rows for the cheapest recourse at ``u``, where it exists."""
        return _duals(self._cheapest_at(stage, u))

    def cheapest(self, stage: SecondStage, u: Floats) -> Response:
        """Return the cheapest recourse at ``u``, where the violation is no more than :data:`VIOLATION`.

        Raises
        ------
        SolverFailure
            When there is none.
        """
        return _response(stage, u, self._cheapest_at(stage, u))

    def _violated(self, stage: SecondStage, u: Floats) -> Outcome:
        lower, upper = elastic_sides(stage, u)
        solver, _ = self._elastic
        solver.change_row_bounds(np.arange(len(lower)), lower, upper)
        return solver.solve()

    def _cheapest_at(self, stage: SecondStage, u: Floats) -> Outcome:
        shift = np.asarray(stage.nature @ u)
        outcome = self._solved(stage.lower - shift, stage.upper - shift)
        if outcome.status == "infeasible":
            room = _room(stage)
            outcome = self._solved(stage.lower - shift - room, stage.upper - shift + room)
        return outcome

    def _solved(self, lower: Floats, upper: Floats) -> Outcome:
        self._cheapest.change_row_bounds(self._every, lower, upper)
        return self._cheapest.solve()


def cheapest_afresh(stage: SecondStage, u: Floats, threads: int | None = None) -> Response:
    """Return the cheapest recourse at ``u`` from a program of its own, whatever was solved before.

    Raises
    ------
    SolverFailure
        When there is none.
    """
    options = HighsOptions(threads=threads)
    outcome = PersistentHighs(recourse_program(stage, u), options).solve()
    if outcome.status == "infeasible":
        room = _room(stage)
        wider = replace(stage, lower=stage.lower - room, upper=stage.upper + room)
        outcome = PersistentHighs(recourse_program(wider, u), options).solve()
    if outcome.objective is not None:
        outcome = replace(outcome, objective=outcome.objective - float(stage.nature_cost @ u))
    return _response(stage, u, outcome)


def _room(stage: SecondStage) -> Floats:
    # the two programs share their tolerance only roughly: give the rows what the elastic one may have left
    return 2 * VIOLATION * stage.scale


def _duals(outcome: Outcome) -> Floats:
    if outcome.row_duals is None:
        raise SolverFailure(f"the recourse ended as {outcome.status} without multipliers; rescale its rows")
    return outcome.row_duals


def _response(stage: SecondStage, u: Floats, outcome: Outcome) -> Response:
    if outcome.status != "optimal" or outcome.point is None or outcome.objective is None:
        raise SolverFailure(f"the recourse ended as {outcome.status} in a scenario where it exists; rescale its rows")
    return Response(outcome.objective + float(stage.nature_cost @ u), outcome.point)


def _refuse_unbounded(stage: SecondStage, options: HighsOptions) -> None:
    outcome = PersistentHighs(recession_program(stage), options).solve()
    if outcome.objective is None or outcome.point is None:
        raise SolverFailure(f"the directions of recourse ended as {outcome.status}; rescale its rows")
    if outcome.objective < -_FALL * max(1.0, np.max(np.abs(stage.cost), initial=0.0)):
        gain = np.abs(stage.cost * outcome.point)
        raise UnboundedFollower(
            f"{stage.columns.names[int(np.argmax(gain))]}: recourse is unbounded, its cost falls without end along "
            "this variable; give it a bound or a row that stops it"
        )
