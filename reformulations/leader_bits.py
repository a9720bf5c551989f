"""A leader's integers in products with followers' columns, by bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.bits import Bits
from reformulations.canonical import rows_with_own_columns
from reformulations.follower_products import moved_multipliers, primal_dual_places
from reformulations.programs import LEADER, BilevelProgram, Booleans, Integers, Product, Role, Rows, widened
from reformulations.recovery import Recovery, Reduced


@dataclass(frozen=True, slots=True)
class LeaderBits:
    """Write ``x y`` in a follower's row, ``x`` a leader's bounded integer, by products with binary columns.

    Source: ``sum_n a_n y_n + x y <= r`` with integer ``l <= x <= u``. Image, the bits and their row the leader's::

        sum_n a_n y_n + l y + sum_k 2^k b_k y <= r,      x - sum_k 2^k b_k = l

    Exact; :class:`reformulations.follower_products.FollowerProducts` makes them linear. Products with a binary column
    of the leader stay as they are, and so do those without an integer of it.

    Parameters
    ----------
    objectives
        Whether products in followers' objectives are written so, too.
    largest_range
        Integers with ``u - l`` up to this.
    """

    objectives: bool = False
    largest_range: int = 2**20

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game with the bits behind its columns; the way back is over primal-dual points."""
        n, m = len(program.columns), len(program.rows)
        terms, priced = program.rows.products, program.objectives.products
        wanted = self._wanted(program)
        in_rows = rows_with_own_columns(program)[terms.index] & _has_whole(program, wanted, terms)
        in_objectives = (program.roles[priced.index] == Role.FOLLOWER) & _has_whole(program, wanted, priced)
        in_objectives &= self.objectives
        if not in_rows.any() and not in_objectives.any():
            return Reduced(program, Recovery.identity(program.point_size))
        of_rows, of_objectives = terms.take(in_rows), priced.take(in_objectives)
        integers = np.concatenate([_whole(wanted, of_rows), _whole(wanted, of_objectives)])
        bits = Bits.of(program.columns, np.unique(integers))
        in_row_bits, in_row_terms = bits.products(of_rows, *_factors(wanted, of_rows), m)
        priced_bits, priced_terms = bits.products(of_objectives, *_factors(wanted, of_objectives), len(program.players))
        size = n + len(bits.columns)
        rows = Rows(
            sparse.csr_array(widened(program.rows.matrix, size) + in_row_terms),
            program.rows.lower,
            program.rows.upper,
            program.rows.names,
            terms.take(~in_rows) + in_row_bits,
        )
        image = replace(
            program,
            columns=program.columns.append(bits.columns),
            column_owner=np.concatenate([program.column_owner, np.full(len(bits.columns), LEADER)]),
            rows=rows.append(bits.rows),
            row_owner=np.concatenate([program.row_owner, np.full(len(bits.rows), LEADER)]),
            objectives=replace(
                program.objectives,
                linear=sparse.csr_array(widened(program.objectives.linear, size) + priced_terms),
                products=priced.take(~in_objectives) + priced_bits,
            ),
            multipliers=moved_multipliers(program.multipliers, n, m, size, m + len(bits.rows)),
        )
        back = Recovery.selecting(primal_dual_places(n, m, size, m + len(bits.rows)), image.point_size)
        note = f"{len(bits.rows)} integers of the leader in followers' products written by {len(bits.columns)} bits"
        return Reduced(image, back, notes=(note,))

    def _wanted(self, program: BilevelProgram) -> Booleans:
        """Mask the leader's integers ``(n,)`` that may be written by bits."""
        columns = program.columns
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            small = columns.integer & (columns.upper - columns.lower <= self.largest_range) & ~columns.binary
        small &= program.column_owner == LEADER
        small[program.multipliers.column] = False
        return np.asarray(small)


def _has_whole(program: BilevelProgram, wanted: Booleans, terms: Product) -> Booleans:
    """Mask the terms with a wanted integer and no binary column of the leader."""
    binary = program.columns.binary & (program.column_owner == LEADER)
    found = (wanted[terms.left] | wanted[terms.right]) & ~(binary[terms.left] | binary[terms.right])
    return np.asarray(found)


def _whole(wanted: Booleans, terms: Product) -> Integers:
    return np.where(wanted[terms.left], terms.left, terms.right)


def _factors(wanted: Booleans, terms: Product) -> tuple[Integers, Integers]:
    """Return the wanted integer of each term and the other factor."""
    whole = _whole(wanted, terms)
    return whole, np.where(wanted[terms.left], terms.right, terms.left)
