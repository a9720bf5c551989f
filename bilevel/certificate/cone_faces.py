"""The optimal responses of followers with second-order cones, as linear programs whose faces they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bilevel.certificate.cone_response import ConicProblem, conic_problem, solve_by_tangents
from bilevel.certificate.respond import Answered
from bilevel.errors import SolverFailure
from bilevel.solvers.clarabel_optimum import clarabel_optimum
from bilevel.solvers.cone_optimum import ConicOutcome
from bilevel.solvers.outcome import Outcome
from reformulations.arrays import Floats, Integers, Names, Rows
from reformulations.conic.cone_tangents import Tangents, first_tangents
from reformulations.conic.cones import Cones
from reformulations.programs import BilevelProgram

ROOM = 1e-8
"""By how much a cone's terms may be off the ray that its multipliers name, relative to ``1 + |u_0|``."""

PRICED = 1e-6
"""Multipliers of a cone up to this part of the largest count as zero."""


@dataclass(frozen=True, slots=True)
class ConicAnswer:
    """The joint problem of some followers, solved, its program's face their optimal responses; multipliers ``(D,)``.

    ``solver`` is ``"clarabel"`` or ``"tangents"``, the latter with cones violated by up to ``residual``, relative.
    """

    answer: Answered
    duals: Floats
    solver: str
    residual: float = 0.0


def conic_answer(
    program: BilevelProgram, cones: Cones, point: Floats, players: Integers, threads: int | None, seconds: float | None
) -> ConicAnswer:
    """Solve followers with cones at ``point`` ``(n,)``, by clarabel where installed and sure, else by tangents.

    The answer's program has linear rows only: where ``s`` is not zero, ``(u_1, ..., u_d) = w u_0`` with
    ``w = -(s_1, ..., s_d)/|(s_1, ..., s_d)|`` takes the place of the cone, tangents elsewhere. It is exact on the
    optimal responses, since each of them is complementary to each optimal multiplier, and
    nonzero complementary points of the cone and its dual are on opposite rays of the boundary
    (Alizadeh and Goldfarb, Mathematical Programming 95, 2003).

    Raises
    ------
    SolverFailure
        When the followers have no joint optimum.
    """
    problem = conic_problem(program, cones, point, players)
    precise = clarabel_optimum(problem.program, problem.cones)
    if precise is not None:
        return ConicAnswer(*_faced(problem, players, *precise, first_tangents(problem.cones)), "clarabel")
    ended = solve_by_tangents(problem, threads, seconds)
    outcome, found = ended.outcome, ended.duals
    if found is None or outcome.point is None or outcome.row_duals is None or outcome.column_duals is None:
        raise SolverFailure(f"followers with cones, solved again, are {outcome.status.replace('_', ' ')}")
    q, p = len(problem.program.columns), len(problem.program.rows)
    own = replace(
        outcome,
        point=outcome.point[:q],
        row_duals=outcome.row_duals[:p],
        column_duals=outcome.column_duals[:q],
    )
    parts = _faced(problem, players, own, found[: len(problem.cones.offset)], _own_tangents(problem, ended))
    return ConicAnswer(*parts, "tangents", ended.residual)


def _faced(
    problem: ConicProblem, players: Integers, outcome: Outcome, duals: Floats, tangents: Tangents
) -> tuple[Answered, Floats]:
    if outcome.point is None or outcome.row_duals is None:
        raise SolverFailure("followers with cones have no optimum")
    cones = problem.cones
    unpriced = np.flatnonzero(~np.isin(tangents.cone(cones), _priced(cones, duals)))
    others = Tangents(sparse.csr_array(tangents.matrix[unpriced])).rows(cones)
    flat = problem.program.rows.append(_rays(problem, outcome.point, duals)).append(others)
    padded = np.concatenate([outcome.row_duals, np.zeros(len(flat) - len(outcome.row_duals))])
    responses = replace(problem.responses, program=replace(problem.program, rows=flat))
    return Answered(players, responses, replace(outcome, row_duals=padded)), duals


def _priced(cones: Cones, duals: Floats) -> Integers:
    norms = cones.norms(duals)
    return np.flatnonzero(norms > PRICED * max(1.0, norms.max(initial=0.0)))


def _rays(problem: ConicProblem, point: Floats, duals: Floats) -> Rows:
    """Return ``u_j = w_j u_0`` for the cones with multipliers, within :data:`ROOM`."""
    cones = problem.cones
    norms, of = cones.norms(duals), cones.cone
    tail = np.isin(of, _priced(cones, duals))
    tail[cones.head] = False
    places = np.flatnonzero(tail)
    direction = -duals[places] / norms[of[places]]
    count = np.arange(len(places))
    entries = (
        np.concatenate([np.ones(len(places)), -direction]),
        (np.tile(count, 2), np.concatenate([places, cones.head[of[places]]])),
    )
    pick = sparse.csr_array(sparse.coo_array(entries, shape=(len(places), len(cones.offset))).tocsr())
    offset = np.asarray(pick @ cones.offset)
    room = ROOM * (1 + np.abs(cones.terms(point)[cones.head[of[places]]]))
    names = Names(len(places), lambda i: f"ray of {cones.names[int(of[places[i]])]}")
    return Rows(sparse.csr_array(pick @ cones.factor), -offset - room, -offset + room, names)


def _own_tangents(problem: ConicProblem, ended: ConicOutcome) -> Tangents:
    """Return the tangents of the problem's own cones, those of squares of the objective left out."""
    matrix, terms = ended.tangents.matrix, len(problem.cones.offset)
    own = np.flatnonzero(matrix.indices[matrix.indptr[:-1]] < terms)
    return Tangents(sparse.csr_array(matrix[own][:, :terms]))
