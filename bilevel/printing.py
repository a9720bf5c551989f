"""Text and HTML of what rich can lay out."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from rich.console import Console, RenderableType

_WIDTH = 118
_ROUNDING = 1e-14
_HTML = '<pre style="font-family:monospace;line-height:1.2">{code}</pre>'


def plain(renderable: RenderableType) -> str:
    """Return the text without colour or markup, at most 118 characters wide."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def html(renderable: RenderableType) -> str:
    """Return the text as a coloured HTML block, for notebooks."""
    console = Console(file=io.StringIO(), width=_WIDTH, record=True, force_jupyter=False)
    console.print(renderable)
    return console.export_html(inline_styles=True, code_format=_HTML)


def number(value: float | None) -> str:
    """Return a value as a person reads it: eight digits, a dash where there is none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    return f"{value + 0.0:.8g}"  # a negative zero becomes zero


def listed(items: Sequence[str], most: int = 8) -> str:
    """Return the first ``most`` items separated by commas, and how many more there are; a dash for none."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more if items else "-"


def interval(lower: float, upper: float) -> str:
    """Return an interval, open where it has no end."""
    first = "(-infinity" if lower == -math.inf else f"[{number(lower)}"
    last = "infinity)" if upper == math.inf else f"{number(upper)}]"
    return f"{first}, {last}"


def residual(value: float | None) -> str:
    """Return a residual with its order of magnitude; below 1e-14 it is rounding, and 0."""
    if value is None:
        return "-"
    return "0" if abs(value) < _ROUNDING else f"{value:.1e}"
