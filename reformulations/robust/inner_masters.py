"""Nature's game against stored integer decisions of recourse, for nested column-and-constraint generation.

At a fixed first stage, with recourse ``(y, w)``, ``w`` integer, and stored decisions ``w^1 .. w^J``::

    max theta   s.t.   theta <= d'u + c'w^j + min_y {b'y : L <= N u + G y + J w^j <= H, l <= y <= h},   u in U

The minimum is that of a follower for each ``w^j``. Where it has no answer the bound must be let go, so nothing is
assumed of ``w^j`` (extended relatively complete recourse): one follower measures the least violation ``t_j`` of the
rows, another answers to rows loosened by ``t_j``, and a binary frees ``theta`` where ``t_j`` is at least
:data:`VIOLATED`: up to more than any recourse costs, so that a scenario without recourse is worse than all with one.

Source: Zhao & Zeng, An exact algorithm for two-stage robust optimization with mixed integer recourse problems, 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import (
    BilevelProgram,
    Columns,
    Floats,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Role,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.robust.late_followers import Timing
from reformulations.robust.scenario_masters import late_goal
from reformulations.sets.linear_sets import LinearSet
from reformulations.substitution import objectives_at, rows_at

VIOLATED = 1e-4
"""An integer decision counts as without an answer where a row is violated by this much at least."""


@dataclass(frozen=True, slots=True)
class LateForms:
    """The second stage at a fixed first stage: ``lower <= nature @ u + moving @ y + whole @ w <= upper``.

    The cost is ``nature_cost @ u + cost @ y + whole_cost @ w + constant``.
    """

    nature: Matrix
    moving: Matrix
    whole: Matrix
    lower: Floats
    upper: Floats
    nature_cost: Floats
    cost: Floats
    whole_cost: Floats
    constant: float
    columns: Columns
    whole_columns: Columns


def late_forms(program: BilevelProgram, timing: Timing, point: Floats) -> LateForms:
    """Hold the early columns where ``point`` ``(n,)`` has them.

    Raises
    ------
    NotApplicable
        When products of nature and late columns remain.
    """
    held = np.zeros(len(program.columns), bool)
    held[timing.early] = True
    kept = np.flatnonzero(timing.late_rows)
    rows, goal = rows_at(program.rows, held, point), objectives_at(late_goal(program, timing), held, point)
    if len(rows.products) or len(goal.products):
        raise NotApplicable("recourse", "nature multiplies integer recourse; only right-hand sides may be uncertain")
    integer = program.columns.integer[timing.late]
    smooth, whole = timing.late[~integer], timing.late[integer]
    matrix, cost = rows.matrix[kept], np.asarray(goal.linear.toarray()).ravel()
    return LateForms(
        sparse.csr_array(matrix[:, timing.nature]),
        sparse.csr_array(matrix[:, smooth]),
        sparse.csr_array(matrix[:, whole]),
        rows.lower[kept],
        rows.upper[kept],
        cost[timing.nature],
        cost[smooth],
        cost[whole],
        float(goal.constant[0]),
        _taken(program.columns, smooth),
        _taken(program.columns, whole),
    )


def inner_master(forms: LateForms, within: LinearSet, decisions: Sequence[Floats]) -> BilevelProgram:
    """Return nature's game against the stored ``decisions``; its first columns are ``u``.

    Raises
    ------
    NotApplicable
        When the bounds of recourse do not bound its cost.
    """
    low, most = _cost_range(forms, within)
    # a scenario without an answer must be worth more than the dearest with one, or that one would hide it
    high = most + max(1.0, most - low, 1e-3 * abs(most))
    k, q, m = within.matrix.shape[1], len(forms.columns), len(forms.lower)
    block = 2 * q + 2  # y, then the violation with its own y', then the binary
    width = k + 1 + len(decisions) * block
    columns, none, one = forms.columns, np.zeros(1), np.ones(1)
    lower = [within.column_lower, np.array([low])] + [columns.lower, none, columns.lower, none] * len(decisions)
    upper = [within.column_upper, np.array([high])] + [columns.upper, np.inf * one, columns.upper, one] * len(decisions)
    integer, owner = np.zeros(width, bool), np.zeros(width, np.int64)
    names = _names(len(within.lower), "row of the set")
    parts = [Rows(_at(within.matrix, 0, width), within.lower, within.upper, names)]
    row_owner = [np.zeros(len(within.lower), np.int64)]
    goals = np.zeros((1 + 2 * len(decisions), width))
    goals[0, k] = 1.0
    own = np.flatnonzero(np.diff(forms.moving.indptr))
    for j, w in enumerate(decisions):
        y, t, measured, free = (k + 1 + j * block + step for step in (0, q, q + 1, 2 * q + 1))
        integer[free], owner[y:t], owner[t:free] = True, 1 + 2 * j, 2 + 2 * j
        goals[1 + 2 * j, y:t], goals[2 + 2 * j, t] = forms.cost, 1.0
        shift = np.asarray(forms.whole @ w)
        answer, measure = ((forms.nature, 0), (forms.moving, y)), ((forms.nature, 0), (forms.moving, measured))
        parts.append(_elastic(forms, answer, own, shift, t, width))
        parts.append(_elastic(forms, measure, np.arange(m), shift, t, width))
        row_owner += [np.full(len(parts[-2]), 1 + 2 * j), np.full(len(parts[-1]), 2 + 2 * j)]
        bound, switch = np.zeros(width), np.zeros(width)
        bound[: within.dimension], bound[k], bound[y:t] = -forms.nature_cost, 1.0, -forms.cost
        bound[free], switch[t], switch[free] = low - high, 1.0, -VIOLATED
        side, both = float(forms.whole_cost @ w) + forms.constant, sparse.csr_array(np.stack([bound, switch]))
        parts.append(Rows(both, np.array([-np.inf, 0.0]), np.array([side, np.inf]), _names(2, "decision")))
        row_owner.append(np.zeros(2, np.int64))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.append(part)
    return BilevelProgram(
        players=["nature", *(f"{what} {j + 1}" for j in range(len(decisions)) for what in ("recourse", "violation"))],
        roles=np.array([Role.LEADER] + [Role.FOLLOWER] * (2 * len(decisions))),
        columns=Columns(np.concatenate(lower), np.concatenate(upper), integer, _names(width, "column")),
        column_owner=owner,
        rows=rows,
        row_owner=np.concatenate(row_owner),
        objectives=Objectives(np.r_[-1.0, np.ones(2 * len(decisions))], np.zeros(len(goals)), sparse.csr_array(goals)),
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(rows) + 2 * width))),
    )


def _cost_range(forms: LateForms, within: LinearSet) -> tuple[float, float]:
    size = within.dimension
    cost = np.concatenate([forms.nature_cost, forms.cost, forms.whole_cost])[np.newaxis]
    least, most = activity_range(
        sparse.csr_array(cost),
        np.concatenate([within.column_lower[:size], forms.columns.lower, forms.whole_columns.lower]),
        np.concatenate([within.column_upper[:size], forms.columns.upper, forms.whole_columns.upper]),
    )
    if not np.isfinite(least[0]) or not np.isfinite(most[0]):
        raise NotApplicable("recourse", "it is integer, so its cost must be bounded; give its variables finite bounds")
    return float(least[0]) + forms.constant, float(most[0]) + forms.constant


def _elastic(
    forms: LateForms, matrices: tuple[tuple[Matrix, int], ...], kept: np.ndarray, shift: Floats, t: int, width: int
) -> Rows:
    """Return the rows loosened by the column ``t``, one side each."""
    activity = sparse.csr_array((len(forms.lower), width))
    for matrix, start in matrices:
        activity = sparse.csr_array(activity + _at(matrix, start, width))
    below, above = (kept[np.isfinite(side[kept])] for side in (forms.lower, forms.upper))
    count = len(below) + len(above)
    entries = (np.repeat([1.0, -1.0], [len(below), len(above)]), (np.arange(count), np.full(count, t)))
    loose = sparse.coo_array(entries, shape=(count, width))
    matrix = sparse.vstack([activity[below], activity[above]], format="csr") + loose.tocsr()
    return Rows(
        sparse.csr_array(matrix),
        np.concatenate([(forms.lower - shift)[below], np.full(len(above), -np.inf)]),
        np.concatenate([np.full(len(below), np.inf), (forms.upper - shift)[above]]),
        _names(count, "loosened row"),
    )


def _at(matrix: Matrix, start: int, width: int) -> Matrix:
    entries = matrix.tocoo()
    moved = sparse.coo_array((entries.data, (entries.row, entries.col + start)), shape=(matrix.shape[0], width))
    return sparse.csr_array(moved.tocsr())


def _names(count: int, what: str) -> Names:
    return Names(count, lambda i: f"{what} {i}")


def _taken(columns: Columns, kept: np.ndarray) -> Columns:
    return Columns(columns.lower[kept], columns.upper[kept], columns.integer[kept], columns.names.take(kept))
