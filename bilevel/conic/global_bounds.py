"""Bounds of games with curved cones by global search, where tangents cannot close the gap."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import SolverFailure, UnboundedFollower
from bilevel.methods import ValueFunction
from bilevel.responses.global_rounds import GlobalRounds
from bilevel.responses.record import ResponseRecord
from bilevel.solvers import scip
from bilevel.solvers.answer import Limits
from reformulations import refusal
from reformulations.arrays import Floats
from reformulations.programs import BilevelProgram
from reformulations.stored_responses.quadratic_high_point import quadratic_high_point

LEAST_SECONDS = 10.0
"""How long is searched at least, if the time limit allows: as long again as the tangents took, where that is more."""


@dataclass(frozen=True, slots=True)
class GlobalBound:
    """A lower bound of the leader's objective, minimised, and the best point ``(n,)`` found, None without one."""

    bound: float
    point: Floats | None


def global_bound(program: BilevelProgram, values: Floats, spent: float, limits: Limits) -> GlobalBound:
    """Bound a game with cones by rounds of global searches that begin at ``values`` ``(n,)``; no bound without SCIP.

    Tangents say of a follower only that its objective is within ``e`` of the optimum, which moves a response on a
    curved set by ``sqrt(e)``. First-order conditions with multipliers say where the response is to first order, and
    hold at every optimum (:mod:`reformulations.stored_responses.first_order`).

    Parameters
    ----------
    program
        The game as declared.
    values
        Where to begin.
    spent
        Seconds that the tangents took.
    limits
        Of what is left.
    """
    nothing = GlobalBound(-np.inf, None)
    if not scip.is_installed():
        return nothing
    seconds = max(LEAST_SECONDS, spent)
    if limits.time_limit is not None:
        seconds = min(seconds, limits.time_limit)
    try:
        relaxation = quadratic_high_point(program)
        record = ResponseRecord(program, replace(limits, time_limit=seconds), time.perf_counter(), None)
        rounds = GlobalRounds(relaxation, ValueFunction(search="global"), record)
        padded = np.zeros(len(relaxation.program.columns))
        padded[: len(values)] = values
        rounds.begin(padded)
        answer = rounds.run()
    except (refusal.NotApplicable, SolverFailure, UnboundedFollower):
        return nothing
    return GlobalBound(answer.bound, None if answer.point is None else answer.point[: len(program.columns)])
