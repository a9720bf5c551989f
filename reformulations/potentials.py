"""Exact linearisation of bilinear terms by identities of the optimality conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from scipy import sparse

from reformulations.cancellation import Book, Cancelled, cancel, listed, product_name
from reformulations.convexity import TOLERANCE, convex_terms, is_convex
from reformulations.identities import Forms, Substitution, kkt_identities, row_products
from reformulations.programs import MPEC, Booleans, Columns, Integers, Product, Rows
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable

LARGEST_RANGE = 2**20
"""Integer columns with more values than this are not worth a binary expansion."""

OBJECTIVE = "leader's objective"

WAY_OUT = (
    "make a leader's column of the product binary, or integer with finite bounds, or use a method that "
    "takes products (spatial branch and bound, binary expansion with its error stated)"
)


class Plain(IntEnum):
    """Which products may stay among those without multipliers and without discrete columns."""

    NONE = 0
    WITHIN_A_LEVEL = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Potentials:
    """Write the products of the objective and of the rows as linear terms, by KKT identities.

    At every KKT point, for each lower-level row ``j`` and each follower column ``n``::

        lambda_j (V_j y + U_j x - w_j) == 0                     : alpha_j
        y_n (c_n + (C'x)_n + (Q y)_n - (V' lambda)_n) == 0      : beta_n

    and for each other equality row ``r`` and each column ``i``, ``z_i (a_r z - b_r) == 0``. The pass
    finds potentials ``alpha``, ``beta`` such that ``target + sum potential * identity`` has no
    products left but those that may stay: with a factor that is binary (or integer and bounded),
    and, in the objective, a convex quadratic form in columns that are no multipliers. Columns that
    stand for multipliers are replaced by them first, fixed columns by their values; convex blocks of
    the objective are left alone.

    Exact at every point that satisfies the complementarities. Equal potentials over a whole follower
    are its strong duality.

    Parameters
    ----------
    tolerance
        Smallest eigenvalue of a form that passes as convex, relative to its block's largest entry.

    Raises
    ------
    NotApplicable
        When no combination of the identities does it; names the term and the cycle.
    """

    tolerance: float = TOLERANCE

    def apply(self, mpec: MPEC) -> Reduced[MPEC]:
        """Return the MPEC with the same columns and without the products."""
        n = len(mpec.columns)
        if len(mpec.products) == 0 and len(mpec.rows.products) == 0:
            return Reduced(mpec, Recovery.identity(n))
        constants = Substitution.of_constants(mpec)
        objective = constants(_forms(mpec.products, 1, n))
        rows = constants(_forms(mpec.rows.products, len(mpec.rows), n))
        image = replace(mpec, products=Product.none(), rows=replace(mpec.rows, products=Product.none()))
        notes: list[str] = []
        convex = convex_terms(objective.products, n, self.tolerance)
        if len(rows.products) or not convex.all():
            bench = _Workbench.of(mpec, self.tolerance)
            objective, note = bench.objective(objective, convex)
            rows, row_notes = bench.rows(rows)
            notes = note + row_notes
        image = replace(
            mpec,
            cost=mpec.cost + objective.linear.toarray().ravel(),
            constant=mpec.constant + float(objective.constant[0]),
            products=objective.products,
            rows=_with(mpec.rows, rows),
        )
        return Reduced(image, Recovery.identity(n), notes=tuple(notes))


def _forms(products: Product, count: int, n: int) -> Forms:
    return Forms(products, sparse.csr_array((count, n)), np.zeros(count))


def _with(rows: Rows, forms: Forms) -> Rows:
    return Rows(
        sparse.csr_array(rows.matrix + forms.linear),
        rows.lower - forms.constant,
        rows.upper - forms.constant,
        rows.names,
        forms.products,
    )


def discrete_levels(columns: Columns) -> tuple[Booleans, ...]:
    """Return the masks of columns whose products may stay: none, the binary, the bounded integer ones."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        bounded = columns.integer & (columns.upper - columns.lower <= LARGEST_RANGE)
    levels = [np.zeros(len(columns), bool)]
    for level in (columns.binary, bounded):
        if np.any(level & ~levels[-1]):
            levels.append(level)
    return tuple(levels)


@dataclass(frozen=True, slots=True)
class _Workbench:
    """What every target of one MPEC is rewritten with."""

    mpec: MPEC
    tolerance: float
    aliases: Substitution
    book: Book
    multiplier: Booleans
    follower: Booleans

    @classmethod
    def of(cls, mpec: MPEC, tolerance: float) -> _Workbench:
        n = len(mpec.columns)
        multiplier, follower = np.zeros(n, bool), np.zeros(n, bool)
        multiplier[mpec.complementarity.multiplier] = True
        multiplier[mpec.aliases.column] = True
        follower[mpec.stationarity.column] = True
        aliases = Substitution.of_aliases(mpec)
        return cls(mpec, tolerance, aliases, Book.of(kkt_identities(mpec), aliases), multiplier, follower)

    def objective(self, form: Forms, convex: Booleans) -> tuple[Forms, list[str]]:
        """Rewrite the objective but for its convex blocks."""
        if convex.all():
            return form, []
        kept = form.products.take(convex)
        treated = Forms(form.products.take(~convex), form.linear, form.constant)
        answer, note = self.rewritten(treated, kept, OBJECTIVE, tuple(Plain))
        return answer, [note]

    def rows(self, forms: Forms) -> tuple[Forms, list[str]]:
        """Rewrite every row that has products."""
        n, names = len(self.mpec.columns), self.mpec.rows.names
        touched = np.unique(forms.products.index).tolist()
        parts, notes = [_forms(Product.none(), len(forms), n)], []
        for row in touched:
            mine = forms.products.take(forms.products.index == row)
            alone = _forms(Product(np.zeros_like(mine.index), mine.left, mine.right, mine.value), 1, n)
            part, note = self.rewritten(alone, Product.none(), names[row], (Plain.NONE,))
            parts.append(part)
            notes.append(note)
        index = np.array(touched, np.int64)
        spread = sparse.coo_array((np.ones(len(touched)), (index, np.arange(len(touched)))), shape=(len(forms), len(touched)))
        linear, constant = forms.linear, forms.constant
        stays = Product.none()
        if touched:
            stacked = sparse.vstack([part.linear for part in parts[1:]], format="csr")
            linear = sparse.csr_array(linear + spread.tocsr() @ stacked)
            constant = constant + spread.tocsr() @ np.concatenate([part.constant for part in parts[1:]])
            for row, part in zip(touched, parts[1:], strict=True):
                q = part.products
                stays = stays + Product(np.full_like(q.index, row), q.left, q.right, q.value)
        return Forms(stays, linear, constant), notes
