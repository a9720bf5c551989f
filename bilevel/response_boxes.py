"""Bounds that masters over followers' responses need, from bound propagation and linear programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from bilevel.highs import HighsOptions, PersistentHighs
from reformulations.bounds import padded
from reformulations.high_point import HighPoint, tightened
from reformulations.interval import propagate
from reformulations.programs import Columns, Floats, Integers, MixedIntegerProgram, Names, Rows

MOST_PROGRAMS = 400
"""With more linking columns than this, only infinite bounds are worth linear programs."""

_WHOLE = 1e-6
_ROOM = 1e-6


def boxed(relaxation: HighPoint, options: HighsOptions, cutoff: float = np.inf) -> HighPoint:
    """Return the relaxation with bounds of its columns that its rows imply; linear programs bound linking ones.

    With a finite ``cutoff`` of the leader's objective the bounds hold at all points that are no worse, the optimum
    among them. Without one, programs are solved only for linking columns that nothing else bounds.
    """
    program = relaxation.program
    rows = program.rows if np.isinf(cutoff) else program.rows.append(no_worse(program, cutoff))
    box = _whole(program.columns, *propagate(rows, program.columns.lower, program.columns.upper))
    wanted = np.flatnonzero(relaxation.linking)
    if np.isinf(cutoff) or len(wanted) > MOST_PROGRAMS:
        wanted = wanted[np.isinf(box.lower[wanted]) | np.isinf(box.upper[wanted])]
    if len(wanted):
        box = _whole(
            program.columns, *propagate(rows, *_extremes(replace(program, rows=rows, columns=box), wanted, options))
        )
    return tightened(relaxation, box)


def greatest_values(relaxation: HighPoint, options: HighsOptions, cutoff: float = np.inf) -> Floats:
    """Return the greatest objective ``(k,)`` of each follower, as it minimises, over the relaxation, or infinity."""
    program = relaxation.program
    if np.isfinite(cutoff):
        program = replace(program, rows=program.rows.append(no_worse(program, cutoff)))
    return _extremes(program, relaxation.value, options)[1][relaxation.value]


def is_boxed(relaxation: HighPoint) -> bool:
    """Tell whether every linking column has finite bounds."""
    columns, n = relaxation.program.columns, len(relaxation.linking)
    ends = np.concatenate([columns.lower[:n][relaxation.linking], columns.upper[:n][relaxation.linking]])
    return bool(np.isfinite(ends).all())


def no_worse(program: MixedIntegerProgram, cutoff: float) -> Rows:
    """Return the row that the leader's objective is at most ``cutoff``, with a little room."""
    side = np.array([cutoff - program.constant + _ROOM * max(1.0, abs(cutoff))])
    row = sparse.csr_array(program.cost[None, :])
    return Rows(row, np.array([-np.inf]), side, Names.of(["no worse than the incumbent"]))


def _whole(columns: Columns, lower: Floats, upper: Floats) -> Columns:
    """Return the columns within the bounds, those of integer columns whole, none widened."""
    lower = np.where(columns.integer, np.ceil(lower - _WHOLE), lower)
    upper = np.where(columns.integer, np.floor(upper + _WHOLE), upper)
    return replace(columns, lower=np.maximum(lower, columns.lower), upper=np.minimum(upper, columns.upper))


def _extremes(program: MixedIntegerProgram, wanted: Integers, options: HighsOptions) -> tuple[Floats, Floats]:
    """Return the bounds of all columns, those ``wanted`` tightened by linear programs over the rows."""
    columns = replace(program.columns, integer=np.zeros(len(program.columns), bool))
    solver = PersistentHighs(replace(program, columns=columns, cost=np.zeros(len(columns)), constant=0.0), options)
    lower, upper = columns.lower.copy(), columns.upper.copy()
    for column in wanted.tolist():
        for sign, side in ((1.0, lower), (-1.0, upper)):
            solver.change_cost(np.array([column]), np.array([sign]))
            outcome = solver.solve()
            if outcome.status == "optimal":
                reached = float(padded(np.array(-outcome.bound)))
                side[column] = max(side[column], -reached) if sign > 0 else min(side[column], reached)
        solver.change_cost(np.array([column]), np.array([0.0]))
    return lower, upper
