"""Optimality of the followers as one strong-duality row each, without complementarities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from reformulations.programs import MPEC, Complementarity, Integers, Names, Product, Rows
from reformulations.recovery import Recovery, Reduced


@dataclass(frozen=True, slots=True)
class StrongDuality:
    """Replace each follower's complementarities by the row "primal value <= dual value".

    Source: ``0 <= lambda_j _|_ V_j y + U_j x - w_j >= 0`` for every row ``j`` of a follower.
    Image, one row a follower (its complementarity gap, with ``V' lambda = grad_y f`` inserted)::

        sum_n y_n (grad_y f)_n + sum_j lambda_j (U_j x - w_j)  <=  0

    Equivalent to the complementarities, since every term of the sum is nonnegative (weak duality).
    The row is linear only where its products ``y_n x_i`` and ``lambda_j x_i`` have a binary factor or
    are absent; the products left are named by the pass that meets them.
    """

    def apply(self, mpec: MPEC) -> Reduced[MPEC]:
        """Return the MPEC with strong-duality rows and no complementary pairs."""
        pairs = mpec.complementarity
        gap = gap_rows(mpec, _owners(pairs))
        image = replace(mpec, rows=mpec.rows.append(gap), complementarity=_equalities_only(pairs))
        return Reduced(image, Recovery.identity(len(mpec.columns)))


def gap_products(mpec: MPEC) -> Product:
    """Return the products that :class:`StrongDuality` writes, ``index`` counting the followers' rows."""
    return gap_rows(mpec, _owners(mpec.complementarity)).products


def _owners(pairs: Complementarity) -> Integers:
    return np.unique(pairs.owner[pairs.pairs])


def gap_rows(mpec: MPEC, owners: Integers) -> Rows:
    """Return for each player in ``owners`` the row "complementarity gap <= 0", products included."""
    pairs, n = mpec.complementarity, len(mpec.columns)
    count, position = len(owners), {int(owner): i for i, owner in enumerate(owners)}
    column_owner = _owner_of_columns(mpec)
    mine = np.isin(pairs.owner, owners)
    slack = sparse.coo_array(pairs.slack)
    foreign = (column_owner[slack.col] != pairs.owner[slack.row]) & mine[slack.row]
    group = np.array([position.get(int(k), 0) for k in pairs.owner], np.int64)
    stationarity = mpec.rows.matrix[mpec.stationarity.row]
    entries = sparse.coo_array(stationarity)
    is_multiplier = np.zeros(n, bool)
    is_multiplier[pairs.multiplier] = True
    owner_of_condition = column_owner[mpec.stationarity.column]
    kept = ~is_multiplier[entries.col] & np.isin(owner_of_condition, owners)[entries.row]
    group_of_condition = np.array([position.get(int(k), 0) for k in owner_of_condition], np.int64)
    products = Product.of(
        np.concatenate([group[slack.row[foreign]], group_of_condition[entries.row[kept]]]),
        np.concatenate([pairs.multiplier[slack.row[foreign]], mpec.stationarity.column[entries.row[kept]]]),
        np.concatenate([slack.col[foreign], entries.col[kept]]).astype(np.int64),
        np.concatenate([slack.data[foreign], entries.data[kept]]),
    )
    member = np.isin(owner_of_condition, owners)
    rows = np.concatenate([group[mine], group_of_condition[member]])
    columns = np.concatenate([pairs.multiplier[mine], mpec.stationarity.column[member]])
    values = np.concatenate([-pairs.offset[mine], -mpec.rows.upper[mpec.stationarity.row][member]])
    matrix = sparse.coo_array((values, (rows, columns)), shape=(count, n)).tocsr()
    names = Names(count, lambda i: f"strong duality of follower {int(owners[i])}")
    return Rows(sparse.csr_array(matrix), np.full(count, -np.inf), np.zeros(count), names, products)


def _owner_of_columns(mpec: MPEC) -> Integers:
    """Return the player of every follower column; -1 elsewhere."""
    owner = np.full(len(mpec.columns), -1, np.int64)
    multiplier_owner = np.full(len(mpec.columns), -1, np.int64)
    multiplier_owner[mpec.complementarity.multiplier] = mpec.complementarity.owner
    entries = sparse.coo_array(mpec.rows.matrix[mpec.stationarity.row])
    found = multiplier_owner[entries.col]
    known = found >= 0
    owner[mpec.stationarity.column[entries.row[known]]] = found[known]
    return owner


def _equalities_only(pairs: Complementarity) -> Complementarity:
    kept = np.flatnonzero(pairs.equality)
    return Complementarity(
        slack=sparse.csr_array(pairs.slack[kept]),
        offset=pairs.offset[kept],
        multiplier=pairs.multiplier[kept],
        row=pairs.row[kept],
        equality=pairs.equality[kept],
        opposite=np.full(len(kept), -1, np.int64),
        owner=pairs.owner[kept],
        names=pairs.names.take(kept),
    )
