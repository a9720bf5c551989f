"""The master of column-and-constraint generation over followers' responses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import Columns, Floats, MixedIntegerProgram, Names, Rows
from reformulations.refusal import NotApplicable
from reformulations.stored_responses.high_point import HighPoint, leader_terms, relaxed_responses
from reformulations.stored_responses.integer_responses import Block, Level, level_beyond

_TOUCH = 1e-7


def master(relaxation: HighPoint, blocks: Sequence[Block], value_upper: Floats) -> MixedIntegerProgram:
    """Return the high-point relaxation with what the stored responses say, minimised.

    ::

        v <= f(x, y_k(x)) + sum_i M_i d_i,       d_i = 1  ->  a_i x >= t_i,       d_i in {0, 1}

    A level that stands in several blocks has one binary; one that a binary of the leader says has none of its
    own; a higher level implies a lower one of the same row, and opposite ones exclude each other, even where they
    touch if their columns are continuous, for then each means that a row is broken by more than nothing; whole ones
    that touch both hold there. Every bilevel feasible point is in it, so its optimum is a lower
    bound. (Shared binaries for levels: Lozano and Smith, Operations Research 65, 2017, doi:10.1287/opre.2017.1589.)

    Parameters
    ----------
    relaxation
        The high-point relaxation; its bounds are the box of the leader's columns.
    blocks
        What the responses say.
    value_upper
        Greatest objective ``(k,)`` of each follower over the relaxation, as minimised.

    Raises
    ------
    NotApplicable
        Where a row has no finite range over the leader's box, or a follower's objective no finite bound.
    """
    base = relaxation.program
    n, width, count = len(base.columns), len(relaxation.game.columns), len(blocks)
    levels = _Levels(relaxation)
    value_upper = _steady(relaxation, blocks, value_upper, levels)
    rows, columns, data = [], [], []
    right = np.array([block.constant for block in blocks])
    for row, block in enumerate(blocks):
        least, _ = activity_range(block.cost, base.columns.lower[:width], base.columns.upper[:width])
        entries = [(int(j), -float(c)) for j, c in zip(block.cost.indices, block.cost.data, strict=True)]
        excess = 1.0
        if block.follower >= 0:
            entries.append((int(relaxation.value[block.follower]), 1.0))
            excess = max(float(value_upper[block.follower] - block.constant - least[0]), 0.0)
        for level, weight in zip(block.levels, block.weights, strict=True):
            size = min(weight, excess)
            if not np.isfinite(size):
                raise _unbounded(relaxation, block)
            if levels.is_empty(level):
                continue
            column, sign, constant = levels.binary(level)
            entries.append((column, -size * sign))
            right[row] += size * constant
        rows += [row] * len(entries)
        columns += [column for column, _ in entries]
        data += [value for _, value in entries]
    binaries, implied = levels.columns(), levels.rows()
    entries_of_all = (data, (np.array(rows, np.int64), np.array(columns, np.int64)))
    matrix = sparse.coo_array(entries_of_all, shape=(count, n + len(binaries))).tocsr()
    stored = Rows(sparse.csr_array(matrix), np.full(count, -np.inf), right, Names(count, lambda i: f"response {i + 1}"))
    return MixedIntegerProgram(
        without_needless_integers(relaxation).append(binaries),
        base.rows.append(stored).append(implied),
        np.concatenate([base.cost, np.zeros(len(binaries))]),
        base.constant,
    )


def _steady(relaxation: HighPoint, blocks: Sequence[Block], value_upper: Floats, levels: _Levels) -> Floats:
    """Return greatest objectives of the followers, with what responses that are always feasible are worth."""
    box, width = relaxation.program.columns, len(relaxation.game.columns)
    least = value_upper.copy()
    for block in blocks:
        if block.follower >= 0 and all(levels.is_empty(level) for level in block.levels):
            _, most = activity_range(block.cost, box.lower[:width], box.upper[:width])
            least[block.follower] = min(least[block.follower], block.constant + float(most[0]))
    return least


def linear_row(relaxation: HighPoint, block: Block) -> tuple[Floats, float] | None:
    """Return ``(a, b)``, ``a @ z >= b``, for a block whose levels are all said by binaries of the leader, else None."""
    levels = _Levels(relaxation)
    row, side = np.zeros(len(relaxation.program.columns)), -block.constant
    row[block.cost.indices] += block.cost.data
    row[relaxation.value[block.follower]] -= 1.0
    for level, weight in zip(block.levels, block.weights, strict=True):
        found = levels.binary_of_leader(level)
        if found is None or not np.isfinite(weight):
            return None
        column, sign, constant = found
        row[column] += sign * weight
        side -= constant * weight
    return row, side


def without_needless_integers(relaxation: HighPoint) -> Columns:
    """Return the relaxation's columns, integer only where that says something."""
    columns = relaxation.program.columns
    integer = columns.integer.copy()
    integer[: len(relaxation.game.columns)] &= ~relaxed_responses(relaxation)
    return Columns(columns.lower, columns.upper, integer, columns.names)


def _unbounded(relaxation: HighPoint, block: Block) -> NotApplicable:
    game, player = relaxation.game, int(relaxation.followers[block.follower])
    return NotApplicable(
        game.players[player],
        "no finite bound can be derived for its objective; give bounds to the variables that stand in it",
    )


class _Levels:
    """The levels asked for so far, each with a binary ``sign * z[column] + constant``."""

    def __init__(self, relaxation: HighPoint) -> None:
        self._box = relaxation.program.columns
        self._known = _known_ranges(relaxation)
        self._found: dict[Level, tuple[int, float, float]] = {}
        self._written: list[Level] = []

    def is_empty(self, level: Level) -> bool:
        """Whether no point of the box is in the half space."""
        return self._range(level)[1] < level.threshold - 1e-9 * max(1.0, abs(level.threshold))

    def binary(self, level: Level) -> tuple[int, float, float]:
        """Return column, sign and constant of the binary of a level."""
        if level not in self._found:
            of_leader = self.binary_of_leader(level)
            if of_leader is None:
                self._written.append(level)
                of_leader = (len(self._box) + len(self._written) - 1, 1.0, 0.0)
            self._found[level] = of_leader
        return self._found[level]

    def columns(self) -> Columns:
        """Return the binaries that are written."""
        k = len(self._written)
        return Columns(np.zeros(k), np.ones(k), np.ones(k, bool), Names(k, lambda i: f"level {i + 1}"))

    def rows(self) -> Rows:
        """Return ``a x - (t - least) d >= least`` for each level, and how levels of one form exclude each other."""
        first, count = len(self._box), len(self._written)
        lowest = np.array([self._range(level)[0] for level in self._written])
        for i in np.flatnonzero(~np.isfinite(lowest))[:1]:
            level = self._written[int(i)]
            ends = self._box.lower[list(level.columns)] - self._box.upper[list(level.columns)]
            culprit = level.columns[int(np.argmax(~np.isfinite(ends)))]
            raise NotApplicable(
                self._box.names[culprit],
                "no finite bound can be derived for it, and it moves a follower's row; give it bounds",
            )
        sizes = [len(level.columns) for level in self._written]
        row = np.concatenate([np.repeat(np.arange(count), sizes), np.arange(count)]).astype(np.int64)
        own = first + np.arange(count)
        column = np.concatenate([np.array([j for level in self._written for j in level.columns], np.int64), own])
        thresholds = np.array([level.threshold for level in self._written])
        data = np.concatenate(
            [np.array([c for level in self._written for c in level.coefficients]), lowest - thresholds]
        )
        matrix = sparse.coo_array((data, (row, column)), shape=(count, first + count)).tocsr()
        names = Names(count, lambda i: f"level {i + 1} holds")
        implied = Rows(sparse.csr_array(matrix), lowest, np.full(count, np.inf), names)
        return implied.append(self._relations(first))

    def _relations(self, first: int) -> Rows:
        """Return ``d_high <= d_low`` for neighbours of one form, ``d + d' <= 1`` for opposite ones that never meet."""
        forms: dict[tuple[tuple[int, ...], tuple[float, ...]], list[int]] = {}
        for i, level in enumerate(self._written):
            forms.setdefault((level.columns, level.coefficients), []).append(i)
        threshold = [level.threshold for level in self._written]
        triples: list[tuple[int, int, float]] = []
        for (columns, coefficients), members in forms.items():
            ordered = sorted(members, key=threshold.__getitem__)
            triples += [(low, high, -1.0) for low, high in pairwise(ordered)]
            opposite = forms.get((columns, tuple(-c for c in coefficients)), [])
            least = _TOUCH if self._is_whole(columns, coefficients) else -_TOUCH
            excluding = [(i, j) for i in members for j in opposite if i < j and threshold[i] + threshold[j] >= least]
            triples += [(i, j, 1.0) for i, j in excluding]
        count = len(triples)
        row = np.tile(np.arange(count), 2)
        column = first + np.array([t[0] for t in triples] + [t[1] for t in triples], np.int64)
        data = np.array([t[2] for t in triples] + [1.0] * count)
        matrix = sparse.coo_array((data, (row, column)), shape=(count, first + len(self._written))).tocsr()
        upper = np.array([max(t[2], 0.0) for t in triples])
        names = Names(count, lambda i: f"levels {triples[i][0] + 1} and {triples[i][1] + 1}")
        return Rows(sparse.csr_array(matrix), np.full(count, -np.inf), upper, names)

    def _is_whole(self, columns: tuple[int, ...], coefficients: tuple[float, ...]) -> bool:
        """Whether a form has whole values alone, so that a level of it begins at the first value beyond a side."""
        return bool(self._box.integer[list(columns)].all()) and all(value.is_integer() for value in coefficients)

    def binary_of_leader(self, level: Level) -> tuple[int, float, float] | None:
        """Return column, sign and constant where a binary of the leader says the level."""
        if len(level.columns) != 1 or not self._box.binary[level.columns[0]]:
            return None
        (column,), (coefficient,) = level.columns, level.coefficients
        if not min(coefficient, 0.0) < level.threshold <= max(coefficient, 0.0):
            return None
        return (column, 1.0, 0.0) if coefficient > 0 else (column, -1.0, 1.0)

    def _range(self, level: Level) -> tuple[float, float]:
        places, data = list(level.columns), np.array(level.coefficients)
        low, high = self._box.lower[places], self._box.upper[places]
        least, most = float(data @ np.where(data > 0, low, high)), float(data @ np.where(data > 0, high, low))
        known = self._known.get((level.columns, level.coefficients), (-np.inf, np.inf))
        return max(least, known[0]), min(most, known[1])


def _known_ranges(relaxation: HighPoint) -> dict[tuple[tuple[int, ...], tuple[float, ...]], tuple[float, float]]:
    """Return ranges of the forms of levels that the leader's terms in the followers' rows give."""
    game, terms = relaxation.game, leader_terms(relaxation.game)
    found = {}
    for i in np.flatnonzero(relaxation.decided & (np.diff(terms.indptr) > 1)).tolist():
        entries = slice(terms.indptr[i], terms.indptr[i + 1])
        columns, data = terms.indices[entries], terms.data[entries]
        for sign in (1.0, -1.0):
            level = level_beyond(game.columns.integer, columns, sign * data, 0.0, 0.0)
            scale = float(np.abs(data).max()) / max(abs(c) for c in level.coefficients)
            ends = sorted((sign * relaxation.least[i] / scale, sign * relaxation.most[i] / scale))
            room = [_TOUCH * max(1.0, abs(end)) for end in ends]
            found[level.columns, level.coefficients] = (ends[0] - room[0], ends[1] + room[1])
    return found
