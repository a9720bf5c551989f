"""Cancelling the products of a quadratic form by adding identities to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from reformulations.contraction import DUST
from reformulations.identities import Forms, Identities, Substitution
from reformulations.programs import Booleans, Floats, Integers, Matrix, Names, Product
from reformulations.weights import Conflict, conflict, solve

MayStay = Callable[[Integers, Integers], Booleans]
"""Which products (left columns, right columns) need not cancel."""

SHOWN = 4
"""How many names a message lists before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Book:
    """Identities and the products that stand in them, ready for :func:`cancel`.

    ``keys`` ``(E,)`` are the sorted products ``left * N + right``; ``matrix`` ``(K, E)`` holds their
    coefficients in each identity, ``by_product`` the same by columns.
    """

    identities: Identities
    keys: Integers
    matrix: Matrix
    by_product: sparse.csc_array = field(repr=False)

    @classmethod
    def of(cls, identities: Identities, substitution: Substitution) -> Book:
        """Index the identities after ``substitution``."""
        forms = substitution(identities.forms)
        products, n = forms.products, forms.linear.shape[1]
        keys, equation = np.unique(products.left * n + products.right, return_inverse=True)
        entries = (products.value, (products.index, equation))
        matrix = sparse.csr_array(sparse.coo_array(entries, shape=(len(forms), len(keys))).tocsr())
        matrix.eliminate_zeros()
        return cls(Identities(forms, identities.names), keys, matrix, sparse.csc_array(matrix))

    def extended(self, more: Identities, substitution: Substitution) -> Book:
        """Return the book with further identities; the book itself without any."""
        if len(more) == 0:
            return self
        return Book.of(self.identities + Identities(substitution(more.forms), more.names), substitution)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A form equal to the target wherever the identities hold; ``identity`` got ``weight``."""

    form: Forms
    identity: Integers
    weight: Floats


@dataclass(frozen=True, slots=True)
class Stuck:
    """Products cannot be cancelled; :meth:`reason` looks for the cycle when somebody asks."""

    reason: Callable[[], str]


def cancel(book: Book, target: Forms, may_stay: MayStay, names: Names) -> Cancelled | Stuck:
    """Add identities to one form until no product is left but those that may stay; else say why not."""
    products, n = target.products, target.linear.shape[1]
    keys = products.left * n + products.right
    place = np.minimum(np.searchsorted(book.keys, keys), max(len(book.keys) - 1, 0))
    known = book.keys[place] == keys if len(book.keys) else np.zeros(len(keys), bool)
    stays = may_stay(products.left, products.right)
    for term in np.flatnonzero(~known & ~stays)[:1]:
        unknown = product_name(names, int(products.left[term]), int(products.right[term]))
        return Stuck(f"no identity of the optimality conditions holds the product {unknown}".__str__)
    must = ~stays
    wanted = np.zeros(len(book.keys))
    wanted[place[must]] = products.value[must]
    free = may_stay(book.keys // max(n, 1), book.keys % max(n, 1))
    weights = solve(book.by_product, wanted, free)
    if isinstance(weights, Conflict):
        found = weights
        return Stuck(lambda: _reason(book, conflict(book.by_product, wanted, free) or found, wanted, names, n))
    identity = np.flatnonzero(weights)
    weight = weights[identity]
    return Cancelled(_sum(book, target, products.take(stays), identity, weight, free), identity, weight)


def _sum(book: Book, target: Forms, staying: Product, identity: Integers, weight: Floats, free: Booleans) -> Forms:
    forms, n = book.identities.forms, target.linear.shape[1]
    key, value = _combined(sparse.csr_array(book.matrix[identity]), weight)
    remains = free[key]
    key, value = book.keys[key[remains]], value[remains]
    added = Product(np.zeros(len(key), np.int64), key // n, key % n, value)
    base = sparse.csr_array(target.linear)
    rows = sparse.csr_array(sparse.vstack([base, forms.linear[identity]], format="csr"))
    column, slope = _combined(rows, np.concatenate([[1.0], weight]))
    linear = sparse.coo_array((slope, (np.zeros(len(column), np.int64), column)), shape=(1, n)).tocsr()
    constant = target.constant + forms.constant[identity] @ weight
    return Forms(staying + added, sparse.csr_array(linear), constant)


def _combined(rows: Matrix, weight: Floats) -> tuple[Integers, Floats]:
    """Return the columns and values of ``weight @ rows``, without what is rounding of larger terms."""
    column, where = np.unique(rows.indices, return_inverse=True)
    terms = rows.data * np.repeat(weight, np.diff(rows.indptr))
    value = np.asarray(np.bincount(where, terms, len(column)), np.float64)
    keep = np.abs(value) > DUST * np.bincount(where, np.abs(terms), len(column))
    return column[keep].astype(np.int64), value[keep]


def product_name(names: Names, left: int, right: int) -> str:
    """Return ``left*right`` in the columns' names."""
    return f"{names[left]}*{names[right]}"


def listed(items: Sequence[str], count: int) -> str:
    """Return the first few of ``count`` items and how many more there are."""
    rest = count - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _reason(book: Book, found: Conflict, wanted: Floats, names: Names, n: int) -> str:
    def named(equation: int) -> str:
        return product_name(names, *divmod(int(book.keys[equation]), n))

    on_the_way = [e for e in (found.equation, *found.through) if wanted[e] != 0]
    term = named(next(iter(on_the_way or np.flatnonzero(wanted).tolist())))
    identities = listed([f"'{book.identities.names[k]}'" for k in found.unknowns], len(found.unknowns))
    cycle = list(dict.fromkeys((found.equation, *found.through)))
    through = listed([named(e) for e in cycle], len(cycle))
    return (
        f"the product {term} cannot be cancelled: the products {through} ask for contradictory "
        f"potentials of the identities {identities}"
    )
