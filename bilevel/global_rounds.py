"""Rounds of a master and of followers' answers, both solved globally, for quadratic games that need not be convex."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bilevel import scip
from bilevel.answer import Limits
from bilevel.deadline import Deadline
from bilevel.errors import NotApplicable, SolverFailure
from bilevel.follower_answers import Visit
from bilevel.global_answers import GlobalAnswers
from bilevel.interrupts import Interrupted
from bilevel.methods import ValueFunction
from bilevel.outcome import HighsOptions, MipProgress, Outcome
from bilevel.response_answer import ResponseAnswer, ResponseRound
from reformulations.moving_responses import slopes_of
from reformulations.programs import LEADER, Floats
from reformulations.quadratic_high_point import QuadraticHighPoint
from reformulations.quadratic_responses import Response, quadratic_master, response_of

_LOOSEST, _SHARE = 0.01, 0.1
"""Masters are solved to this share of the gap that is left, at most to the loosest: only the last must be exact."""

_NEAR, _SHARES = (0.03,), (0.5, 0.9)
"""Where between the best objective and the one to beat robust responses are looked for: those that move, and others."""


class GlobalRounds:
    """The state of a run: stored responses, bounds, the best point.

    Each round solves a master (:func:`reformulations.quadratic_responses.quadratic_master`), a relaxation, lets the
    followers respond to its leader decision, takes the best response for the leader that fits its rows as an incumbent,
    and stores the responses (Mitsos, Lemonidis and Barton, Journal of Global Optimization 42, 2008). It ends when bound
    and incumbent meet, or when a master says nothing new.
    """

    def __init__(
        self,
        relaxation: QuadraticHighPoint,
        method: ValueFunction,
        limits: Limits,
        began: float,
        progress: Callable[[Any], None] | None,
    ) -> None:
        self._relaxation, self._method, self._limits = relaxation, method, limits
        self._began, self._progress = began, progress
        self._deadline = Deadline.of(limits, began)
        self._answers = GlobalAnswers(relaxation, self._deadline)
        self._bound, self._upper = -np.inf, np.inf
        self._best: Floats | None = None
        self._stored: list[Response] = []
        self._rounds: list[ResponseRound] = []

    def run(self) -> ResponseAnswer:
        """Go round until the bounds meet, nothing new is said, or a limit is reached."""
        status, gap = "limit", _LOOSEST
        while self._method.max_iterations is None or len(self._rounds) < self._method.max_iterations:
            outcome = self._solve_master(gap)
            self._bound = max(self._bound, outcome.bound)
            added = 0
            if outcome.point is not None and not self._is_closed():
                added = self._respond(outcome.point)
            self._report()
            if self._is_closed():
                status = "optimal" if np.isfinite(self._upper) else "infeasible"
                break
            if self._deadline.passed():
                status = "interrupted" if self._limits.stopped() else "time_limit"
                break
            if added:
                gap = self._next_gap()
            elif gap > 0.1 * self._limits.gap:
                gap = 0.1 * self._limits.gap
            else:
                break
        said = f"followers' responses by global search in {len(self._rounds)} rounds, {len(self._stored)} stored; SCIP"
        return ResponseAnswer(status, self._best, self._upper, self._bound, said, tuple(self._rounds))

    def begin(self, point: Floats) -> bool:
        """Let the followers respond to the decision of ``point``; tell whether that gave a point of the game."""
        point = point.copy()
        point[self._relaxation.value] = np.inf
        try:
            self._take(self._answers.visit(point))
        except (SolverFailure, Interrupted):
            return False
        return self._best is not None

    def _take(self, visit: Visit) -> None:
        if visit.objective < self._upper:
            self._upper, self._best = visit.objective, visit.chosen

    def _is_closed(self) -> bool:
        if np.isinf(self._upper):
            return self._bound == np.inf
        return self._upper - self._bound <= self._limits.gap * max(1.0, abs(self._upper))

    def _next_gap(self) -> float:
        if not np.isfinite(self._upper) or not np.isfinite(self._bound):
            return _LOOSEST
        left = (self._upper - self._bound) / max(1.0, abs(self._upper))
        return float(min(_LOOSEST, max(0.1 * self._limits.gap, _SHARE * left)))

    def _solve_master(self, gap: float) -> Outcome:
        program = quadratic_master(self._relaxation, self._stored)
        left = self._deadline.remaining()
        options = HighsOptions(gap=gap, time_limit=max(left, 0.1) if np.isfinite(left) else None)
        start = None
        if self._best is not None:
            start = np.full(len(program.columns), np.nan)
            start[: len(self._best)] = self._best
        outcome = scip.solve(program, options, start)
        if outcome.status == "unbounded":
            where = self._relaxation.game.players[LEADER]
            reason = "its objective is unbounded even if the followers respond at will; give bounds to its variables"
            raise NotApplicable(where, reason)
        return outcome

    def _respond(self, point: Floats) -> int:
        """Let the followers respond to a master's point; return how many responses that added."""
        try:
            visit = self._answers.visit(point)
        except Interrupted:
            return 0
        self._take(visit)
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

    def _report(self) -> None:
        seconds = time.perf_counter() - self._began
        sense, lower = float(self._relaxation.game.objectives.sense[LEADER]), min(self._bound, self._upper)
        ends = sorted((sense * lower, sense * self._upper))
        self._rounds.append(ResponseRound(ends[0], ends[1], len(self._stored), seconds))
        if self._progress is not None:
            gap = (self._upper - lower) / max(1.0, abs(self._upper)) if np.isfinite(self._upper) else np.inf
            self._progress(MipProgress(self._upper, lower, gap, len(self._rounds), seconds))
