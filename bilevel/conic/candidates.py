"""Points of a game with cones: the followers' responses to a decision of the leader, with all multipliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from bilevel.certificate.cone_checks import Conic
from bilevel.certificate.cone_faces import conic_answer
from bilevel.certificate.faces import joint_face
from bilevel.certificate.respond import Answered
from bilevel.errors import SolverFailure
from bilevel.solvers.cone_optimum import conic_optimum
from bilevel.solvers.outcome import HighsOptions
from reformulations import refusal
from reformulations.arrays import Columns, Floats, Rows
from reformulations.conic.cone_epigraph import linear_objective
from reformulations.conic.cone_tangents import Tangents, conic_point, without_cones
from reformulations.conic.cones import Cones
from reformulations.conic.joint_relaxation import joint_relaxation, linking_columns, with_held
from reformulations.optimality import leader_residuals
from reformulations.programs import LEADER, BilevelProgram, MixedIntegerProgram, Role
from reformulations.responses import HeldGame

FITS = 1e-6
"""Relative residual up to which the leader's rows and the cones hold."""

INSIDE = 1e-8
"""Relative residual of the cones to which a response is computed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A primal-dual point of a game with cones, the cones' multipliers, and the leader's objective, minimised.

    ``residual`` is the largest of the leader's rows and of all cones, relative.
    """

    point: Floats
    conic: Conic
    value: float
    residual: float

    @classmethod
    def at(cls, program: BilevelProgram, cones: Cones, point: Floats, duals: Floats) -> Candidate:
        """Evaluate a point ``(n + m + 2 n,)`` with the cones' multipliers ``(D,)``."""
        values = point[: len(program.columns)]
        outside = cones.residuals(cones.terms(values)).max(initial=0.0)
        leader = max(worst.value for _, worst in leader_residuals(program, point).kinds())
        sense = float(program.objectives.sense[LEADER])
        value = sense * float(program.objectives.value(values)[LEADER])
        return cls(point, Conic(cones, duals), value, max(float(outside), leader))

    @property
    def fits(self) -> bool:
        """Whether the leader's rows and the cones hold."""
        return self.residual <= FITS


def polyhedral_candidate(program: BilevelProgram, cones: Cones, tangents: Tangents, point: Floats) -> Candidate:
    """Return what a primal-dual point of the polyhedral game is in the declared one."""
    return Candidate.at(program, cones, *conic_point(program, cones, tangents, point))


def response_candidate(
    program: BilevelProgram, cones: Cones, values: Floats, threads: int | None, seconds: float | None
) -> Candidate | None:
    """Return the leader's best point among the followers' optimal responses to its decision in ``values`` ``(n,)``.

    Held are the leader's columns that enter the followers' problems; its others are decided anew. Where the
    optimal responses cannot be drawn within tolerances, the response found stands for all. None where the
    followers use each other's columns, or one of them has no optimum.
    """
    followers = np.flatnonzero(program.roles == Role.FOLLOWER)
    linear = without_cones(program, cones)
    held = HeldGame.at(linear, values, FITS)
    if held.is_coupled():
        return None
    try:
        found = conic_answer(program, cones, values, followers, threads, seconds)
    except (SolverFailure, refusal.NotApplicable):
        return None
    answer = found.answer
    try:
        chosen = _chosen(held, program, cones, answer, threads, seconds)
    except SolverFailure:
        chosen = None
    if chosen is None and answer.responses is not None and answer.outcome is not None:
        chosen = values.copy()
        chosen[answer.responses.columns] = answer.outcome.point
    if chosen is None:
        return None
    duals = np.zeros(len(cones.offset))
    duals[np.isin(cones.cone, np.flatnonzero(np.isin(program.row_owner[cones.row], followers)))] = found.duals
    return Candidate.at(program, cones, _with_multipliers(program, cones, chosen, answer, duals), duals)


def _chosen(
    held: HeldGame, program: BilevelProgram, cones: Cones, answer: Answered, threads: int | None, seconds: float | None
) -> Floats | None:
    """Return the leader's best values ``(n,)`` over the optimal responses; the point held where it is not convex."""
    n = len(program.columns)
    columns, rows, chosen = joint_face(held, [answer])
    entries = rows.matrix.tocoo()
    wide = sparse.coo_array((entries.data, (entries.row, chosen[entries.col])), shape=(len(rows), n)).tocsr()
    linear = with_held(held.game, held.point, linking_columns(program, cones))
    plain = joint_relaxation(linear)
    if plain is None:
        return None
    lower, upper = plain.columns.lower.copy(), plain.columns.upper.copy()
    lower[chosen], upper[chosen] = columns.lower, columns.upper
    joint = MixedIntegerProgram(
        Columns(lower, upper, plain.columns.integer, plain.columns.names),
        plain.rows.append(Rows(sparse.csr_array(wide), rows.lower, rows.upper, rows.names)),
        plain.cost,
        plain.constant,
        plain.products,
    )
    options = HighsOptions(threads=threads, time_limit=seconds, feasibility=INSIDE)
    outcome = conic_optimum(*linear_objective(joint, cones), options, tolerance=INSIDE).outcome
    return None if outcome.point is None or outcome.status != "optimal" else outcome.point[:n]


def _with_multipliers(program: BilevelProgram, cones: Cones, values: Floats, answer: Answered, duals: Floats) -> Floats:
    """Return the primal-dual point of ``values`` ``(n,)`` with the multipliers of an answer and of the cones."""
    n, m, sense = len(program.columns), len(program.rows), program.objectives.sense
    responses, outcome = answer.responses, answer.outcome
    if responses is None or outcome is None or outcome.row_duals is None or outcome.column_duals is None:
        raise SolverFailure("a follower has no multipliers")
    rows, columns = responses.rows, responses.columns
    point = np.zeros(program.point_size)
    point[:n] = values
    point[n + rows] = sense[program.row_owner[rows]] * outcome.row_duals[: len(rows)]
    reduced = outcome.column_duals
    at_lower = (reduced > 0) | (program.columns.lower[columns] == program.columns.upper[columns])
    priced = sense[program.column_owner[columns]] * reduced
    point[n + m + columns[at_lower]] = priced[at_lower]
    point[2 * n + m + columns[~at_lower]] = priced[~at_lower]
    owner = program.row_owner[cones.row]
    multipliers = sense[owner] * cones.row_multipliers(cones.terms(values), duals)
    point[n + cones.row] = np.where(program.roles[owner] == Role.FOLLOWER, multipliers, 0.0)
    declared = program.multipliers
    point[declared.column] = declared.matrix @ point[n:]
    return point
