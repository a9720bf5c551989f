"""Games whose leader is held: the followers' response is one linear program, and the rest another."""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse

from bilevel.certificate.faces import ROOM
from bilevel.compiler.pipeline import Image
from bilevel.errors import BilevelError
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations import refusal
from reformulations.followers_gap import FollowersGap
from reformulations.patterns import at_faces
from reformulations.programs import Booleans, Floats, MixedIntegerProgram, Role
from reformulations.responses import HeldGame, response_program
from reformulations.spatial import SpatialProgram

_NEAR = 1e-7


def held_optimum(image: Image, limits: Limits) -> Answer | None:
    """Return the optimum of a game in which all that its followers see of the leader is fixed.

    Linear followers are solved once, as one linear program with optimum ``y0`` and multipliers ``lambda0``. Their
    optimal responses are the feasible ``y`` that are complementary to ``lambda0``, their optimal multipliers the
    feasible ``lambda`` that are complementary to ``y0``, and any two of these are complementary (strong duality). The
    MPEC with the slacks of positive ``lambda0`` and the multipliers of positive slacks at zero is thus the game itself,
    without a complementarity left: one linear program, or a mixed-integer one where the leader decides integers.

    None where that does not apply (quadratic followers, followers that see each other, products in their rows, an image
    that is restated) or where a program ends without an answer: another method has to tell what the game is.
    """
    began = time.perf_counter()
    options = HighsOptions(threads=limits.threads, time_limit=limits.time_limit, gap=limits.gap)
    try:
        program = _without_complementarities(image, options)
        outcome = None if program is None else PersistentHighs(program, options).solve()
    except (BilevelError, refusal.NotApplicable):
        return None
    if outcome is None or outcome.point is None or outcome.status != "optimal":
        return None
    objective, seconds = image.mpec.objective(outcome.point), time.perf_counter() - began
    return Answer("optimal", outcome.point, objective, outcome.bound, outcome.nodes, seconds, image.proof)


def _without_complementarities(image: Image, options: HighsOptions) -> MixedIntegerProgram | None:
    point, entries = _decision(image), _entries(image)
    if point is None or entries is None or isinstance(image.program, SpatialProgram) or len(image.mpec.products):
        return None
    if image.restated:
        return None
    faces = _faces(image, point, entries, options)
    return None if faces is None else at_faces(image.mpec, *faces)


def _decision(image: Image) -> Floats | None:
    """Return a point ``(n,)`` of the source with the leader's columns that followers see; None where one is free."""
    columns, n = image.mpec.columns, len(image.source.columns)
    linking = FollowersGap.of(image.mpec).linking
    seen = linking[linking < n]
    fixed = columns.lower[seen] == columns.upper[seen]
    if len(seen) < len(linking) or not fixed.all():
        return None
    point = np.zeros(n)
    point[seen] = columns.lower[seen]
    return point


def _entries(image: Image) -> tuple[np.ndarray, Floats] | None:
    """Return for each lower-level row the multiplier of the source behind it and its sign; None where one has none."""
    n = len(image.source.columns)
    back = sparse.csc_array(image.to_source.matrix[n:][:, image.mpec.complementarity.multiplier])
    if (np.diff(back.indptr) != 1).any():
        return None
    return back.indices.astype(np.int64), np.asarray(back.data)


def _faces(
    image: Image, point: Floats, entries: tuple[np.ndarray, Floats], options: HighsOptions
) -> tuple[Booleans, Booleans] | None:
    """Return masks ``(p,)`` of the rows that are met at all optimal responses, and of those without a multiplier."""
    source, pairs = image.source, image.mpec.complementarity
    n, m = len(source.columns), len(source.rows)
    held = HeldGame.at(source, point, 0.0)
    followers = np.flatnonzero(source.roles == Role.FOLLOWER)
    if held.is_coupled() or np.isin(held.objectives.products.index, followers).any():
        return None
    responses = response_program(held, followers)
    outcome = PersistentHighs(responses.program, options).solve()
    if outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
        return None
    whole = np.zeros(len(image.mpec.columns))
    whole[:n] = point
    whole[responses.columns] = outcome.point
    # minimised, whatever the follower's own sense; a column's multiplier is that of the bound its sign names
    duals = np.zeros(m + 2 * n)
    duals[responses.rows] = outcome.row_duals
    duals[m + responses.columns] = np.maximum(outcome.column_duals, 0.0)
    duals[m + n + responses.columns] = np.minimum(outcome.column_duals, 0.0)
    position, sign = entries
    owner_sense = source.objectives.sense[pairs.owner]
    multiplier = owner_sense * sign * duals[position]
    slack = pairs.slacks(whole)
    inequality = ~pairs.equality
    scale = 1 + np.abs(pairs.offset)
    met = inequality & (multiplier > ROOM)
    return met, inequality & (slack > _NEAR * scale) & ~met
