"""Good starting points of games with linear followers: answer and decide in turn.

From a leader's decision, alternate two linear programs until the leader gains no more::

    answer   followers respond to the decision; ties go to the leader (its best point on their optimal face)
    decide   the leader moves while the pattern of that response stays: slack zero stays zero, with any
             multiplier; a positive slack keeps its multiplier at zero

Each step holds the point of the step before, so the objective never gets worse, and every point is complementary. The
result is a start for branch and bound, not a proof of anything.

Restarts take turns (:data:`RESTARTS`). One perturbs the best decision found and opens ties that are none yet: in the
first answer, pairs with a small multiplier may take either side, and the leader may move a little; decisions of price
games lie where many responses tie, which exact answers to a perturbed decision do not see. One begins anywhere. One
keeps the best pattern in a part of the pairs, drawn at random, and relaxes the others (a neighbourhood as in
Danna, Rothberg & Le Pape 2005, doi:10.1007/s10107-004-0518-7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.search.exchange import ZERO, exchanged, zero_slacks
from bilevel.search.linear_followers import LinearFollowers
from bilevel.search.pattern_programs import Found, PatternPrograms
from bilevel.solvers.outcome import never
from bilevel.solvers.work_clock import WorkClock
from reformulations.programs import Floats

RESTARTS = ("near", "anywhere", "part")
"""Where restarts begin, in turns: each kind finds what the others miss."""

STEPS = np.array([0.02, 0.05, 0.1])
"""Standard deviations of a perturbation, relative to the range of the column."""

MOVED = 0.4
"""Share of the columns that a perturbation moves."""

ROOMS = np.array([0.003, 0.01, 0.03, 0.1, 0.3])
"""What counts as a tie in a restart's first answer: multipliers up to this share of the largest."""

SHIFTS = np.array([0.0, 0.05, 0.1])
"""How far the leader may move along with that answer, relative to the range of the column."""

KEPT = np.array([0.2, 0.4, 0.6, 0.8])
"""Shares of the pairs that keep the sides of the best point when the others are relaxed."""

_TURNS = 50


def alternating_start(
    image: Image,
    *,
    threads: int | None = None,
    seconds: float = 5.0,
    seed: int = 0,
    stopped: Callable[[], bool] = never,
) -> Floats | None:
    """Return a complementary point ``(N,)`` of the image's MPEC to begin branch and bound with.

    Parameters
    ----------
    image
        A compiled game.
    threads
        Of HiGHS.
    seconds
        Work for restarts; the first two starts, from the relaxation and from the middle of the leader's bounds, run
        to their ends.
    seed
        Of the perturbations.
    stopped
        Ends the restarts once it says so.

    Returns
    -------
    Floats or None
        None where the method does not apply (followers that are quadratic, use each other's columns, or have
        products left as columns of their own) and where no start led to a feasible point.
    """
    clock = WorkClock()
    search = AlternatingSearch.of(image, threads=threads, seed=seed)
    if search is None:
        return None
    search.begin()
    while search.has_restarts and clock.seconds() < seconds and not stopped():
        search.restart()
    return None if search.best is None else search.best.point


class AlternatingSearch:
    """Climbs from one restart after the other; ``best`` is the best point found, ``start`` ``(N,)`` one to begin with.

    Made by :meth:`of`.
    """

    def __init__(self, alternation: _Alternation, relaxed: Floats, seed: int, start: Floats | None) -> None:
        self._alternation, self._relaxed, self._turn = alternation, relaxed, 0
        self._random = np.random.default_rng(seed)
        self.best: Found | None = None
        self.take(start)

    @classmethod
    def of(
        cls, image: Image, *, threads: int | None = None, seed: int = 0, start: Floats | None = None
    ) -> AlternatingSearch | None:
        """Return a search in ``image``; None where the method does not apply, and where the relaxation has no point."""
        followers = LinearFollowers.of(image.mpec, threads)
        if followers is None:
            return None
        alternation = _Alternation(PatternPrograms(image, followers.linking, threads), followers)
        relaxed = alternation.programs.relaxation()
        return None if relaxed is None else cls(alternation, relaxed, seed, start)

    @property
    def has_restarts(self) -> bool:
        """Tell whether the followers see the leader: where they do not, one climb finds everything."""
        return len(self._alternation.followers.linking) > 0

    def take(self, point: Floats | None) -> None:
        """Take a complementary point ``(N,)`` of the MPEC for the best one, if it is better."""
        if point is not None:
            value = self._alternation.programs.mpec.objective(point)
            self.best = _better(self.best, Found(point, value, np.empty(0), np.empty(0)))

    def begin(self) -> None:
        """Climb from the relaxation and from the middle of the leader's bounds; this much is always done."""
        programs = self._alternation.programs
        middle = programs.near(self._alternation.middle(self._relaxed))
        for point in (self._relaxed, middle):
            self.best = _better(self.best, self._alternation.climb(point))

    def restart(self) -> bool:
        """Climb from the next restart; tell whether the best point is better now."""
        before, kind = self.best, RESTARTS[self._turn % len(RESTARTS)]
        point = self._relaxed if before is None else before.point
        self.best = _better(before, self._alternation.climb(self._alternation.restart(kind, point, self._random)))
        self._turn += 1
        return self.best is not before


def climbed_from(image: Image, wanted: Floats, threads: int | None = None) -> Floats | None:
    """Return a complementary point ``(N,)`` of the image's MPEC at or above the decision in ``wanted``.

    ``wanted`` ``(N,)`` is NaN where nothing is wanted: these columns begin where the relaxation has them. Where the
    followers or the leader's rows do not fit the decision, the nearest one of the relaxation is taken. None where
    :func:`alternating_start` gives none either.
    """
    followers = LinearFollowers.of(image.mpec, threads)
    if followers is None:
        return None
    search = _Alternation(PatternPrograms(image, followers.linking, threads), followers)
    relaxed = search.programs.relaxation()
    if relaxed is None:
        return None
    begin = np.where(np.isnan(wanted), relaxed, wanted)
    best = search.climb(begin)
    if best is None:
        best = search.climb(search.programs.near(begin))
    return None if best is None else best.point


def _better(best: Found | None, other: Found | None) -> Found | None:
    if best is None or (other is not None and other.value < best.value):
        return other
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Alternation:
    programs: PatternPrograms
    followers: LinearFollowers

    def middle(self, point: Floats) -> Floats:
        """Return ``point`` with the leader's decision in the middle of its bounds, where these are finite."""
        at, x, columns = point.copy(), self.followers.linking, self.programs.mpec.columns
        low, high = columns.lower[x], columns.upper[x]
        finite = np.isfinite(low) & np.isfinite(high)
        at[x[finite]] = (low[finite] + high[finite]) / 2
        return at

    def restart(self, kind: str, point: Floats, random: np.random.Generator) -> Floats | None:
        """Return another point to climb from; ``point`` is the best so far."""
        if kind == "near":
            return self._loosened(self.programs.near(self._perturbed(point, random)), random)
        if kind == "anywhere":
            return self.programs.near(self._anywhere(point, random))
        return self._partly_relaxed(point, random)

    def _anywhere(self, point: Floats, random: np.random.Generator) -> Floats:
        at, x, columns = point.copy(), self.followers.linking, self.programs.mpec.columns
        finite = np.isfinite(columns.lower[x]) & np.isfinite(columns.upper[x])
        drawn = x[finite]
        at[drawn] = random.uniform(columns.lower[drawn], columns.upper[drawn])
        return at

    def _partly_relaxed(self, point: Floats, random: np.random.Generator) -> Floats | None:
        programs, pairs = self.programs, self.programs.mpec.complementarity
        kept = random.random(len(pairs)) < random.choice(KEPT)
        program = programs.program(kept & zero_slacks(programs, point), point)
        upper = program.columns.upper.copy()
        upper[pairs.multiplier[~kept]] = programs.mpec.columns.upper[pairs.multiplier[~kept]]
        found = programs.minimised(program.columns.lower, upper, program.rows.upper)
        return None if found is None else found.point

    def _perturbed(self, point: Floats, random: np.random.Generator) -> Floats:
        """Return ``point`` with some of the leader's decisions moved at random."""
        at, x, columns = point.copy(), self.followers.linking, self.programs.mpec.columns
        step = random.choice(STEPS) * self.programs.reach(point) * random.standard_normal(len(x))
        moved = point[x] + np.where(random.random(len(x)) < MOVED, step, 0.0)
        at[x] = np.clip(moved, columns.lower[x], columns.upper[x])
        return at

    def climb(self, point: Floats | None) -> Found | None:
        """Answer and decide in turns from the leader's decision of ``point`` while the leader gains."""
        best: Found | None = None
        for _ in range(_TURNS):
            answered = None if point is None else self._answered(point)
            found = None if answered is None else self._decided(answered)
            if found is None or (best is not None and not best.is_worse_than(found)):
                return best
            best, point = found, found.point
        return best

    def _loosened(self, point: Floats | None, random: np.random.Generator) -> Floats | None:
        """Return a complementary point near ``point`` after an answer with near ties opened; else ``point``."""
        multipliers = None if point is None else self.followers.multipliers(point)
        if point is None or multipliers is None:
            return point
        programs, pairs, x = self.programs, self.programs.mpec.complementarity, self.followers.linking
        room = random.choice(ROOMS) * np.max(multipliers[~pairs.equality], initial=0.0)
        program = programs.program(~pairs.equality & (multipliers > room), point)
        lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
        upper[pairs.multiplier] = programs.mpec.columns.upper[pairs.multiplier]
        shift = random.choice(SHIFTS) * programs.reach(point)
        lower[x], upper[x] = np.maximum(lower[x], point[x] - shift), np.minimum(upper[x], point[x] + shift)
        answered = programs.minimised(lower, upper, program.rows.upper)
        decided = None if answered is None else self._decided(answered.point)
        return point if decided is None else decided.point

    def _answered(self, point: Floats) -> Floats | None:
        """Let the followers answer the leader's decision of ``point``, its integers rounded; ties go to the leader."""
        programs, pairs, x = self.programs, self.programs.mpec.complementarity, self.followers.linking
        point = point.copy()
        point[programs.integers] = np.round(point[programs.integers])
        multipliers = self.followers.multipliers(point)
        if multipliers is None:
            return None
        positive = multipliers > ZERO
        held = programs.program(~pairs.equality & positive, point)
        lower, upper = held.columns.lower.copy(), held.columns.upper.copy()
        lower[x] = upper[x] = point[x]
        lower[pairs.multiplier] = upper[pairs.multiplier] = np.where(pairs.equality | positive, multipliers, 0.0)
        found = programs.minimised(lower, upper, held.rows.upper)
        return None if found is None else found.point

    def _decided(self, point: Floats) -> Found | None:
        """Let the leader move while the pattern of ``point`` stays; biactive pairs change sides where that pays."""
        active = zero_slacks(self.programs, point)
        found = self.programs.at(active, point)
        return None if found is None else exchanged(self.programs, active, found)
