"""How the commands of the case studies speak: one console, what holds and what fails, what is not installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps

from rich.console import Console

from models.tables import DataError

WIDTH = 120
"""Columns of the tables where the output is no terminal."""
NO_FIGURES = 'figures need matplotlib: python -m pip install "bilevel-compiler[plots]", or -e ".[plots]" in a clone'


def terminal() -> Console:
    """Return the console of a command; brackets are text, as in ``[fleet]`` of a file or ``[plots]``."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, markup=False)


def command(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Let a command end with one sentence and the exit code 2 where its data are refused."""

    @wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except DataError as error:
            terminal().print(f"error: {error}", style="bold red", soft_wrap=True)
            return 2

    return run


def report(console: Console, verdicts: Mapping[str, bool]) -> None:
    """Print what holds and what fails."""
    for says, good in verdicts.items():
        console.print(f"{'holds' if good else 'FAILS'}  {says}", highlight=False, style=None if good else "bold red")
