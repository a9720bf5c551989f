"""Followers' rows with products of another player's column, for solvers that take products anywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.canonical import rows_with_own_columns
from reformulations.follower_products import moved_multipliers, primal_dual_places
from reformulations.programs import (
    LEADER,
    MPEC,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Names,
    Product,
    Rows,
    widened,
)
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class Chains:
    """How lifted columns move with followers' columns: ``d z[lifted] / d z[own] = z[other] - shift``, all ``(k,)``.

    For the rows of ``owner``, the player who decides ``own``.
    """

    lifted: Integers
    own: Integers
    other: Integers
    shift: Floats
    owner: Integers

    def __len__(self) -> int:
        return len(self.lifted)


@dataclass(frozen=True, slots=True)
class LiftedProducts:
    """Replace ``x y`` in a row of the follower that decides ``y`` by a column ``w`` that it takes as given.

    Source: ``a y + x y <= r``, with ``x`` another player's. Image: ``a y + w <= r``, with the leader's row
    ``w == x y``. The gradient of the follower's row by ``y`` is then short of ``x``:
    :meth:`with_gradients` puts it back once the optimality conditions are written. A row whose own columns
    stand in products only is written with ``w == (x - 1) y`` instead, so that it stays the follower's.
    Products of two columns of others, squares of the leader's among them, are lifted too. Exact always,
    for a follower's rows are linear in its own columns at each decision of the others.

    Parameters
    ----------
    kept
        Terms of ``rows.products`` ``(t,)`` that are left as they are.

    Raises
    ------
    NotApplicable
        When a follower's row has a product of two of its own columns.
    """

    kept: Booleans

    def apply(self, program: BilevelProgram) -> tuple[Reduced[BilevelProgram], Chains]:
        """Return the game with linear follower rows, and the derivatives that its rows no longer show."""
        n, m, terms = len(program.columns), len(program.rows), program.rows.products
        treated = terms.take(~self.kept)
        own, other, mixed = _factors(program, treated)
        owner = program.row_owner[treated.index]
        keys, key = np.unique(np.stack([owner, own, other]), axis=1, return_inverse=True)
        key = key.ravel()
        is_chain = np.zeros(keys.shape[1], bool)
        is_chain[key] = mixed
        shift = _shifts(program, treated, key, mixed, keys.shape[1])
        count = keys.shape[1]
        place, size = n + np.arange(count), n + count
        entries = [
            sparse.coo_array((treated.value, (treated.index, place[key])), shape=(m, size)),
            sparse.coo_array(((treated.value * shift[key]), (treated.index, own)), shape=(m, size)),
        ]
        rows = program.rows
        changed = Rows(
            sparse.csr_array(widened(rows.matrix, size) + entries[0].tocsr() + entries[1].tocsr()),
            rows.lower,
            rows.upper,
            rows.names,
            terms.take(self.kept),
        )
        new = _columns(program, keys, shift)
        image = replace(
            program,
            columns=program.columns.append(new),
            column_owner=np.concatenate([program.column_owner, np.full(count, LEADER)]),
            rows=changed.append(_definitions(keys, place, shift, new.names)),
            row_owner=np.concatenate([program.row_owner, np.full(count, LEADER)]),
            objectives=replace(program.objectives, linear=widened(program.objectives.linear, size)),
            multipliers=moved_multipliers(program.multipliers, n, m, size, m + count),
        )
        _require_own_columns(program, image, treated.index)
        recover = Recovery.selecting(primal_dual_places(n, m, size, m + count), image.point_size)
        note = f"{len(treated)} products in followers' rows left to spatial branch and bound"
        chains = Chains(place[is_chain], keys[1][is_chain], keys[2][is_chain], shift[is_chain], keys[0][is_chain])
        return Reduced(image, recover, notes=(note,)), chains


def with_gradients(mpec: MPEC, chains: Chains) -> Reduced[MPEC]:
    """Return the MPEC whose stationarity conditions know how lifted columns move with followers' columns.

    A row ``j`` with ``g w`` in its slack adds ``-g q`` to the condition of ``y``, with a new column
    ``q == (x - shift) lambda_j``.
    """
    pairs, size = mpec.complementarity, len(mpec.columns)
    slack = sparse.coo_array(pairs.slack)
    entry, chain = np.nonzero(
        (slack.col[:, np.newaxis] == chains.lifted) & (pairs.owner[slack.row][:, np.newaxis] == chains.owner)
    )
    condition_of = np.full(size, -1, np.int64)
    condition_of[mpec.stationarity.column] = mpec.stationarity.row
    count, width = len(entry), size + len(entry)
    multiplier, other, shift = pairs.multiplier[slack.row[entry]], chains.other[chain], chains.shift[chain]
    names = Names(count, lambda k: f"{mpec.columns.names[int(other[k])]}*{mpec.columns.names[int(multiplier[k])]}")
    free, at = np.full(count, np.inf), np.arange(count)
    added = sparse.coo_array(
        (-slack.data[entry], (condition_of[chains.own[chain]], size + at)), shape=(len(mpec.rows), width)
    )
    matrix = sparse.coo_array(
        (np.concatenate([np.ones(count), shift]), (np.tile(at, 2), np.concatenate([size + at, multiplier]))),
        shape=(count, width),
    )
    products = Product.of(at, multiplier, other, -np.ones(count))
    rows = mpec.rows
    widened_rows = Rows(
        sparse.csr_array(widened(rows.matrix, width) + added.tocsr()), rows.lower, rows.upper, rows.names, rows.products
    )
    definitions = Rows(sparse.csr_array(matrix.tocsr()), np.zeros(count), np.zeros(count), names, products)
    image = replace(
        mpec,
        columns=mpec.columns.append(Columns(-free, free, np.zeros(count, bool), names)),
        rows=widened_rows.append(definitions),
        cost=np.concatenate([mpec.cost, np.zeros(count)]),
        complementarity=replace(pairs, slack=widened(pairs.slack, width)),
        aliases=replace(mpec.aliases, matrix=widened(mpec.aliases.matrix, width)),
    )
    return Reduced(image, Recovery.selecting(np.arange(size), width))


def liftable(program: BilevelProgram) -> Booleans:
    """Mask the terms of followers' rows ``(t,)`` that no binary of the leader makes linear."""
    terms = program.rows.products
    binary = program.columns.binary & (program.column_owner == LEADER)
    binary[program.multipliers.column] = False
    return np.asarray(rows_with_own_columns(program)[terms.index] & ~(binary[terms.left] | binary[terms.right]))


def _factors(program: BilevelProgram, terms: Product) -> tuple[Integers, Integers, Booleans]:
    """Return the factor that the row's owner decides, the other one, and where there is such a factor."""
    owner = program.row_owner[terms.index]
    left, right = program.column_owner[terms.left] == owner, program.column_owner[terms.right] == owner
    for t in np.flatnonzero(left & right)[:1]:
        pair = f"{program.columns.names[int(terms.left[t])]}*{program.columns.names[int(terms.right[t])]}"
        raise NotApplicable(
            program.rows.names[int(terms.index[t])],
            f"the product {pair} of the follower's own variables makes its row nonlinear; write the row without it",
        )
    own = np.where(right, terms.right, terms.left)
    return own, np.where(right, terms.left, terms.right), left | right


def _shifts(program: BilevelProgram, terms: Product, key: Integers, mixed: Booleans, count: int) -> Floats:
    """Return one for a product of each row that has its follower's columns in products only, zero for the others."""
    matrix = program.rows.matrix.tocoo()
    own = program.row_owner[matrix.row] == program.column_owner[matrix.col]
    shown = np.zeros(len(program.rows), bool)
    shown[matrix.row[own & (matrix.data != 0)]] = True
    shift = np.zeros(count)
    for row in np.unique(terms.index[~shown[terms.index]]).tolist():
        mine = key[(terms.index == row) & mixed]
        if len(mine) and not shift[mine].any():
            shift[mine[0]] = 1.0
    return shift


def _require_own_columns(source: BilevelProgram, image: BilevelProgram, rows: Integers) -> None:
    lost = rows[~rows_with_own_columns(image)[rows]]
    for row in lost[:1].tolist():
        raise NotApplicable(
            source.rows.names[row],
            "its follower's variables stand in products only; write one of them outside of a product as well",
        )


def _columns(program: BilevelProgram, keys: Integers, shift: Floats) -> Columns:
    names, count = program.columns.names, keys.shape[1]
    free = np.full(count, np.inf)

    def name(k: int) -> str:
        other = names[int(keys[2, k])]
        return f"({other} - {shift[k]:g})*{names[int(keys[1, k])]}" if shift[k] else f"{other}*{names[int(keys[1, k])]}"

    return Columns(-free, free, np.zeros(count, bool), Names(count, name))


def _definitions(keys: Integers, place: Integers, shift: Floats, names: Names) -> Rows:
    """Return the rows ``w + shift y - x y == 0``."""
    count, at = len(place), np.arange(len(place))
    entries = (np.concatenate([np.ones(count), shift]), (np.tile(at, 2), np.concatenate([place, keys[1]])))
    matrix = sparse.csr_array(sparse.coo_array(entries, shape=(count, int(place[-1]) + 1)).tocsr())
    products = Product.of(at, keys[1], keys[2], -np.ones(count))
    zero = np.zeros(count)
    return Rows(matrix, zero, zero, Names(count, lambda k: f"definition of {names[k]}"), products)
