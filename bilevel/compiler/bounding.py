"""Bounds of multipliers and slacks, derived from the data by intervals, bases and linear programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import sparse

from bilevel.compiler.extremes import Extremes
from bilevel.errors import SolverFailure
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.bases import MOST_ROWS, basis_bounds, independent_directions
from reformulations.big_m import LARGEST_M
from reformulations.bounds import BASIS, INTERVAL, RELAXATION, USER, Bounds, Source, padded
from reformulations.cutoff import with_cutoff
from reformulations.interval import activity_range, propagate
from reformulations.neighbourhoods import Neighbourhood, Neighbourhoods, entries_by_player
from reformulations.programs import MPEC, Booleans, Columns, Floats, Integers, MixedIntegerProgram, Rows
from reformulations.relaxation import Relaxation, relaxation
from reformulations.slater import slater_program, slater_row

MOST_PROGRAMS = 10_000
"""With more lower-level rows than this, linear programs are spent only on what has no bound that can be written."""

LARGEST_EFFORT = 300_000
"""Programs times columns up to which boxes come from programs over the whole MPEC."""

Given = tuple[Floats, Floats]
"""Ranges of the multipliers ``(p,)`` by the user, infinite where none was given."""

Box = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Derived:
    """Bounds of the lower-level rows, and the MPEC with the bounds of its columns tightened.

    ``infeasible`` tells that a relaxation has no point, hence the game neither.
    """

    mpec: MPEC
    bounds: Bounds
    infeasible: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Masks ``(k,)`` of one follower's rows: which bounds are worth a linear program."""

    multipliers: Booleans
    slacks: Booleans
    equalities: Booleans


@dataclass(frozen=True, slots=True)
class _Effort:
    """How linear programs are solved, and until when."""

    options: HighsOptions
    deadline: Deadline | None


def derive_bounds(
    mpec: MPEC,
    given: Given | None = None,
    threads: int | None = None,
    cutoff: float | None = None,
    deadline: Deadline | None = None,
) -> Derived:
    """Bound every multiplier and slack from the data and from what is ``given``.

    In this order: bound propagation over all rows of the MPEC, then for each follower the basis
    argument (:mod:`reformulations.bases`), the given bounds where they are tighter, and one linear
    program a bound over its relaxation (:mod:`reformulations.relaxation`): for a multiplier with its
    row active and the opposite multiplier at zero, for a slack with the multiplier at zero. All hold at
    every leader decision. Where a bound is given, no program is spent on what is finite; what
    programs find with the help of given bounds counts as given. Nothing is guessed: what cannot be
    bounded stays infinite. With a ``cutoff``, the bounds hold where the (linear) objective is at most that.

    Raises
    ------
    OutOfTime
        When the ``deadline`` passes before.
    """
    if cutoff is not None:
        derived = derive_bounds(with_cutoff(mpec, cutoff), given, threads, deadline=deadline)
        return replace(derived, mpec=replace(derived.mpec, rows=mpec.rows), bounds=derived.bounds.by_cutoff())
    effort = _Effort(HighsOptions(threads=threads), deadline)
    index = cache(lambda: Neighbourhoods.of(mpec))
    box = propagate(mpec.rows, mpec.columns.lower, mpec.columns.upper)
    box = _finite_boxes(mpec, index, box, effort)
    known = _from_intervals(mpec, Bounds.unknown(mpec), box)
    free = np.full(len(mpec.complementarity), np.inf)
    least, most = given if given is not None else (-free, free)
    entries, found = entries_by_player(mpec), []
    for position, mine in enumerate(entries):
        local, part = known.take(mine), None
        if len(mine) <= MOST_ROWS:
            part = index().part(position)
            local = _from_bases(part, local, box)
        local = local.tightened(least[mine], most[mine], USER, Source.GIVEN)
        wanted = _wanted(mpec, mine, local, np.isinf(most[mine]))
        if wanted is not None:
            improved = _from_relaxation(part or index().part(position), local, box, wanted, effort)
            if improved is None:
                return Derived(mpec, known, infeasible=True)
            local = improved
        found.append(local)
    bounds = Bounds.joined(found, entries) if found else known
    return Derived(_with_boxes(mpec, bounds, *box), bounds)


def _wanted(mpec: MPEC, entries: Integers, bounds: Bounds, asked: Booleans) -> _Wanted | None:
    """Return which bounds of one follower are worth a linear program, None when none is.

    ``asked`` ``(k,)`` masks the rows whose multiplier has no given bound.
    """
    pairs = mpec.complementarity
    inequality = ~pairs.equality[entries]
    all_asked = asked & (len(pairs) <= MOST_PROGRAMS)
    multipliers = inequality & asked & (all_asked | ~(bounds.multiplier_upper <= LARGEST_M))
    slacks = inequality & (bounds.slack_upper > 0) & (all_asked | ~(bounds.slack_upper <= LARGEST_M))
    if not (multipliers | slacks | (inequality & all_asked)).any():
        return None
    used = np.zeros(len(mpec.columns), bool)
    used[mpec.aliases.matrix.indices] = True
    return _Wanted(multipliers, slacks, ~inequality & asked & used[pairs.multiplier[entries]])


def _from_intervals(mpec: MPEC, bounds: Bounds, box: Box) -> Bounds:
    pairs, (lower, upper) = mpec.complementarity, box
    column = pairs.multiplier
    least = np.where(pairs.equality, -padded(-lower[column]), 0.0)
    bounds = bounds.tightened(least, np.maximum(padded(upper[column]), least), INTERVAL)
    _, most = activity_range(pairs.slack, lower, upper)
    return bounds.with_slacks(np.maximum(padded(most - pairs.offset), 0.0))


def _from_bases(part: Neighbourhood, bounds: Bounds, box: Box) -> Bounds:
    player = int(part.program.complementarity.owner[0])
    found = basis_bounds(part.program, player, box[0][part.columns], box[1][part.columns])
    return bounds if found is None else bounds.tightened(-padded(-found[0]), padded(found[1]), BASIS)


def _finite_boxes(mpec: MPEC, index: Callable[[], Neighbourhoods], box: Box, effort: _Effort) -> Box:
    """Bound by linear programs the columns that followers' rows and gradients use and nothing bounds yet.

    With many of them the programs are those of each follower's part instead of the whole MPEC.
    """
    used = np.zeros(len(mpec.columns), bool)
    used[mpec.complementarity.slack.indices] = True
    used[mpec.rows.matrix[mpec.stationarity.row].indices] = True
    used[mpec.complementarity.multiplier] = False
    used[mpec.aliases.column] = False
    open_ended = used & (np.isinf(box[0]) | np.isinf(box[1]))
    count = int(open_ended.sum())
    if count == 0 or count > MOST_PROGRAMS:
        return box
    lower, upper = box[0].copy(), box[1].copy()
    if count * len(mpec.columns) <= LARGEST_EFFORT:
        _close(mpec, np.flatnonzero(open_ended), lower, upper, effort)
    else:
        for position in range(len(index().entries)):
            part = index().part(position)
            low, high = lower[part.columns], upper[part.columns]
            _close(part.program, np.flatnonzero(open_ended[part.columns]), low, high, effort)
            lower[part.columns], upper[part.columns] = low, high
    return propagate(mpec.rows, lower, upper)


def _close(mpec: MPEC, columns: Integers, lower: Floats, upper: Floats, effort: _Effort) -> None:
    """Replace the infinite bounds of ``columns`` by the extremes over the MPEC without complementarities."""
    if not (np.isinf(lower[columns]) | np.isinf(upper[columns])).any():
        return
    extremes = Extremes(_continuous(mpec, lower.copy(), upper.copy()), effort.options, effort.deadline)
    for column in columns.tolist():
        if np.isinf(upper[column]):
            upper[column] = padded(np.array(extremes.greatest(column)))
        if np.isinf(lower[column]):
            lower[column] = -padded(np.array(-extremes.least(column)))


def _continuous(mpec: MPEC, lower: Floats, upper: Floats) -> MixedIntegerProgram:
    """Return the MPEC without complementarities, integrality, products and cost."""
    rows, size = mpec.rows, len(mpec.columns)
    linear = np.ones(len(rows), bool)
    linear[rows.products.index] = False
    kept = np.flatnonzero(linear)
    return MixedIntegerProgram(
        Columns(lower, upper, np.zeros(size, bool), mpec.columns.names),
        Rows(sparse.csr_array(rows.matrix[kept]), rows.lower[kept], rows.upper[kept], rows.names.take(kept)),
        np.zeros(size),
        0.0,
    )


def _with_boxes(mpec: MPEC, bounds: Bounds, lower: Floats, upper: Floats) -> MPEC:
    """Return the MPEC with derived bounds on its columns, loosened so that no point is cut off."""
    column = mpec.complementarity.multiplier
    low, high = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    low, high = np.maximum(low, -padded(-lower)), np.minimum(high, padded(upper))
    keep = np.isfinite(mpec.columns.lower), np.isfinite(mpec.columns.upper)
    low, high = np.where(keep[0], mpec.columns.lower, low), np.where(keep[1], mpec.columns.upper, high)
    low[column] = np.maximum(low[column], bounds.multiplier_lower)
    high[column] = np.minimum(high[column], bounds.multiplier_upper)
    return replace(mpec, columns=replace(mpec.columns, lower=low, upper=high))


def _from_relaxation(
    part: Neighbourhood, bounds: Bounds, whole: Box, wanted: _Wanted, effort: _Effort
) -> Bounds | None:
    """Solve one linear program for each bound wanted of one follower; None when the relaxation has no point."""
    mpec, pairs = part.program, part.program.complementarity
    player, box = int(pairs.owner[0]), (whole[0][part.columns], whole[1][part.columns])
    lower, upper = box[0].copy(), box[1].copy()
    lower[pairs.multiplier] = np.maximum(lower[pairs.multiplier], bounds.multiplier_lower)
    upper[pairs.multiplier] = np.minimum(upper[pairs.multiplier], bounds.multiplier_upper)
    relaxed = relaxation(mpec, player, lower, upper, _slater_row(mpec, player, box, effort.options))
    direction = independent_directions(mpec, relaxed.entries)
    count = len(pairs)
    least, most, slack = np.full(count, -np.inf), np.full(count, np.inf), np.full(count, np.inf)
    extremes = Extremes(relaxed.program, effort.options, effort.deadline)
    source = Source.GIVEN if (bounds.source == Source.GIVEN).any() else Source.DERIVED
    if not extremes.feasible():
        return None if source == Source.DERIVED else bounds
    for k in np.flatnonzero(wanted.equalities).tolist():
        most[k] = extremes.greatest(int(relaxed.multiplier[k]))
        least[k] = extremes.least(int(relaxed.multiplier[k]))
    for k in np.flatnonzero(wanted.multipliers).tolist():
        most[k] = _greatest_multiplier(mpec, relaxed, extremes, k, direction)
    for k in np.flatnonzero(wanted.slacks).tolist():
        slack[k] = _greatest_slack(mpec, relaxed, extremes, k)
    least = np.where(pairs.equality, -padded(-least), -np.inf)
    most = np.where(pairs.equality, padded(most), np.maximum(padded(most), 0.0))
    bounds = bounds.tightened(least, most, RELAXATION, source)
    return bounds.with_slacks(np.maximum(padded(slack), 0.0), source)


def _slater_row(mpec: MPEC, player: int, box: Box, options: HighsOptions) -> Rows | None:
    """Return the Slater row of a follower whose equality rows move with others' columns, if it has one.

    Without such rows a constant Slater point is implied by the strong-duality row of the relaxation.
    """
    if not mpec.complementarity.equality.any():
        return None
    search = slater_program(mpec, player, *box)
    if search is None or len(search.followed) == 0:
        return None
    try:
        outcome = PersistentHighs(search.program, options).solve()
    except SolverFailure:
        return None
    return None if outcome.point is None else slater_row(mpec, search, outcome.point)


def _greatest_multiplier(mpec: MPEC, relaxed: Relaxation, extremes: Extremes, k: int, direction: Integers) -> float:
    """Maximise a multiplier over the relaxation with its row active and those that exclude it at zero."""
    pairs, entry = mpec.complementarity, int(relaxed.entries[k])
    excluded = np.flatnonzero(direction == direction[k])
    opposite = int(pairs.opposite[entry])
    if opposite >= 0 and pairs.offset[entry] + pairs.offset[opposite] < 0:
        excluded = np.union1d(excluded, np.flatnonzero(relaxed.entries == opposite))
    fixed = [(int(relaxed.multiplier[other]), 0.0) for other in excluded.tolist() if other != k]
    if relaxed.row[k] < 0:
        sign = 1.0 if pairs.slack.data[pairs.slack.indptr[entry]] > 0 else -1.0
        fixed.append((int(relaxed.bounded[k]), sign * float(pairs.offset[entry])))
        return extremes.greatest(int(relaxed.multiplier[k]), fixed)
    return extremes.greatest(int(relaxed.multiplier[k]), fixed, active=int(relaxed.row[k]))


def _greatest_slack(mpec: MPEC, relaxed: Relaxation, extremes: Extremes, k: int) -> float:
    """Maximise a slack over the relaxation with its multiplier at zero."""
    pairs, entry = mpec.complementarity, int(relaxed.entries[k])
    start, stop = pairs.slack.indptr[entry], pairs.slack.indptr[entry + 1]
    position = np.searchsorted(relaxed.columns, pairs.slack.indices[start:stop])
    zero = [(int(relaxed.multiplier[k]), 0.0)]
    return extremes.greatest_of(position, pairs.slack.data[start:stop], zero) - float(pairs.offset[entry])
