"""How long a run, its masters and nature's answers may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bilevel.solvers.answer import Limits
from bilevel.solvers.deadline import Deadline

_GRACE = 0.1
"""Share of the time limit that nature may use beyond it, so that the last master's plan is not thrown away."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The limits of a run that ``began`` at a time of ``time.perf_counter``, ``earlier`` seconds after its first start.

    ``master_seconds`` and ``oracle_seconds`` are those of one master and one answer; patience multiplies them.
    """

    limits: Limits
    began: float
    earlier: float = 0.0
    master_seconds: float | None = None
    oracle_seconds: float | None = None

    def seconds(self) -> float:
        """Return the seconds since the run began, those before it was interrupted included."""
        return self.earlier + time.perf_counter() - self.began

    def is_over(self) -> bool:
        """Tell whether the time limit of the run has passed, or somebody stopped it."""
        limit = self.limits.time_limit
        return self.limits.stopped() or (limit is not None and time.perf_counter() - self.began >= limit)

    def remaining(self, patience: float) -> float | None:
        """Return the seconds for the next master, a moment at least."""
        now, limit, own = time.perf_counter(), self.limits.time_limit, self.master_seconds
        left = [] if limit is None else [max(self.began + limit - now, 0.1)]
        return min([*left, *([] if own is None else [own * patience])], default=None)

    def end(self) -> Deadline:
        """Return when the time limit of the run is over."""
        return Deadline.of(self.limits, self.began)

    def deadline(self, patience: float) -> float | None:
        """Return until when nature may answer."""
        now, limit, own = time.perf_counter(), self.limits.time_limit, self.oracle_seconds
        left = [] if limit is None else [max(self.began + limit, now + _GRACE * limit)]
        return min([*left, *([] if own is None else [now + own * patience])], default=None)
