"""Uncertainty in costs only: recourse need not wait for nature, and the game becomes static.

Where no row depends on nature, ``u`` convex and recourse ``r`` continuous::

    min_z c(z) + max_{u in U} min_r { (W (z, r) + w)'u + b'r : rows without u }
        = min_{z, r} c(z) + b'r + max_{u in U} (W (z, r) + w)'u

since the inner function is linear in ``r`` and in ``u``, over convex sets of which ``U`` is compact (Sion, Pacific
Journal of Mathematics 8, 1958, DOI 10.2140/pjm.1958.8.171). A distribution over scenarios with a block of recourse each
is the leading case: the block of a scenario does not depend on how probable it is, so each scenario has one block; it
may then hold integers too (:mod:`reformulations.robust.early_recourse`). The maximum over ``u`` is written by its dual
linear program (:mod:`reformulations.robust.dualised`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Columns, Floats, Integers, Matrix, Names, Objectives, Role
from reformulations.robust.dualised import UncertainForm, worst_case_rows
from reformulations.robust.stages import ETA, leader_extended, leading_point
from reformulations.sets.linear_sets import LinearSet


def nature_columns(program: BilevelProgram) -> Integers:
    """Return nature's columns ``(k,)``."""
    return np.flatnonzero(program.roles[program.column_owner] == Role.NATURE)


def has_static_costs(program: BilevelProgram) -> bool:
    """Tell whether nature stands in the leader's objective only, linearly, and is continuous."""
    nature = program.roles[program.column_owner] == Role.NATURE
    rows, goals, objectives = program.rows, program.objectives.products, program.objectives.linear
    if not nature.any() or program.columns.integer[nature].any():
        return False
    if np.any(abs(rows.matrix) @ nature.astype(np.float64)) or np.any(nature[rows.products.left]):
        return False
    theirs = objectives[np.flatnonzero(np.arange(len(program.players)) != LEADER)]
    mentioned = nature[goals.left] | nature[goals.right]
    both = nature[goals.left] & nature[goals.right]
    if np.any(nature[rows.products.right]) or np.any(abs(theirs) @ nature.astype(np.float64)) or both.any():
        return False
    return bool(np.all(goals.index[mentioned] == LEADER))


def with_early_recourse(program: BilevelProgram) -> BilevelProgram:
    """Return the game in which the leader decides recourse before nature moves; columns and rows keep their numbers."""
    role = program.roles
    return replace(
        program,
        column_owner=np.where(role[program.column_owner] == Role.RECOURSE, LEADER, program.column_owner),
        row_owner=np.where(role[program.row_owner] == Role.RECOURSE, LEADER, program.row_owner),
    )


@dataclass(frozen=True, slots=True)
class NatureCost:
    """The part of the leader's objective that nature multiplies, minimised: ``(moving @ z + offset)'u``.

    ``moving`` is ``(k, n)`` over the columns of the game, ``offset`` ``(k,)``.
    """

    moving: Matrix
    offset: Floats

    def at(self, point: Floats) -> Floats:
        """Return the cost ``(k,)`` of each uncertain quantity at a point of the game."""
        return np.asarray(self.moving @ point[: self.moving.shape[1]]) + self.offset


def nature_cost(program: BilevelProgram) -> NatureCost:
    """Return what nature multiplies in the leader's objective."""
    nature, goals = nature_columns(program), program.objectives.products
    position = np.full(len(program.columns), -1, np.int64)
    position[nature] = np.arange(len(nature))
    sense = float(program.objectives.sense[LEADER])
    mine = goals.take((goals.index == LEADER) & ((position[goals.left] >= 0) | (position[goals.right] >= 0)))
    left = position[mine.left] >= 0
    row, column = position[np.where(left, mine.left, mine.right)], np.where(left, mine.right, mine.left)
    shape = (len(nature), len(program.columns))
    moving = sparse.coo_array((sense * mine.value, (row, column)), shape=shape).tocsr()
    linear = np.asarray(program.objectives.linear[[LEADER]].toarray()).ravel()
    return NatureCost(sparse.csr_array(moving), sense * linear[nature])


def dualised_costs(program: BilevelProgram, within: LinearSet, nominal: Floats) -> BilevelProgram:
    """Return the static game: recourse is the leader's, nature's maximum is the minimum of its dual program.

    The columns and rows of ``program`` keep their numbers; behind them come the worst case and nature's multipliers.
    Nature's columns stay, fixed at ``nominal`` ``(k,)`` and in no row and no objective.

    Exact when
        :func:`has_static_costs`, and recourse may be decided before nature moves
        (:func:`reformulations.robust.early_recourse.may_decide_early`).
    """
    cost, nature, n = nature_cost(program), nature_columns(program), len(program.columns)
    early = with_early_recourse(program)
    lower, upper = early.columns.lower.copy(), early.columns.upper.copy()
    lower[nature] = upper[nature] = nominal
    owner = early.column_owner.copy()
    owner[nature] = LEADER
    objectives = _without_nature(program)
    eta = Columns(np.array([-np.inf]), np.array([np.inf]), np.zeros(1, bool), Names.of([ETA]))
    form = UncertainForm(sparse.csr_array((1, n)), 0.0, cost.moving, cost.offset, program.columns.names.take(nature))
    columns, rows = worst_case_rows(form, within, n, n + 1, ETA)
    held = replace(
        early, columns=replace(early.columns, lower=lower, upper=upper), column_owner=owner, objectives=objectives
    )
    static = leader_extended(held, eta.append(columns), rows)
    worst = sparse.csr_array(
        ([float(program.objectives.sense[LEADER])], ([LEADER], [n])), shape=static.objectives.linear.shape
    )
    linear = sparse.csr_array(static.objectives.linear + worst)
    return replace(static, objectives=replace(static.objectives, linear=linear))


def _without_nature(program: BilevelProgram) -> Objectives:
    nature = np.zeros(len(program.columns), bool)
    nature[nature_columns(program)] = True
    objectives = program.objectives
    kept = sparse.diags_array((~nature).astype(np.float64))
    goals = objectives.products
    return replace(
        objectives,
        linear=sparse.csr_array(objectives.linear @ kept),
        products=goals.take(~(nature[goals.left] | nature[goals.right])),
    )


def original_point(program: BilevelProgram, static: BilevelProgram, point: Floats, u: Floats) -> Floats:
    """Return the primal-dual point ``(3 n + m,)`` of ``program`` from one of the static game, nature at ``u``."""
    original = leading_point(program, static, point)
    original[nature_columns(program)] = u
    return original
