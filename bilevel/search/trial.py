"""A first try of a branch and bound, which is given up where smaller big-M's are worth their linear programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bilevel.solvers.answer import Limits
from bilevel.solvers.outcome import MipProgress

OPEN = 1e-2
"""Relative gap above which a branch and bound is far from its end."""


class Trial:
    """Listens to a branch and bound, and asks it to stop once it is open after ``seconds`` though a point is known."""

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits, self._seconds, self.given_up = limits, seconds, False

    def limits(self) -> Limits:
        """Return the limits under which the trial runs."""
        return replace(self._limits, progress=self._heard, stopped=self._stopped)

    def _heard(self, news: MipProgress) -> None:
        if news.seconds > self._seconds and np.isfinite(news.incumbent) and not self._limits.stopped():
            self.given_up |= news.gap > max(OPEN, self._limits.gap)
        if self._limits.progress is not None:
            self._limits.progress(news)

    def _stopped(self) -> bool:
        return self.given_up or self._limits.stopped()
