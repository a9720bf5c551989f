"""Live progress of column-and-constraint generation in the terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bilevel.robust.iterations import Iteration, IterationTable
from bilevel.solvers.outcome import MipProgress


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a master stood, in yuan of profit: best plan so far and proven bound, ``seconds`` since the start."""

    seconds: float
    incumbent: float
    bound: float


@dataclass(slots=True)
class Monitor:
    """Collects what the solver reports and shows it; use as context manager, give :meth:`take` as ``progress``."""

    console: Console
    title: str
    rounds: list[Iteration] = field(default_factory=list)
    samples: list[list[Sample]] = field(default_factory=lambda: [[]])
    _began: float = field(default_factory=time.perf_counter)
    _live: Live | None = None

    def __enter__(self) -> Monitor:
        self._began = time.perf_counter()
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._rendered, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            self.console.print(f"{self.title} ...")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def take(self, news: Any) -> None:
        """Take one report of the solver: a master's progress, or a round that has ended."""
        if isinstance(news, Iteration):
            self.rounds.append(news)
            self.samples.append([])
            if self._live is None:
                self.console.print(
                    f"  round {len(self.rounds)}: between {news.lower:.3f} and {news.upper:.3f}, gap {news.gap:.1e}, "
                    f"{news.seconds:.0f} s"
                )
        elif isinstance(news, MipProgress):
            # the master minimises the negative profit
            seconds = time.perf_counter() - self._began
            self.samples[-1].append(Sample(seconds, -news.incumbent, -news.bound))

    def _rendered(self) -> Group:
        seconds = time.perf_counter() - self._began
        parts: list[Table | Text] = [Text(f"{self.title}   {seconds:.0f} s", "bold")]
        if self.rounds:
            parts.append(IterationTable(self.rounds).__rich__())
        if self.samples[-1]:
            now = self.samples[-1][-1]
            if isfinite(now.incumbent):
                distance = 100 * (now.bound - now.incumbent) / max(1.0, abs(now.incumbent))
                known = f"best plan {now.incumbent:.2f}, bound {now.bound:.2f}, {distance:.1f} % apart"
            else:
                known = f"no plan yet, bound {now.bound:.2f}"
            parts.append(Text(f"master of round {len(self.rounds) + 1}: {known}"))
        else:
            parts.append(Text(f"preparing the master of round {len(self.rounds) + 1}"))
        return Group(*parts)
