"""What a running solve shows: one live line on a terminal, lines elsewhere if asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bilevel.printing import number
from bilevel.standing import Standing, standing


class _Line:
    """The line that is shown; made anew with each refresh, so that the clock goes on while nothing is reported."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self.now: Standing | None = None

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        seconds, now = self.seconds(), self.now
        table = Table.grid(padding=(0, 2))
        cells: list[RenderableType] = [self._spinner, Text(f"{seconds:.0f} s", "dim")]
        if now is None:
            cells.append(Text("reading, bounding, compiling", "dim"))
        else:
            gap = "-" if now.gap is None else f"{now.gap:.2%}"
            pairs = {"incumbent": number(now.incumbent), "bound": number(now.bound), "gap": gap}
            cells += [Text.assemble((f"{name} ", "dim"), (value, "bold")) for name, value in pairs.items()]
            cells.append(Text(now.effort, "dim"))
        if now is not None and now.incumbent is not None:
            cells.append(Text("Ctrl-C stops with the best so far", "dim italic"))
        table.add_row(*cells)
        yield table


@contextmanager
def following(console: Console, sense: Callable[[], float]) -> Iterator[Callable[[Any], None]]:
    """Yield what shows each report of a solve; ``sense`` says +1 where the leader minimises, else -1.

    On a terminal a line at the bottom is kept up to date, and each better incumbent stays above it. Elsewhere
    each report is a line of text.
    """
    if not console.is_terminal:
        yield lambda news: console.print(
            str(standing(news, sense()) or news), soft_wrap=True, highlight=False, markup=False
        )
        return
    line = _Line()
    with Live(line, console=console, refresh_per_second=8, transient=True) as live:

        def show(news: Any) -> None:
            now = standing(news, sense())
            if now is None:
                return
            before = None if line.now is None else line.now.incumbent
            line.now = now
            if now.incumbent is not None and now.incumbent != before:
                found = Text.assemble(
                    (f"{line.seconds():6.1f} s  ", "dim"), "incumbent ", (number(now.incumbent), "green")
                )
                live.console.print(found.append(f"  bound {number(now.bound)}", "dim"), highlight=False)

        yield show
