"""Nature against late followers: every scenario evaluated exactly."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bilevel.robust.late_evaluation import LateAnswer, LateEvaluation
from reformulations.programs import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Worst:
    """The scenario ``(k,)`` that nature answers with, what happens there, and a proven bound of what any costs."""

    scenario: Floats
    late: LateAnswer
    bound: float


@dataclass(frozen=True, slots=True, eq=False)
class LateAdversary:
    """Nature, with finitely many scenarios ``points`` ``(s, k)``."""

    evaluation: LateEvaluation
    points: Floats

    def worst(self, point: Floats, gap: float, deadline: float | None = None) -> Worst | None:
        """Return the worst scenario and what happens there; the first without an answer is worst.

        After the deadline the worst of those known, without a bound; None where none is.
        """
        del gap
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
