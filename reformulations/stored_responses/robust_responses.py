"""Responses that are feasible at many leader decisions: they say more when they are stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import Columns, MixedIntegerProgram, Names, Rows
from reformulations.responses import HeldGame, Responses, response_program
from reformulations.stored_responses.high_point import HighPoint, leader_terms


def robust_response(relaxation: HighPoint, held: HeldGame, follower: int, target: float) -> Responses:
    """Return the program of the response within ``target`` that loses the least of each row's range.

    ::

        min sum_i e_i   s.t.   the follower's rows at the decision held,   f(x, y) <= target,
                               V_i y + max_x U_i x - w_i <= range_i e_i,   e_i >= 0

    where ``range_i`` is how far the leader can move row ``i``. Only the first columns are the follower's. (The choice
    among improving responses decides the strength of a cut: Fischetti, Ljubic, Monaci and Sinnl, Operations Research
    65, 2017, doi:10.1287/opre.2017.1650.)

    Parameters
    ----------
    relaxation
        Its bounds are the box of the leader's columns.
    held
        The game at the leader's decision.
    follower
        Position among the followers.
    target
        Objective, as minimised and without the terms the follower does not decide, that the response must reach.
    """
    game = relaxation.game
    plain = response_program(held, relaxation.followers[[follower]])
    program, rows = plain.program, plain.rows
    moved = leader_terms(game)[rows]
    least, most = relaxation.least[rows], relaxation.most[rows]
    multiplied = np.isin(rows, game.rows.products.index)
    span = np.where(multiplied | ~np.isfinite(most - least), 0.0, most - least)
    held_part = np.asarray(moved @ held.point)
    matrix = program.rows.matrix
    parts, right, scale = [], [], []
    for sign, side, worst in (
        (1.0, program.rows.upper, most - held_part),
        (-1.0, program.rows.lower, held_part - least),
    ):
        counts = np.flatnonzero((span > 0) & np.isfinite(side))
        parts.append(sign * matrix[counts])
        right.append(sign * side[counts] - worst[counts])
        scale.append(span[counts])
    sizes = np.concatenate(scale)
    k, q = len(sizes), len(program.columns)
    lost = (
        sparse.hstack([sparse.vstack(parts), -sparse.diags_array(sizes, shape=(k, k))])
        if k
        else sparse.csr_array((0, q))
    )
    good = sparse.csr_array(np.concatenate([program.cost, np.zeros(k)])[None, :])
    zeros = np.full(k + 1, -np.inf)
    extra = Rows(
        sparse.csr_array(sparse.vstack([lost, good], format="csr")),
        zeros,
        np.concatenate([*right, [target]]),
        Names(k + 1, lambda i: f"range {i}"),
    )
    shares = Columns(np.zeros(k), np.full(k, np.inf), np.zeros(k, bool), Names(k, lambda i: f"share {i}"))
    image = MixedIntegerProgram(
        program.columns.append(shares), program.rows.append(extra), np.concatenate([np.zeros(q), np.ones(k)]), 0.0
    )
    return Responses(image, plain.columns, rows)


def steady_response(relaxation: HighPoint, held: HeldGame, follower: int) -> Responses:
    """Return the program of the best response that is feasible whatever the leader does, without products in rows.

    What it is worth bounds the follower's objective everywhere: a finite, small M where nothing else is known.
    """
    found = robust_response(relaxation, held, follower, np.inf)
    program, q = found.program, len(found.columns)
    upper = np.concatenate([program.columns.upper[:q], np.zeros(len(program.columns) - q)])
    cost = np.concatenate([response_program(held, relaxation.followers[[follower]]).program.cost, upper[q:]])
    return replace(found, program=replace(program, columns=replace(program.columns, upper=upper), cost=cost))
