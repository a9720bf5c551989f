"""Followers' rows and objectives with products of a leader's binary column, written by linear rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.big_m import LARGEST_M
from reformulations.canonical import rows_with_own_columns
from reformulations.decision_boxes import decision_boxes
from reformulations.interval import propagate
from reformulations.products import envelope_rows
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MultiplierColumns,
    Names,
    Product,
    Role,
    Rows,
    widened,
)
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable

MARGIN = 1e-2
"""How far, in parts of its range (at least of 1), a column stays from the constants of its envelope rows."""


@dataclass(frozen=True, slots=True)
class FollowerProducts:
    """Replace ``x y`` in a follower's row, ``x`` a leader's binary, by a column ``w`` of that follower.

    With ``objectives`` those in followers' objectives as well, where a factor is a leader's binary.

    Source: ``sum_n a_n y_n + x y <= r``, with ``l <= y <= u``. Image, all rows the follower's::

        sum_n a_n y_n + w <= r
        L x <= w <= U x,    y - U (1 - x) <= w <= y - L (1 - x)        with  L < l,  u < U

    Exact when ``x`` is binary: for each leader decision the follower's ``(y, w)`` have ``w = x y`` and
    the same ``y``. Because ``L`` and ``U`` are strictly outside the range of ``y``, no row of the
    envelope but those that say ``w = 0`` or ``w = y`` is ever active, so the multipliers of the
    follower's own rows and bounds are those of the source; the others are dropped on the way back.
    Bounds that are not declared are propagated from the rows of the owner of ``y``, at each decision on a few binaries
    where they do not follow from all of them (:mod:`reformulations.decision_boxes`). Products of two
    leader columns go to a leader's column. Rows without a column of their follower are left alone.

    Raises
    ------
    NotApplicable
        When no factor is a leader's binary column, or ``y`` has no finite bounds up to ``LARGEST_M``.
    """

    objectives: bool = False

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game with linear follower rows; the way back is over primal-dual points."""
        n, m = len(program.columns), len(program.rows)
        terms, priced = program.rows.products, program.objectives.products
        chosen = rows_with_own_columns(program)[terms.index]
        in_objectives = self._in_objectives(program)
        if not chosen.any() and not in_objectives.any():
            return Reduced(program, Recovery.identity(program.point_size))
        # the objectives stand behind the rows
        treated = terms.take(chosen) + _behind(priced.take(in_objectives), m)
        binary, other = _factors(program, treated)
        square = binary == other
        holder = np.concatenate([program.row_owner, np.arange(len(program.players))])[treated.index]
        owner = np.where(program.column_owner[other] == LEADER, LEADER, holder)
        keys, where = np.unique(
            np.stack([owner[~square], binary[~square], other[~square]]), axis=1, return_inverse=True
        )
        new_owner, new_binary, new_other = keys
        column = binary.copy()
        column[~square] = n + where.ravel()
        new, envelope = _new_columns_and_rows(program, new_binary, new_other)
        size = n + len(new)
        shape = (m + len(program.players), size)
        added = sparse.coo_array((treated.value, (treated.index, column)), shape=shape).tocsr()
        rows = Rows(
            sparse.csr_array(widened(program.rows.matrix, size) + added[:m]),
            program.rows.lower,
            program.rows.upper,
            program.rows.names,
            terms.take(~chosen),
        )
        image = replace(
            program,
            columns=program.columns.append(new),
            column_owner=np.concatenate([program.column_owner, new_owner]),
            rows=rows.append(envelope),
            row_owner=np.concatenate([program.row_owner, np.tile(new_owner, 4)]),
            objectives=replace(
                program.objectives,
                linear=sparse.csr_array(widened(program.objectives.linear, size) + added[m:]),
                products=priced.take(~in_objectives),
            ),
            multipliers=moved_multipliers(program.multipliers, n, m, size, m + len(envelope)),
        )
        place = "rows and objectives" if in_objectives.any() else "rows"
        note = (
            f"{len(treated)} products of a leader's binary column in followers' {place} written exactly by linear rows"
        )
        return Reduced(
            image,
            Recovery.selecting(primal_dual_places(n, m, size, m + len(envelope)), image.point_size),
            notes=(note,),
        )

    def _in_objectives(self, program: BilevelProgram) -> Booleans:
        """Mask the products of followers' objectives that are replaced: a factor is a leader's binary column."""
        terms, allowed = program.objectives.products, _allowed(program)
        wanted = (program.roles[terms.index] == Role.FOLLOWER) & self.objectives
        return np.asarray(wanted & (allowed[terms.left] | allowed[terms.right]))


def _behind(terms: Product, count: int) -> Product:
    return Product(terms.index + count, terms.left, terms.right, terms.value)


def _allowed(program: BilevelProgram) -> Booleans:
    """Mask the leader's binary columns ``(n,)``."""
    allowed = program.columns.binary & (program.column_owner == LEADER)
    allowed[program.multipliers.column] = False
    return np.asarray(allowed)


def _factors(program: BilevelProgram, terms: Product) -> tuple[Integers, Integers]:
    """Return the leader's binary factor of each term and the other one."""
    allowed = _allowed(program)
    for t in np.flatnonzero(~allowed[terms.left] & ~allowed[terms.right])[:1]:
        names = program.columns.names
        pair = f"{names[int(terms.left[t])]}*{names[int(terms.right[t])]}"
        raise NotApplicable(
            program.rows.names[int(terms.index[t])],
            f"the product {pair} in a follower's row is exact only when the leader's variable in it is a bounded "
            "integer; make it one, or write the row without the product",
        )
    first = allowed[terms.left]
    return np.where(first, terms.left, terms.right), np.where(first, terms.right, terms.left)


def _new_columns_and_rows(program: BilevelProgram, binary: Integers, other: Integers) -> tuple[Columns, Rows]:
    columns, k = program.columns, len(other)
    lower, upper = _boxes(program, other)
    for i in np.flatnonzero(~(np.maximum(np.abs(lower), np.abs(upper)) <= LARGEST_M))[:1]:
        raise NotApplicable(
            columns.names[int(other[i])],
            f"no finite bound can be derived for it up to {LARGEST_M:.0e}, and its product with "
            f"{columns.names[int(binary[i])]} in a follower's row needs one; give bounds, or scale it",
        )
    margin = MARGIN * np.maximum(1.0, upper - lower)
    names = Names(k, lambda i: f"{columns.names[int(binary[i])]}*{columns.names[int(other[i])]}")
    # Without bounds of its own the new column has no multipliers beside those of its rows.
    new = Columns(np.full(k, -np.inf), np.full(k, np.inf), np.zeros(k, bool), names)
    place = len(columns) + np.arange(k)
    width = len(columns) + k
    return new, envelope_rows(binary, other, place, lower - margin, upper + margin, width, names)


def _boxes(program: BilevelProgram, wanted: Integers) -> tuple[Floats, Floats]:
    """Return the bounds of columns, propagated from their owner's linear rows where they are infinite."""
    columns = program.columns
    lower, upper = columns.lower[wanted].copy(), columns.upper[wanted].copy()
    open_ended = ~(np.isfinite(lower) & np.isfinite(upper))
    linear = np.ones(len(program.rows), bool)
    linear[program.rows.products.index] = False
    owner = program.column_owner[wanted]
    for player in np.unique(owner[open_ended]).tolist():
        mine = np.flatnonzero((program.row_owner == player) & linear)
        rows = program.rows
        part = Rows(sparse.csr_array(rows.matrix[mine]), rows.lower[mine], rows.upper[mine], rows.names.take(mine))
        low, high = propagate(part, columns.lower, columns.upper)
        picked = open_ended & (owner == player)
        lower[picked], upper[picked] = low[wanted[picked]], high[wanted[picked]]
        left = picked & ~(np.isfinite(lower) & np.isfinite(upper))
        if left.any() and player != LEADER:
            low, high = decision_boxes(program, player)
            lower[left], upper[left] = np.maximum(lower, low[wanted])[left], np.minimum(upper, high[wanted])[left]
    return lower, upper


def primal_dual_places(n: int, m: int, new_n: int, new_m: int) -> Integers:
    """Return where the entries ``n + m + 2 n`` of a primal-dual point stand in the wider one."""
    columns = np.arange(n)
    return np.concatenate([columns, new_n + np.arange(m), new_n + new_m + columns, new_n + new_m + new_n + columns])


def moved_multipliers(multipliers: MultiplierColumns, n: int, m: int, new_n: int, new_m: int) -> MultiplierColumns:
    """Return the columns that stand for multipliers, over a game with more columns and rows."""
    entries = sparse.coo_array(multipliers.matrix)
    place = (primal_dual_places(n, m, new_n, new_m)[n:] - new_n)[entries.col]
    matrix: Matrix = sparse.csr_array(
        sparse.coo_array((entries.data, (entries.row, place)), shape=(len(multipliers), new_m + 2 * new_n)).tocsr()
    )
    return replace(multipliers, matrix=matrix)
