"""Bounds of games with cones, by followers that do no worse than restricted copies of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bilevel.compiler.compile import compile_automatically
from bilevel.conic.candidates import response_candidate
from bilevel.errors import InfeasibleGame
from bilevel.search.optimise import optimise
from bilevel.solvers.answer import Limits
from reformulations import refusal
from reformulations.arrays import Floats
from reformulations.conic.cone_tangents import Tangents
from reformulations.conic.cones import Cones
from reformulations.conic.restricted_responses import Rays, emptiness, rays_at, restricted_responses
from reformulations.programs import BilevelProgram
from reformulations.responses import HeldGame

SLACK = 1e-7
"""Slack up to which a copy's set is not empty: what a solver's tolerance lets pass."""

ATTEMPTS = 6
"""How often rays are added until no copy's set is empty."""


@dataclass(frozen=True, slots=True)
class RestrictedBound:
    """A lower bound of the leader's objective, minimised, the point ``(n,)`` that has it, and the rays used.

    Without a bound, ``reason`` says why.
    """

    bound: float
    point: Floats | None
    rays: Rays
    reason: str = ""


def restricted_bound(
    program: BilevelProgram, cones: Cones, tangents: Tangents, rays: Rays, limits: Limits
) -> RestrictedBound:
    """Bound a game by :func:`reformulations.conic.restricted_responses.restricted_responses`.

    Valid once :func:`reformulations.conic.restricted_responses.emptiness` has been bounded by :data:`SLACK`. Refused
    are followers that use each other's columns and objectives that are not linear in the image.
    """
    n = len(program.columns)
    try:
        if HeldGame.at(program, np.zeros(n), SLACK).is_coupled():
            return RestrictedBound(-np.inf, None, rays, "no bound: followers use each other's variables")
        rays, reason = _filled(program, cones, tangents, rays, limits)
        if reason:
            return RestrictedBound(-np.inf, None, rays, reason)
        image = compile_automatically(restricted_responses(program, cones, tangents, rays), limits.threads)
        answer = optimise(image, limits)
    except refusal.NotApplicable as refused:
        why = f"no bound from restricted responses: {refused.where}: {refused.reason.split(';')[0]}"
        return RestrictedBound(-np.inf, None, rays, why)
    except InfeasibleGame:
        return RestrictedBound(np.inf, None, rays)
    if answer.point is None:
        return RestrictedBound(answer.bound, None, rays)
    return RestrictedBound(answer.bound, image.source_point(answer.point)[:n], rays)


def _filled(program: BilevelProgram, cones: Cones, tangents: Tangents, rays: Rays, limits: Limits) -> tuple[Rays, str]:
    """Add rays until no decision within the tangents leaves a copy's set empty; the second entry says why not."""
    n = len(program.columns)
    for _ in range(ATTEMPTS):
        image = compile_automatically(emptiness(program, cones, tangents, rays), limits.threads)
        answer = optimise(image, replace(limits, gap=SLACK))
        if -answer.bound <= SLACK:
            return rays, ""
        if answer.point is None:
            break
        values = image.source_point(answer.point)[:n]
        response = response_candidate(program, cones, values, limits.threads, limits.time_limit)
        if response is None:
            break
        rays = rays + rays_at(cones, cones.terms(response.point))
    return rays, "no bound: for some decisions of the leader it is not known whether the followers have a response"
