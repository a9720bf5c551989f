"""Followers with second-order cones solved again at a point of the game, from their own rows only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bilevel.solvers.cone_optimum import ConicOutcome, conic_optimum
from bilevel.solvers.outcome import HighsOptions
from reformulations.arrays import Floats, Integers
from reformulations.conic.cone_epigraph import linear_objective
from reformulations.conic.cone_tangents import without_cones
from reformulations.conic.cones import Cones
from reformulations.programs import BilevelProgram, MixedIntegerProgram
from reformulations.responses import HeldGame, Responses, response_program

TOLERANCE = 1e-8
"""Relative residual of the cones up to which a follower is solved again."""


@dataclass(frozen=True, slots=True)
class ConicProblem:
    """The joint problem of some followers: linear rows and a convex objective in ``responses``, and cones."""

    responses: Responses
    cones: Cones

    @property
    def program(self) -> MixedIntegerProgram:
        """Its objective, linear rows and bounds."""
        return self.responses.program


def conic_problem(program: BilevelProgram, cones: Cones, point: Floats, players: Integers) -> ConicProblem:
    """Return the problem of ``players`` with everyone else held at ``point`` ``(n,)``."""
    responses = response_program(HeldGame.at(without_cones(program, cones), point, TOLERANCE), players)
    theirs = np.flatnonzero(np.isin(program.row_owner[cones.row], players))
    return ConicProblem(responses, cones.take(theirs).over(responses.columns, point))


def solve_by_tangents(problem: ConicProblem, threads: int | None, seconds: float | None) -> ConicOutcome:
    """Solve the problem with tangents; its outcome is over the problem's columns and further ones of squares."""
    options = HighsOptions(threads=threads, time_limit=seconds, feasibility=1e-9)
    return conic_optimum(*linear_objective(problem.program, problem.cones), options, tolerance=TOLERANCE)
