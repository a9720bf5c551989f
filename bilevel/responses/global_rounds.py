"""Rounds of a master and of followers' answers, both solved globally, for quadratic games that need not be convex."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.methods import ValueFunction
from bilevel.responses.answer import ResponseAnswer
from bilevel.responses.follower_answers import Visit
from bilevel.responses.global_answers import GlobalAnswers
from bilevel.responses.record import ResponseRecord
from bilevel.solvers import scip
from bilevel.solvers.interrupts import Interrupted
from bilevel.solvers.outcome import HighsOptions, Outcome
from reformulations.programs import LEADER, Floats
from reformulations.stored_responses.moving_responses import slopes_of
from reformulations.stored_responses.quadratic_high_point import QuadraticHighPoint
from reformulations.stored_responses.quadratic_responses import Response, quadratic_master, response_of

_LOOSEST, _SHARE = 0.01, 0.1
"""Masters are solved to this share of the gap that is left, at most to the loosest: only the last must be exact."""

_NEAR, _SHARES = (0.03,), (0.5, 0.9)
"""Where between the best objective and the one to beat robust responses are looked for: those that move, and others."""


class GlobalRounds:
    """The state of a run: stored responses, bounds, the best point.

    Each round solves a master (:func:`reformulations.stored_responses.quadratic_responses.quadratic_master`), a
    relaxation, lets the followers respond to its leader decision, takes the best response for the leader that fits its
    rows as an incumbent, and stores the responses (Mitsos, Lemonidis and Barton, Journal of Global Optimization 42,
    2008). It ends when bound and incumbent meet, or when a master says nothing new.
    """

    def __init__(self, relaxation: QuadraticHighPoint, method: ValueFunction, record: ResponseRecord) -> None:
        self._relaxation, self._method, self._record = relaxation, method, record
        self._answers = GlobalAnswers(relaxation, record.deadline)
        self._bound = -np.inf
        self._stored: list[Response] = []

    def run(self) -> ResponseAnswer:
        """Go round until the bounds meet, nothing new is said, or a limit is reached."""
        status, gap, record = "limit", _LOOSEST, self._record
        while self._method.max_iterations is None or len(record.rounds) < self._method.max_iterations:
            outcome = self._solve_master(gap)
            self._bound = max(self._bound, outcome.bound)
            added = 0
            if outcome.point is not None and not self._is_closed():
                added = self._respond(outcome.point)
            record.end_round(min(self._bound, record.upper), len(self._stored))
            if self._is_closed():
                status = "optimal" if np.isfinite(record.upper) else "infeasible"
                break
            if record.deadline.passed():
                status = record.stopped()
                break
            if added:
                gap = self._next_gap()
            elif gap > 0.1 * record.limits.gap:
                gap = 0.1 * record.limits.gap
            else:
                break
        said = f"followers' responses by global search in {len(record.rounds)} rounds, {len(self._stored)} stored; SCIP"
        return ResponseAnswer(status, record.best, record.upper, self._bound, said, tuple(record.rounds))

    def begin(self, point: Floats) -> bool:
        """Let the followers respond to the decision of ``point``; tell whether that gave a point of the game."""
        point = point.copy()
        point[self._relaxation.value] = np.inf
        try:
            self._record.take(self._answers.visit(point))
        except (SolverFailure, Interrupted):
            return False
        return self._record.best is not None

    def _is_closed(self) -> bool:
        return self._bound == np.inf or self._record.is_closed_by(self._bound)

    def _next_gap(self) -> float:
        return min(_LOOSEST, max(0.1 * self._record.limits.gap, _SHARE * self._record.gap(self._bound)))

    def _solve_master(self, gap: float) -> Outcome:
        program = quadratic_master(self._relaxation, self._stored)
        left = self._record.deadline.remaining()
        options = HighsOptions(gap=gap, time_limit=max(left, 0.1) if np.isfinite(left) else None)
        start = None
        best = self._record.best
        if best is not None:
            start = np.concatenate([best, np.full(len(program.columns) - len(best), np.nan)])
        outcome = scip.solve(program, options, start)
        self._record.refuse_unbounded(outcome)
        return outcome

    def _respond(self, point: Floats) -> int:
        """Let the followers respond to a master's point; return how many responses that added."""
        try:
            visit = self._answers.visit(point)
        except Interrupted:
            return 0
        self._record.take(visit)
        added = 0
        for follower, response in enumerate(visit.responses):
            reached = float(point[self._relaxation.value[follower]])
            if not visit.beaten(follower, reached):
                continue
            for found in self._responses(visit, follower, response, reached):
                if not any(found.says_the_same(other) for other in self._stored):
                    self._stored.append(found)
                    added += 1
        return added

    def _responses(self, visit: Visit, follower: int, best: Floats, reached: float) -> Iterator[Response]:
        """Yield what is worth storing: the best response, moving with the leader where that matters, and deep ones."""
        relaxation = self._relaxation
        here = np.where(relaxation.game.column_owner == LEADER, visit.held.point, best)
        slopes = slopes_of(relaxation, follower, here)
        near = self._answers.robust(visit, follower, _NEAR, reached) if slopes else []
        for slope in slopes:
            for values in (best, *near):
                yield response_of(relaxation, follower, values - slope @ here, slope)
        for values in (best, *self._answers.robust(visit, follower, _SHARES, reached)):
            yield response_of(relaxation, follower, values)
