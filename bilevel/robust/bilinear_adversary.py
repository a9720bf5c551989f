"""Nature in right-hand sides and in the price of recourse at once: its game is bilinear, and SCIP bounds it globally.

At a fixed first stage::

    max_{u in U} min_r { (b + B'u)'r + d'u : L <= N u + G r <= H,  l <= r <= h }

The inner minimum is neither convex nor concave in ``u``, so the worst case may lie anywhere in the set. Nature leads,
recourse follows: complementarities by special ordered sets, the product ``u'B r`` in nature's objective by spatial
branch and bound. Where rows are violated is a question without prices, and convex in ``u``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from bilevel.compiler.pipeline import compile_program
from bilevel.errors import NotApplicable, SolverFailure
from bilevel.methods import KKT, SOS1
from bilevel.robust.late_adversary import TIGHT, Wanted, Worst
from bilevel.robust.late_evaluation import LateEvaluation
from bilevel.robust.oracles import GameOracle
from bilevel.robust.recourse import VIOLATION, RecourseSolver
from bilevel.search.optimise import Limits, optimise
from bilevel.solvers import scip
from reformulations import refusal
from reformulations.programs import Floats
from reformulations.robust.priced_recourse import PricedStage, priced_game, priced_stage
from reformulations.uncertainty import UncertaintySet

_AGREEMENT = 1e-5
"""Relative distance allowed between what nature's game says of a scenario and the recourse solved again there."""


@dataclass(frozen=True, slots=True, eq=False)
class BilinearAdversary:
    """Nature, with the set ``within``; ``evaluation`` solves the recourse at one scenario.

    Raises
    ------
    NotApplicable
        Without SCIP.
    """

    evaluation: LateEvaluation
    within: UncertaintySet

    def __post_init__(self) -> None:
        if not scip.is_installed():
            raise NotApplicable(
                "leader's objective",
                "nature multiplies recourse and stands in rows as well, so its game is bilinear; SCIP would solve it: "
                f"{scip.EXTRA}; or list its scenarios in bl.uncertainty.Scenarios",
            )

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return "its bilinear game against the recourse, by spatial branch and bound (SCIP)"

    def worst(self, point: Floats, gap: float, deadline: float | None = None, wanted: Wanted = TIGHT) -> Worst | None:
        """Return the worst scenario at the early decisions of ``point`` ``(n,)``, within the relative ``gap``.

        Where the deadline passes first, one that is known with the bound that is proven; None where none is.

        Raises
        ------
        NotApplicable
            When nature multiplies recourse in a row.
        SolverFailure
            When SCIP has no answer, or one that the recourse solved again contradicts.
        """
        del wanted
        threads = self.evaluation.threads
        try:
            priced = priced_stage(self.evaluation.program, self.evaluation.timing, point)
        except refusal.NotApplicable as refused:
            raise NotApplicable(refused.where, refused.reason) from refused
        stage, described = priced.stage, self.within.polyhedral()
        free = replace(stage, cost=np.zeros(len(stage.cost)))
        violated = GameOracle(described, RecourseSolver(free, threads), threads).most_violated(free, gap, deadline)
        if violated is None:
            return None
        if violated.value > VIOLATION:
            return Worst(violated.scenario, self.evaluation.answer(point, violated.scenario), np.inf)
        found = self._dearest(priced, gap, deadline)
        if found is None:
            return None
        u, claimed, bound = found
        late = self.evaluation.answer(point, u)
        room = _AGREEMENT * (1 + abs(late.cost))
        if not abs(late.cost - claimed) <= room or late.cost > bound + room:
            raise SolverFailure(
                f"nature's bilinear game claims a cost of {claimed:.9g} (at most {bound:.9g}), the recourse solved "
                f"again in that scenario gives {late.cost:.9g}; rescale the rows of recourse"
            )
        return Worst(u, late, max(bound, late.cost))

    def _dearest(self, priced: PricedStage, gap: float, deadline: float | None) -> tuple[Floats, float, float] | None:
        """Return the scenario, the value that nature's game claims for it, and the proven bound."""
        game = priced_game(priced, self.within.polyhedral())
        image = compile_program(game, KKT(SOS1()), threads=self.evaluation.threads, solver="scip")
        remaining = None if deadline is None else max(deadline - time.perf_counter(), 0.1)
        answer = optimise(image, Limits(gap, remaining, self.evaluation.threads))
        if answer.point is None and answer.status == "time_limit":
            return None
        if answer.point is None:
            raise SolverFailure(f"nature's bilinear game ended as {answer.status}; bound the variables of recourse")
        u = image.source_point(answer.point)[: self.within.dimension]
        return u, priced.constant - answer.objective, priced.constant - answer.bound
