"""The optimal responses of followers that have been solved again, as bounds and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from bilevel.certificate.respond import Answered
from bilevel.errors import SolverFailure
from bilevel.solvers.outcome import Outcome
from reformulations.equilibration import REMAINDER, better_program_units
from reformulations.programs import Columns, Floats, Integers, Matrix, MixedIntegerProgram, Names, Product, Rows
from reformulations.responses import HeldGame, optimal_face
from reformulations.spatial import SpatialProgram

ROOM = 1e-7
"""Multipliers below this count as zero when the optimal face is drawn, as in HiGHS' dual feasibility.

In units in which the follower's data are near one, in which it was solved."""

TIED = 1e-8
"""Responses of a follower that is not convex are ties within this of its optimum, relative to it and its costs."""

_NEAR = 1e-6


def joint_face(held: HeldGame, answers: Sequence[Answered]) -> tuple[Columns, Rows, Integers]:
    """Stack the optimal faces of all answers: bounds, rows and the game's columns they are about.

    Of a follower that is not convex: the responses within :data:`TIED` of its optimum, rows with products.
    """
    faces = [_face_of(held, answer) for answer in answers]
    chosen = np.concatenate([columns for _, _, columns in faces])
    parts = [rows for _, rows, _ in faces]
    columns = Columns(
        np.concatenate([part.lower for part, _, _ in faces]),
        np.concatenate([part.upper for part, _, _ in faces]),
        np.concatenate([part.integer for part, _, _ in faces]),
        held.game.columns.names.take(chosen),
    )
    rows = Rows(
        sparse.csr_array(sparse.block_diag([part.matrix for part in parts], format="csr")),
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
        Names.of([name for part in parts for name in part.names]),
        _stacked(parts),
    )
    return columns, rows, chosen


def _stacked(parts: Sequence[Rows]) -> Product:
    """Return the products of rows and columns that stand behind each other."""
    found, row, column = Product.none(), 0, 0
    for part in parts:
        terms = part.products
        found = found + Product(terms.index + row, terms.left + column, terms.right + column, terms.value)
        row, column = row + len(part), column + part.matrix.shape[1]
    return found


def _face_of(held: HeldGame, answer: Answered) -> tuple[Columns, Rows, Integers]:
    responses, outcome = answer.responses, answer.outcome
    if answer.searched is not None and outcome is not None and outcome.objective is not None:
        return (*_near_optimal(answer.searched.program, outcome.objective), answer.searched.columns)
    if responses is None or outcome is None or outcome.point is None:
        raise SolverFailure("a follower has no optimum")
    program, optimum = responses.program, outcome.point
    if outcome.row_duals is None or outcome.column_duals is None:
        return (*_level_set(program, outcome), responses.columns)
    here, best = held.point[responses.columns], program.objective(optimum)
    near = program.objective(here) - best <= _NEAR * (1 + abs(best))
    at = here if near else optimum
    units, duals, size = better_program_units(program), (outcome.row_duals, outcome.column_duals), np.abs(at)
    if units is not None:
        duals, size = units.multipliers(*duals), size / units.columns
    # HiGHS solves quadratic programs with 1e-7 added to the curvature, which its multipliers show
    noise = 10 * ROOM * (1 + size.max(initial=0.0)) if len(program.products) else ROOM
    return (*optimal_face(program, at, *duals, noise), responses.columns)


def _near_optimal(program: SpatialProgram, optimum: float) -> tuple[Columns, Rows]:
    """Return the responses within :data:`TIED` of the optimum."""
    value = _value_row(program.cost, program.products, optimum - program.constant, TIED)
    return program.columns, program.rows.append(value)


def _level_set(program: MixedIntegerProgram, outcome: Outcome) -> tuple[Columns, Rows]:
    """Return the responses within :data:`ROOM` of the optimum."""
    level = program.objective(np.asarray(outcome.point)) - program.constant
    return program.columns, program.rows.append(_value_row(program.cost, Product.none(), level, ROOM))


def _value_row(cost: Floats, products: Product, level: float, room: float) -> Rows:
    """Return the row that holds the objective at most at ``level``, with room relative to it and the largest cost."""
    largest = float(np.abs(np.append(cost, products.value)).max(initial=0.0))
    unit = largest if largest > REMAINDER else 1.0
    row: Matrix = sparse.csr_array(cost[np.newaxis, :] / unit)
    top = np.array([level / unit + room * (1 + abs(level / unit))])
    terms = replace(products, value=products.value / unit)
    return Rows(row, np.array([-np.inf]), top, Names.of(["value"]), terms)
