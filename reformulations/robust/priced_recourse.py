"""The second stage where nature changes prices of recourse: one more form, ``u'B r``, in the cost.

::

    Q(u) = min_r { (b + B'u)'r : L <= N u + G r <= H,  l <= r <= h } + d'u
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import LEADER, BilevelProgram, Columns, Floats, Product, Role
from reformulations.refusal import NotApplicable
from reformulations.robust.late_followers import Timing
from reformulations.robust.scenario_masters import late_goal
from reformulations.robust.second_stage import SecondStage, cost_game
from reformulations.robust.stages import positions
from reformulations.sets.linear_sets import LinearSet
from reformulations.substitution import objectives_at, rows_at


@dataclass(frozen=True, slots=True)
class PricedStage:
    """A second stage with prices ``price[t] * u[nature[t]] * r[recourse[t]]`` and a constant beside it."""

    stage: SecondStage
    nature: np.ndarray
    recourse: np.ndarray
    price: Floats
    constant: float


def multiplies_late(program: BilevelProgram) -> bool:
    """Tell whether nature multiplies recourse, in a row or in the leader's objective."""
    return bool(priced_terms(program))


def priced_terms(program: BilevelProgram) -> list[tuple[int, int]]:
    """Return the two columns of each product of nature and recourse, in the leader's objective and in rows."""
    role, goals = program.roles[program.column_owner], program.objectives.products
    found: list[tuple[int, int]] = []
    for terms in (goals.take(goals.index == LEADER), program.rows.products):
        first, last = np.minimum(role[terms.left], role[terms.right]), np.maximum(role[terms.left], role[terms.right])
        both = (first == Role.NATURE) & (last == Role.RECOURSE)
        found += zip(terms.left[both].tolist(), terms.right[both].tolist(), strict=True)
    return found


def priced_stage(program: BilevelProgram, timing: Timing, point: Floats) -> PricedStage:
    """Hold the early columns where ``point`` ``(n,)`` has them.

    Raises
    ------
    NotApplicable
        When nature multiplies recourse in a row.
    """
    held = np.zeros(len(program.columns), bool)
    held[timing.early] = True
    kept, late = np.flatnonzero(timing.late_rows), timing.late
    rows, goal = rows_at(program.rows, held, point), objectives_at(late_goal(program, timing), held, point)
    for term in range(min(len(rows.products), 1)):
        pair = " * ".join(program.columns.names[int(side[term])] for side in (rows.products.left, rows.products.right))
        raise NotApplicable(
            rows.names[int(rows.products.index[term])],
            f"{pair}: uncertainty in the recourse's technology is beyond this method; let nature move right-hand "
            "sides and prices only, or list its scenarios in bl.uncertainty.Scenarios",
        )
    matrix, cost = sparse.csr_array(rows.matrix[kept]), np.asarray(goal.linear.toarray()).ravel()
    of_nature, of_late = positions(len(program.columns), timing.nature), positions(len(program.columns), late)
    terms = goal.products
    nature_left = of_nature[terms.left] >= 0
    nature = np.where(nature_left, of_nature[terms.left], of_nature[terms.right])
    recourse = np.where(nature_left, of_late[terms.right], of_late[terms.left])
    for term in np.flatnonzero((nature < 0) | (recourse < 0))[:1]:
        pair = f"{program.columns.names[int(terms.left[term])]} * {program.columns.names[int(terms.right[term])]}"
        raise NotApplicable("leader's objective", f"{pair}: only products of nature and recourse are taken")
    columns = program.columns
    largest = np.asarray(abs(matrix).max(axis=1).toarray()).ravel() if len(kept) else np.empty(0)
    stage = SecondStage(
        sparse.csr_array(matrix[:, late]),
        sparse.csr_array(matrix[:, timing.nature]),
        rows.lower[kept],
        rows.upper[kept],
        rows.names.take(kept),
        Columns(columns.lower[late], columns.upper[late], columns.integer[late], columns.names.take(late)),
        cost[late],
        cost[timing.nature],
        np.maximum(largest, 1.0),
        np.asarray(point[timing.early]),
    )
    return PricedStage(stage, nature, recourse, terms.value, float(goal.constant[0]))


def priced_game(priced: PricedStage, within: LinearSet) -> BilevelProgram:
    """Return nature's game for the largest cost, without the constant: nature maximises, recourse minimises."""
    game, wide = cost_game(priced.stage, within), within.matrix.shape[1]
    count = len(priced.price)
    player = np.repeat([0, 1], count)
    products = Product.of(
        player, np.tile(priced.nature, 2), np.tile(wide + priced.recourse, 2), np.tile(priced.price, 2)
    )
    return replace(game, objectives=replace(game.objectives, products=products))
