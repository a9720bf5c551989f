"""The second stage at a fixed first stage: the recourse, its relaxations, and nature's game against it.

::

    Q(u) = min_r { b'r : L <= N u + G r <= H,  l <= r <= h } + d'u

For fixed ``G`` and ``b``, ``Q`` is convex in ``u``, and so is the least violation ``t`` of the elastic rows::

    min t    s.t.   L - w t <= N u + G r <= H + w t,   l <= r <= h,   t >= 0

so both are largest at a vertex of a polytope of ``u`` (Rockafellar, Convex Analysis, 1970, theorem 32.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import (
    BilevelProgram,
    Columns,
    Floats,
    Matrix,
    MixedIntegerProgram,
    MultiplierColumns,
    Names,
    Objectives,
    Role,
    Rows,
)
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.linear_sets import LinearSet

MARGIN = 1e-3
"""Relative room left above a bound of the greatest violation, so that it is never active."""


@dataclass(frozen=True, slots=True)
class SecondStage:
    """What is left after the first stage is fixed.

    Rows ``lower <= nature @ u + matrix @ r <= upper``, ``nature`` ``(m, k)``, ``matrix`` ``(m, q)``; the cost is
    ``cost @ r + nature_cost @ u``. ``scale`` ``(m,)`` is what a violation of each row is measured in; it does not
    depend on the first stage, which is ``first`` ``(n,)``.
    """

    matrix: Matrix
    nature: Matrix
    lower: Floats
    upper: Floats
    names: Names
    columns: Columns
    cost: Floats
    nature_cost: Floats
    scale: Floats
    first: Floats


def second_stage(two_stage: TwoStage, first_point: Floats) -> SecondStage:
    """Fix the first stage at ``first_point``, whose first entries are the first-stage columns."""
    z = first_point[: two_stage.eta]
    nature, fixed = two_stage.rows.at_first(z)
    nature_cost, _ = two_stage.cost.at_first(z)
    return SecondStage(
        matrix=two_stage.rows.recourse,
        nature=nature,
        lower=two_stage.lower - fixed,
        upper=two_stage.upper - fixed,
        names=two_stage.row_names,
        columns=two_stage.recourse,
        cost=np.asarray(two_stage.cost.recourse.toarray()).ravel(),
        nature_cost=np.asarray(nature_cost.toarray()).ravel(),
        scale=_row_scale(two_stage),
        first=z,
    )


def _row_scale(two_stage: TwoStage) -> Floats:
    """Return the largest coefficient or finite side of each row, at least one."""
    sides = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (two_stage.lower, two_stage.upper)]
    scale = np.maximum(np.maximum(*sides), 1.0)
    forms = two_stage.rows
    for matrix in (forms.first, forms.nature, forms.recourse):
        entries = matrix.tocoo()
        np.maximum.at(scale, entries.row, np.abs(entries.data))
    return scale


def recourse_program(stage: SecondStage, u: Floats) -> MixedIntegerProgram:
    """Return the linear program of recourse at ``u``; its constant is ``d'u``."""
    shift = np.asarray(stage.nature @ u)
    rows = Rows(stage.matrix, stage.lower - shift, stage.upper - shift, stage.names)
    return MixedIntegerProgram(stage.columns, rows, stage.cost, float(stage.nature_cost @ u))


def elastic_program(stage: SecondStage, u: Floats) -> MixedIntegerProgram:
    """Return the linear program of the least violation at ``u``: always feasible; its last column is the violation.

    Rows with a lower side come first, then those with an upper side.
    """
    matrix, lower, upper, names = _elastic_rows(stage)
    shift = np.asarray(stage.nature @ u)
    below, above = _present(stage)
    moved = np.concatenate([shift[below], shift[above]])
    return MixedIntegerProgram(
        stage.columns.append(_violation(np.inf)),
        Rows(matrix, lower - moved, upper - moved, names),
        np.append(np.zeros(len(stage.columns)), 1.0),
        0.0,
    )


def elastic_sides(stage: SecondStage, u: Floats) -> tuple[Floats, Floats]:
    """Return the sides of the rows of :func:`elastic_program` alone, at one scenario ``(k,)`` or many ``(s, k)``."""
    shift = np.asarray((stage.nature @ u.T).T)
    below, above = _present(stage)
    lower, upper = (stage.lower - shift)[..., below], (stage.upper - shift)[..., above]
    return (
        np.concatenate([lower, np.full(upper.shape, -np.inf)], axis=-1),
        np.concatenate([np.full(lower.shape, np.inf), upper], axis=-1),
    )


def recession_program(stage: SecondStage) -> MixedIntegerProgram:
    """Return the linear program whose optimum is negative exactly when recourse costs can fall without end.

    ::

        min b'd   s.t.  G d >= 0 where L is finite,  <= 0 where H is,  and so for the bounds,   -1 <= d <= 1
    """
    columns = stage.columns
    lower, upper = np.isfinite(stage.lower), np.isfinite(stage.upper)
    return MixedIntegerProgram(
        Columns(
            np.where(np.isfinite(columns.lower), 0.0, -1.0),
            np.where(np.isfinite(columns.upper), 0.0, 1.0),
            np.zeros(len(columns), bool),
            columns.names,
        ),
        Rows(stage.matrix, np.where(lower, 0.0, -np.inf), np.where(upper, 0.0, np.inf), stage.names),
        stage.cost,
        0.0,
    )


def cost_game(stage: SecondStage, within: LinearSet) -> BilevelProgram:
    """Return nature's game for the largest cost: nature leads and maximises, recourse follows and minimises.

    The columns are ``u``, the auxiliary columns of the set, then the recourse. Rows without recourse are left out: they
    hold for every ``u`` once the elastic game has been won, and would otherwise bind nature.
    """
    kept = np.flatnonzero(np.diff(stage.matrix.indptr))
    rows = Rows(
        _beside(stage.nature[kept], stage.matrix[kept], within),
        stage.lower[kept],
        stage.upper[kept],
        stage.names.take(kept),
    )
    return _against_nature(within, stage.columns, rows, stage.cost, stage.nature_cost)


def violation_game(stage: SecondStage, within: LinearSet) -> BilevelProgram:
    """Return nature's game for the largest violation, with the elastic recourse as follower; its last column is that.

    The violation is bounded by that of one fixed recourse, which holds in the optimum and makes every slack finite;
    multipliers lie in ``[0, 1]`` by themselves, for rows in units of their scale.
    """
    below, above = _present(stage)
    matrix, lower, upper, names = _elastic_rows(stage)
    nature = sparse.csr_array(sparse.vstack([stage.nature[below], stage.nature[above]], format="csr"))
    most = _violation_of_one_response(stage, within)
    rows = Rows(_beside(nature, matrix, within), lower, upper, names)
    columns = stage.columns.append(_violation(most * (1 + MARGIN) + MARGIN))
    cost = np.append(np.zeros(len(stage.columns)), 1.0)
    return _against_nature(within, columns, rows, cost, np.zeros(within.dimension))


def _present(stage: SecondStage) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(np.isfinite(stage.lower)), np.flatnonzero(np.isfinite(stage.upper))


def _elastic_rows(stage: SecondStage) -> tuple[Matrix, Floats, Floats, Names]:
    below, above = _present(stage)
    matrix = sparse.vstack([stage.matrix[below], stage.matrix[above]], format="csr")
    violation = np.concatenate([stage.scale[below], -stage.scale[above]])
    lower = np.concatenate([stage.lower[below], np.full(len(above), -np.inf)])
    upper = np.concatenate([np.full(len(below), np.inf), stage.upper[above]])
    with_violation = sparse.hstack([matrix, sparse.csr_array(violation[:, None])], format="csr")
    return sparse.csr_array(with_violation), lower, upper, stage.names.take(below) + stage.names.take(above)


def _violation(upper: float) -> Columns:
    return Columns(np.zeros(1), np.array([upper]), np.zeros(1, bool), Names.of(["violation"]))


def _violation_of_one_response(stage: SecondStage, within: LinearSet) -> float:
    """Bound over all ``u`` the violation of the recourse nearest to zero, by intervals."""
    response = np.clip(0.0, stage.columns.lower, stage.columns.upper)
    size = within.dimension
    least, most = activity_range(stage.nature, within.column_lower[:size], within.column_upper[:size])
    fixed = np.asarray(stage.matrix @ response)
    below = (stage.lower - fixed - least) / stage.scale
    above = (fixed + most - stage.upper) / stage.scale
    return float(max(np.max(below, initial=0.0), np.max(above, initial=0.0)))


def _beside(nature: Matrix, matrix: Matrix, within: LinearSet) -> Matrix:
    extra = within.matrix.shape[1] - within.dimension
    parts = [nature, sparse.csr_array((nature.shape[0], extra)), matrix]
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _against_nature(
    within: LinearSet, columns: Columns, rows: Rows, cost: Floats, nature_cost: Floats
) -> BilevelProgram:
    k, q, r = within.matrix.shape[1], len(columns), within.matrix.shape[0]
    lifted = Columns(within.column_lower, within.column_upper, np.zeros(k, bool), Names(k, lambda i: f"uncertain {i}"))
    inside = Rows(
        sparse.csr_array(sparse.hstack([within.matrix, sparse.csr_array((r, q))], format="csr")),
        within.lower,
        within.upper,
        Names(r, lambda i: f"row {i} of the uncertainty set"),
    )
    own = np.concatenate([np.zeros(k), cost])
    linear = np.vstack([own, own])
    linear[0, : within.dimension] = nature_cost
    every, size = inside.append(rows), k + q
    return BilevelProgram(
        players=["nature", "recourse"],
        roles=np.array([Role.LEADER, Role.FOLLOWER]),
        columns=lifted.append(columns),
        column_owner=np.repeat([0, 1], [k, q]),
        rows=every,
        row_owner=np.repeat([0, 1], [r, len(rows)]),
        objectives=Objectives(np.array([-1.0, 1.0]), np.zeros(2), sparse.csr_array(linear)),
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(every) + 2 * size))),
    )
