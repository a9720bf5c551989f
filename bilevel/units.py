"""Badly scaled games compiled in better units, and brought back to the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from bilevel.pipeline import Image
from reformulations.equilibration import better_units
from reformulations.programs import BilevelProgram, Floats

Given = Mapping[int, tuple[float, float]] | float | None
"""Bounds of multipliers by the user: of all, or by position ``0..m + 2 n``."""

NOTE = (
    "compiled in other units, for the data differ by many orders of magnitude: bounds of multipliers and slacks are "
    "told in these, all values of the solution in yours"
)


def in_better_units(program: BilevelProgram, given: Given, compiled: Callable[[BilevelProgram, Given], Image]) -> Image:
    """Compile the game, in other units where its data are far from one.

    Solvers hold rows and reduced costs to absolute tolerances and leave out what is tiny: in bad units a coefficient
    that matters is lost, and a feasible game called infeasible.
    """
    units = better_units(program)
    if units is None:
        return compiled(program, given)
    scaled = units.apply(program)
    factors = scaled.recover.matrix.diagonal()[len(program.columns) :]
    image = compiled(scaled.program, _in_units(given, factors))
    to_source, notes = scaled.recover @ image.to_source, (*image.notes, NOTE)
    return replace(image, source=program, to_source=to_source, notes=notes, units=units)


def _in_units(given: Given, factors: Floats) -> Given:
    """Divide ranges of multipliers by what a unit of each is worth."""
    if given is None:
        return None
    ranges = given if isinstance(given, Mapping) else dict.fromkeys(range(len(factors)), (-given, given))
    return {
        position: (float(np.divide(low, factors[position])), float(np.divide(high, factors[position])))
        for position, (low, high) in ranges.items()
    }
