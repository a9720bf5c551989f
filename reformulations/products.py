"""Products with a binary factor, written exactly by linear rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from reformulations.big_m import LARGEST_M
from reformulations.bits import Bits
from reformulations.choices import Factors, choice_rows
from reformulations.convexity import convex_terms
from reformulations.interval import propagate
from reformulations.programs import (
    MPEC,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    Names,
    Product,
    Rows,
    widened,
)
from reformulations.recovery import Recovery, Reduced
from reformulations.refusal import NotApplicable


@dataclass(frozen=True, slots=True)
class BinaryProducts:
    """Replace each product of a binary column ``b`` and a bounded column ``y`` by a new column ``w``.

    ::

        L b <= w <= U b,    y - U (1 - b) <= w <= y - L (1 - b)        with  L <= y <= U

    leaves ``w = 0`` at ``b = 0`` and ``w = y`` at ``b = 1`` (Glover, Management Science 22(4), 1975). Where exactly
    one binary column of several is 1, their products with ``y`` sum to it (:mod:`reformulations.choices`).
    A square of a binary is the binary itself. An integer column ``x`` with bounds becomes
    ``x = l + sum_k 2^k b_k`` first, with one row that says so; a product in a convex block of the
    objective needs no expansion and keeps its integer. Bounds that are not declared are propagated
    from the linear rows. Exact always; products without such a factor stay.

    Parameters
    ----------
    largest_range
        Integer columns with ``u - l`` up to this are expanded; 1 leaves all but the binary ones.
    unbounded
        What becomes of a product whose other factor has no finite bounds: ``"refused"``, or ``"kept"``
        for a solver that takes products.

    Raises
    ------
    NotApplicable
        When the other factor has no finite bounds up to ``LARGEST_M`` and is refused; names the column.
    """

    largest_range: int = 2**20
    unbounded: Literal["refused", "kept"] = "refused"

    def apply(self, mpec: MPEC) -> Reduced[MPEC]:
        """Return the MPEC with the new columns behind the old ones and the rows behind the old rows."""
        n = len(mpec.columns)
        terms = _all_terms(mpec)
        lower, upper = _boxes(mpec, terms)
        expanded = _expanded(mpec, terms, self._to_expand(mpec, terms))
        terms = _all_terms(expanded)
        binary = expanded.columns.binary
        chosen = binary[terms.left] | binary[terms.right]
        added = len(expanded.columns) - n
        lower = np.concatenate([lower, np.zeros(added)])
        upper = np.concatenate([upper, np.ones(added)])
        chosen &= ~_convex_without_box(expanded, terms, lower, upper)
        if self.unbounded == "kept":
            chosen &= ~_open_ended(expanded.columns.binary, terms, lower, upper)
        if not chosen.any():
            return Reduced(expanded, Recovery.selecting(np.arange(n), len(expanded.columns)))
        image = _linearised(expanded, terms, chosen, lower, upper)
        notes = (f"{int(chosen.sum())} products with a binary factor written exactly by linear rows",)
        return Reduced(image, Recovery.selecting(np.arange(n), len(image.columns)), notes=notes)

    def _to_expand(self, mpec: MPEC, terms: Product) -> Booleans:
        """Mask the terms with an integer, no binary factor, outside convex blocks of the objective."""
        columns = mpec.columns
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            small = columns.integer & (columns.upper - columns.lower <= self.largest_range)
        binary = columns.binary[terms.left] | columns.binary[terms.right]
        chosen = (small[terms.left] | small[terms.right]) & ~binary
        rest = (terms.index == 0) & ~binary
        chosen[rest] &= ~convex_terms(terms.take(rest), len(columns))
        return np.asarray(chosen)


def _all_terms(mpec: MPEC) -> Product:
    """Return the terms of the objective as index 0 and those of row ``r`` as index ``1 + r``."""
    rows = mpec.rows.products
    return mpec.products + Product(rows.index + 1, rows.left, rows.right, rows.value)


def _boxes(mpec: MPEC, terms: Product) -> tuple[Floats, Floats]:
    columns = mpec.columns
    used = np.concatenate([terms.left, terms.right])
    if np.isfinite(columns.lower[used]).all() and np.isfinite(columns.upper[used]).all():
        return columns.lower, columns.upper
    lower, upper = propagate(mpec.rows, columns.lower, columns.upper)
    return (
        np.where(np.isfinite(columns.lower), columns.lower, lower),
        np.where(np.isfinite(columns.upper), columns.upper, upper),
    )


def _convex_without_box(mpec: MPEC, terms: Product, lower: Floats, upper: Floats) -> Booleans:
    """Mask the objective's terms when it is convex as it stands and linear rows would want a bound."""
    size = np.maximum(np.abs(lower), np.abs(upper))
    open_ended = (size[terms.left] > LARGEST_M) | (size[terms.right] > LARGEST_M)
    mine = terms.index == 0
    stays = bool(open_ended[mine].any()) and bool(convex_terms(terms.take(mine), len(mpec.columns)).all())
    return mine if stays else np.zeros(len(terms), bool)


def _open_ended(binary: Booleans, terms: Product, lower: Floats, upper: Floats) -> Booleans:
    """Mask the terms whose factor beside the binary one is too large for linear rows."""
    other = np.where(binary[terms.left], terms.right, terms.left)
    return ~(np.maximum(np.abs(lower[other]), np.abs(upper[other])) <= LARGEST_M)


def _with_terms(mpec: MPEC, terms: Product, linear: Matrix, columns: Columns, rows: Rows) -> MPEC:
    """Return the MPEC with ``terms`` for its products, ``linear`` ``(1 + m, N)`` added, widened to ``columns``."""
    n, pairs, old = len(columns), mpec.complementarity, mpec.rows
    mine = terms.index == 0
    of_rows = terms.take(~mine)
    changed = Rows(
        sparse.csr_array(widened(old.matrix, n) + linear[1:]),
        old.lower,
        old.upper,
        old.names,
        Product(of_rows.index - 1, of_rows.left, of_rows.right, of_rows.value),
    )
    return replace(
        mpec,
        columns=columns,
        cost=np.concatenate([mpec.cost, np.zeros(n - len(mpec.cost))]) + linear[[0]].toarray().ravel(),
        products=terms.take(mine),
        rows=changed.append(rows),
        complementarity=replace(pairs, slack=widened(pairs.slack, n)),
        aliases=replace(mpec.aliases, matrix=widened(mpec.aliases.matrix, n)),
    )


def _expanded(mpec: MPEC, terms: Product, chosen: Booleans) -> MPEC:
    """Write the integer factor of each chosen term by bits."""
    columns = mpec.columns
    if not chosen.any():
        return mpec
    treated = terms.take(chosen)
    span = np.where(columns.integer, np.floor(columns.upper) - np.ceil(columns.lower), np.inf)
    left_first = span[treated.left] <= span[treated.right]
    whole, other = np.where(left_first, treated.left, treated.right), np.where(left_first, treated.right, treated.left)
    bits = Bits.of(columns, np.unique(whole))
    products, linear = bits.products(treated, whole, other, 1 + len(mpec.rows))
    return _with_terms(mpec, terms.take(~chosen) + products, linear, columns.append(bits.columns), bits.rows)


def _linearised(mpec: MPEC, terms: Product, chosen: Booleans, lower: Floats, upper: Floats) -> MPEC:
    """Replace the chosen terms, each with a binary factor."""
    columns, n = mpec.columns, len(mpec.columns)
    treated = terms.take(chosen)
    square = treated.left == treated.right
    pairs, where = np.unique(np.stack([treated.left[~square], treated.right[~square]]), axis=1, return_inverse=True)
    binary = np.where(columns.binary[pairs[0]], pairs[0], pairs[1])
    other = np.where(columns.binary[pairs[0]], pairs[1], pairs[0])
    _require_boxes(columns, binary, other, lower, upper)
    low, high = lower[other], upper[other]
    count = len(other)
    names = Names(count, lambda k: f"{columns.names[int(binary[k])]}*{columns.names[int(other[k])]}")
    new = Columns(np.minimum(low, 0.0), np.maximum(high, 0.0), np.zeros(count, bool), names)
    column = treated.left.copy()
    column[~square] = n + where.ravel()
    entries = (treated.value, (treated.index, column))
    linear = sparse.coo_array(entries, shape=(1 + len(mpec.rows), n + count)).tocsr()
    factors = Factors(binary, other, n + np.arange(count), low, high)
    rows = envelope_rows(binary, other, factors.product, low, high, n + count, names)
    rows = rows.append(choice_rows(mpec.rows, columns.binary, factors, n + count))
    return _with_terms(mpec, terms.take(~chosen), sparse.csr_array(linear), columns.append(new), rows)


def _require_boxes(columns: Columns, binary: Integers, other: Integers, lower: Floats, upper: Floats) -> None:
    size = np.maximum(np.abs(lower[other]), np.abs(upper[other]))
    for k in np.flatnonzero(~(size <= LARGEST_M))[:1]:
        name, factor = columns.names[int(other[k])], columns.names[int(binary[k])]
        what = (
            f"the smallest bound found, {size[k]:.3g}, is above {LARGEST_M:.0e}"
            if np.isfinite(size[k])
            else "no finite bound can be derived for it"
        )
        raise NotApplicable(name, f"{what}, and its product with {factor} needs one; give bounds, or scale it")


def envelope_rows(
    binary: Integers, other: Integers, product: Integers, lower: Floats, upper: Floats, n: int, names: Names
) -> Rows:
    """Return the rows ``(4 k, n)`` that make ``w = z[product]`` equal ``z[binary] * z[other]``.

    In the order ``w <= U b``, ``w >= L b``, ``w <= y - L (1 - b)``, ``w >= y - U (1 - b)``, each for
    all ``k`` products.
    """
    k = len(product)
    one, row = np.ones(k), np.arange(k)
    entries = [
        (np.concatenate([one, one, one, one, -upper, -lower, -lower, -upper, -one, -one])),
        np.concatenate([row + shift * k for shift in (0, 1, 2, 3, 0, 1, 2, 3, 2, 3)]),
        np.concatenate([np.tile(product, 4), np.tile(binary, 4), np.tile(other, 2)]),
    ]
    matrix = sparse.csr_array(sparse.coo_array((entries[0], (entries[1], entries[2])), shape=(4 * k, n)).tocsr())
    matrix.eliminate_zeros()
    free, zero = np.full(k, np.inf), np.zeros(k)
    labels = ("is zero from above", "is zero from below", "is its factor from above", "is its factor from below")
    return Rows(
        matrix,
        np.concatenate([-free, zero, -free, -upper]),
        np.concatenate([zero, free, -lower, free]),
        Names(4 * k, lambda i: f"{names[i % k]} {labels[i // k]}"),
    )
