"""The part of an MPEC that concerns one follower, found in time proportional to its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from reformulations.programs import (
    MPEC,
    Booleans,
    Columns,
    Complementarity,
    Integers,
    Matrix,
    MultiplierColumns,
    Product,
    Rows,
    Stationarity,
)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The MPEC of one follower alone, without objective.

    ``columns`` ``(n',)`` are the MPEC's columns behind those of ``program`` and ``entries`` ``(k,)`` the
    complementarity entries behind its own, all of this follower.
    """

    program: MPEC
    columns: Integers
    entries: Integers


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """The index from which :meth:`part` cuts one follower's part out of an MPEC.

    A part has the follower's complementarities and stationarity conditions, the columns they
    mention, and all rows that mention nothing else but columns of the leader that are linked to
    these by rows. Its points with the other columns left out include those of the MPEC, so what
    is proved on it holds for the MPEC.

    ``entries`` holds the complementarity entries of each player, in the order of players; ``by_column``
    is the MPEC's matrix by columns; ``foreign`` masks followers' columns and multipliers, ``usable``
    the linear rows; ``group`` numbers the leader's columns that rows of the leader alone link, and
    ``members`` lists columns and rows group by group.
    """

    mpec: MPEC
    entries: list[Integers]
    by_column: sparse.csc_array
    condition: Integers
    foreign: Booleans
    usable: Booleans
    group: Integers
    members: Matrix
    group_rows: Matrix
    aliases: sparse.csc_array

    @classmethod
    def of(cls, mpec: MPEC) -> Neighbourhoods:
        """Index an MPEC once for all its followers."""
        pairs, n, m = mpec.complementarity, len(mpec.columns), len(mpec.rows)
        foreign, usable = np.zeros(n, bool), np.ones(m, bool)
        foreign[mpec.stationarity.column] = True
        foreign[pairs.multiplier] = True
        usable[mpec.rows.products.index] = False
        condition = np.full(m, -1, np.int64)
        condition[mpec.stationarity.row] = np.arange(len(mpec.stationarity.row))
        group, group_of_row = _groups(mpec.rows.matrix, foreign, usable)
        return cls(
            mpec=mpec,
            entries=entries_by_player(mpec),
            by_column=sparse.csc_array(mpec.rows.matrix),
            condition=condition,
            foreign=foreign,
            usable=usable,
            group=group,
            members=_lists(group, n),
            group_rows=_lists(group_of_row, n),
            aliases=sparse.csc_array(mpec.aliases.matrix),
        )

    def part(self, position: int) -> Neighbourhood:
        """Return the part of the player of ``entries[position]``."""
        pairs, matrix = self.mpec.complementarity, self.mpec.rows.matrix
        entries = self.entries[position]
        multiplier = pairs.multiplier[entries]
        touched = _listed(self.by_column, multiplier)
        conditions = touched[self.condition[touched] >= 0]
        mentioned = np.union1d(_listed(pairs.slack, entries), _listed(matrix, conditions))
        allowed = np.union1d(mentioned, multiplier)
        rows = _listed(self.by_column, allowed[self.foreign[allowed]])
        rows = np.union1d(rows[self.usable[rows]], conditions)
        rows = rows[self._within(rows, allowed)]
        linked = np.union1d(allowed, _listed(matrix, rows))
        groups = np.unique(self.group[linked[~self.foreign[linked]]])
        columns = np.union1d(linked, _listed(self.members, groups))
        rows = np.union1d(rows, _listed(self.group_rows, groups))
        return Neighbourhood(self._cut(columns, rows, entries, conditions), columns, entries)

    def _within(self, rows: Integers, allowed: Integers) -> Booleans:
        """Mask the rows whose foreign columns are all allowed."""
        block = self.mpec.rows.matrix[rows]
        place = np.minimum(np.searchsorted(allowed, block.indices), len(allowed) - 1)
        outside = self.foreign[block.indices] & (allowed[place] != block.indices)
        row = np.repeat(np.arange(len(rows)), np.diff(block.indptr))
        return np.asarray(np.bincount(row, outside, len(rows)) == 0)

    def _cut(self, columns: Integers, rows: Integers, entries: Integers, conditions: Integers) -> MPEC:
        mpec, pairs = self.mpec, self.mpec.complementarity
        picked = mpec.columns
        own = np.sort(self.condition[conditions])
        row_place = np.searchsorted(rows, pairs.row[entries])
        alias = _listed(self.aliases, pairs.multiplier[entries])
        alias = alias[np.isin(mpec.aliases.column[alias], columns)]
        return MPEC(
            columns=Columns(
                picked.lower[columns], picked.upper[columns], picked.integer[columns], picked.names.take(columns)
            ),
            rows=Rows(
                _renumbered(mpec.rows.matrix, rows, columns),
                mpec.rows.lower[rows],
                mpec.rows.upper[rows],
                mpec.rows.names.take(rows),
            ),
            cost=np.zeros(len(columns)),
            constant=0.0,
            products=Product.none(),
            complementarity=Complementarity(
                slack=_renumbered(pairs.slack, entries, columns),
                offset=pairs.offset[entries],
                multiplier=np.searchsorted(columns, pairs.multiplier[entries]),
                row=np.where(pairs.row[entries] >= 0, row_place, -1),
                equality=pairs.equality[entries],
                opposite=_positions(pairs.opposite[entries], entries),
                owner=pairs.owner[entries],
                names=pairs.names.take(entries),
            ),
            stationarity=Stationarity(
                np.searchsorted(rows, mpec.stationarity.row[own]),
                np.searchsorted(columns, mpec.stationarity.column[own]),
            ),
            aliases=MultiplierColumns(
                np.searchsorted(columns, mpec.aliases.column[alias]), _renumbered(mpec.aliases.matrix, alias, columns)
            ),
        )


def entries_by_player(mpec: MPEC) -> list[Integers]:
    """Return the complementarity entries of each player that has any, sorted, in the order of players."""
    order = np.argsort(mpec.complementarity.owner, kind="stable")
    _, start = np.unique(mpec.complementarity.owner[order], return_index=True)
    return np.split(order, start[1:]) if len(order) else []


def _groups(matrix: Matrix, foreign: Booleans, usable: Booleans) -> tuple[Integers, Integers]:
    """Number the leader's columns that rows of the leader alone link, and these rows; -1 elsewhere."""
    m, n = matrix.shape
    row_of_entry = np.repeat(np.arange(m), np.diff(matrix.indptr))
    alone = usable & (np.bincount(row_of_entry, foreign[matrix.indices], m) == 0)
    kept = alone[row_of_entry]
    row, column = row_of_entry[kept], matrix.indices[kept]
    graph = sparse.coo_array((np.ones(len(row), np.int8), (n + row, column)), shape=(n + m, n + m))
    _, label = csgraph.connected_components(graph, directed=False)
    first = np.full(int(label.max(initial=-1)) + 1, -1, np.int64)
    columns = np.flatnonzero(~foreign)
    first[label[columns[::-1]]] = columns[::-1]  # a group bears the number of its first column
    group, group_of_row = np.full(n, -1, np.int64), np.full(m, -1, np.int64)
    group[columns] = first[label[columns]]
    group_of_row[alone] = first[label[n:][alone]]
    return group, group_of_row


def _lists(group: Integers, count: int) -> Matrix:
    """Return a matrix ``(count, len(group))`` whose row ``g`` has an entry for each member of group ``g``."""
    members = np.flatnonzero(group >= 0)
    entries = (np.ones(len(members), np.int8), (group[members], members))
    return sparse.csr_array(sparse.coo_array(entries, shape=(count, len(group))).tocsr())


def _listed(matrix: Matrix | sparse.csc_array, lines: Integers) -> Integers:
    """Return the sorted indices that the given compressed lines hold."""
    begin, end = matrix.indptr[lines], matrix.indptr[lines + 1]
    width = (end - begin).astype(np.int64)
    first = np.cumsum(width) - width
    where = np.arange(int(width.sum())) + np.repeat(begin - first, width)
    return np.unique(matrix.indices[where]).astype(np.int64)


def _renumbered(matrix: Matrix, rows: Integers, columns: Integers) -> Matrix:
    """Return the rows over ``columns`` only, leaving out entries elsewhere."""
    block = sparse.csr_array(matrix[rows])
    place = _positions(block.indices.astype(np.int64), columns)
    inside = place >= 0
    row = np.repeat(np.arange(len(rows)), np.diff(block.indptr))[inside]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(rows)))])
    return sparse.csr_array((block.data[inside], place[inside], indptr), shape=(len(rows), len(columns)))


def _positions(wanted: Integers, sorted_values: Integers) -> Integers:
    """Return where each wanted value stands among the sorted ones, -1 where it does not."""
    if len(sorted_values) == 0:
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(sorted_values, wanted), len(sorted_values) - 1)
    return np.where(sorted_values[place] == wanted, place, -1)
