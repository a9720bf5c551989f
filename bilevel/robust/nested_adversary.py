"""Nature against integer recourse over a continuous set: the inner loop of nested column-and-constraint generation.

At a fixed first stage, nature's game against the integer decisions stored so far bounds the worst case from above and
proposes a scenario (:mod:`reformulations.robust.inner_masters`); the recourse solved there bounds it from below and
gives another integer decision. The worst case may lie inside the set, so its vertices are not enough (Zhao & Zeng
2012).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bilevel.compiler.compile import compile_automatically
from bilevel.errors import NotApplicable, SolverFailure
from bilevel.robust.late_adversary import Worst
from bilevel.robust.late_evaluation import LateEvaluation
from bilevel.search.optimise import Limits, optimise
from reformulations import refusal
from reformulations.programs import Floats
from reformulations.robust.inner_masters import VIOLATED, LateForms, inner_master, late_forms
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
        return f"nested column-and-constraint generation; rows missed by less than {VIOLATED:g} count as held"

    def worst(self, point: Floats, gap: float, deadline: float | None = None) -> Worst | None:
        """Return the worst scenario at the early decisions of ``point`` ``(n,)``, within the relative ``gap``.

        After the deadline the worst of those known, without a bound: some scenario may have no recourse at all.

        Raises
        ------
        SolverFailure
            When an integer decision comes back although it is stored and the bounds have not met.
        """
        forms, whole = self._forms(point), self.evaluation.program.columns.integer[self.evaluation.timing.late]
        u, upper, best = self.within.nominal(), np.inf, None
        stored: list[Floats] = []
        for _ in range(_ROUNDS):
            late = self.evaluation.answer(point, u)
            if np.isinf(late.cost):
                return Worst(u, late, np.inf)
            if best is None or late.cost > best.late.cost:
                best = Worst(u, late, upper)
            if np.isfinite(upper) and upper - best.late.cost <= gap * max(1.0, abs(upper)):
                return Worst(best.scenario, best.late, max(upper, best.late.cost))
            if deadline is not None and time.perf_counter() > deadline:
                return Worst(best.scenario, best.late, np.inf)
            decision = np.round(late.response[whole])
            if any(np.array_equal(decision, known) for known in stored):
                raise SolverFailure(
                    "an integer decision of recourse came back although it is stored, while the worst case is between "
                    f"{best.late.cost:.9g} and {upper:.9g}; rescale the rows of recourse, or ask for a larger gap"
                )
            stored.append(decision)
            proposed = self._proposed(forms, stored, gap, deadline)
            if proposed is None:
                return Worst(best.scenario, best.late, np.inf)
            u, upper = proposed
        raise SolverFailure(f"no worst case of integer recourse in {_ROUNDS} rounds; ask for a larger gap")

    def _forms(self, point: Floats) -> LateForms:
        try:
            return late_forms(self.evaluation.program, self.evaluation.timing, point)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused

    def _proposed(
        self, forms: LateForms, stored: list[Floats], gap: float, deadline: float | None
    ) -> tuple[Floats, float] | None:
        """Return a scenario that the stored decisions answer worst, and a bound; None when time was over before."""
        try:
            game = inner_master(forms, self.within.polyhedral(), stored)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        image = compile_automatically(game, self.evaluation.threads)
        remaining = None if deadline is None else max(deadline - time.perf_counter(), 0.1)
        answer = optimise(image, Limits(0.5 * gap, remaining, self.evaluation.threads))
        if answer.point is None and answer.status == "time_limit":
            return None
        if answer.point is None:
            raise SolverFailure(f"nature's game against integer recourse ended as {answer.status}; rescale its rows")
        return image.source_point(answer.point)[: self.within.dimension], -answer.bound
