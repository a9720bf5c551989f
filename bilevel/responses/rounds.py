"""Column-and-constraint generation over followers' responses."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.methods import ValueFunction
from bilevel.responses.answer import ResponseAnswer
from bilevel.responses.boxes import boxed_below, greatest_values, is_boxed
from bilevel.responses.follower_answers import FollowerAnswers, Visit
from bilevel.responses.record import ResponseRecord
from bilevel.responses.regions import Region, halves
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.interrupts import Interrupted
from bilevel.solvers.outcome import Outcome
from reformulations.programs import Floats
from reformulations.stored_responses.high_point import HighPoint
from reformulations.stored_responses.integer_responses import (
    Block,
    Conditions,
    block_within,
    conditions_of,
    exclusion,
    objective_step,
)
from reformulations.stored_responses.response_master import master
from reformulations.stored_responses.response_rules import Rule, fixed_rule

_WHOLE = 1e-6
_LOOSEST = 0.05
_SHARE = 0.3
"""Masters are solved to this share of the gap that is left, at most to the loosest: only the last must be exact."""

_PATIENCE = 500
"""Nodes after which a master counts as hard and its part of the leader's decisions is halved; by trial on miblp."""

_FEW, _COUNTABLE = 40, 20_000
"""Once a master was hard: decisions of the leader up to which they are easy, and from which on too many to divide."""

_SHARES = (0.7, 0.95)
"""Where between the best objective and the one to beat robust responses are looked for; by trial on miblp."""


class Rounds:
    """The state of a run: stored rules, bounds, the best point.

    Each round solves a master (:func:`reformulations.stored_responses.response_master.master`), a relaxation, lets the
    followers respond to its leader decision, takes the best response for the leader that fits its rows as an incumbent,
    and stores the responses. Where the leader's linking columns are integer this ends with the optimum. Where some are
    continuous, a row counts as broken at its side, so that nothing is lost, and the bound is an infimum that need not
    be attained: where a master then repeats itself, some rounds ask for rows broken by ``epsilon``, which finds points
    near it and responses that raise the bound.
    """

    def __init__(self, source: HighPoint, relaxation: HighPoint, method: ValueFunction, record: ResponseRecord) -> None:
        self._relaxation, self._method, self._record = relaxation, method, record
        self._options = HighsOptions(threads=record.limits.threads, gap=1e-9, stopped=record.deadline.passed)
        self._answers = FollowerAnswers(source, self._options, record.deadline)
        self._value_upper = greatest_values(relaxation, self._options)
        self._bound = -np.inf
        self._regions: list[Region] = []
        self._divided, self._nodes = 0, _PATIENCE
        self._is_fresh = False
        self._visit: Visit | None = None
        self._epsilon, self._known = 0.0, 0
        self._stored: list[Conditions] = []
        self._blocks: list[Block] = []
        self._notes: list[str] = []
        self._step = objective_step(relaxation)
        self._is_integer = bool(relaxation.game.columns.integer[relaxation.linking].all())

    def run(self) -> ResponseAnswer:
        """Go round until the bounds meet, nothing new is said, or a limit is reached."""
        status, gap, record = "limit", _LOOSEST, self._record
        while self._method.max_iterations is None or len(record.rounds) < self._method.max_iterations:
            if record.rounds and (self._is_closed() or record.deadline.passed()):
                status = self._ended()
                break
            if self._is_fresh:
                self._refresh()
            if self._is_countable():
                self._divide()
                continue
            outcome = self._solve_master(gap)
            if self._epsilon == 0.0:
                self._bound = max(self._bound, self._next_multiple(outcome.bound))
            is_done = outcome.point is None or outcome.bound >= record.upper - record.room
            added = 0 if is_done or outcome.point is None else self._respond(outcome.point)
            is_settled = self._bound >= record.upper - record.room
            record.end_round(self._lower(), len(self._blocks))
            if self._is_closed() or record.deadline.passed():
                status = self._ended()
                break
            if is_settled and self._regions:
                self._enter(heapq.heappop(self._regions))
                gap = self._next_gap()
            elif outcome.status in ("limit", "time_limit"):
                self._divide()
            elif added:
                gap = self._next_gap()
            elif not is_done and gap > 0.5 * record.limits.gap:
                gap = 0.5 * record.limits.gap
            elif self._go_on(outcome.point):
                gap = self._next_gap()
            else:
                status = "infeasible" if self._lower() == np.inf else "limit"
                break
        said = f"responses of integer followers in {len(record.rounds)} rounds, {len(self._stored)} stored; HiGHS"
        rounds, notes = tuple(record.rounds), tuple(self._notes)
        return ResponseAnswer(status, record.best, record.upper, self._lower(), said, rounds, notes)

    def begin(self, point: Floats) -> bool:
        """Let the followers respond to the decision of ``point``; tell whether that gave a point of the game."""
        point = point.copy()
        point[self._relaxation.value] = self._value_upper
        try:
            self._respond(point)
        except SolverFailure:
            return False
        return self._record.best is not None

    def _ended(self) -> str:
        if self._is_closed():
            return "optimal"
        return self._record.stopped()

    def _lower(self) -> float:
        bound = min(self._bound, self._regions[0].bound) if self._regions else self._bound
        return min(bound, self._record.upper)

    def _enter(self, region: Region) -> None:
        """Go on with another part of the leader's decisions."""
        self._relaxation, self._value_upper, self._bound = region.relaxation, region.value_upper, region.bound
        self._rewrite()
        self._is_fresh = True

    def _refresh(self) -> None:
        """Narrow the box, and store responses that are feasible in all of it: what they are worth bounds objectives."""
        self._is_fresh = False
        if np.isfinite(self._record.upper):
            self._tighten()
        if self._visit is None:
            return
        for follower in range(len(self._relaxation.followers)):
            response = self._answers.steady(self._relaxation, self._visit, follower)
            if response is not None:
                self._add(fixed_rule(self._relaxation, follower, response))

    def _is_countable(self) -> bool:
        """Whether, after a hard master, the leader's decisions are too many for another and few enough to divide."""
        columns, linking = self._relaxation.program.columns, self._relaxation.linking
        width = (columns.upper - columns.lower)[: len(linking)][linking]
        return (
            self._divided > 0 and np.isfinite(self._record.upper) and _FEW < float(np.prod(width + 1.0)) <= _COUNTABLE
        )

    def _divide(self) -> None:
        """Halve the part whose master is hard, and go on with the one whose bound is least; else be more patient."""
        here = Region(self._bound, self._divided, self._relaxation, self._value_upper)
        program = master(self._relaxation, self._blocks, self._value_upper)
        parts = halves(here, program, self._options) if self._is_integer else ()
        if not parts:
            self._nodes *= 4
        for part in parts:
            self._divided += 1
            bound = self._next_multiple(part.bound)
            heapq.heappush(self._regions, replace(part, number=self._divided, bound=bound))
        if parts:
            self._enter(heapq.heappop(self._regions))

    def _is_closed(self) -> bool:
        return self._record.is_closed_by(self._lower())

    def _next_gap(self) -> float:
        return min(_LOOSEST, max(0.5 * self._record.limits.gap, _SHARE * self._record.gap(self._bound)))

    def _solve_master(self, gap: float) -> Outcome:
        program = master(self._relaxation, self._blocks, self._value_upper)
        seconds = max(self._record.deadline.remaining(), 0.1)
        limit = None if np.isinf(seconds) else seconds
        options = replace(self._options, gap=gap, time_limit=limit, nodes=self._nodes)
        solver = PersistentHighs(program, options)
        box, best = self._relaxation.program.columns, self._record.best
        if best is not None and not self._step and bool(np.all((best >= box.lower) & (best <= box.upper))):
            solver.set_start(np.concatenate([best, np.full(len(program.columns) - len(best), np.nan)]))
        outcome = solver.solve()
        self._record.refuse_unbounded(outcome)
        return outcome

    def _respond(self, point: Floats) -> int:
        """Let the followers respond to a master's point; return how many blocks that added."""
        try:
            visit = self._answers.visit(point)
        except Interrupted:
            return 0
        self._is_fresh |= self._record.take(visit) or self._visit is None
        self._visit = visit
        added = 0
        for follower, response in enumerate(visit.responses):
            reached = float(point[self._relaxation.value[follower]])
            if not visit.beaten(follower, reached):
                continue
            n = len(response)
            stored = [response if visit.chosen is None else visit.chosen[:n]]
            stored += self._answers.robust(self._relaxation, visit, follower, _SHARES, reached)
            for values in stored:
                rule = self._answers.rule(visit, follower, values)
                added += self._add(rule) or self._add(fixed_rule(self._relaxation, follower, values))
        return added

    def _add(self, rule: Rule) -> int:
        response = conditions_of(self._relaxation, rule)
        block = block_within(self._relaxation, response, self._epsilon)
        if block is None or any(block.says_the_same(other) for other in self._blocks):
            return 0
        self._stored.append(response)
        self._blocks.append(block)
        return 1

    def _tighten(self) -> None:
        """Narrow the box to where the leader does no worse than the incumbent, and what the responses say with it."""
        cutoff = self._record.upper - self._step
        program = self._relaxation.program
        if is_boxed(self._relaxation) and np.isfinite(self._value_upper).all():
            program = master(self._relaxation, self._blocks, self._value_upper)
        self._relaxation = boxed_below(self._relaxation, program, cutoff, self._options)
        found = greatest_values(self._relaxation, self._options, program, cutoff)
        self._value_upper = np.minimum(self._value_upper, found)
        self._rewrite()

    def _next_multiple(self, bound: float) -> float:
        """Return the least value from ``bound`` on that the leader's objective can have."""
        constant = self._relaxation.program.constant
        if self._step == 0.0 or not np.isfinite(bound):
            return bound
        return max(bound, constant + float(np.ceil((bound - constant) / self._step - _WHOLE)) * self._step)

    def _rewrite(self) -> None:
        excluded = [block for block in self._blocks if block.follower < 0]
        written = [block_within(self._relaxation, response, self._epsilon) for response in self._stored]
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
        if np.isinf(self._bound) or (self._epsilon > 0.0 and len(self._stored) == self._known):
            return False
        self._epsilon, self._known = (0.0 if self._epsilon > 0.0 else self._method.epsilon), len(self._stored)
        self._rewrite()
        if not self._notes:
            self._notes.append(
                "a continuous variable of the leader moves a row of an integer follower: the bound is an infimum that "
                "need not be attained; points were looked for with such rows broken by at least "
                f"{self._method.epsilon:g}, relative to their right-hand sides"
            )
        return True
