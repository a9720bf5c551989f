"""What happens after nature has moved, with early decisions held: two lexicographic programs a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bilevel.errors import NotApplicable, SolverFailure, UnboundedFollower
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations import refusal
from reformulations.programs import BilevelProgram, Floats, Integers, MixedIntegerProgram
from reformulations.robust.excluded_decisions import without_decisions
from reformulations.robust.late_followers import Timing
from reformulations.robust.late_responses import LateStage, late_stage, on_optimal_face

_GAP = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LateAnswer:
    """What a scenario costs after nature has moved, the late columns ``(q,)``, and the followers' multipliers there.

    ``cost`` is infinite where late followers or recourse have no answer; multipliers are those of the minimised
    followers: of their rows, and reduced costs of the late columns.
    """

    cost: float
    response: Floats
    row_duals: Floats
    column_duals: Floats


@dataclass(frozen=True, slots=True, eq=False)
class LateEvaluation:
    """A game whose recourse is integer, or has followers or uncertain prices, at one scenario after another."""

    program: BilevelProgram
    timing: Timing
    threads: int | None = None

    @property
    def whole(self) -> Integers:
        """The integer columns of recourse, among the late ones."""
        return np.flatnonzero(self.program.columns.integer[self.timing.late])

    def answer(self, point: Floats, u: Floats, excluded: Sequence[Floats] = ()) -> LateAnswer:
        """Return what happens at the early decisions of ``point`` ``(n,)`` in the scenario ``u`` ``(k,)``.

        Integer recourse takes none of the ``excluded`` decisions, each as long as ``whole``.
        """
        try:
            stage = late_stage(self.program, self.timing, point, u)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        responded = self._responded(stage)
        if responded is None:
            return _NONE
        program, row_duals, column_duals = responded
        try:
            program = without_decisions(program, self.whole, excluded)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        outcome = PersistentHighs(program, HighsOptions(gap=_GAP, threads=self.threads)).solve()
        if outcome.status == "infeasible":
            return _NONE
        if outcome.point is None or outcome.objective is None:
            raise SolverFailure(f"the recourse ended as {outcome.status} at a fixed first stage; bound its variables")
        return LateAnswer(outcome.objective, outcome.point[: len(self.timing.late)], row_duals, column_duals)

    def _responded(self, stage: LateStage) -> tuple[MixedIntegerProgram, Floats, Floats] | None:
        outcome = PersistentHighs(stage.respond, HighsOptions(threads=self.threads)).solve()
        if outcome.status == "infeasible":
            return None
        if outcome.status == "unbounded":
            where = stage.respond.columns.names[int(np.argmax(np.abs(stage.respond.cost)))]
            raise UnboundedFollower(
                f"{where}: its follower, which waits and sees, is unbounded in a scenario; bound it"
            )
        if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
            raise SolverFailure(f"followers that wait and see ended as {outcome.status}; rescale their rows")
        face = on_optimal_face(stage, outcome.point, outcome.row_duals, outcome.column_duals)
        return face, outcome.row_duals, outcome.column_duals


_NONE = LateAnswer(np.inf, np.empty(0), np.empty(0), np.empty(0))
