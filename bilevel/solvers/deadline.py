"""How long there is left: one moment that every part of a search looks at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bilevel.solvers.answer import Limits
from bilevel.solvers.outcome import never


@dataclass(slots=True)
class Deadline:
    """The moment ``until``, on the clock of ``time.perf_counter``, or when ``stopped`` says so.

    ``reserved`` seconds before it are kept for what has to follow, such as a check of the answer.
    """

    until: float
    stopped: Callable[[], bool] = never
    reserved: float = 0.0

    @classmethod
    def of(cls, limits: Limits, began: float) -> Deadline:
        """Return the moment at which the time limit of a search that began then is over."""
        limit = np.inf if limits.time_limit is None else limits.time_limit
        return cls(began + limit, limits.stopped)

    def later(self, seconds: float) -> Deadline:
        """Return a moment somewhat later, for what must come to an end."""
        return Deadline(self.until + seconds, self.stopped)

    def reserve(self, seconds: float) -> None:
        """Keep at least so many seconds."""
        self.reserved = max(self.reserved, seconds)

    def remaining(self) -> float:
        """Return the seconds left, nothing once asked to stop."""
        return 0.0 if self.stopped() else max(self.until - self.reserved - time.perf_counter(), 0.0)

    def passed(self) -> bool:
        """Tell whether nothing is left."""
        return self.remaining() == 0.0
