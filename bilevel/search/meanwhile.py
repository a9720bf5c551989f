"""A search for better points beside a branch and bound, whose own heuristics know nothing of leaders and followers."""

from __future__ import annotations

import time
from collections.abc import Callable

from bilevel.compiler.pipeline import Image
from bilevel.search.alternating import AlternatingSearch
from reformulations.programs import Floats

PATIENCE = 10.0
"""Seconds of work without a better point after which the search ends."""

SEED = 1
"""Of the restarts: others than those of the search for a start."""


class Meanwhile:
    """Alternating search (:mod:`bilevel.search.alternating`) from a ``start`` ``(N,)`` of the image's MPEC.

    ``extended`` makes a point of the program from one of the MPEC. The search is set up at its first step.
    """

    def __init__(
        self, image: Image, start: Floats | None, threads: int | None, extended: Callable[[Floats], Floats]
    ) -> None:
        self._image, self._start, self._threads, self._extended = image, start, threads, extended
        self._search: AlternatingSearch | None = None
        self._idle, self._over = 0.0, False

    def is_over(self) -> bool:
        """Tell whether the search has been without success for too long, or does not apply."""
        return self._over

    def step(self) -> Floats | None:
        """Climb from the next restart, and return a point ``(n,)`` of the program if it is better than any before."""
        began = time.thread_time()
        if self._search is None:
            self._search = AlternatingSearch.of(self._image, threads=self._threads, seed=SEED, start=self._start)
            self._over = self._search is None or not self._search.has_restarts
            return None
        gained = self._search.restart()
        self._idle = 0.0 if gained else self._idle + time.thread_time() - began
        self._over = self._idle > PATIENCE
        best = self._search.best
        return self._extended(best.point) if gained and best is not None else None
