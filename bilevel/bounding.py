"""Bounds of multipliers and slacks, derived from the data by intervals, bases and linear programs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.errors import SolverFailure
from bilevel.highs import HighsOptions, PersistentHighs
from reformulations.bases import basis_bounds, independent_directions
from reformulations.bounds import BASIS, INTERVAL, RELAXATION, Bounds, padded
from reformulations.interval import activity_range, propagate
from reformulations.programs import MPEC, Columns, Floats, Integers, MixedIntegerProgram, Rows
from reformulations.relaxation import Relaxation, relaxation
from reformulations.slater import slater_program, slater_row

MOST_PROGRAMS = 20_000
"""With more lower-level rows than this, linear programs are spent on infinite bounds only."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Bounds of the lower-level rows, and the MPEC with the bounds of its columns tightened.

    ``infeasible`` tells that a relaxation has no point, hence the game neither.
    """

    mpec: MPEC
    bounds: Bounds
    infeasible: bool = False


def derive_bounds(mpec: MPEC, given: Bounds | None = None, threads: int | None = None) -> Derived:
    """Bound every multiplier and slack from the data; ``given`` bounds are used where tighter.

    In this order: bound propagation over all rows of the MPEC, then for each follower the basis
    argument (:mod:`reformulations.bases`) and one linear program a bound over its relaxation
    (:mod:`reformulations.relaxation`): for a multiplier with its row active and the opposite
    multiplier at zero, for a slack with the multiplier at zero. All hold at every leader decision.
    Nothing is guessed: what cannot be bounded stays infinite.
    """
    bounds = given if given is not None else Bounds.unknown(mpec)
    options = HighsOptions(threads=threads)
    lower, upper = propagate(mpec.rows, mpec.columns.lower, mpec.columns.upper)
    lower, upper = _finite_boxes(mpec, lower, upper, options)
    bounds = _from_intervals(mpec, bounds, lower, upper)
    for player in np.unique(mpec.complementarity.owner).tolist():
        bounds = _from_bases(mpec, bounds, player, lower, upper)
        if _wants_programs(mpec, bounds, player):
            found = _from_relaxation(mpec, bounds, player, (lower, upper), options)
            if found is None:
                return Derived(mpec, bounds, infeasible=True)
            bounds = found
    return Derived(_with_boxes(mpec, bounds, lower, upper), bounds)


def _wants_programs(mpec: MPEC, bounds: Bounds, player: int) -> bool:
    pairs = mpec.complementarity
    mine = pairs.pairs[pairs.owner[pairs.pairs] == player]
    if len(pairs) <= MOST_PROGRAMS:
        return len(mine) > 0
    return bool(np.any(np.isinf(bounds.multiplier_upper[mine]) | np.isinf(bounds.slack_upper[mine])))


def _from_intervals(mpec: MPEC, bounds: Bounds, lower: Floats, upper: Floats) -> Bounds:
    pairs = mpec.complementarity
    column = pairs.multiplier
    least = np.where(pairs.equality, -padded(-lower[column]), 0.0)
    bounds = bounds.tightened(least, np.maximum(padded(upper[column]), least), INTERVAL)
    _, most = activity_range(pairs.slack, lower, upper)
    return bounds.with_slacks(np.maximum(padded(most - pairs.offset), 0.0))


def _from_bases(mpec: MPEC, bounds: Bounds, player: int, lower: Floats, upper: Floats) -> Bounds:
    found = basis_bounds(mpec, player, lower, upper)
    if found is None:
        return bounds
    entries = np.flatnonzero(mpec.complementarity.owner == player)
    least, most = np.full(len(bounds.source), -np.inf), np.full(len(bounds.source), np.inf)
    least[entries], most[entries] = -padded(-found[0]), padded(found[1])
    return bounds.tightened(least, most, BASIS)


def _finite_boxes(mpec: MPEC, lower: Floats, upper: Floats, options: HighsOptions) -> tuple[Floats, Floats]:
    """Bound by linear programs the columns that followers' rows and gradients use and nothing bounds yet."""
    used = np.zeros(len(mpec.columns), bool)
    used[mpec.complementarity.slack.indices] = True
    used[mpec.rows.matrix[mpec.stationarity.row].indices] = True
    used[mpec.complementarity.multiplier] = False
    used[mpec.aliases.column] = False
    open_ended = np.flatnonzero(used & (np.isinf(lower) | np.isinf(upper)))
    if len(open_ended) == 0 or len(open_ended) > MOST_PROGRAMS:
        return lower, upper
    lower, upper = lower.copy(), upper.copy()
    extremes = _Extremes(_continuous(mpec, lower.copy(), upper.copy()), options)
    for column in open_ended.tolist():
        if np.isinf(upper[column]):
            upper[column] = padded(np.array(extremes.greatest(column)))
        if np.isinf(lower[column]):
            lower[column] = -padded(np.array(-extremes.least(column)))
    return propagate(mpec.rows, lower, upper)


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
    mpec: MPEC, bounds: Bounds, player: int, box: tuple[Floats, Floats], options: HighsOptions
) -> Bounds | None:
    """Solve one linear program for each bound of one follower's rows; None when the relaxation has no point."""
    lower, upper = box[0].copy(), box[1].copy()
    column = mpec.complementarity.multiplier
    lower[column] = np.maximum(lower[column], bounds.multiplier_lower)
    upper[column] = np.minimum(upper[column], bounds.multiplier_upper)
    relaxed = relaxation(mpec, player, lower, upper, _slater_row(mpec, player, box, options))
    direction = independent_directions(mpec, relaxed.entries)
    count = len(bounds.source)
    least, most, slack = np.full(count, -np.inf), np.full(count, np.inf), np.full(count, np.inf)
    extremes = _Extremes(relaxed.program, options)
    if not extremes.feasible():
        return None
    only_infinite = count > MOST_PROGRAMS
    for k, entry in enumerate(relaxed.entries.tolist()):
        if mpec.complementarity.equality[entry]:
            if np.isin(column[entry], mpec.aliases.matrix.indices):
                most[entry] = extremes.greatest(int(relaxed.multiplier[k]))
                least[entry] = extremes.least(int(relaxed.multiplier[k]))
            continue
        if np.isinf(bounds.multiplier_upper[entry]) or not only_infinite:
            most[entry] = _greatest_multiplier(mpec, relaxed, extremes, k, direction)
        if bounds.slack_upper[entry] > 0 and (np.isinf(bounds.slack_upper[entry]) or not only_infinite):
            slack[entry] = _greatest_slack(mpec, relaxed, extremes, k)
    least = np.where(mpec.complementarity.equality, -padded(-least), -np.inf)
    bounds = bounds.tightened(least, np.maximum(padded(most), 0.0), RELAXATION)
    return bounds.with_slacks(np.maximum(padded(slack), 0.0))


def _slater_row(mpec: MPEC, player: int, box: tuple[Floats, Floats], options: HighsOptions) -> Rows | None:
    """Return the Slater row of a follower whose equality rows move with others' columns, if it has one.

    Without such rows a constant Slater point is implied by the strong-duality row of the relaxation.
    """
    search = slater_program(mpec, player, *box)
    if search is None or len(search.followed) == 0:
        return None
    outcome = PersistentHighs(search.program, options).solve()
    return None if outcome.point is None else slater_row(mpec, search, outcome.point)


def _greatest_multiplier(mpec: MPEC, relaxed: Relaxation, extremes: _Extremes, k: int, direction: Integers) -> float:
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


def _greatest_slack(mpec: MPEC, relaxed: Relaxation, extremes: _Extremes, k: int) -> float:
    """Maximise a slack over the relaxation with its multiplier at zero."""
    pairs, entry = mpec.complementarity, int(relaxed.entries[k])
    start, stop = pairs.slack.indptr[entry], pairs.slack.indptr[entry + 1]
    position = np.searchsorted(relaxed.columns, pairs.slack.indices[start:stop])
    zero = [(int(relaxed.multiplier[k]), 0.0)]
    return extremes.greatest_of(position, pairs.slack.data[start:stop], zero) - float(pairs.offset[entry])


class _Extremes:
    """Greatest and least values of linear forms over one program kept warm in HiGHS."""

    def __init__(self, program: MixedIntegerProgram, options: HighsOptions) -> None:
        self._program = program
        self._solver = PersistentHighs(program, options)

    def feasible(self) -> bool:
        """Tell whether the program has a point at all."""
        return self._solver.solve().status != "infeasible"

    def greatest(self, column: int, fixed: list[tuple[int, float]] | None = None, active: int = -1) -> float:
        """Return the greatest value of a column, infinite when unbounded or not found."""
        return self.greatest_of(np.array([column]), np.ones(1), fixed, active)

    def least(self, column: int) -> float:
        """Return the least value of a column."""
        return -self.greatest_of(np.array([column]), -np.ones(1))

    def greatest_of(
        self,
        columns: np.ndarray,
        coefficients: Floats,
        fixed: list[tuple[int, float]] | None = None,
        active: int = -1,
    ) -> float:
        """Return the greatest value of a form with some columns fixed and a row at its lower side.

        An infeasible program gives 0: then the row is never active, or the slack never positive.
        Where HiGHS fails, what was fixed is let go: the greatest value can only be larger.
        """
        columns = columns.astype(np.int64)
        where = np.array([column for column, _ in fixed or []], np.int64)
        at = np.array([value for _, value in fixed or []])
        rows, program = self._program.rows, self._program
        self._solver.change_cost(columns, -coefficients)
        if len(where):
            self._solver.change_column_bounds(where, at, at)
        if active >= 0:
            side = rows.lower[[active]]
            self._solver.change_row_bounds(np.array([active]), side, side)
        try:
            outcome = self._solver.solve()
        except SolverFailure:
            outcome = None
        self._solver.change_cost(columns, np.zeros(len(columns)))
        if len(where):
            self._solver.change_column_bounds(where, program.columns.lower[where], program.columns.upper[where])
        if active >= 0:
            self._solver.change_row_bounds(np.array([active]), rows.lower[[active]], rows.upper[[active]])
        if outcome is None:
            held = len(where) > 0 or active >= 0
            return self.greatest_of(columns, coefficients) if held else np.inf
        if outcome.status == "infeasible":
            return 0.0
        return -float(outcome.bound)
