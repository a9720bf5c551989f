"""Metamorphic relations: ways to state the same game, in which the same decisions are optimal.

Each is a pass like any other: ``apply(program) -> Reduced(program, recover)``. :func:`relations` draws one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from reformulations.arrays import Floats, Integers, Names, Product, Rows
from reformulations.programs import LEADER, BilevelProgram, MultiplierColumns
from reformulations.recovery import Recovery, Reduced
from reformulations.scaling import Scaled


@dataclass(frozen=True, slots=True)
class Permuted:
    """Columns and rows in another order: column ``k`` of the image is ``columns[k]`` of the source, and so are rows."""

    columns: Integers
    rows: Integers

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game in the new order."""
        n, m, rows, objectives = len(program.columns), len(program.rows), program.rows, program.objectives
        place, row_place = np.argsort(self.columns), np.argsort(self.rows)
        back = np.concatenate([place, n + row_place, n + m + place, 2 * n + m + place])
        duals = np.concatenate([self.rows, m + self.columns, m + n + self.columns])
        declared = program.multipliers
        image = replace(
            program,
            columns=replace(
                program.columns,
                lower=program.columns.lower[self.columns],
                upper=program.columns.upper[self.columns],
                integer=program.columns.integer[self.columns],
                names=program.columns.names.take(self.columns),
            ),
            column_owner=program.column_owner[self.columns],
            rows=Rows(
                sparse.csr_array(rows.matrix[self.rows][:, self.columns]),
                rows.lower[self.rows],
                rows.upper[self.rows],
                rows.names.take(self.rows),
                _moved(rows.products, row_place, place),
            ),
            row_owner=program.row_owner[self.rows],
            objectives=replace(
                objectives,
                linear=sparse.csr_array(objectives.linear[:, self.columns]),
                products=_moved(objectives.products, np.arange(len(objectives.sense)), place),
            ),
            multipliers=MultiplierColumns(place[declared.column], sparse.csr_array(declared.matrix[:, duals])),
        )
        return Reduced(image, Recovery.selecting(back, program.point_size))


def _moved(terms: Product, index: Integers, place: Integers) -> Product:
    return Product.of(index[terms.index], place[terms.left], place[terms.right], terms.value)


@dataclass(frozen=True, slots=True)
class Flipped:
    """The players of the mask ``(P,)`` minimise what they maximised, with the other sign, and the other way round."""

    players: np.ndarray

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game with the objectives' signs changed; multipliers of those players change theirs."""
        sign = np.where(self.players, -1.0, 1.0)
        terms, objectives, declared = program.objectives.products, program.objectives, program.multipliers
        owner = np.concatenate([program.row_owner, *[program.column_owner] * 2])
        image = replace(
            program,
            objectives=replace(
                objectives,
                sense=sign * objectives.sense,
                constant=sign * objectives.constant,
                linear=sparse.csr_array(sparse.diags_array(sign) @ objectives.linear),
                products=Product(terms.index, terms.left, terms.right, sign[terms.index] * terms.value),
            ),
            multipliers=MultiplierColumns(
                declared.column, sparse.csr_array(declared.matrix @ sparse.diags_array(sign[owner]))
            ),
        )
        back = np.concatenate([np.ones(len(program.columns)), sign[owner]])
        return Reduced(image, Recovery(sparse.csr_array(sparse.diags_array(back)), np.zeros(program.point_size)))


@dataclass(frozen=True, slots=True)
class Redundant:
    """Each row of ``rows`` once more, multiplied by ``factor`` and its finite sides wider by ``room``.

    With no room the follower's multipliers are no longer unique, and a row's is that of both its copies together.
    """

    rows: Integers
    factor: float = 2.0
    room: float = 0.0

    def apply(self, program: BilevelProgram) -> Reduced[BilevelProgram]:
        """Return the game with the copies behind its rows."""
        n, m, extra = len(program.columns), len(program.rows), len(self.rows)
        rows, declared = program.rows, program.multipliers
        copies = Rows(
            sparse.csr_array(self.factor * rows.matrix[self.rows]),
            self.factor * (rows.lower[self.rows] - self.room),
            self.factor * (rows.upper[self.rows] + self.room),
            Names.of([f"copy of {rows.names[int(i)]}" for i in self.rows]),
            _copied(rows.products, self.rows, self.factor),
        )
        back = sparse.coo_array(
            (
                np.concatenate([np.ones(3 * n + m), np.full(extra, self.factor)]),
                (
                    np.concatenate([np.arange(n + m), n + m + np.arange(2 * n), n + self.rows]),
                    np.concatenate([np.arange(n + m), n + m + extra + np.arange(2 * n), n + m + np.arange(extra)]),
                ),
            ),
            shape=(program.point_size, program.point_size + extra),
        ).tocsr()
        image = replace(
            program,
            rows=rows.append(copies),
            row_owner=np.concatenate([program.row_owner, program.row_owner[self.rows]]),
            multipliers=MultiplierColumns(declared.column, sparse.csr_array(declared.matrix @ back[n:, n:])),
        )
        return Reduced(image, Recovery(sparse.csr_array(back), np.zeros(program.point_size)))


def _copied(terms: Product, rows: Integers, factor: float) -> Product:
    place = {int(row): k for k, row in enumerate(rows)}
    kept = np.isin(terms.index, rows)
    index = np.array([place[int(i)] for i in terms.index[kept]], np.int64)
    return Product.of(index, terms.left[kept], terms.right[kept], factor * terms.value[kept])


Relation = Scaled | Permuted | Flipped | Redundant

POWERS = (-4, -2, -1, 0, 1, 2, 4, 6)
"""Data are multiplied by 10 to these."""


@st.composite
def relations(draw: Any, program: BilevelProgram) -> Relation:
    """Draw a way to state the game otherwise: units, order, senses, redundant rows.

    Units of rows, columns and followers' objectives; the leader's keeps its own, in which the gap is asked for. So do
    columns that stand for multipliers and, with them, all else.
    """
    m, n, players = len(program.rows), len(program.columns), len(program.players)
    kinds = ["order", "senses", *(["redundant"] if m else []), *([] if len(program.multipliers) else ["units"])]
    kind = draw(st.sampled_from(kinds))
    if kind == "order":
        columns, rows = (np.array(draw(st.permutations(range(size))), np.int64) for size in (n, m))
        return Permuted(columns, rows)
    if kind == "senses":
        return Flipped(np.array(draw(st.lists(st.booleans(), min_size=players, max_size=players))))
    if kind == "redundant":
        chosen = draw(st.lists(st.integers(0, m - 1), min_size=1, max_size=m, unique=True))
        return Redundant(
            np.array(chosen, np.int64), float(draw(st.sampled_from([1, 2]))), draw(st.sampled_from([0.0, 1.0]))
        )
    objectives = draw(_factors(players))
    objectives[LEADER] = 1.0
    return Scaled(draw(_factors(m)), np.where(program.columns.integer, 1.0, draw(_factors(n))), objectives)


def _factors(count: int) -> st.SearchStrategy[Floats]:
    powers = st.lists(st.sampled_from(POWERS), min_size=count, max_size=count)
    return powers.map(lambda drawn: np.power(10.0, np.array(drawn, float)))
