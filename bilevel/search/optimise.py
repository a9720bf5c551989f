"""Solve a compiled game: branch and bound, tangents for convex objectives, and the polished point."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.methods import Branching
from bilevel.search.branching import branch_and_bound
from bilevel.search.first_incumbent import first_incumbent
from bilevel.search.meanwhile import Meanwhile
from bilevel.search.seeking import SOME_PAIRS
from bilevel.search.spatial_search import spatial_search
from bilevel.search.tightening import can_be_tightened, is_loose, tightened
from bilevel.search.trial import Trial
from bilevel.search.warm_start import start_at
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.convex import convex_optimum
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from bilevel.solvers.outcome import Outcome
from reformulations.patterns import at_pattern
from reformulations.programs import Floats, MixedIntegerProgram
from reformulations.spatial import SpatialProgram
from reformulations.tangents import OPEN_POINTS, Squares, epigraph, tangents

__all__ = ["Answer", "Limits", "optimise", "pattern_of", "polished", "quick_start"]

ROUNDS = 200
"""Most rounds of tangents; the gap is reported as it stands after them."""

ROOT_ROUNDS = 12
"""Most rounds of tangents at the relaxation's optimum before the first branch and bound."""

CLOSED = 1e-8
"""What the squares of the relaxation may miss, relative to its value."""

MANY_PAIRS = 100
"""With so many complementarities a search for a start pays for its seconds."""

PAIR_SECONDS, HEURISTIC_SECONDS = 0.005, 5.0
"""Time for that search by pair, and the most; a tenth of the time limit where that is less."""

SHORTEST = 0.1
"""Seconds that are left to the method after the search for a start, and to that search."""

TIGHTENING_SECONDS = 10.0
"""Time for smaller big-M's, and for the trial before; a fifth of the time limit where that is less."""

LAST_SECONDS = 2.0
"""Time to look for any point where a limit has passed without one."""

POLISHING = 1e-5
"""Relative room, at most half of the gap, between the branch and bound's incumbent and its polished point."""

STARTED = "the search began at the values in the model"
NO_START = "the search began without a start: no point of the game was found at the values in the model"
"""What is said of a warm start."""

FARTHEST = 1e10
"""No tangent is taken farther out to bound an objective from below."""


def optimise(image: Image, limits: Limits, start: Floats | None = None) -> Answer:
    """Solve the program of ``image``; ``start`` is a point of the MPEC to begin with, else ``limits.values`` give one.

    The complementarity pattern and the integers of each incumbent are fixed in the MPEC, and the
    linear or quadratic program that remains gives the point returned: no big-M is left in it. The
    bound is the proven bound of the branch and bound. Convex quadratic objectives are bounded
    below by tangents, refined until the gap is closed.
    """
    if start is not None or limits.values is None:
        return _optimised_from(image, limits, start)
    start = start_at(image, limits)
    answer = _optimised_from(image, limits, start)
    return replace(answer, notes=(*answer.notes, NO_START if start is None else STARTED))


def _optimised_from(image: Image, limits: Limits, start: Floats | None) -> Answer:
    if isinstance(image.program, SpatialProgram):
        return spatial_search(image, image.program, limits, start)
    began = time.perf_counter()
    if start is None and not isinstance(image.method, Branching):  # which looks for one once it turns out to be long
        start = quick_start(image, limits)
    smaller, answer = _searched(image, replace(limits, time_limit=_left(limits, began)), start)
    if answer.status == "infeasible" and smaller is not image:  # a point is known: HiGHS errs on narrow boxes
        smaller, answer = image, _optimised(image, replace(limits, time_limit=_left(limits, began)), start)
    answer = replace(answer, proof=smaller.proof)
    if answer.point is not None or answer.status not in ("time_limit", "limit"):
        return answer
    found = first_incumbent(image, limits, LAST_SECONDS)
    if found is None:
        return answer
    point = polished(image, found, limits.threads) if len(image.binaries) else found
    return replace(answer, point=point, objective=image.mpec.objective(point), seconds=time.perf_counter() - began)


def quick_start(image: Image, limits: Limits) -> Floats | None:
    """Search for a point to begin with, where the game is large enough for it."""
    branches = isinstance(image.method, Branching)
    pairs = len(image.mpec.complementarity.pairs) if branches else len(image.binaries)
    if pairs < (SOME_PAIRS if branches else MANY_PAIRS):
        return None
    limit = np.inf if limits.time_limit is None else limits.time_limit
    seconds = min(PAIR_SECONDS * pairs, HEURISTIC_SECONDS)
    return first_incumbent(image, limits, min(seconds, max(0.1 * limit, min(0.5 * limit, SHORTEST))))


def _searched(image: Image, limits: Limits, start: Floats | None) -> tuple[Image, Answer]:
    """Branch and bound, with smaller big-M's where they are large, or where a trial without them stays open."""
    began, seconds = time.perf_counter(), TIGHTENING_SECONDS
    if limits.time_limit is not None:
        seconds = min(seconds, 0.2 * limits.time_limit)
    if is_loose(image):
        if start is None:
            start = first_incumbent(image, limits, min(0.2 * seconds, PAIR_SECONDS * len(image.binaries)))
        if start is not None:
            image = tightened(image, image.mpec.objective(start), limits, seconds)
        return image, _optimised(image, replace(limits, time_limit=_left(limits, began)), start)
    trial = Trial(limits, seconds)
    answer = _optimised(image, trial.limits() if can_be_tightened(image) else limits, start)
    if not trial.given_up or answer.status != "interrupted" or answer.point is None:
        return image, answer
    smaller = tightened(image, answer.objective, limits, seconds)
    more = _optimised(smaller, replace(limits, time_limit=_left(limits, began)), answer.point)
    more = replace(more, bound=max(more.bound, answer.bound), nodes=more.nodes + answer.nodes)
    if more.point is None and more.status != "infeasible":
        more = replace(more, point=answer.point, objective=answer.objective)
    return smaller, more


def _left(limits: Limits, began: float) -> float | None:
    if limits.time_limit is None:
        return None
    return max(limits.time_limit - (time.perf_counter() - began), min(limits.time_limit, SHORTEST))


def _optimised(image: Image, limits: Limits, start: Floats | None) -> Answer:
    if isinstance(image.method, Branching):
        return branch_and_bound(image, limits, start)
    began = time.perf_counter()
    if len(image.program.products):
        return _with_tangents(image, limits, start, began)
    beside = _meanwhile(image, limits, start, lambda point: np.concatenate([point, pattern_of(image, point)]))
    solver = PersistentHighs(image.linear_program, replace(_options(limits), meanwhile=beside))
    if start is not None:
        solver.set_start(np.concatenate([start, pattern_of(image, start)]))
    outcome = solver.solve()
    if outcome.point is None and start is not None and outcome.status in ("time_limit", "interrupted"):
        outcome = replace(outcome, point=start)
    return _answer(image, outcome, outcome.bound, limits, began)


def _meanwhile(
    image: Image, limits: Limits, start: Floats | None, extended: Callable[[Floats], Floats]
) -> Meanwhile | None:
    """Return a search beside the branch and bound, where the game is large and there is a thread for it."""
    if limits.threads == 1 or len(image.binaries) < MANY_PAIRS:
        return None
    return Meanwhile(image, start, limits.threads, extended)


def _with_squares(image: Image, parts: Squares, point: Floats) -> Floats:
    known = np.concatenate([point, pattern_of(image, point)])
    return np.concatenate([known, parts.weight * parts.roots(known) ** 2])


def _options(limits: Limits) -> HighsOptions:
    # the rest of the gap is left for what polishing moves
    gap = limits.gap - min(0.5 * limits.gap, POLISHING)
    seconds, progress = limits.time_limit, limits.progress
    return HighsOptions(threads=limits.threads, time_limit=seconds, gap=gap, progress=progress, stopped=limits.stopped)


def _answer(image: Image, outcome: Outcome, bound: float, limits: Limits, began: float) -> Answer:
    if outcome.point is None:
        return Answer(outcome.status, None, np.inf, bound, outcome.nodes, time.perf_counter() - began)
    point = polished(image, outcome.point, limits.threads)
    objective = image.mpec.objective(point)
    return Answer(outcome.status, point, objective, bound, outcome.nodes, time.perf_counter() - began)


def _with_tangents(image: Image, limits: Limits, start: Floats | None, began: float) -> Answer:
    program, parts = epigraph(image.linear_program)
    program = _with_root_tangents(program, parts, limits.threads)
    n = len(image.program.columns)
    beside = _meanwhile(image, limits, start, lambda point: _with_squares(image, parts, point))
    solver = PersistentHighs(program, replace(_options(limits), meanwhile=beside))
    best, point, bound, nodes = np.inf, None, -np.inf, 0
    outcome, reach = None, float(OPEN_POINTS.max())
    for _ in range(ROUNDS):
        remaining = None if limits.time_limit is None else limits.time_limit - (time.perf_counter() - began)
        if limits.stopped() or (remaining is not None and remaining <= 0):
            status = "interrupted" if limits.stopped() else "time_limit"
            return Answer(status, point, best, bound, nodes, time.perf_counter() - began)
        first = point if point is not None else start
        if first is not None:
            solver.set_start(_with_squares(image, parts, first))
        outcome = solver.solve(time_limit=remaining)
        nodes += outcome.nodes
        bound = max(bound, outcome.bound)
        if outcome.status == "unbounded" and reach < FARTHEST:
            reach *= 100  # the tangents are too flat, which says nothing of the squares
            for far in (reach, -reach):
                solver.add_rows(tangents(parts, np.full(len(parts), far)))
            continue
        if outcome.point is None:
            return Answer(outcome.status, point, best, bound, nodes, time.perf_counter() - began)
        candidate = polished(image, outcome.point[:n], limits.threads)
        value = image.mpec.objective(candidate)
        if value < best:
            best, point = value, candidate
        if best - bound <= limits.gap * max(1.0, abs(best)) or outcome.status != "optimal":
            break
        solver.add_rows(tangents(parts, parts.roots(outcome.point)))
        solver.add_rows(tangents(parts, parts.roots(np.concatenate([candidate, outcome.point[len(candidate) : n]]))))
    closed = best - bound <= limits.gap * max(1.0, abs(best))
    status = outcome.status if outcome is not None and (closed or outcome.status != "optimal") else "limit"
    return Answer(status, point, best, bound, nodes, time.perf_counter() - began)


def _with_root_tangents(program: MixedIntegerProgram, parts: Squares, threads: int | None) -> MixedIntegerProgram:
    """Add the tangents at the optimum of the relaxation: a linear program tells where most of them are needed."""
    columns, n = program.columns, len(program.columns) - len(parts)
    relaxed = replace(program, columns=replace(columns, integer=np.zeros(len(columns), bool)))
    solver = PersistentHighs(relaxed, HighsOptions(threads=threads))
    for _ in range(ROOT_ROUNDS):
        outcome = solver.solve()
        if outcome.point is None:
            break
        roots = parts.roots(outcome.point)
        short = float(np.sum(np.maximum(parts.weight * roots**2 - outcome.point[n:], 0.0)))
        if short <= CLOSED * max(1.0, abs(outcome.bound)):
            break
        more = tangents(parts, roots)
        solver.add_rows(more)
        program = replace(program, rows=program.rows.append(more))
    return program


def pattern_of(image: Image, point: Floats) -> Floats:
    """Return the value of each binary that fits a complementary ``point`` of the MPEC: 1 where active."""
    pairs = image.mpec.complementarity
    slack, multiplier = pairs.slacks(point), point[pairs.multiplier]
    return np.where(multiplier[image.binaries] > slack[image.binaries], 1.0, 0.0)


def polished(image: Image, point: Floats, threads: int | None = None) -> Floats:
    """Return the best point of the MPEC with the complementarity pattern and integers of ``point``.

    Where a binary is one, the slack is zero; elsewhere the multiplier is. What is left is a linear
    or convex quadratic program without big-M. When it has no solution within tolerances, the given
    point is returned as it is, for the certificate to judge.
    """
    size = len(image.mpec.columns)
    active = pattern_of(image, point[:size]) if len(point) < len(image.program.columns) else point[size:]
    program = _fixed_program(image, point[:size], np.round(active))
    best = convex_optimum(program, threads)
    return point[:size] if best is None else best


def _fixed_program(image: Image, point: Floats, active: Floats) -> MixedIntegerProgram:
    mpec = image.mpec
    pairs = mpec.complementarity
    on = np.zeros(len(pairs), bool)
    on[image.binaries[active > 0]] = True
    always = image.bounds.slack_upper <= 0
    on[~pairs.equality & always & (image.bounds.multiplier_upper > 0)] = True
    return at_pattern(mpec, on, point[mpec.columns.integer])
