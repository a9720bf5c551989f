"""What solving a compiled game is asked and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from numbers import Integral, Real

from bilevel.errors import InvalidGame
from bilevel.solvers.outcome import MipProgress, never
from reformulations.programs import Floats

Progress = Callable[[MipProgress], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What solving the image gave: a point of its MPEC, its objective, and the proven lower bound.

    ``proof`` says what the bound rests on besides the data, ``notes`` what is worth knowing of the search.
    """

    status: str
    point: Floats | None
    objective: float
    bound: float
    nodes: int
    seconds: float
    proof: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: relative ``gap``, ``time_limit`` in seconds, ``threads`` of HiGHS; or once ``stopped`` says so.

    ``executor`` takes independent sub-problems where a method has some. ``values`` ``(n,)`` of the game's columns are
    where to begin, NaN where nothing is known.
    """

    gap: float = 1e-6
    time_limit: float | None = None
    threads: int | None = None
    progress: Progress | None = None
    stopped: Callable[[], bool] = never
    executor: Executor | None = None
    values: Floats | None = None

    def checked(self) -> Limits:
        """Return the limits, as somebody gave them, once they are known to be numbers that mean something.

        Raises
        ------
        InvalidGame
            For a gap, a time limit or a number of threads that is negative or no number.
        """
        if not isinstance(self.gap, Real) or not 0 <= self.gap < math.inf:
            raise InvalidGame(f"gap={self.gap!r}: give a number from 0 up")
        if self.time_limit is not None and not (isinstance(self.time_limit, Real) and self.time_limit >= 0):
            raise InvalidGame(f"time_limit={self.time_limit!r}: give seconds, or None for no limit")
        if self.threads is not None and not (isinstance(self.threads, Integral) and self.threads >= 0):
            raise InvalidGame(f"threads={self.threads!r}: give a whole number, or None for HiGHS's own choice")
        return self

    def after(self, seconds: float) -> Limits:
        """Return what is left of the time once ``seconds`` have passed, never less than a moment to answer in."""
        return self if self.time_limit is None else replace(self, time_limit=max(self.time_limit - seconds, 0.1))
