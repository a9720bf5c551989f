"""Bounds that masters over followers' responses need, from bound propagation and linear programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.bounds import padded
from reformulations.interval import propagate
from reformulations.programs import Columns, Floats, Integers, MixedIntegerProgram, Names, Rows
from reformulations.stored_responses.high_point import HighPoint, leader_terms, tightened

MOST_PROGRAMS = 400
"""With more linking columns than this, only infinite bounds are worth linear programs."""

_WHOLE = 1e-6
_ROOM = 1e-6


def boxed(relaxation: HighPoint, options: HighsOptions) -> HighPoint:
    """Return the relaxation with bounds of its columns that its rows imply.

    Linear programs bound linking columns that nothing else bounds, and the leader's terms in the followers' rows, until
    the options say stop.
    """
    program = relaxation.program
    box = _whole(program.columns, *propagate(program.rows, program.columns.lower, program.columns.upper))
    wanted = np.flatnonzero(relaxation.linking)
    wanted = wanted[np.isinf(box.lower[wanted]) | np.isinf(box.upper[wanted])]
    return _narrowed(relaxation, replace(program, columns=box), wanted, options)


def boxed_below(relaxation: HighPoint, program: MixedIntegerProgram, cutoff: float, options: HighsOptions) -> HighPoint:
    """Return the relaxation with bounds that hold wherever the leader's objective is at most ``cutoff``.

    ``program`` is the relaxation's, or a master with it in its first columns, whose rows then count as well.
    """
    rows = program.rows.append(no_worse(program, cutoff))
    box = _whole(program.columns, *propagate(rows, program.columns.lower, program.columns.upper))
    wanted = np.flatnonzero(relaxation.linking)
    if len(wanted) > MOST_PROGRAMS:
        wanted = wanted[np.isinf(box.lower[wanted]) | np.isinf(box.upper[wanted])]
    return _narrowed(relaxation, replace(program, rows=rows, columns=box), wanted, options)


def _narrowed(
    relaxation: HighPoint, program: MixedIntegerProgram, wanted: Integers, options: HighsOptions
) -> HighPoint:
    """Return the relaxation within the program's bounds, those of columns ``wanted`` and of rows by linear programs."""
    if len(wanted):
        ends = propagate(program.rows, *_extremes(program, wanted, options))
        program = replace(program, columns=_whole(program.columns, *ends))
    least, most = _terms(program, relaxation, options)
    n, columns = len(relaxation.program.columns), relaxation.program.columns
    lower, upper = program.columns.lower[:n], program.columns.upper[:n]
    return tightened(relaxation, replace(columns, lower=lower, upper=upper), least, most)


def greatest_values(
    relaxation: HighPoint, options: HighsOptions, program: MixedIntegerProgram | None = None, cutoff: float = np.inf
) -> Floats:
    """Return the greatest objective ``(k,)`` of each follower, as it minimises, over the relaxation, or infinity.

    Over ``program`` where one is given, a master with the relaxation in its first columns.
    """
    program = relaxation.program if program is None else program
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


def _terms(program: MixedIntegerProgram, relaxation: HighPoint, options: HighsOptions) -> tuple[Floats, Floats]:
    """Return the range of the leader's terms in each row of followers that has several, by linear programs."""
    terms = leader_terms(relaxation.game)
    wanted = np.flatnonzero(relaxation.decided & (np.diff(terms.indptr) > 1))
    least, most = np.full(terms.shape[0], -np.inf), np.full(terms.shape[0], np.inf)
    if len(wanted) > MOST_PROGRAMS:
        return least, most
    columns = replace(program.columns, integer=np.zeros(len(program.columns), bool))
    solver = PersistentHighs(replace(program, columns=columns, cost=np.zeros(len(columns)), constant=0.0), options)
    for row in wanted.tolist():
        if options.stopped():
            break
        entries = slice(terms.indptr[row], terms.indptr[row + 1])
        places = terms.indices[entries].astype(np.int64)
        for sign, side in ((1.0, least), (-1.0, most)):
            solver.change_cost(places, sign * terms.data[entries])
            outcome = solver.solve()
            if outcome.status == "optimal":
                side[row] = -sign * float(padded(np.array(-outcome.bound)))
        solver.change_cost(places, np.zeros(len(places)))
    return least, most


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
        if options.stopped():
            break
        for sign, side in ((1.0, lower), (-1.0, upper)):
            solver.change_cost(np.array([column]), np.array([sign]))
            outcome = solver.solve()
            if outcome.status == "optimal":
                reached = float(padded(np.array(-outcome.bound)))
                side[column] = max(side[column], -reached) if sign > 0 else min(side[column], reached)
        solver.change_cost(np.array([column]), np.array([0.0]))
    return lower, upper
