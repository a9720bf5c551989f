"""Parts of the leader's decisions, each with a bound of its own: where a master is hard, its halves are less so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.programs import Floats, MixedIntegerProgram
from reformulations.stored_responses.high_point import HighPoint, tightened

_CANDIDATES = 30
"""Most linking columns, the widest first, whose halves are compared before one is split."""


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A box of linking columns, those of ``relaxation``, with greatest objectives ``(k,)`` and a bound in it."""

    bound: float
    number: int
    relaxation: HighPoint = field(compare=False)
    value_upper: Floats = field(compare=False)


def halves(region: Region, program: MixedIntegerProgram, options: HighsOptions) -> tuple[Region, ...]:
    """Return two halves of a region, bounded by the relaxation of its master; none where nothing can be split.

    The region alone, closed, where the relaxation is infeasible.

    The column is that for which both bounds rise most, by their product; linking columns must be integer.
    """
    relaxation, columns = region.relaxation, program.columns
    linking = np.flatnonzero(relaxation.linking)
    width = columns.upper[linking] - columns.lower[linking]
    candidates = linking[np.argsort(-width, kind="stable")][: min(_CANDIDATES, int((width > 0.5).sum()))]  # noqa: PLR2004 - integers
    if not len(candidates):
        return ()
    solver = PersistentHighs(replace(program, columns=replace(columns, integer=np.zeros(len(columns), bool))), options)
    base = solver.solve().bound
    if np.isinf(base):
        return (replace(region, bound=max(base, region.bound)),) if base > 0 else ()
    best, found = -np.inf, tuple[Region, ...]()
    for column in candidates.tolist():
        if options.stopped():
            break
        low, high = columns.lower[column], columns.upper[column]
        middle = np.floor((low + high) / 2)
        bounds = []
        for ends in ((low, middle), (middle + 1, high)):
            solver.change_column_bounds(np.array([column]), np.array([ends[0]]), np.array([ends[1]]))
            bounds.append(solver.solve().bound)
        solver.change_column_bounds(np.array([column]), np.array([low]), np.array([high]))
        gains = [min(max(bound - base, 1e-3), 1e6) for bound in bounds]
        if gains[0] * gains[1] > best:
            best = gains[0] * gains[1]
            found = tuple(
                _part(region, column, *ends, bound)
                for ends, bound in zip(((low, middle), (middle + 1, high)), bounds, strict=True)
            )
    return found


def _part(region: Region, column: int, low: float, high: float, bound: float) -> Region:
    box = region.relaxation.program.columns
    lower, upper = box.lower.copy(), box.upper.copy()
    lower[column], upper[column] = low, high
    relaxation = tightened(region.relaxation, replace(box, lower=lower, upper=upper))
    return replace(region, bound=max(bound, region.bound), relaxation=relaxation)
