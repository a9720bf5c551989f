"""Good starting points of games with linear followers: answer and decide in turn.

From a leader's decision, alternate two linear programs until the leader gains no more::

    answer   followers respond to the decision; ties go to the leader (its best point on their optimal face)
    decide   the leader moves while the pattern of that response stays: slack zero stays zero, with any
             multiplier; a positive slack keeps its multiplier at zero

Each step holds the point of the step before, so the objective never gets worse, and every point is complementary. The
result is a start for branch and bound, not a proof of anything.

Restarts perturb the best decision found, and open ties that are none yet: in the first answer, pairs with a small
multiplier may take either side, and the leader may move a little. Decisions of price games lie where many responses
tie, which exact answers to a perturbed decision do not see.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.errors import SolverFailure
from bilevel.highs import HighsOptions, PersistentHighs
from bilevel.pipeline import Image
from reformulations.patterns import at_pattern
from reformulations.programs import (
    MPEC,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    Names,
    Product,
    Rows,
)
from reformulations.tangents import epigraph, tangents

ZERO = 1e-7
"""Multipliers up to this size, and slacks up to ten times it, count as zero: the tolerances of HiGHS."""

GAIN = 1e-7
"""Relative gain below which alternating stops."""

STEPS = np.array([0.02, 0.05, 0.1])
"""Standard deviations of a perturbation, relative to the range of the column."""

MOVED = 0.4
"""Share of the columns that a perturbation moves."""

ROOMS = np.array([0.003, 0.01, 0.03, 0.1, 0.3])
"""What counts as a tie in a restart's first answer: multipliers up to this share of the largest."""

SHIFTS = np.array([0.0, 0.05, 0.1])
"""How far the leader may move along with that answer, relative to the range of the column."""

_TURNS = 50
_TANGENT_ROUNDS = 30


def alternating_start(
    image: Image, *, threads: int | None = None, seconds: float = 5.0, seed: int = 0
) -> Floats | None:
    """Return a complementary point ``(N,)`` of the image's MPEC to begin branch and bound with.

    Parameters
    ----------
    image
        A compiled game.
    threads
        Of HiGHS.
    seconds
        Time for restarts; the first two starts, from the relaxation and from the middle of the leader's bounds, run
        to their ends.
    seed
        Of the perturbations.

    Returns
    -------
    Floats or None
        None where the method does not apply (followers that are quadratic, use each other's columns, or have
        products left as columns of their own) and where no start led to a feasible point.
    """
    began = time.perf_counter()
    lower_level = _LowerLevel.of(image.mpec, threads)
    if lower_level is None:
        return None
    search = _Search(image, lower_level, threads)
    relaxed = search.relaxation()
    if relaxed is None:
        return None
    best = search.climb(relaxed)
    best = _better(best, search.climb(search.near(search.middle(relaxed))))
    random = np.random.default_rng(seed)
    while len(lower_level.linking) and time.perf_counter() - began < seconds:
        centre = search.near(search.perturbed(relaxed if best is None else best.point, random))
        best = _better(best, search.climb(search.loosened(centre, random)))
    return None if best is None else best.point


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    point: Floats
    value: float


def _better(best: _Found | None, other: _Found | None) -> _Found | None:
    if best is None or (other is not None and other.value < best.value):
        return other
    return best


class _LowerLevel:
    """All followers' linear programs as one: ``min c(x) y  s.t.  slack(x, y) >= offset : multipliers``."""

    def __init__(self, mpec: MPEC, linking: Integers, threads: int | None) -> None:
        pairs, stationarity = mpec.complementarity, mpec.stationarity
        self.linking, self._columns = linking, stationarity.column
        self._offset, self._equality = pairs.offset, pairs.equality
        self._held = _columns_kept(pairs.slack, linking)
        condition = mpec.rows.matrix[stationarity.row]
        self._gradient, self._cost = _columns_kept(condition, linking), -mpec.rows.lower[stationarity.row]
        q = len(stationarity.column)
        program = MixedIntegerProgram(
            Columns(np.full(q, -np.inf), np.full(q, np.inf), np.zeros(q, bool), mpec.columns.names.take(self._columns)),
            Rows(
                sparse.csr_array(pairs.slack[:, self._columns]),
                pairs.offset,
                np.where(pairs.equality, pairs.offset, np.inf),
                pairs.names,
            ),
            self._cost,
            0.0,
        )
        self._solver = PersistentHighs(program, HighsOptions(threads=threads))

    @classmethod
    def of(cls, mpec: MPEC, threads: int | None) -> _LowerLevel | None:
        """Return the followers' program; None where it is not a linear one."""
        pairs, stationarity = mpec.complementarity, mpec.stationarity
        if not len(stationarity.row):
            return None
        condition = sparse.csc_array(mpec.rows.matrix[stationarity.row])
        own = sparse.csr_array(condition[:, pairs.multiplier].T)
        follower = np.zeros(len(mpec.columns), bool)
        follower[stationarity.column] = True
        multiplier = np.zeros(len(mpec.columns), bool)
        multiplier[pairs.multiplier] = True
        curved = condition[:, stationarity.column].count_nonzero()
        foreign = abs(own + pairs.slack[:, stationarity.column]).max() if len(pairs) else 0.0
        used = np.zeros(len(mpec.columns), bool)
        used[condition.tocoo().col] = used[pairs.slack.indices] = True
        linking = np.flatnonzero(used & ~follower & ~multiplier)
        if curved or foreign or np.any(linking > pairs.multiplier.min(initial=len(used))):
            return None
        return cls(mpec, linking, threads)

    def multipliers(self, point: Floats) -> Floats | None:
        """Return optimal multipliers ``(p,)`` at the leader's decision of ``point``; None where there are none."""
        every = np.arange(len(self._offset))
        low = self._offset - self._held @ point
        self._solver.change_row_bounds(every, low, np.where(self._equality, low, np.inf))
        self._solver.set_cost(np.asarray(self._gradient @ point) + self._cost)
        outcome = _solved(self._solver)
        return None if outcome is None else outcome[1]


class _Search:
    """The MPEC at one pattern after another, kept warm; quadratic objectives by tangents that stay."""

    def __init__(self, image: Image, lower_level: _LowerLevel, threads: int | None) -> None:
        mpec, size = image.mpec, len(image.mpec.columns)
        columns = image.program.columns  # with the bounds of multipliers: a start outside of them would be refused
        bounded = Columns(columns.lower[:size], columns.upper[:size], np.zeros(size, bool), mpec.columns.names)
        self._mpec = replace(mpec, columns=bounded)
        self._lower_level, self._size, self._threads = lower_level, size, threads
        everything = MixedIntegerProgram(bounded, mpec.rows, mpec.cost, mpec.constant, mpec.products)
        program, self._squares = epigraph(everything)
        self._solver = PersistentHighs(program, HighsOptions(threads=threads))
        self._nearest: PersistentHighs | None = None

    def relaxation(self) -> Floats | None:
        """Return the optimum of the MPEC without its complementarities."""
        return self._minimised(self._mpec.columns.lower, self._mpec.columns.upper, self._mpec.rows.upper)

    def middle(self, point: Floats) -> Floats:
        """Return ``point`` with the leader's decision in the middle of its bounds, where these are finite."""
        at, x = point.copy(), self._lower_level.linking
        low, high = self._mpec.columns.lower[x], self._mpec.columns.upper[x]
        finite = np.isfinite(low) & np.isfinite(high)
        at[x[finite]] = (low[finite] + high[finite]) / 2
        return at

    def perturbed(self, point: Floats, random: np.random.Generator) -> Floats:
        """Return ``point`` with some of the leader's decisions moved at random."""
        at, x = point.copy(), self._lower_level.linking
        step = random.choice(STEPS) * self._reach(point) * random.standard_normal(len(x))
        moved = point[x] + np.where(random.random(len(x)) < MOVED, step, 0.0)
        at[x] = np.clip(moved, self._mpec.columns.lower[x], self._mpec.columns.upper[x])
        return at

    def _reach(self, point: Floats) -> Floats:
        x = self._lower_level.linking
        low, high = self._mpec.columns.lower[x], self._mpec.columns.upper[x]
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(high - low), high - low, 1 + np.abs(point[x]))

    def near(self, point: Floats) -> Floats | None:
        """Return a point of the relaxation whose leader's decision is nearest to that of ``point``."""
        x, rows = self._lower_level.linking, len(self._mpec.rows)
        if self._nearest is None:
            self._nearest = PersistentHighs(_nearest_program(self._mpec, x), HighsOptions(threads=self._threads))
        self._nearest.change_row_bounds(rows + np.arange(len(x)), point[x], point[x])
        outcome = _solved(self._nearest)
        return None if outcome is None else outcome[0][: self._size]

    def climb(self, point: Floats | None) -> _Found | None:
        """Alternate from the leader's decision of ``point`` while the leader gains."""
        best: _Found | None = None
        for _ in range(_TURNS):
            answered = None if point is None else self._answered(point)
            point = None if answered is None else self._decided(answered)
            if point is None:
                return best
            value = self._mpec.objective(point)
            if best is not None and best.value - value <= GAIN * max(1.0, abs(value)):
                return best
            best = _Found(point, value)
        return best

    def loosened(self, point: Floats | None, random: np.random.Generator) -> Floats | None:
        """Return a complementary point near ``point`` after an answer with near ties opened; else ``point``."""
        multipliers = None if point is None else self._lower_level.multipliers(point)
        if point is None or multipliers is None:
            return point
        pairs, x = self._mpec.complementarity, self._lower_level.linking
        room = random.choice(ROOMS) * np.max(multipliers[~pairs.equality], initial=0.0)
        program = at_pattern(self._mpec, ~pairs.equality & (multipliers > room), point[self._mpec.columns.integer])
        columns = self._mpec.columns
        lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
        upper[pairs.multiplier] = columns.upper[pairs.multiplier]
        shift = random.choice(SHIFTS) * self._reach(point)
        lower[x], upper[x] = np.maximum(lower[x], point[x] - shift), np.minimum(upper[x], point[x] + shift)
        answered = self._minimised(lower, upper, program.rows.upper)
        decided = None if answered is None else self._decided(answered)
        return point if decided is None else decided

    def _answered(self, point: Floats) -> Floats | None:
        multipliers = self._lower_level.multipliers(point)
        if multipliers is None:
            return None
        pairs, x = self._mpec.complementarity, self._lower_level.linking
        held = at_pattern(self._mpec, ~pairs.equality & (multipliers > ZERO), point[self._mpec.columns.integer])
        lower, upper = held.columns.lower.copy(), held.columns.upper.copy()
        lower[x] = upper[x] = point[x]
        kept = np.where(pairs.equality | (multipliers > ZERO), multipliers, 0.0)
        lower[pairs.multiplier] = upper[pairs.multiplier] = kept
        return self._minimised(lower, upper, held.rows.upper)

    def _decided(self, point: Floats) -> Floats | None:
        pairs = self._mpec.complementarity
        zero: Booleans = pairs.slacks(point) <= 10 * ZERO * (1 + np.abs(pairs.offset))
        moved = at_pattern(self._mpec, zero & ~pairs.equality, point[self._mpec.columns.integer])
        return self._minimised(moved.columns.lower, moved.columns.upper, moved.rows.upper)

    def _minimised(self, lower: Floats, upper: Floats, row_upper: Floats) -> Floats | None:
        if np.any(lower > upper):
            return None
        self._solver.change_column_bounds(np.arange(self._size), lower, upper)
        self._solver.change_row_bounds(np.arange(len(row_upper)), self._mpec.rows.lower, row_upper)
        point = None
        for _ in range(_TANGENT_ROUNDS):
            outcome = _solved(self._solver)
            if outcome is None:
                return point
            point = outcome[0][: self._size]
            roots = self._squares.roots(point)
            short = float(np.sum(np.maximum(self._squares.weight * roots**2 - outcome[0][self._size :], 0.0)))
            if short <= GAIN * max(1.0, abs(self._mpec.objective(point))):
                return point
            self._solver.add_rows(tangents(self._squares, roots))
        return point


def _nearest_program(mpec: MPEC, x: Integers) -> MixedIntegerProgram:
    """Return ``min sum (a + b)  s.t.  z_x + a - b = target``, the relaxation's rows, and no complementarity."""
    size, count = len(mpec.columns), len(x)
    apart = Columns(
        np.zeros(2 * count),
        np.full(2 * count, np.inf),
        np.zeros(2 * count, bool),
        Names(2 * count, "distance {}".format),
    )
    chosen = sparse.csr_array((np.ones(count), (np.arange(count), x)), shape=(count, size))
    unit = sparse.eye_array(count)
    equal = Rows(
        sparse.csr_array(sparse.hstack([chosen, unit, -unit], format="csr")),
        np.zeros(count),
        np.zeros(count),
        Names(count, "distance {}".format),
    )
    cost = np.concatenate([np.zeros(size), np.ones(2 * count)])
    return MixedIntegerProgram(mpec.columns.append(apart), mpec.rows.append(equal), cost, 0.0, Product.none())


def _columns_kept(matrix: Matrix, kept: Integers) -> Matrix:
    mask = np.zeros(matrix.shape[1])
    mask[kept] = 1.0
    return sparse.csr_array(matrix @ sparse.diags_array(mask))


def _solved(solver: PersistentHighs) -> tuple[Floats, Floats] | None:
    """Return point and row multipliers of an optimum; None for anything else."""
    try:
        outcome = solver.solve()
    except SolverFailure:
        return None
    if outcome.status != "optimal" or outcome.point is None or outcome.row_duals is None:
        return None
    return outcome.point, outcome.row_duals
