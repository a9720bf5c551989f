"""What a search over followers' responses has found: the best point, the gap that is left, the rounds on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bilevel.errors import NotApplicable
from bilevel.responses.answer import ResponseRound
from bilevel.responses.follower_answers import Visit
from bilevel.solvers.answer import Limits
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.outcome import MipProgress, Outcome
from reformulations.programs import LEADER, BilevelProgram, Floats


class ResponseRecord:
    """The best point with its objective, minimised, and what was reported since the time ``began``.

    ``deadline`` is the moment at which the search has to end.
    """

    def __init__(
        self, game: BilevelProgram, limits: Limits, began: float, progress: Callable[[Any], None] | None
    ) -> None:
        self._game, self._began, self._progress = game, began, progress
        self.limits, self.deadline = limits, Deadline.of(limits, began)
        self.upper = np.inf
        self.best: Floats | None = None
        self.rounds: list[ResponseRound] = []

    def take(self, visit: Visit) -> bool:
        """Keep the point of a visit if it is the best so far; tell whether it is."""
        if visit.objective >= self.upper:
            return False
        self.upper, self.best = visit.objective, visit.chosen
        return True

    @property
    def room(self) -> float:
        """By how much the bound may stay below the best objective."""
        return self.limits.gap * max(1.0, abs(self.upper))

    def is_closed_by(self, bound: float) -> bool:
        """Tell whether ``bound`` proves the best point, within the gap asked for."""
        return bool(np.isfinite(self.upper)) and self.upper - bound <= self.room

    def gap(self, bound: float) -> float:
        """Return the relative distance of ``bound`` to the best point; infinite where either is unknown."""
        known = np.isfinite(self.upper) and np.isfinite(bound)
        return (self.upper - bound) / max(1.0, abs(self.upper)) if known else np.inf

    def stopped(self) -> str:
        """Return the status of a search that its deadline ends."""
        return "interrupted" if self.limits.stopped() else "time_limit"

    def end_round(self, bound: float, stored: int) -> None:
        """Record a round, with so many responses ``stored``, and tell whoever wants to know."""
        sense = float(self._game.objectives.sense[LEADER])
        ends = sorted((sense * bound, sense * self.upper))
        self.rounds.append(ResponseRound(ends[0], ends[1], stored, time.perf_counter() - self._began))
        self.tell(bound, len(self.rounds))

    def tell(self, bound: float, effort: int) -> None:
        """Tell where the search stands after so many rounds or nodes."""
        if self._progress is not None:
            seconds = time.perf_counter() - self._began
            self._progress(MipProgress(self.upper, bound, self.gap(bound), effort, seconds))

    def refuse_unbounded(self, outcome: Outcome) -> None:
        """Refuse a game of which a relaxation is unbounded.

        Raises
        ------
        NotApplicable
            Naming the leader.
        """
        if outcome.status == "unbounded":
            reason = "its objective is unbounded even if the followers respond at will; give bounds to its variables"
            raise NotApplicable(self._game.players[LEADER], reason)
