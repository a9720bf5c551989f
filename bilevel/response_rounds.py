"""Column-and-constraint generation over followers' responses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bilevel.answer import Limits
from bilevel.errors import NotApplicable
from bilevel.follower_answers import FollowerAnswers
from bilevel.highs import HighsOptions, PersistentHighs
from bilevel.interrupts import Interrupted
from bilevel.methods import ValueFunction
from bilevel.outcome import MipProgress, Outcome
from bilevel.response_answer import ResponseAnswer, ResponseRound
from bilevel.response_boxes import boxed, greatest_values
from reformulations.high_point import HighPoint
from reformulations.integer_responses import Block, block_of, exclusion, objective_step
from reformulations.programs import LEADER, Floats
from reformulations.response_master import master
from reformulations.response_rules import Rule, fixed_rule

_WHOLE = 1e-6
_LOOSEST = 0.05
_SHARE = 0.3
"""Masters are solved to this share of the gap that is left, at most to the loosest: only the last must be exact."""

_PATIENCE = 10.0
"""Seconds after which a master's point and bound are taken as they are; four times as long where that said nothing."""

_SHARES = (0.7, 0.95)
"""Where between the best objective and the one to beat robust responses are looked for; by trial on miblp."""


class Rounds:
    """The state of a run: stored rules, bounds, the best point.

    Each round solves a master (:func:`reformulations.response_master.master`), a relaxation, lets the followers
    respond to its leader decision, takes the best response for the leader that fits its rows as an incumbent, and
    stores the responses. Where the leader's linking columns are integer this ends with the optimum. Where some are
    continuous, a row counts as broken at its side, so that nothing is lost, and the bound is an infimum that need not
    be attained: where a master then repeats itself, some rounds ask for rows broken by ``epsilon``, which finds points
    near it and responses that raise the bound.
    """

    def __init__(
        self,
        source: HighPoint,
        relaxation: HighPoint,
        method: ValueFunction,
        limits: Limits,
        began: float,
        progress: Callable[[Any], None] | None,
    ) -> None:
        self._relaxation, self._method, self._limits = relaxation, method, limits
        self._began, self._progress = began, progress
        self._options = HighsOptions(threads=limits.threads, gap=1e-9)
        self._answers = FollowerAnswers(source, replace(self._options, stopped=limits.stopped))
        self._value_upper = greatest_values(relaxation, self._options)
        self._lower, self._upper = -np.inf, np.inf
        self._best: Floats | None = None
        self._epsilon, self._known = 0.0, 0
        self._rules: list[Rule] = []
        self._blocks: list[Block] = []
        self._rounds: list[ResponseRound] = []
        self._notes: list[str] = []
        self._step = objective_step(relaxation)
        self._is_integer = bool(relaxation.game.columns.integer[relaxation.linking].all())

    def run(self) -> ResponseAnswer:
        """Go round until the bounds meet, nothing new is said, or a limit is reached."""
        status, gap, seconds = "limit", _LOOSEST, _PATIENCE
        while self._method.max_iterations is None or len(self._rounds) < self._method.max_iterations:
            outcome = self._solve_master(gap, seconds)
            if self._epsilon == 0.0:
                self._lower = min(max(self._lower, self._next_multiple(outcome.bound)), self._upper)
            is_done = outcome.point is None or outcome.bound >= self._upper - self._room()
            added = 0 if is_done or outcome.point is None else self._respond(outcome.point)
            self._report()
            if self._is_closed() or self._remaining() == 0.0:
                late = "interrupted" if self._limits.stopped() else "time_limit"
                status = "optimal" if self._is_closed() else late
                break
            if added:
                gap = self._next_gap()
            elif outcome.status == "time_limit":
                seconds *= 4
            elif not is_done and gap > 0.5 * self._limits.gap:
                gap = 0.5 * self._limits.gap
            elif self._go_on(outcome.point):
                gap = self._next_gap()
            else:
                status = "infeasible" if self._lower == np.inf else "limit"
                break
        said = f"responses of integer followers in {len(self._rounds)} rounds, {len(self._blocks)} stored; HiGHS"
        rounds, notes = tuple(self._rounds), tuple(self._notes)
        return ResponseAnswer(status, self._best, self._upper, self._lower, said, rounds, notes)

    def _room(self) -> float:
        return self._limits.gap * max(1.0, abs(self._upper))

    def _is_closed(self) -> bool:
        return bool(np.isfinite(self._upper)) and self._upper - self._lower <= self._room()

    def _remaining(self) -> float:
        limit = self._limits.time_limit
        if self._limits.stopped():
            return 0.0
        return np.inf if limit is None else max(self._began + limit - time.perf_counter(), 0.0)

    def _next_gap(self) -> float:
        if not np.isfinite(self._upper) or not np.isfinite(self._lower):
            return _LOOSEST
        left = (self._upper - self._lower) / max(1.0, abs(self._upper))
        return float(min(_LOOSEST, max(0.5 * self._limits.gap, _SHARE * left)))

    def _solve_master(self, gap: float, seconds: float) -> Outcome:
        program = master(self._relaxation, self._blocks, self._value_upper)
        limit = max(min(self._remaining(), seconds), 0.1)
        options = replace(self._options, gap=gap, time_limit=limit, stopped=self._limits.stopped)
        solver = PersistentHighs(program, options)
        if self._best is not None and not self._step:
            start = np.full(len(program.columns), np.nan)
            start[: len(self._best)] = self._best
            solver.set_start(start)
        outcome = solver.solve()
        if outcome.status == "unbounded":
            where = self._relaxation.game.players[LEADER]
            reason = "its objective is unbounded even if the followers respond at will; give bounds to its variables"
            raise NotApplicable(where, reason)
        return outcome

    def _respond(self, point: Floats) -> int:
        """Let the followers respond to a master's point; return how many blocks that added."""
        seconds = self._remaining()
        try:
            visit = self._answers.visit(point, max(seconds, 1.0) if np.isfinite(seconds) else None)
        except Interrupted:
            return 0
        if visit.objective < self._upper:
            self._upper, self._best = visit.objective, visit.chosen
            self._tighten()
        added = 0
        for follower, response in enumerate(visit.responses):
            reached = float(point[self._relaxation.value[follower]])
            if not visit.beaten(follower, reached):
                continue
            n = len(response)
            stored = [response if visit.chosen is None else visit.chosen[:n]]
            for share in _SHARES:
                seconds = max(self._remaining(), 0.1)
                robust = self._answers.robust(self._relaxation, visit, follower, share, reached, seconds)
                stored += [] if robust is None else [robust]
            for values in stored:
                rule = self._answers.rule(visit, follower, values)
                added += self._add(rule) or self._add(fixed_rule(self._relaxation, follower, values))
        return added

    def _add(self, rule: Rule) -> int:
        block = block_of(self._relaxation, rule, self._epsilon)
        if block is None or any(block.says_the_same(other) for other in self._blocks):
            return 0
        self._rules.append(rule)
        self._blocks.append(block)
        return 1

    def _tighten(self) -> None:
        """Narrow the box to where the leader does no worse than the incumbent, and what the responses say with it."""
        cutoff = self._upper - self._step
        self._relaxation = boxed(self._relaxation, self._options, cutoff)
        self._value_upper = greatest_values(self._relaxation, self._options, cutoff)
        self._rewrite()

    def _next_multiple(self, bound: float) -> float:
        """Return the least value from ``bound`` on that the leader's objective can have."""
        constant = self._relaxation.program.constant
        if self._step == 0.0 or not np.isfinite(bound):
            return bound
        return max(bound, constant + float(np.ceil((bound - constant) / self._step - _WHOLE)) * self._step)

    def _rewrite(self) -> None:
        excluded = [block for block in self._blocks if block.follower < 0]
        written = [block_of(self._relaxation, rule, self._epsilon) for rule in self._rules]
        self._blocks = [block for block in written if block is not None] + excluded

    def _go_on(self, point: Floats | None) -> bool:
        """Find a way on where a master says nothing new; False where there is none.

        With integer linking columns its decision is left out: what it is worth is known. Else rows are asked to be
        broken by more than nothing, which moves the master to decisions near the one it repeats, and back, as long as
        that adds responses.
        """
        if self._is_integer:
            if point is not None:
                self._blocks.append(exclusion(self._relaxation, point))
            return point is not None
        if np.isinf(self._lower) or (self._epsilon > 0.0 and len(self._rules) == self._known):
            return False
        self._epsilon, self._known = (0.0 if self._epsilon > 0.0 else self._method.epsilon), len(self._rules)
        self._rewrite()
        if not self._notes:
            self._notes.append(
                "a continuous variable of the leader moves a row of an integer follower: the bound is an infimum that "
                "need not be attained; points were looked for with such rows broken by at least "
                f"{self._method.epsilon:g}, relative to their right-hand sides"
            )
        return True

    def _report(self) -> None:
        seconds = time.perf_counter() - self._began
        sense = float(self._relaxation.game.objectives.sense[LEADER])
        ends = sorted((sense * self._lower, sense * self._upper))
        self._rounds.append(ResponseRound(ends[0], ends[1], len(self._blocks), seconds))
        if self._progress is not None:
            gap = (self._upper - self._lower) / max(1.0, abs(self._upper)) if np.isfinite(self._upper) else np.inf
            self._progress(MipProgress(self._upper, self._lower, gap, len(self._rounds), seconds))
