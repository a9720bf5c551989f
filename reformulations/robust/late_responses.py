"""What happens after nature has moved, at a fixed first stage and scenario: late followers respond, recourse follows.

Two linear (or, with integer recourse, mixed-integer) programs in the late columns, solved one after the other::

    respond    min sum_p f_p(y_p)     over the rows and bounds of the late followers
    recourse   min q(r, y)            over all late rows, y on the followers' optimal face

The face is that of one optimal dual solution: rows with a multiplier stay active, columns with a reduced cost stay at
their bound. By complementary slackness these are exactly the optimal responses, without a tolerance on their value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import BilevelProgram, Booleans, Columns, Floats, MixedIntegerProgram, Rows
from reformulations.refusal import NotApplicable
from reformulations.robust.late_followers import Timing
from reformulations.robust.scenario_masters import late_goal
from reformulations.substitution import objectives_at, rows_at

_ACTIVE = 1e-7
"""Multipliers and reduced costs above this size, relative to the largest cost, keep a row or bound active."""


@dataclass(frozen=True, slots=True)
class LateStage:
    """The late columns ``(q,)`` and rows at a fixed first stage and scenario.

    ``respond`` has the rows of the late followers (``of_follower`` among all late rows), ``recourse`` all of them.
    """

    respond: MixedIntegerProgram
    recourse: MixedIntegerProgram
    of_follower: Booleans


def late_stage(program: BilevelProgram, timing: Timing, point: Floats, u: Floats) -> LateStage:
    """Hold early columns where ``point`` ``(n,)`` has them and nature at ``u`` ``(k,)``.

    Raises
    ------
    NotApplicable
        When products of late columns remain.
    """
    held, values = np.ones(len(program.columns), bool), np.array(point[: len(program.columns)], np.float64)
    held[timing.late], values[timing.nature] = False, u
    late, kept = timing.late, np.flatnonzero(timing.late_rows)
    rows = rows_at(program.rows, held, values)
    goal = objectives_at(late_goal(program, timing), held, values)
    theirs = objectives_at(program.objectives, held, values)
    for where, products in ((rows.names, rows.products), (["leader's objective"], goal.products)):
        for term in range(min(len(products), 1)):
            raise NotApplicable(
                where[int(products.index[term])],
                "late decisions are multiplied with each other; only linear second stages can be evaluated",
            )
    waiting = np.where(timing.late_followers, program.objectives.sense, 0.0)
    columns = _taken(program.columns, late)
    every = Rows(
        sparse.csr_array(rows.matrix[kept][:, late]), rows.lower[kept], rows.upper[kept], rows.names.take(kept)
    )
    of_follower = timing.late_followers[program.row_owner[kept]]
    mine = np.flatnonzero(of_follower)
    some = Rows(sparse.csr_array(every.matrix[mine]), every.lower[mine], every.upper[mine], every.names.take(mine))
    theirs_columns = timing.late_followers[program.column_owner[late]]
    free = replace(
        columns,
        lower=np.where(theirs_columns, columns.lower, 0.0),
        upper=np.where(theirs_columns, columns.upper, 0.0),
        integer=columns.integer & theirs_columns,
    )
    cost = np.asarray(waiting @ theirs.linear)[late]
    own = np.asarray(goal.linear.toarray()).ravel()[late]
    return LateStage(
        MixedIntegerProgram(free, some, cost, 0.0),
        MixedIntegerProgram(columns, every, own, float(goal.constant[0])),
        of_follower,
    )


def on_optimal_face(stage: LateStage, response: Floats, row_duals: Floats, column_duals: Floats) -> MixedIntegerProgram:
    """Return ``stage.recourse`` with the followers' columns on their optimal face, by one optimal dual solution."""
    tolerance = _ACTIVE * max(1.0, np.max(np.abs(stage.respond.cost), initial=0.0))
    columns, rows = stage.recourse.columns, stage.recourse.rows
    stays = np.abs(column_duals) > tolerance
    lower, upper = np.where(stays, response, columns.lower), np.where(stays, response, columns.upper)
    free = stage.respond.columns.lower == stage.respond.columns.upper
    held = free & (columns.lower < columns.upper)  # columns of recourse, held at zero while followers respond
    lower, upper = np.where(held, columns.lower, lower), np.where(held, columns.upper, upper)
    low, high = rows.lower.copy(), rows.upper.copy()
    mine = np.flatnonzero(stage.of_follower)
    high[mine] = np.where(row_duals > tolerance, low[mine], high[mine])
    low[mine] = np.where(row_duals < -tolerance, high[mine], low[mine])
    return replace(
        stage.recourse,
        columns=replace(columns, lower=lower, upper=upper),
        rows=replace(rows, lower=low, upper=high),
    )


def _taken(columns: Columns, kept: np.ndarray) -> Columns:
    return Columns(columns.lower[kept], columns.upper[kept], columns.integer[kept], columns.names.take(kept))
