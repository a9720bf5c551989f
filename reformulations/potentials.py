"""Exact linearisation of bilinear terms by identities of the optimality conditions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import product
from typing import Literal

import numpy as np
from scipy import sparse

from reformulations.cancellation import SHOWN, Book, Cancelled, MayStay, Stuck, cancel, listed, product_name
from reformulations.contraction import DUST
from reformulations.convexity import TOLERANCE, convex_terms, is_convex
from reformulations.identities import Forms, Substitution, added_at, kkt_identities, row_products
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
    left_over
        What becomes of products that no combination of the identities linearises: ``"refused"``, or
        ``"kept"`` as the user wrote them, for a solver that takes products.

    Raises
    ------
    NotApplicable
        When products are left over and refused; names the term and the cycle.
    """

    tolerance: float = TOLERANCE
    left_over: Literal["refused", "kept"] = "refused"

    def apply(self, mpec: MPEC) -> Reduced[MPEC]:
        """Return the MPEC with the same columns and without the products."""
        n = len(mpec.columns)
        if len(mpec.products) == 0 and len(mpec.rows.products) == 0:
            return Reduced(mpec, Recovery.identity(n))
        constants = Substitution.of_constants(mpec)
        objective = constants(_forms(mpec.products, 1, n))
        rows = constants(_forms(mpec.rows.products, len(mpec.rows), n))
        convex = convex_terms(objective.products, n, self.tolerance)
        notes: list[str] = []
        if len(rows.products) or not convex.all():
            bench = _Workbench.of(mpec, self)
            if not convex.all():
                kept = objective.products.take(convex)
                treated = Forms(objective.products.take(~convex), objective.linear, objective.constant)
                objective = bench.rewritten(treated, kept, OBJECTIVE, tuple(Plain), notes)
            rows = _rewritten_rows(bench, rows, notes)
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


def _rewritten_rows(bench: _Workbench, forms: Forms, notes: list[str]) -> Forms:
    """Rewrite every row that has products, each on its own."""
    n, products = len(bench.mpec.columns), forms.products
    order = np.argsort(products.index, kind="stable")
    rows, starts = np.unique(products.index[order], return_index=True)
    parts = []
    for row, terms in zip(rows.tolist(), np.split(order, starts[1:]), strict=False):
        zero = np.zeros(len(terms), np.int64)
        alone = Product(zero, products.left[terms], products.right[terms], products.value[terms])
        name = bench.mpec.rows.names[row]
        parts.append(bench.rewritten(_forms(alone, 1, n), Product.none(), name, (Plain.NONE,), notes))
    return added_at(replace(forms, products=Product.none()), parts, rows)


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
    options: Potentials
    aliases: Substitution
    book: Book
    multiplier: Booleans
    follower: Booleans

    @classmethod
    def of(cls, mpec: MPEC, options: Potentials) -> _Workbench:
        n = len(mpec.columns)
        multiplier, follower = np.zeros(n, bool), np.zeros(n, bool)
        multiplier[mpec.complementarity.multiplier] = True
        multiplier[mpec.aliases.column] = True
        follower[mpec.stationarity.column] = True
        aliases = Substitution.of_aliases(mpec)
        return cls(mpec, options, aliases, Book.of(kkt_identities(mpec), aliases), multiplier, follower)

    def rewritten(self, target: Forms, kept: Product, where: str, plains: tuple[Plain, ...], notes: list[str]) -> Forms:
        """Return one form with ``kept`` and without its other products but those that may stay."""
        columns, n = self.mpec.columns, len(self.mpec.columns)
        stuck: list[Stuck] = []
        books = [self.book]
        for plain, discrete in product(plains, discrete_levels(columns)):
            # A product that may stay keeps the columns the user wrote, whose bounds are known.
            held = discrete[target.products.left] | discrete[target.products.right]
            moved = self.aliases(replace(target, products=target.products.take(~held)))
            for more in (False, True):
                if more and len(books) == 1:
                    books.append(self.book.extended(row_products(self.mpec, moved.products), self.aliases))
                if more and books[1] is self.book:
                    continue  # nothing new: the same answer
                book = books[more]
                answer = cancel(book, moved, self._may_stay(plain, discrete), columns.names)
                if isinstance(answer, Stuck):
                    stuck.append(answer)
                    continue
                stays = kept + target.products.take(held) + answer.form.products
                continuous = stays.take(~(discrete[stays.left] | discrete[stays.right]))
                if is_convex(continuous, n, self.options.tolerance):
                    notes.append(f"{where}: {_note(target.products, stays, answer, book, columns)}")
                    return replace(answer.form, products=stays)
        if self.options.left_over == "kept":
            notes.append(f"{where}: {len(target.products)} products are left to spatial branch and bound")
            return replace(target, products=kept + target.products)
        most = stuck[books[1] is not self.book]  # of all identities, with nothing to stay
        raise NotApplicable(where, f"{most.reason()}; {WAY_OUT}")

    def _may_stay(self, plain: Plain, discrete: Booleans) -> MayStay:
        def mask(left: Integers, right: Integers) -> Booleans:
            stays = discrete[left] | discrete[right]
            if plain is Plain.NONE:
                return stays
            primal = ~self.multiplier[left] & ~self.multiplier[right]
            if plain is Plain.WITHIN_A_LEVEL:
                primal &= self.follower[left] == self.follower[right]
            return stays | primal

        return mask


def _note(treated: Product, stays: Product, answer: Cancelled, book: Book, columns: Columns) -> str:
    """Say which products became linear, by what, and what is left."""
    pairs = zip(treated.left[: SHOWN + 1].tolist(), treated.right[: SHOWN + 1].tolist(), strict=True)
    examples = listed([product_name(columns.names, *pair) for pair in pairs], len(treated))
    if len(answer.identity) == 0:
        return f"{_counted(treated)} left as written ({examples}): a factor is discrete, or the form convex"
    names = listed([f"'{book.identities.names[k]}'" for k in answer.identity[:SHOWN].tolist()], len(answer.identity))
    size = np.abs(answer.weight)
    equal = len(size) > 1 and bool(size.max() - size.min() <= DUST * size.max())
    kind = ", all potentials equal: strong duality" if equal else ""
    left = f"; {_counted(stays)} left, with a discrete factor or convex" if len(stays) else ""
    return (
        f"{_counted(treated)} ({examples}) linearised exactly by {len(answer.identity)} identities "
        f"({names}{kind}){left}"
    )


def _counted(products: Product) -> str:
    return "1 product" if len(products) == 1 else f"{len(products)} products"
