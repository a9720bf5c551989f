"""Badly scaled games stated in a better way for compiling, and brought back to the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from reformulations.equilibration import better_units
from reformulations.programs import BilevelProgram, Floats
from reformulations.recovery import Reduced
from reformulations.switched_rows import SwitchedRows

Given = Mapping[int, tuple[float, float]] | float | None
"""Bounds of multipliers by the user: of all, or by position ``0..m + 2 n``."""

UNITS_NOTE = (
    "compiled in other units, for the data differ by many orders of magnitude: bounds of multipliers and slacks are "
    "told in these, all values of the solution in yours"
)

SWITCHED_NOTE = "large coefficients of integers that only switch rows off are written smaller, to the same effect"


def restated(program: BilevelProgram) -> tuple[Reduced[BilevelProgram], tuple[str, ...]] | None:
    """Return the game as solvers like it better, and what was done to it; None where it is stated well enough."""
    switched = SwitchedRows().apply(program)
    notes = () if switched.program is program else (SWITCHED_NOTE,)
    units = better_units(switched.program)
    if units is None:
        return (switched, notes) if notes else None
    scaled = units.apply(switched.program)
    return replace(scaled, recover=switched.recover @ scaled.recover), (*notes, UNITS_NOTE)


def compiled_restated(
    program: BilevelProgram, given: Given, compiled: Callable[[BilevelProgram, Given], Image]
) -> Image:
    """Compile the game, in other units where its data are far from one, and with less on what only switches a row.

    Solvers hold rows, integers and reduced costs to absolute tolerances and leave out what is tiny: in bad units a
    coefficient that matters is lost, a feasible game called infeasible, or a row let through that is switched off.
    """
    found = restated(program)
    if found is None:
        return compiled(program, given)
    better, notes = found
    factors = better.recover.matrix.diagonal()[len(program.columns) :]
    image = compiled(better.program, _in_units(given, factors))
    to_source = better.recover @ image.to_source
    return replace(image, source=program, to_source=to_source, notes=(*image.notes, *notes), restated=True)


def _in_units(given: Given, factors: Floats) -> Given:
    """Divide ranges of multipliers by what a unit of each is worth."""
    if given is None:
        return None
    ranges = given if isinstance(given, Mapping) else dict.fromkeys(range(len(factors)), (-given, given))
    return {
        position: (float(np.divide(low, factors[position])), float(np.divide(high, factors[position])))
        for position, (low, high) in ranges.items()
    }
