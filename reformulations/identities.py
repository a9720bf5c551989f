"""Bilinear identities that hold at every Karush-Kuhn-Tucker point, as quadratic forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Booleans, Floats, Integers, Matrix, Names, Product


@dataclass(frozen=True, slots=True)
class Forms:
    """Quadratic forms ``products(z)[k] + linear[k] @ z + constant[k]``; ``linear`` is ``(K, N)``."""

    products: Product
    linear: Matrix
    constant: Floats

    def __len__(self) -> int:
        return len(self.constant)


def added_at(forms: Forms, parts: Sequence[Forms], where: Integers) -> Forms:
    """Return ``forms`` with the single form ``parts[i]`` added to form ``where[i]``."""
    if not parts:
        return forms
    entries = (np.ones(len(parts)), (where, np.arange(len(parts))))
    place = sparse.coo_array(entries, shape=(len(forms), len(parts))).tocsr()
    linear = place @ sparse.vstack([part.linear for part in parts], format="csr")
    products = [forms.products, *(part.products for part in parts)]
    index = [forms.products.index, *(part.products.index + row for part, row in zip(parts, where, strict=True))]
    left, right, value = (
        np.concatenate([getattr(product, name) for product in products]) for name in ("left", "right", "value")
    )
    return Forms(
        Product.of(np.concatenate(index), left, right, value),
        sparse.csr_array(forms.linear + linear),
        forms.constant + place @ np.concatenate([part.constant for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Substitution:
    """Columns written by other columns: ``z == matrix @ z + offset``, ``matrix`` ``(N, N)``.

    ``moved`` ``(N,)`` masks the columns that are replaced; the others have a unit row.
    """

    matrix: Matrix
    offset: Floats
    moved: Booleans

    @classmethod
    def of_constants(cls, mpec: MPEC) -> Substitution:
        """Replace the fixed columns by their values."""
        columns = mpec.columns
        fixed = (columns.lower == columns.upper) & np.isfinite(columns.lower)
        diagonal = sparse.csr_array(sparse.diags_array(np.where(fixed, 0.0, 1.0), format="csr"))
        diagonal.eliminate_zeros()
        return cls(diagonal, np.where(fixed, columns.lower, 0.0), fixed)

    @classmethod
    def of_aliases(cls, mpec: MPEC) -> Substitution:
        """Replace the columns that stand for multipliers by these, and the fixed columns by their values."""
        constants = cls.of_constants(mpec)
        alias = np.zeros(len(mpec.columns), bool)
        alias[mpec.aliases.column] = True
        alias &= ~constants.moved
        keep = sparse.diags_array(np.where(alias, 0.0, 1.0), format="csr")
        chosen = alias[mpec.aliases.column]
        entries = (np.ones(int(chosen.sum())), (mpec.aliases.column[chosen], np.flatnonzero(chosen)))
        place = sparse.coo_array(entries, shape=(len(mpec.columns), len(mpec.aliases))).tocsr()
        aliased = keep + place @ mpec.aliases.matrix
        matrix = sparse.csr_array(aliased @ constants.matrix)
        matrix.eliminate_zeros()
        return cls(matrix, np.asarray(aliased @ constants.offset), alias | constants.moved)

    def __call__(self, forms: Forms) -> Forms:
        """Return the same forms without the replaced columns."""
        products, linear = forms.products, forms.linear @ self.matrix
        constant = forms.constant + np.asarray(forms.linear @ self.offset)
        touched = self.moved[products.left] | self.moved[products.right]
        if touched.any():
            moving = products.take(touched)
            left, right = self.matrix[moving.left], self.matrix[moving.right]
            shape = (len(moving), len(forms))
            entries = (moving.value, (np.arange(len(moving)), moving.index))
            gather = sparse.coo_array(entries, shape=shape).tocsr().T
            linear = linear + gather @ (
                _scaled(left, self.offset[moving.right]) + _scaled(right, self.offset[moving.left])
            )
            constant = constant + np.asarray(gather @ (self.offset[moving.left] * self.offset[moving.right]))
            products = products.take(~touched) + _outer(moving, left, right)
        image = sparse.csr_array(linear)
        image.eliminate_zeros()
        return Forms(products, image, constant)


def _scaled(rows: Matrix, factor: Floats) -> Matrix:
    return sparse.csr_array(sparse.diags_array(factor, format="csr") @ rows)


def _outer(terms: Product, left: Matrix, right: Matrix) -> Product:
    """Return ``value[t] * (left[t] @ z) * (right[t] @ z)`` term by term."""
    if len(terms) == 0:
        return Product.none()
    width = np.diff(right.indptr)
    term_of_left = np.repeat(np.arange(len(terms)), np.diff(left.indptr))
    repeats = width[term_of_left]
    entry = np.repeat(np.arange(len(term_of_left)), repeats)
    first = np.cumsum(repeats) - repeats
    partner = right.indptr[term_of_left][entry] + np.arange(len(entry)) - first[entry]
    term = term_of_left[entry]
    return Product.of(
        terms.index[term],
        left.indices[entry].astype(np.int64),
        right.indices[partner].astype(np.int64),
        terms.value[term] * left.data[entry] * right.data[partner],
    )


@dataclass(frozen=True, slots=True)
class Identities:
    """Quadratic forms that are zero at every KKT point, with the names of what they come from."""

    forms: Forms
    names: Names

    def __len__(self) -> int:
        return len(self.forms)

    def __add__(self, other: Identities) -> Identities:
        mine, theirs = self.forms, other.forms
        products = Product(
            np.concatenate([mine.products.index, theirs.products.index + len(self)]),
            np.concatenate([mine.products.left, theirs.products.left]),
            np.concatenate([mine.products.right, theirs.products.right]),
            np.concatenate([mine.products.value, theirs.products.value]),
        )
        linear = sparse.csr_array(sparse.vstack([mine.linear, theirs.linear], format="csr"))
        constant = np.concatenate([mine.constant, theirs.constant])
        return Identities(Forms(products, linear, constant), self.names + other.names)


def _multiplied(column: Integers, matrix: Matrix, offset: Floats) -> Forms:
    """Return ``z[column[k]] * (matrix[k] @ z - offset[k])`` for every ``k``."""
    index = np.repeat(np.arange(len(column)), np.diff(matrix.indptr))
    other = matrix.indices.astype(np.int64)
    pair = np.minimum(column[index], other), np.maximum(column[index], other)
    keep = matrix.data != 0
    products = Product(index[keep], pair[0][keep], pair[1][keep], matrix.data[keep])
    entries = (-offset, (np.arange(len(column)), column))
    linear = sparse.csr_array(sparse.coo_array(entries, shape=matrix.shape).tocsr())
    return Forms(products, linear, np.zeros(len(column)))


def kkt_identities(mpec: MPEC) -> Identities:
    """Return the identities of the complementarities and of the stationarity conditions.

    ``multiplier_j (slack_j z - offset_j) == 0`` for every row ``j`` of the lower level, and
    ``y_n (stationarity of y_n) == 0`` for every follower column with a linear stationarity row.
    Exact at every KKT point.
    """
    pairs, stationarity = mpec.complementarity, mpec.stationarity
    rows = Identities(_multiplied(pairs.multiplier, pairs.slack, pairs.offset), pairs.names)
    linear = np.ones(len(mpec.rows), bool)
    linear[mpec.rows.products.index] = False
    kept = np.flatnonzero(linear[stationarity.row] & mpec.rows.equality[stationarity.row])
    row, column = stationarity.row[kept], stationarity.column[kept]
    columns = _multiplied(column, sparse.csr_array(mpec.rows.matrix[row]), mpec.rows.upper[row])
    return rows + Identities(columns, mpec.rows.names.take(row))


def row_products(mpec: MPEC, products: Product, rounds: int = 2) -> Identities:
    """Return the identities "a factor of a product times an equality row that holds the other factor".

    With ``P - y_1 - y_2 == 0`` and the product ``price * P`` it is ``price (P - y_1 - y_2) == 0``.
    Each round does so for the products that the round before brought in. Stationarity conditions
    are left out: their products with foreign columns would multiply without end. Exact always.
    """
    linear = mpec.rows.equality.copy()
    linear[mpec.rows.products.index] = False
    linear[mpec.stationarity.row] = False
    rows = np.flatnonzero(linear)
    matrix = sparse.csr_array(mpec.rows.matrix[rows])
    offset = mpec.rows.upper[rows]
    by_column = sparse.csc_array(matrix)
    found: set[tuple[int, int]] = set()
    held = np.diff(by_column.indptr) > 0
    useful = held[products.left] | held[products.right]
    pending = set(zip(products.left[useful].tolist(), products.right[useful].tolist(), strict=True))
    seen = set(pending)
    for _ in range(rounds):
        fresh: set[tuple[int, int]] = set()
        for factor, held in sorted(pending | {(b, a) for a, b in pending}):
            for r in by_column.indices[by_column.indptr[held] : by_column.indptr[held + 1]]:
                if (factor, int(r)) in found:
                    continue
                found.add((factor, int(r)))
                others = matrix.indices[matrix.indptr[r] : matrix.indptr[r + 1]]
                fresh.update((min(factor, int(k)), max(factor, int(k))) for k in others)
        pending = fresh - seen
        seen |= pending
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    multiplied, row = pairs[:, 0], pairs[:, 1]
    names, where = mpec.columns.names, rows[row]
    return Identities(
        _multiplied(multiplied, sparse.csr_array(matrix[row]), offset[row]),
        Names(len(row), lambda k: f"{names[int(multiplied[k])]} times {mpec.rows.names[int(where[k])]}"),
    )
