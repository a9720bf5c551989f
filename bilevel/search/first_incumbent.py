"""A bilevel feasible point before, or instead of, a proof."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bilevel.compiler.pipeline import Image
from bilevel.errors import SolverFailure
from bilevel.methods import Branching
from bilevel.search.alternating import alternating_start
from bilevel.solvers.answer import Limits
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.followers_gap import FollowersGap
from reformulations.programs import LEADER, Floats, Integers, MixedIntegerProgram, Product

DECISIONS = 5
"""At so many decisions of the leader the followers are asked, where no alternation applies."""


def first_incumbent(image: Image, limits: Limits, seconds: float) -> Floats | None:
    """Return a complementary point ``(N,)`` of the image's MPEC, from ``seconds`` of search.

    By alternating responses (:mod:`bilevel.search.alternating`) for linear followers that do not see each other. For
    others, and where that finds nothing, by the followers' responses at single decisions of the leader
    (:func:`response_at_decisions`).
    """
    began = time.perf_counter()
    point = alternating_start(image, threads=limits.threads, seconds=seconds, stopped=limits.stopped)
    if point is not None:
        return point
    return response_at_decisions(image, limits, max(seconds - (time.perf_counter() - began), 0.5 * seconds))


def response_at_decisions(image: Image, limits: Limits, seconds: float) -> Floats | None:
    """Return a point with the followers' joint response at the first leader's decision that has one.

    The leader's columns that followers see are held, and what is left of the image's program is solved. Decisions
    are that of the relaxation, the middle of the bounds, and random ones. None for :class:`bilevel.Branching`, which
    asks for responses at its nodes.
    """
    if isinstance(image.method, Branching):
        return None
    began, random = time.perf_counter(), np.random.default_rng(0)
    linking = _seen_by_followers(image)
    relaxed = _solved(_relaxed(image.linear_program), limits, seconds)
    if relaxed is None:
        return None
    lower, upper = image.program.columns.lower[linking], image.program.columns.upper[linking]
    finite = np.isfinite(lower) & np.isfinite(upper)
    for turn in range(DECISIONS):
        decision = relaxed[linking].copy()
        share = 0.5 if turn == 1 else random.random(int(finite.sum()))
        if turn > 0:
            decision[finite] = lower[finite] + share * (upper - lower)[finite]
        whole = image.program.columns.integer[linking]
        decision[whole] = np.round(decision[whole])
        left = seconds - (time.perf_counter() - began)
        point = _solved(_held(image.linear_program, linking, decision), limits, left) if left > 0 else None
        if point is not None:
            return point[: len(image.mpec.columns)]
    return None


def _seen_by_followers(image: Image) -> Integers:
    """Return the leader's own columns that stand in followers' rows or gradients."""
    leader = np.flatnonzero(image.source.column_owner == LEADER)
    return np.intersect1d(FollowersGap.of(image.mpec).linking, leader).astype(np.int64)


def _relaxed(program: MixedIntegerProgram) -> MixedIntegerProgram:
    columns = replace(program.columns, integer=np.zeros(len(program.columns), bool))
    return replace(program, columns=columns, products=Product.none())


def _held(program: MixedIntegerProgram, columns: Integers, values: Floats) -> MixedIntegerProgram:
    lower, upper = program.columns.lower.copy(), program.columns.upper.copy()
    lower[columns] = upper[columns] = np.clip(values, lower[columns], upper[columns])
    return replace(program, columns=replace(program.columns, lower=lower, upper=upper), products=Product.none())


def _solved(program: MixedIntegerProgram, limits: Limits, seconds: float) -> Floats | None:
    try:
        return PersistentHighs(program, HighsOptions(threads=limits.threads, time_limit=seconds)).solve().point
    except SolverFailure:
        return None
