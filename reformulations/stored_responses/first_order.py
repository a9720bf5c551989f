"""First-order conditions that optimal responses satisfy even where a follower is not convex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import BilevelProgram, Booleans, Columns, Integers, Matrix, Names, Product, Rows
from reformulations.sides import Sides, bounds_of, sides_of
from reformulations.spatial import appended


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """Columns to append to a program, rows over all of them, and pairs of columns of which one is zero."""

    columns: Columns
    rows: Rows
    exclusive: Integers


def first_order_conditions(
    game: BilevelProgram, follower: int, decided: Booleans, linear: Matrix, products: Product, first: int
) -> FirstOrder:
    """Return what each optimal response of a follower satisfies, its integers held.

    ::

        min f(x, y)   s.t.  g_i(x, y) >= 0,  h_k(x, y) = 0       f, g, h quadratic

        t0 grad f - sum_i l_i grad g_i - sum_k m_k grad h_k = 0,     l_i >= 0,   one of l_i and g_i(x, y) is zero

    (``m`` is written as the difference of the multipliers of the two sides of an equality)
    with ``t0 = 1`` where rows are linear in ``y`` with constant coefficients (Karush, Kuhn and Tucker: linear rows
    need no qualification), else ``t0 >= 0`` and ``t0 + sum l + sum |m| = 1`` (Fritz John, 1948; Mangasarian and
    Fromovitz, J. Math. Anal. Appl. 17, 1967), which holds at every optimum of smooth functions and bounds the
    multipliers. Necessary, not sufficient: a program with them keeps every optimal response.

    Parameters
    ----------
    game
        The game, ``n`` columns.
    follower
        The player.
    decided
        Mask ``(m,)`` of followers' rows with own columns.
    linear, products
        What the follower minimises: ``(1, n)`` and products of index 0.
    first
        How many columns the program has that these are appended to.
    """
    own = np.flatnonzero((game.column_owner == follower) & ~game.columns.integer)
    sides = _sides(game, follower, decided, own)
    is_constant = not _is_multiplied(game, own, sides.products)
    count, open_ = len(sides), np.flatnonzero(sides.room > 0)
    multiplier, slack = first + 1 + np.arange(count), first + 1 + count + np.arange(len(open_))
    columns = _columns(game.players[follower], sides, open_, 1.0 if not is_constant else np.inf)
    width = first + len(columns)
    of_objective = _gradient(own, linear, products, np.array([first]), width)
    of_sides = _gradient(own, sides.linear, sides.products, multiplier, width)
    stationary = Rows(
        sparse.csr_array(of_objective[0] - of_sides[0]),
        np.zeros(len(own)),
        np.zeros(len(own)),
        Names(len(own), lambda i: f"stationarity of {game.columns.names[int(own[i])]}"),
        of_objective[1] + _negative(of_sides[1]),
    )
    rows = stationary.append(_slack_rows(sides.take(open_), slack, width))
    pairs = np.stack([multiplier[open_], slack], axis=1)
    if not is_constant:
        rows = rows.append(_normalised(np.concatenate([[first], multiplier]), width))
        pairs = np.concatenate([pairs, _opposed(sides, multiplier)])
    return FirstOrder(columns, rows, pairs.astype(np.int64))


def _is_multiplied(game: BilevelProgram, own: Integers, terms: Product) -> bool:
    mine = np.zeros(len(game.columns), bool)
    mine[own] = True
    return bool((mine[terms.left] | mine[terms.right]).any())


def _sides(game: BilevelProgram, follower: int, decided: Booleans, own: Integers) -> Sides:
    """Return the sides of the follower's rows with continuous own columns, then those of these columns' bounds."""
    n, rows, columns = len(game.columns), game.rows, game.columns
    mine, moved = np.zeros(n, bool), np.zeros(len(rows), bool)
    mine[own] = True
    entries = rows.matrix.tocoo()
    moved[entries.row[mine[entries.col]]] = True
    for side in (rows.products.left, rows.products.right):
        moved[rows.products.index[mine[side]]] = True
    sides = sides_of(rows.append(bounds_of(columns, own)))
    chosen = np.concatenate([decided & (game.row_owner == follower) & moved, np.ones(len(own), bool)])
    return sides.take(np.flatnonzero(chosen[sides.source]))


def _columns(name: str, sides: Sides, unequal: Integers, most: float) -> Columns:
    """Return ``t0``, a multiplier up to ``most`` for each side, and the slacks."""
    count, slacks = len(sides), len(unequal)
    names = (
        Names.of([f"multiplier of the objective of {name}"])
        + Names(count, lambda i: f"multiplier of {sides.names[i]}")
        + Names(slacks, lambda i: f"slack of {sides.names[int(unequal[i])]}")
    )
    lower = np.concatenate([[1.0 if np.isinf(most) else 0.0], np.zeros(count + slacks)])
    upper = np.concatenate([[1.0], np.full(count, most), sides.room[unequal]])
    return Columns(lower, upper, np.zeros(len(names), bool), names)


def _gradient(own: Integers, linear: Matrix, products: Product, weight: Integers, width: int) -> tuple[Matrix, Product]:
    """Return ``sum_i z[weight_i] grad form_i`` by each own column: linear terms ``(q, width)``, and products."""
    place = np.full(linear.shape[1], -1, np.int64)
    place[own] = np.arange(len(own))
    entries = linear.tocoo()
    mine = place[entries.col] >= 0
    row, column = place[entries.col[mine]], weight[entries.row[mine]]
    matrix = sparse.coo_array((entries.data[mine], (row, column)), shape=(len(own), width)).tocsr()
    by = np.concatenate([products.left, products.right])
    other = np.concatenate([products.right, products.left])
    index, value = np.tile(products.index, 2), np.tile(products.value, 2)
    mine = place[by] >= 0
    return sparse.csr_array(matrix), Product.of(place[by[mine]], weight[index[mine]], other[mine], value[mine])


def _negative(terms: Product) -> Product:
    return Product(terms.index, terms.left, terms.right, -terms.value)


def _slack_rows(sides: Sides, slack: Integers, width: int) -> Rows:
    matrix = appended(sides.linear, slack, -np.ones(len(sides)), width)
    names = Names(len(sides), lambda i: f"slack of {sides.names[i]}")
    return Rows(matrix, sides.limit, sides.limit, names, sides.products)


def _normalised(columns: Integers, width: int) -> Rows:
    row = np.zeros((1, width))
    row[0, columns] = 1.0
    return Rows(sparse.csr_array(row), np.ones(1), np.ones(1), Names.of(["multipliers add up to one"]))


def _opposed(sides: Sides, multiplier: Integers) -> Integers:
    """Return the pairs of multipliers of the two sides of each equality."""
    equal = np.flatnonzero(sides.room == 0)
    order = equal[np.argsort(sides.source[equal], kind="stable")]
    return multiplier[order].reshape(-1, 2)
