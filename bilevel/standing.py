"""Where a run stands, in the leader's own sense, whichever method reports it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from bilevel.printing import number
from bilevel.robust.iterations import Iteration
from bilevel.solvers.outcome import MipProgress


@dataclass(frozen=True, slots=True)
class Standing:
    """The incumbent and the proven bound, None where there is none yet, their relative gap, and the work so far."""

    incumbent: float | None
    bound: float | None
    gap: float | None
    seconds: float
    effort: str

    def __str__(self) -> str:
        gap = "-" if self.gap is None else f"{self.gap:.2%}"
        sides = f"incumbent {number(self.incumbent)}  bound {number(self.bound)}  gap {gap}"
        return f"{self.seconds:8.1f} s  {sides}  {self.effort}"


def standing(news: Any, sense: float) -> Standing | None:
    """Return where a run stands after its ``news``; ``sense`` of the leader is +1 (minimise) or -1."""
    if isinstance(news, MipProgress):
        sides = (_known(sense * news.incumbent), _known(sense * news.bound))
        return Standing(*sides, _known(news.gap), news.seconds, f"nodes {news.nodes}")
    if isinstance(news, Iteration):
        lower, upper = _known(news.lower), _known(news.upper)
        sides = (upper, lower) if sense > 0 else (lower, upper)
        return Standing(*sides, _known(news.gap), news.seconds, f"{news.kind} round")
    return None


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
