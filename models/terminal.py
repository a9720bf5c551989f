"""How the commands of the case studies speak: one console, what holds and what fails, what is not installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console

WIDTH = 120
"""Columns of the tables where the output is no terminal."""
NO_FIGURES = 'figures need matplotlib: python -m pip install "bilevel-compiler[plots]", or -e ".[plots]" in a clone'


def terminal() -> Console:
    """Return the console of a command; brackets are text, as in ``[fleet]`` of a file or ``[plots]``."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, markup=False)


def report(console: Console, verdicts: Mapping[str, bool]) -> None:
    """Print what holds and what fails."""
    for says, good in verdicts.items():
        console.print(f"{'holds' if good else 'FAILS'}  {says}", highlight=False, style=None if good else "bold red")
