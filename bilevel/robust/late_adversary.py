"""Nature against late followers: every scenario evaluated exactly."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bilevel.robust.late_evaluation import LateAnswer, LateEvaluation
from reformulations.programs import Floats

_MOST_OF_IT = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Worst:
    """The scenario ``(k,)`` that nature answers with, what happens there, and a proven bound of what any costs.

    Where that is a limit that no scenario attains, ``nearby`` is one that costs nearly as much.
    """

    scenario: Floats
    late: LateAnswer
    bound: float
    nearby: Floats | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a scenario must cost to stand for a limit.

    Either ``enough``, at which the plan is no better than another, or most of what the limit costs more than ``known``.
    """

    known: float
    enough: float

    def of(self, cost: float) -> float:
        """Return it for a limit of this ``cost``."""
        known = min(cost, self.known)
        return min(self.enough, cost if np.isinf(known) else known + _MOST_OF_IT * (cost - known))


TIGHT = Wanted(-np.inf, np.inf)
"""As near as can be."""


@dataclass(frozen=True, slots=True, eq=False)
class LateAdversary:
    """Nature, with finitely many scenarios ``points`` ``(s, k)``."""

    evaluation: LateEvaluation
    points: Floats

    def worst(self, point: Floats, gap: float, deadline: float | None = None, wanted: Wanted = TIGHT) -> Worst | None:
        """Return the worst scenario and what happens there; the first without an answer is worst.

        After the deadline the worst of those known, without a bound; None where none is.
        """
        del gap, wanted
        answers: list[LateAnswer] = []
        for u in self.points:
            if deadline is not None and time.perf_counter() > deadline:
                break
            answer = self.evaluation.answer(point, u)
            if np.isinf(answer.cost):
                return Worst(u, answer, np.inf)
            answers.append(answer)
        if not answers:
            return None
        k = int(np.argmax([answer.cost for answer in answers]))
        return Worst(self.points[k], answers[k], answers[k].cost if len(answers) == len(self.points) else np.inf)

    @property
    def name(self) -> str:
        """How the answers are found, in words."""
        return f"{len(self.points)} scenarios, two lexicographic programs each"
