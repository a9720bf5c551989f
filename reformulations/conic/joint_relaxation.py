"""A game with cones without its followers' optimality: bounds and first points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.arrays import Booleans, Floats
from reformulations.canonical import rows_with_own_columns
from reformulations.conic.cones import Cones
from reformulations.convexity import is_convex
from reformulations.programs import LEADER, BilevelProgram, MixedIntegerProgram, Product, Role, Rows
from reformulations.responses import own_terms


def joint_relaxation(program: BilevelProgram) -> MixedIntegerProgram | None:
    """Return the leader's objective, minimised, over the linear rows and bounds of all players.

    Rows with products are left out. Every point of the game is one of this program, so its optimum is a
    lower bound; None where the objective is not convex.
    """
    rows, objectives = program.rows, program.objectives
    linear = np.ones(len(rows), bool)
    linear[rows.products.index] = False
    kept = np.flatnonzero(linear)
    sense = float(objectives.sense[LEADER])
    mine = objectives.products.take(objectives.products.index == LEADER)
    products = Product(mine.index, mine.left, mine.right, sense * mine.value)
    if not is_convex(products, len(program.columns)):
        return None
    return MixedIntegerProgram(
        program.columns,
        Rows(sparse.csr_array(rows.matrix[kept]), rows.lower[kept], rows.upper[kept], rows.names.take(kept)),
        sense * objectives.linear[[LEADER]].toarray().ravel(),
        sense * float(objectives.constant[LEADER]),
        products,
    )


def without_objective(program: MixedIntegerProgram) -> MixedIntegerProgram:
    """Return the program whose every point is optimal."""
    return MixedIntegerProgram(program.columns, program.rows, np.zeros(len(program.columns)), program.constant)


def linking_columns(program: BilevelProgram, cones: Cones) -> Booleans:
    """Mask the columns ``(n,)`` of the leader and of nature that enter a follower's problem."""
    rows, objectives, n = program.rows, program.objectives, len(program.columns)
    stays = rows_with_own_columns(program)
    entries = rows.matrix.tocoo()
    used = np.zeros(n, bool)
    used[entries.col[stays[entries.row]]] = True
    products = rows.products
    for side in (products.left, products.right):
        used[side[stays[products.index]]] = True
    terms = cones.factor.tocoo()
    used[terms.col[stays[cones.row[cones.cone[terms.row]]]]] = True
    priced, owner = objectives.products, program.column_owner
    own = (owner[priced.left] == priced.index) | (owner[priced.right] == priced.index)
    followers = own & (program.roles[priced.index] == Role.FOLLOWER)
    used[priced.left[followers]] = used[priced.right[followers]] = True
    return np.asarray(used & ~program.follower_columns)


def with_held(program: BilevelProgram, point: Floats, held: Booleans) -> BilevelProgram:
    """Return the game with the columns ``held`` ``(n,)`` fixed at ``point`` and their products linear.

    Rows and objectives have the values of the source wherever the held columns are at ``point``.
    """
    columns = program.columns
    rows, objectives = program.rows, program.objectives
    free = (~held).astype(np.int64)
    of_rows = own_terms(rows.matrix, rows.products, np.ones(len(rows), np.int64), free, point)
    of_goals = own_terms(objectives.linear, objectives.products, np.ones(len(program.players), np.int64), free, point)
    lower, upper = rows.lower - of_rows.offset, rows.upper - of_rows.offset
    return replace(
        program,
        columns=replace(
            columns, lower=np.where(held, point, columns.lower), upper=np.where(held, point, columns.upper)
        ),
        rows=Rows(of_rows.linear, lower, upper, rows.names, of_rows.products),
        objectives=replace(
            objectives,
            linear=of_goals.linear,
            constant=objectives.constant + of_goals.offset,
            products=of_goals.products,
        ),
    )
