"""Masters of two-stage games whose uncertainty set moves with the first stage: what is stored is why nature chose.

A scenario of one plan need not be possible at another, so no scenario is stored. At a plan ``z`` and its worst case,
the recourse ``min {b'r : L <= A z + u'P z + N u + G r <= H}`` has multipliers ``y``, from finitely many vertices that
depend neither on ``z`` nor on ``u``. Against them nature maximises, over ``U(z)``, what is linear in ``u``::

    (d - N'y)'u + u'(D - y'P) z                                                      : its price for each scenario

The master stores these prices and lets nature answer to every plan anew, as a follower::

    min c(z) + eta   s.t.   eta >= b'r^k + d'u^k + (u^k)'D z,   recourse rows at u^k,
                            u^k in argmax {price_k(z)'u : u in U(z)}

Each ``u^k`` is a point of ``U(z)``, so the optimum bounds that of the game from below; ties are broken in the leader's
favour, which keeps it a bound. At the plan whose worst case gave the price, ``eta`` is at least that worst case, so no
price is met twice before the bounds meet, and there are finitely many. A price of zeros says nothing: its ``u^k`` is
any point of the set, which keeps plans out that leave nature none.

Source: Zeng & Wang, Two-stage robust optimization with decision dependent uncertainty, arXiv 2203.16484.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from reformulations.programs import (
    BilevelProgram,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
    widened,
)
from reformulations.robust.coupled import CoupledForms, Crossed
from reformulations.robust.stages import ETA, leader_extended
from reformulations.robust.two_stage import TwoStage
from reformulations.sets.dependent_sets import DependentSets
from reformulations.sets.linear_sets import LinearSet

_ZERO = 1e-9
"""Prices this small, relative to the largest, are zero: rounding of the multipliers that they come from."""


def nature_price(two_stage: TwoStage, multipliers: Floats, cost: float) -> Floats:
    """Return what nature maximises against ``multipliers`` ``(m,)`` of recourse, its largest entry at one.

    The entries are the price of each uncertain quantity ``(k,)``, then those of the products with the first stage, in
    the rows and in the cost. ``cost`` is 1 where the multipliers are those of the cheapest recourse, 0 where they are
    those of the least violation.
    """
    rows, own = two_stage.rows, two_stage.cost
    linear = cost * np.asarray(own.nature.toarray()).ravel() - rows.nature.T @ multipliers
    crossed = -multipliers[rows.crossed.index] * rows.crossed.value
    price = np.concatenate([linear, crossed, cost * own.crossed.value])
    largest = float(np.max(np.abs(price), initial=0.0))
    return np.where(np.abs(price) <= _ZERO * largest, 0.0, price) / (largest or 1.0)


def indifferent(two_stage: TwoStage) -> Floats:
    """Return the price of zeros: nature may answer anything, as the leader likes."""
    count = two_stage.rows.nature.shape[1]
    return np.zeros(count + len(two_stage.rows.crossed.index) + len(two_stage.cost.crossed.index))


def parametric_master(two_stage: TwoStage, within: DependentSets, prices: Sequence[Floats]) -> BilevelProgram:
    """Return the game of the stored ``prices``, minimised.

    Columns and rows of :attr:`TwoStage.first` keep their numbers; a price is followed by nature's columns (those of the
    set's description) and those of the recourse.
    """
    described, moving = within.linear()
    game = two_stage.first
    for k, price in enumerate(prices):
        game = _answered(two_stage, described, moving, game, k, price)
    return game


def _answered(
    two_stage: TwoStage, described: LinearSet, moving: Matrix, game: BilevelProgram, k: int, price: Floats
) -> BilevelProgram:
    """Add nature's answer to ``price`` and the recourse at it."""
    before, wide = len(game.columns), described.matrix.shape[1]
    nature, response = before, before + wide
    suffix = f" in answer {k + 1}"
    inside = Rows(
        _placed([(-moving, 0), (described.matrix, nature)], response),
        described.lower,
        described.upper,
        Names(len(described.lower), lambda i: f"row {i} of the uncertainty set{suffix}"),
    )
    mine = Columns(
        described.column_lower,
        described.column_upper,
        np.zeros(wide, bool),
        Names(wide, lambda i: f"uncertain {i}{suffix}"),
    )
    names = two_stage.recourse.names
    late = replace(two_stage.recourse, names=Names(len(names), lambda i: names[i] + suffix))
    rows = inside.append(_second_stage_rows(two_stage, nature, response, suffix))
    extended = leader_extended(game, mine.append(late), rows)
    if not price.any():
        return extended
    theirs = np.arange(nature, response), len(game.rows) + np.arange(len(inside))
    return _decided_by_nature(two_stage, extended, theirs, price, suffix)


def _second_stage_rows(two_stage: TwoStage, nature: int, response: int, suffix: str) -> Rows:
    """Return the second-stage rows and ``eta >= cost``, with nature from one column on and recourse from another."""
    width = response + len(two_stage.recourse)
    rows, cost = two_stage.rows, two_stage.cost
    eta = sparse.csr_array(([1.0], ([0], [two_stage.eta])), shape=(1, width))
    matrix, products = _over(rows, nature, response, width)
    spent, spent_products = _over(cost, nature, response, width)
    worst = Product(spent_products.index + len(rows), spent_products.left, spent_products.right, -spent_products.value)
    every = two_stage.row_names + Names.of([ETA])
    return Rows(
        sparse.csr_array(sparse.vstack([matrix, eta - spent], format="csr")),
        np.append(two_stage.lower, 0.0),
        np.append(two_stage.upper, np.inf),
        Names(len(every), lambda i: every[i] + suffix),
        products + worst,
    )


def _over(forms: CoupledForms, nature: int, response: int, width: int) -> tuple[Matrix, Product]:
    parts = [(forms.first, 0), (forms.nature, nature), (forms.recourse, response)]
    return _placed(parts, width), forms.products + _products(forms.crossed, nature)


def _products(crossed: Crossed, nature: int) -> Product:
    return Product.of(crossed.index, crossed.first, nature + crossed.nature, crossed.value)


def _placed(parts: Sequence[tuple[Matrix, int]], width: int) -> Matrix:
    """Return the sum of matrices ``(m, width)``, each from its own first column on."""
    entries = [(part.tocoo(), start) for part, start in parts]
    row = np.concatenate([entry.row for entry, _ in entries])
    column = np.concatenate([entry.col + start for entry, start in entries])
    data = np.concatenate([entry.data for entry, _ in entries])
    return sparse.csr_array(sparse.coo_array((data, (row, column)), shape=(parts[0][0].shape[0], width)).tocsr())


def _decided_by_nature(
    two_stage: TwoStage, game: BilevelProgram, theirs: tuple[Integers, Integers], price: Floats, suffix: str
) -> BilevelProgram:
    """Hand columns and rows over to a follower that maximises the price."""
    (columns, rows), who = theirs, len(game.players)
    size = two_stage.rows.nature.shape[1]
    of_rows, of_cost = two_stage.rows.crossed, two_stage.cost.crossed
    linear = sparse.csr_array((price[:size], (np.zeros(size, np.int64), columns[:size])), shape=(1, len(game.columns)))
    with_first = Product.of(
        np.full(len(price) - size, who),
        np.concatenate([of_rows.first, of_cost.first]),
        columns[np.concatenate([of_rows.nature, of_cost.nature])],
        price[size:],
    )
    column_owner, row_owner = game.column_owner.copy(), game.row_owner.copy()
    column_owner[columns], row_owner[rows] = who, who
    goals = game.objectives
    return replace(
        game,
        players=[*game.players, f"nature{suffix}"],
        roles=np.append(game.roles, Role.FOLLOWER),
        column_owner=column_owner,
        row_owner=row_owner,
        objectives=Objectives(
            np.append(goals.sense, -1.0),
            np.append(goals.constant, 0.0),
            sparse.csr_array(sparse.vstack([widened(goals.linear, len(game.columns)), linear], format="csr")),
            goals.products + with_first,
        ),
    )
