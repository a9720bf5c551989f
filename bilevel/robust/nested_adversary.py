"""Nature against integer recourse over a continuous set: the inner loop of nested column-and-constraint generation.

At a fixed first stage, nature's game against the integer decisions stored so far bounds the worst case from above and
proposes a scenario (:mod:`reformulations.robust.inner_masters`); the recourse solved there bounds it from below and
gives another integer decision. The worst case may lie inside the set, so its vertices are not enough (Zhao & Zeng
2012); and it may be a limit: a scenario approached from where some decisions have no answer, which they have at the
limit itself. There the recourse is solved without these.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bilevel.compiler.compile import compile_automatically
from bilevel.errors import NotApplicable, OutOfTime, SolverFailure
from bilevel.robust.late_adversary import TIGHT, Wanted, Worst
from bilevel.robust.late_evaluation import LateAnswer, LateEvaluation
from bilevel.search.optimise import Limits, optimise
from bilevel.solvers.deadline import Deadline
from reformulations import refusal
from reformulations.programs import Floats
from reformulations.robust.approach import Approach, approach_from
from reformulations.robust.inner_masters import MISSED, LateForms, inner_master, late_forms
from reformulations.uncertainty import UncertaintySet

_ROUNDS = 500


@dataclass(frozen=True, slots=True, eq=False)
class NestedAdversary:
    """Nature, with the continuous set ``within``; ``evaluation`` solves the recourse at one scenario."""

    evaluation: LateEvaluation
    within: UncertaintySet

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return "nested column-and-constraint generation"

    @property
    def proof(self) -> tuple[str, ...]:
        """What its bounds rest on besides the data."""
        return (f"rows of integer recourse that no scenario misses by {MISSED:g} count as held",)

    def worst(self, point: Floats, gap: float, deadline: float | None = None, wanted: Wanted = TIGHT) -> Worst | None:
        """Return the worst scenario at the early decisions of ``point`` ``(n,)``, within the relative ``gap``.

        After the deadline the worst of those met, without a bound: some scenario may have no recourse at all. Where
        the worst is a limit, the scenario that stands for it costs what is ``wanted``.

        Raises
        ------
        SolverFailure
            When an integer decision comes back although it is stored and the bounds have not met.
        """
        forms, best, upper = self._forms(point), None, np.inf
        here, stored = Approach(self.within.nominal()), list[Floats]()
        for _ in range(_ROUNDS):
            late = self.evaluation.answer(point, here.scenario, here.unanswered)
            if np.isinf(late.cost):
                return Worst(self._near(point, here, np.inf), late, np.inf)
            if best is None or late.cost > best[1].cost:
                best = here, late
            if np.isfinite(upper) and upper - best[1].cost <= gap * max(1.0, abs(upper)):
                return self._found(point, best, max(upper, best[1].cost), wanted)
            if deadline is not None and time.perf_counter() > deadline:
                return self._found(point, best, np.inf, wanted)
            decision = np.round(late.response[self.evaluation.whole])
            if any(np.array_equal(decision, each) for each in stored):
                raise SolverFailure(
                    "an integer decision of recourse came back although it is stored, while the worst case is between "
                    f"{best[1].cost:.9g} and {upper:.9g}; rescale the rows of recourse, or ask for a larger gap"
                )
            stored.append(decision)
            proposed = self._proposed(forms, stored, gap, deadline)
            if proposed is None:
                return self._found(point, best, np.inf, wanted)
            here, upper = proposed
        raise SolverFailure(f"no worst case of integer recourse in {_ROUNDS} rounds; ask for a larger gap")

    def _found(self, point: Floats, best: tuple[Approach, LateAnswer], bound: float, wanted: Wanted) -> Worst:
        here, late = best
        nearby = self._near(point, here, wanted.of(late.cost)) if here.unanswered else None
        return Worst(here.scenario, late, bound, nearby)

    def _near(self, point: Floats, here: Approach, wanted: float) -> Floats:
        """Return the first scenario on the way to a limit that costs what is ``wanted``, else the last."""
        u = here.scenario
        if not here.unanswered:
            return u
        for u in here.scenarios():
            if self.evaluation.answer(point, u).cost >= wanted:
                return u
        if np.isinf(wanted):
            raise SolverFailure("a scenario without recourse has some nearby; rescale the rows of recourse")
        return u

    def _forms(self, point: Floats) -> LateForms:
        try:
            return late_forms(self.evaluation.program, self.evaluation.timing, point)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused

    def _proposed(
        self, forms: LateForms, stored: list[Floats], gap: float, deadline: float | None
    ) -> tuple[Approach, float] | None:
        """Return a scenario that the stored decisions answer worst, and a bound; None when time was over before."""
        within = self.within.polyhedral()
        try:
            game = inner_master(forms, within, stored)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        until = None if deadline is None else Deadline(deadline)
        try:
            image = compile_automatically(game.program, self.evaluation.threads, until)
        except OutOfTime:
            return None
        remaining = None if deadline is None else max(deadline - time.perf_counter(), 0.1)
        answer = optimise(image, Limits(0.5 * gap, remaining, self.evaluation.threads))
        if answer.point is None and answer.status == "time_limit":
            return None
        if answer.point is None:
            raise SolverFailure(f"nature's game against integer recourse ended as {answer.status}; rescale its rows")
        found = image.source_point(answer.point)
        unanswered = [decision for decision, column in zip(stored, game.freed, strict=True) if round(found[column])]
        k, width = within.dimension, within.matrix.shape[1]
        here = approach_from(forms.rows, within, (found[:k], found[width : width + k]), unanswered)
        if here is None:
            raise SolverFailure("nature's game claims rows to be missed that hold; rescale the rows of recourse")
        return here, -answer.bound
