"""One attempt to solve a game on arrays, by whichever method applies, without a certificate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bilevel.compiler.pipeline import Image, compile_program
from bilevel.errors import InfeasibleFollower, InfeasibleGame, NoBound, NotApplicable, OutOfTime, UnboundedFollower
from bilevel.methods import KKT, Branching, Method, ValueFunction
from bilevel.responses.value_function import needs_responses, search_responses
from bilevel.search.optimise import Answer, Limits, optimise
from bilevel.solvers.deadline import Deadline
from reformulations.programs import BilevelProgram, Floats

METHODS: tuple[Method, ...] = (KKT(), Branching())
"""Big-M where every bound can be derived, else branching on the complementarities; for continuous followers."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it ended: ``point`` is a primal-dual point of the source, None without one."""

    status: Literal["found", "infeasible", "unbounded", "unknown"]
    point: Floats | None
    image: Image | None
    reason: str = ""


def compiled(program: BilevelProgram, limits: Limits) -> Image:
    """Return the image of a game by the first method that needs no bound that cannot be derived.

    Raises
    ------
    NotApplicable
        When no method fits.
    InfeasibleGame, InfeasibleFollower, UnboundedFollower
        When compiling shows that there is no solution.
    OutOfTime
        When the time limit passes before.
    """
    refused, deadline = None, Deadline.of(limits, time.perf_counter())
    for method in METHODS:
        try:
            return compile_program(program, method, threads=limits.threads, deadline=deadline)
        except NoBound as reason:
            refused = reason
    raise refused or NotApplicable("method", "none is available")


def attempt(program: BilevelProgram, limits: Limits) -> Attempt:
    """Solve a game, its leader's objective included; with integer or nonconvex followers by their responses."""
    if needs_responses(program):
        return _by_responses(program, limits)
    try:
        image = compiled(program, limits)
    except (InfeasibleGame, InfeasibleFollower, UnboundedFollower, OutOfTime) as reason:
        return Attempt("unknown" if isinstance(reason, OutOfTime) else "infeasible", None, None, str(reason))
    answer: Answer = optimise(image, limits)
    if answer.point is not None:
        return Attempt("found", image.source_point(answer.point), image)
    if answer.status == "infeasible" and not image.assumes:
        return Attempt("infeasible", None, image)
    if answer.status == "unbounded":
        return Attempt("unbounded", None, image)
    return Attempt("unknown", None, image, f"the search ended without an answer ({answer.status.replace('_', ' ')})")


def _by_responses(program: BilevelProgram, limits: Limits) -> Attempt:
    try:
        answer = search_responses(program, ValueFunction(), limits)
    except UnboundedFollower as reason:
        # at one decision of the leader, which says nothing of others
        return Attempt("unknown", None, None, str(reason))
    if answer.point is not None:
        point, n = np.zeros(program.point_size), len(program.columns)
        point[:n] = np.where(program.columns.integer, np.round(answer.point[:n]), answer.point[:n])
        return Attempt("found", point, None)
    if answer.status == "infeasible":
        return Attempt("infeasible", None, None)
    return Attempt("unknown", None, None, f"the search ended without an answer ({answer.status.replace('_', ' ')})")
