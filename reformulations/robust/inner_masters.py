"""Nature's game against stored integer decisions of recourse, for nested column-and-constraint generation.

At a fixed first stage, with recourse ``(y, w)``, ``w`` integer, and stored decisions ``w^1 .. w^J``::

    sup theta   s.t.   theta <= q_j(u) = d'u + c'w^j + min_y {b'y : N u + G y + J w^j >= g, l <= y <= h},   u in U

``q_j`` is infinite where ``w^j`` has no answer: nothing is assumed of it (extended relatively complete recourse). It
has one on a closed set, so that near its border the supremum need not be attained. As each ``q_j`` is lower
semicontinuous, ``theta`` is approached from ``u'`` along a segment that ends at ``u`` if each ``w^j`` has ``theta <=
q_j(u)``, or no answer on all of the segment but perhaps at ``u``; and any value that is approached is so along some
segment. With the least violation ``t_j`` of the rows, the second holds if an optimal dual solution that ``t_j(u)`` and
``t_j(u')`` share has the values ``t_j(u) >= 0``, ``t_j(u') > 0``. They share one exactly if a least violation
``(Y, T)`` of the sum of both scenarios can be split into one of each.

A binary for each decision chooses. Where it is one, ``theta`` is free up to more than any recourse costs (a scenario
without recourse is worse than all with one) and ``t_j(u') >= MISSED``.

Source: Zhao & Zeng, An exact algorithm for two-stage robust optimization with mixed integer recourse problems, 2012;
decisions without an answer are treated in a way of our own.
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
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Objectives,
    Role,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.robust.late_followers import Timing
from reformulations.robust.missed_rows import OneWayRows
from reformulations.robust.scenario_masters import late_goal
from reformulations.sets.linear_sets import LinearSet
from reformulations.substitution import objectives_at, rows_at

MISSED = 1e-5
"""Decisions have an answer where no scenario lets the rows of all of them be missed by this much at once."""


@dataclass(frozen=True, slots=True)
class LateForms:
    """The second stage at a fixed first stage: ``rows`` of nature, of recourse ``y`` and of integer recourse ``w``.

    The cost is ``nature_cost @ u + cost @ y + whole_cost @ w + constant``.
    """

    rows: OneWayRows
    nature_cost: Floats
    cost: Floats
    whole_cost: Floats
    constant: float
    whole_columns: Columns

    @property
    def columns(self) -> Columns:
        """The continuous columns ``y`` of recourse."""
        return self.rows.columns


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
    groups = timing.nature, timing.late[~integer], timing.late[integer]
    matrix, cost = rows.matrix[kept], np.asarray(goal.linear.toarray()).ravel()
    of_nature, moving, whole = (sparse.csr_array(matrix[:, group]) for group in groups)
    nature_cost, own_cost, whole_cost = (cost[group] for group in groups)
    columns = _taken(program.columns, groups[1])
    return LateForms(
        OneWayRows.of((of_nature, moving, whole), rows.lower[kept], rows.upper[kept], columns),
        nature_cost,
        own_cost,
        whole_cost,
        float(goal.constant[0]),
        _taken(program.columns, groups[2]),
    )


@dataclass(frozen=True, slots=True)
class InnerMaster:
    """Nature's game: its first columns are ``u``, column ``freed[j]`` is one where decision ``j`` has no answer."""

    program: BilevelProgram
    freed: Integers


def inner_master(forms: LateForms, within: LinearSet, decisions: Sequence[Floats]) -> InnerMaster:
    """Return nature's game against the stored ``decisions``, one at least.

    Raises
    ------
    NotApplicable
        When the bounds of recourse do not bound its cost.
    """
    box, count = _box(within), len(decisions)
    low, most = _cost_range(forms, box)
    # a scenario without an answer must be worth more than the dearest with one, or that one would hide it
    high = most + max(1.0, most - low, 1e-3 * abs(most))
    blocks = [_block(forms, within, box, w, (low, high)) for w in decisions]
    shared, own = 2 * within.matrix.shape[1] + 1, len(blocks[0].columns)
    ends = sparse.csr_array(sparse.block_diag([within.matrix, within.matrix]))
    matrix = sparse.vstack(
        [
            sparse.hstack([ends, sparse.csr_array((ends.shape[0], 1 + count * own))]),
            sparse.hstack(
                [
                    sparse.vstack([block.shared for block in blocks]),
                    sparse.block_diag([block.own for block in blocks]),
                ]
            ),
        ]
    )
    rows = Rows(
        sparse.csr_array(matrix.tocsr()),
        np.concatenate([np.tile(within.lower, 2), *(block.lower for block in blocks)]),
        np.concatenate([np.tile(within.upper, 2), *(block.upper for block in blocks)]),
        _names(matrix.shape[0], "row"),
    )
    first = Columns(
        np.concatenate([np.tile(within.column_lower, 2), [low]]),
        np.concatenate([np.tile(within.column_upper, 2), [high]]),
        np.zeros(shared, bool),
        _names(shared, "column"),
    )
    columns, owner, row_owner = first, [np.zeros(shared, np.int64)], [np.zeros(ends.shape[0], np.int64)]
    goals = np.zeros((1 + 2 * count, shared + count * own))
    goals[0, shared - 1] = 1.0
    for j, block in enumerate(blocks):
        columns = columns.append(block.columns)
        owner.append(np.where(block.column_player > 0, block.column_player + 2 * j, 0))
        row_owner.append(np.where(block.row_player > 0, block.row_player + 2 * j, 0))
        goals[1 + 2 * j : 3 + 2 * j, shared + j * own : shared + (j + 1) * own] = block.goals
    program = BilevelProgram(
        players=["nature", *(f"{what} {j + 1}" for j in range(count) for what in ("recourse", "violation"))],
        roles=np.array([Role.LEADER] + [Role.FOLLOWER] * (2 * count)),
        columns=columns,
        column_owner=np.concatenate(owner),
        rows=rows,
        row_owner=np.concatenate(row_owner),
        objectives=Objectives(np.r_[-1.0, np.ones(2 * count)], np.zeros(len(goals)), sparse.csr_array(goals)),
        multipliers=MultiplierColumns(np.empty(0, np.int64), sparse.csr_array((0, len(rows) + 2 * len(columns)))),
    )
    return InnerMaster(program, shared + own * np.arange(1, count + 1) - 1)


@dataclass(frozen=True, slots=True)
class _Block:
    """The columns and rows of one decision: ``lower <= shared @ (u, u', theta) + own @ columns <= upper``.

    Player 1 answers, player 2 measures the violation, 0 is nature; ``goals`` ``(2, n)`` are what 1 and 2 minimise.
    """

    columns: Columns
    shared: Matrix
    own: Matrix
    lower: Floats
    upper: Floats
    column_player: Integers
    row_player: Integers
    goals: Floats


def _block(
    forms: LateForms, within: LinearSet, box: tuple[Floats, Floats], w: Floats, worth: tuple[float, float]
) -> _Block:
    """Return the block of the decision ``w``, with these columns.

    ::

    y         its answer at u                         a   what loosens the rows of the answer
    (Y, T)    the least violation at u and u'         s   what loosens the split
    (z, t)    the part of it that belongs to u        b   1 where the decision has no answer
    """
    rows, columns = forms.rows, forms.columns
    q, m, lifted = len(columns), len(rows.least), within.matrix.shape[1] - within.dimension
    side = rows.least - np.asarray(rows.whole @ w)
    least, greatest = activity_range(rows.nature, *box)
    middle = np.clip(0.0, columns.lower, columns.upper)
    missed = float(np.max(side - least - rows.moving @ middle, initial=0.0))
    far = float(np.max(greatest - least, initial=0.0))
    low, high = worth
    n = sparse.csr_array(sparse.hstack([rows.nature, sparse.csr_array((m, lifted))]))
    g, e, own = rows.moving, sparse.csr_array(np.ones((m, 1))), np.flatnonzero(np.diff(rows.moving.indptr))
    unit, one = sparse.csr_array(sparse.eye_array(q)), sparse.csr_array(np.ones((1, 1)))
    price = sparse.csr_array(np.append(forms.nature_cost, np.zeros(lifted))[np.newaxis])
    cost = sparse.csr_array(forms.cost[np.newaxis])
    table: list[list[Matrix | None]] = [  # u, u', theta, y, Y, T, z, t, a, s, b
        [n[own], None, None, g[own], None, None, None, None, e[own], None, None],
        [n, n, None, None, g, e, None, None, None, None, None],
        [n, None, None, None, None, None, g, e, None, e, None],
        [None, n, None, None, g, e, -g, -e, None, e, None],
        [None, None, None, None, unit, None, -unit, None, None, None, None],
        [None, None, None, None, None, one, None, -one, None, None, -MISSED * one],
        [None, None, None, None, None, None, None, None, -one, None, missed * one],
        [None, None, None, None, None, None, None, None, None, -one, -far * one],
        [price, None, -one, cost, None, None, None, None, None, None, (high - low) * one],
    ]
    matrix = sparse.csr_array(sparse.block_array(table, format="csr"))
    shared, paid = 2 * within.matrix.shape[1] + 1, float(forms.whole_cost @ w) + forms.constant
    heights = [len(own), m, m, m, q, 4]
    lower = np.concatenate([side[own], 2 * side, side, side, columns.lower, [0.0, 0.0, -far, -paid]])
    upper = np.full(len(lower), np.inf)
    upper[-4 - q : -4] = columns.upper
    width = 3 * q + 5
    integer, none = np.zeros(width, bool), np.zeros(q)
    integer[-1] = True
    return _Block(
        columns=Columns(
            np.concatenate([columns.lower, 2 * columns.lower, [0.0], columns.lower, np.zeros(4)]),
            np.concatenate([columns.upper, 2 * columns.upper, [np.inf], columns.upper, [np.inf, missed, far, 1.0]]),
            integer,
            _names(width, "column"),
        ),
        shared=sparse.csr_array(matrix[:, :shared]),
        own=sparse.csr_array(matrix[:, shared:]),
        lower=lower,
        upper=upper,
        column_player=np.repeat([1, 2, 0], [q, q + 1, q + 4]),
        row_player=np.repeat([1, 2, 0, 0, 0, 0], heights),
        goals=np.stack(
            [np.concatenate([forms.cost, np.zeros(2 * q + 5)]), np.concatenate([none, none, [1.0], none, np.zeros(4)])]
        ),
    )


def _box(within: LinearSet) -> tuple[Floats, Floats]:
    """Return bounds ``(k,)`` of nature's variables, by linear programs where the set does not tell."""
    k = within.dimension
    lower, upper = within.column_lower[:k].copy(), within.column_upper[:k].copy()
    for i in range(k):
        direction = np.zeros(k)
        direction[i] = 1.0
        if not np.isfinite(upper[i]):
            upper[i] = within.maximiser(direction)[i]
        if not np.isfinite(lower[i]):
            lower[i] = within.maximiser(-direction)[i]
    return lower, upper


def _cost_range(forms: LateForms, box: tuple[Floats, Floats]) -> tuple[float, float]:
    cost = np.concatenate([forms.nature_cost, forms.cost, forms.whole_cost])[np.newaxis]
    least, most = activity_range(
        sparse.csr_array(cost),
        np.concatenate([box[0], forms.columns.lower, forms.whole_columns.lower]),
        np.concatenate([box[1], forms.columns.upper, forms.whole_columns.upper]),
    )
    if not np.isfinite(least[0]) or not np.isfinite(most[0]):
        raise NotApplicable(
            _without_bound(forms), "recourse is integer, so its cost must be bounded; give this variable finite bounds"
        )
    return float(least[0]) + forms.constant, float(most[0]) + forms.constant


def _without_bound(forms: LateForms) -> str:
    """Return the first column that lets the cost of recourse go to infinity."""
    for columns, cost in ((forms.whole_columns, forms.whole_cost), (forms.columns, forms.cost)):
        endless = (cost != 0) & ~(np.isfinite(columns.lower) & np.isfinite(columns.upper))
        for column in np.flatnonzero(endless)[:1]:
            return columns.names[int(column)]
    return "recourse"


def _names(count: int, what: str) -> Names:
    return Names(count, lambda i: f"{what} {i}")


def _taken(columns: Columns, kept: Integers) -> Columns:
    return Columns(columns.lower[kept], columns.upper[kept], columns.integer[kept], columns.names.take(kept))
