"""Players whose objective improves without end, and along which variables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from bilevel.compiler.pipeline import Image
from bilevel.search.optimise import Limits, optimise, pattern_of
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations.directions import direction_of, shortest_direction
from reformulations.patterns import at_pattern
from reformulations.programs import (
    MPEC,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    MixedIntegerProgram,
    Product,
    Role,
    Rows,
)
from reformulations.responses import HeldGame, response_program

BOXES = (1e4, 1e6)
"""Boxes in which a point far out is looked for; never a bound of anything."""


def followers_without_optimum(program: BilevelProgram, mpec: MPEC, threads: int | None = None) -> tuple[int, ...]:
    """Return the followers that have no best response, whatever the others decide within their bounds.

    No point of the boxes and no multipliers of the right sign satisfy its stationarity conditions: by
    weak duality its objective is then unbounded wherever it can respond.
    """
    owner = program.column_owner
    known = mpec.stationarity.column < len(owner)
    player = np.full(len(mpec.stationarity.column), -1, np.int64)
    player[known] = owner[mpec.stationarity.column[known]]
    if _has_stationary_point(mpec, mpec.stationarity.row, threads):
        return ()
    followers = np.flatnonzero(program.roles == Role.FOLLOWER)
    return tuple(
        int(one) for one in followers if not _has_stationary_point(mpec, mpec.stationarity.row[player == one], threads)
    )


def follower_direction(program: BilevelProgram, player: int, threads: int | None = None) -> Floats | None:
    """Return a direction ``(n,)`` of few columns along which a follower improves without end; None without any.

    The others are held within their bounds, as near to zero as these allow.
    """
    others = np.clip(0.0, program.columns.lower, program.columns.upper)
    responses = response_program(HeldGame.at(program, others, 0.0), np.array([player]))
    found = improving_direction(responses.program, threads)
    if found is None:
        return None
    direction = np.zeros(len(program.columns))
    direction[responses.columns] = found
    return direction


def leader_direction(image: Image, limits: Limits) -> Floats | None:
    """Return a direction over the image's MPEC along which the leader improves without end; None without any found.

    A point far out is looked for within boxes; along the direction from there every follower keeps
    responding optimally, because the complementarity pattern stays.
    """
    if is_bounded(image, limits.threads):
        return None
    for size in BOXES:
        boxed = _boxed(image, size)
        answer = optimise(boxed, limits)
        if answer.point is None:
            continue
        mpec, pairs = image.mpec, image.mpec.complementarity
        active = pairs.slacks(answer.point) < answer.point[pairs.multiplier]
        chosen = pattern_of(image, answer.point)
        active[image.binaries] = chosen > 0
        fixed = at_pattern(mpec, active & ~pairs.equality, answer.point[mpec.columns.integer])
        whole = mpec.columns.integer
        lower = np.where(whole, mpec.columns.lower, fixed.columns.lower)
        upper = np.where(whole, mpec.columns.upper, fixed.columns.upper)
        free = replace(fixed, columns=replace(fixed.columns, lower=lower, upper=upper))
        found = improving_direction(free, limits.threads)
        if found is not None:
            return found
    return None


def is_bounded(image: Image, threads: int | None = None) -> bool:
    """Tell whether the relaxation without complementarities shows that the leader's objective is bounded."""
    mpec = image.mpec
    relaxed = MixedIntegerProgram(mpec.columns, mpec.rows, mpec.cost, mpec.constant, mpec.products)
    return improving_direction(relaxed, threads) is None


def improving_direction(program: MixedIntegerProgram, threads: int | None = None) -> Floats | None:
    """Return the shortest direction ``(n,)`` in which a program improves without end; None without any."""
    outcome = PersistentHighs(shortest_direction(program), HighsOptions(threads=threads)).solve()
    return None if outcome.point is None else direction_of(outcome.point)


def _has_stationary_point(mpec: MPEC, rows: Integers, threads: int | None) -> bool:
    size = len(mpec.columns)
    continuous: Booleans = np.zeros(size, bool)
    columns = Columns(mpec.columns.lower, mpec.columns.upper, continuous, mpec.columns.names)
    matrix = sparse.csr_array(mpec.rows.matrix[rows])
    conditions = Rows(matrix, mpec.rows.lower[rows], mpec.rows.upper[rows], mpec.rows.names.take(rows))
    program = MixedIntegerProgram(columns, conditions, np.zeros(size), 0.0, Product.none())
    return PersistentHighs(program, HighsOptions(threads=threads)).solve().status != "infeasible"


def _boxed(image: Image, size: float) -> Image:
    def within(columns: Columns) -> Columns:
        lower = np.where(np.isinf(columns.lower), np.minimum(-size, columns.upper), columns.lower)
        upper = np.where(np.isinf(columns.upper), np.maximum(size, columns.lower), columns.upper)
        return replace(columns, lower=lower, upper=upper)

    return replace(
        image,
        mpec=replace(image.mpec, columns=within(image.mpec.columns)),
        program=replace(image.program, columns=within(image.program.columns)),
    )
