"""A search for good points along with a branch and bound, in small steps that its nodes pay for."""

from __future__ import annotations

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.search.alternating import AlternatingSearch
from bilevel.solvers.answer import Limits
from bilevel.solvers.work_clock import WorkClock
from reformulations.programs import Floats

SOME_PAIRS = 20
"""Games with fewer complementarities find their points on the way."""

NODES = 200
"""The first step is due after so many nodes: many games are closed by then. A step takes as long as some forty."""

SECONDS = 0.0025
"""Work for each pair before a branch and bound gives up; three tenths of the time that is left where that is less."""


class Seeker:
    """Alternating search (:mod:`bilevel.search.alternating`) from the incumbents of a branch and bound of ``image``.

    It begins with two climbs, from the relaxation and from the middle of the leader's bounds; each later step is one
    restart. After a step that gained something the next one is due soon, else after twice as many nodes as before.
    """

    def __init__(self, image: Image, limits: Limits) -> None:
        self._image, self._limits = image, limits
        self._due = self._wait = NODES
        self._pairs = len(image.mpec.complementarity.pairs)
        self._search: AlternatingSearch | None = None
        self.is_over = self._pairs < SOME_PAIRS

    def step(self, nodes: int, best: Floats | None) -> Floats | None:
        """Take a step where one is due after so many ``nodes``; return a point ``(N,)`` better than ``best``."""
        if self.is_over or nodes < self._due:
            return None
        found = self._advanced(best)
        self._wait = 2 * self._wait if found is None else NODES
        self._due = nodes + self._wait
        return found

    def thorough(self, left: float | None, best: Floats | None) -> Floats | None:
        """Search as long as is worth it before another method takes over, and no more after that."""
        seconds = min(SECONDS * self._pairs, np.inf if left is None else 0.3 * left)
        clock, found = WorkClock(), None
        while not self.is_over and clock.seconds() < seconds and not self._limits.stopped():
            better = self._advanced(best if found is None else found)
            found = found if better is None else better
        self.is_over = True
        return found

    def _advanced(self, best: Floats | None) -> Floats | None:
        """Begin, or climb from the next restart; ``best`` is where restarts begin."""
        search = self._search
        if search is None:
            search = self._search = AlternatingSearch.of(self._image, threads=self._limits.threads, start=best)
            if search is not None:
                search.begin()
            self.is_over = search is None or not search.has_restarts
        else:
            search.take(best)
            search.restart()
        found = None if search is None or search.best is None else search.best.point
        return None if found is best else found
