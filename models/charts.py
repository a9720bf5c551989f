"""How the case studies draw: colours, style, files; needs matplotlib, the extra ``plots``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe & Ito's palette, told apart with every kind of colour vision
BLUE, ORANGE, GREEN, VERMILION, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#7F7F7F"
DPI = 150
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def write(folder: Path, model: str, figures: Mapping[str, Callable[[], Figure]]) -> Iterator[Path]:
    """Draw the figures, write them as ``model_name.png`` into ``folder``, which is made, and yield their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in figures.items():
            path = folder / f"{model}_{name}.png"
            draw().savefig(path)
            yield path
