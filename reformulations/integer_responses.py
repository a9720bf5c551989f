"""Stored responses of followers as rows of a master: where they are feasible, the follower does no worse.

For a follower ``min f(x, y)  s.t.  g(x, y) <= 0`` and any response ``y_k``, at every bilevel feasible ``(x, y)``::

    g_i(x, y_k) > 0  for some row i,     or     f(x, y) <= f(x, y_k)

because ``y_k`` could have been played. With a binary ``d_i`` for each row that leader decisions can break::

    d_i = 1  ->  g_i(x, y_k) >= step_i,        f(x, y) <= f(x, y_k) + sum_i M_i d_i

(projection of the follower's integers and column-and-constraint generation: Yue, Gao, Zeng and You, Journal of
Global Optimization 73, 2019, doi:10.1007/s10898-018-0679-1; shared level binaries: Lozano and Smith, Operations
Research 65, 2017, doi:10.1287/opre.2017.1589).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from scipy import sparse

from reformulations.high_point import HighPoint
from reformulations.interval import activity_range
from reformulations.programs import (
    LEADER,
    BilevelProgram,
    Booleans,
    Columns,
    Floats,
    Integers,
    Matrix,
    MixedIntegerProgram,
    Names,
    Product,
    Rows,
)
from reformulations.refusal import NotApplicable
from reformulations.responses import own_terms

NEAR = 1e-6
"""Relative room in which a response satisfies a row."""

_DENOMINATOR = 10_000


@dataclass(frozen=True, slots=True)
class Level:
    """A half space ``coefficients @ x[columns] >= threshold`` of the leader's columns, which no binary writes yet."""

    columns: tuple[int, ...]
    coefficients: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class Block:
    """What one stored response says: ``value <= constant + cost @ x + sum_i weight_i [level_i]``.

    Attributes
    ----------
    follower
        Position of the follower among the followers.
    cost
        ``(n,)``: the response's objective as a function of the leader's columns, and its ``constant``.
    levels, weights
        Half spaces in which the response is infeasible, and by how much each one relaxes the row: infinite where
        nothing better is known than the greatest objective there is.
    """

    follower: int
    cost: Matrix
    constant: float
    levels: tuple[Level, ...]
    weights: tuple[float, ...]


def block_of(relaxation: HighPoint, follower: int, response: Floats, epsilon: float) -> Block | None:
    """Return what a response says, or None where no leader decision within its box lets it be played.

    Parameters
    ----------
    relaxation
        Its program's bounds are the box of the leader's columns.
    follower
        Position among the followers.
    response
        Point ``(n,)``; only the follower's own columns count.
    epsilon
        How far beyond a side a row is broken that a continuous column of the leader moves. Where all such columns are
        integer and the coefficients rational the step is exact: the next multiple of their greatest common divisor.
    """
    game, player = relaxation.game, int(relaxation.followers[follower])
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    leader = np.full(len(rows), LEADER)
    terms = game.rows.products
    place = np.full(len(game.rows), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = terms.take(place[terms.index] >= 0)
    products = Product(place[mine.index], mine.left, mine.right, mine.value)
    forms = own_terms(game.rows.matrix[rows], products, leader, game.column_owner, response)
    box = relaxation.program.columns
    n = len(game.columns)
    least, most = activity_range(forms.linear, box.lower[:n], box.upper[:n])
    room = NEAR * (1 + np.abs(forms.offset))
    upper, lower = game.rows.upper[rows] - forms.offset, game.rows.lower[rows] - forms.offset
    if np.any(least > upper + room) or np.any(most < lower - room):
        return None
    levels, weights = [], []
    dropping = _droppable(relaxation, player)
    for i in np.flatnonzero((most > upper + room) | (least < lower - room)).tolist():
        begin, end = forms.linear.indptr[i : i + 2]
        columns, data = forms.linear.indices[begin:end], forms.linear.data[begin:end]
        weight = _cost_of_dropping(relaxation, int(rows[i]), dropping, response)
        for side, sign, broken in ((upper[i], 1.0, most[i] > upper[i] + room[i]), (lower[i], -1.0, least[i] < lower[i] - room[i])):
            if broken:
                levels.append(level_beyond(game.columns.integer, columns, sign * data, sign * side, epsilon))
                weights.append(weight)
    cost, constant = _objective(relaxation, follower, response)
    return Block(follower, cost, constant, tuple(levels), tuple(weights))


def _objective(relaxation: HighPoint, follower: int, response: Floats) -> tuple[Matrix, float]:
    """Return the follower's own objective at the response as a form ``(1, n)`` of the leader's columns."""
    game, player = relaxation.game, int(relaxation.followers[follower])
    objectives, owner = game.objectives, game.column_owner
    sense = float(objectives.sense[player])
    mine = owner == player
    linear = objectives.linear[[player]].toarray().ravel()
    constant = sense * float(linear[mine] @ response[mine])
    terms = objectives.products.take(objectives.products.index == player)
    cost = np.zeros(len(game.columns))
    for own, other in ((terms.left, terms.right), (terms.right, terms.left)):
        half = mine[own]
        np.add.at(cost, other[half], sense * terms.value[half] * response[own[half]])
    return sparse.csr_array(cost[None, :]), constant


def level_beyond(integer: Booleans, columns: Integers, data: Floats, side: float, epsilon: float) -> Level:
    """Return the half space in which ``data @ x[columns] <= side`` is broken, scaled to whole numbers where it can be."""
    keep = data != 0
    columns, data = columns[keep], data[keep]
    step = common_divisor(data) if bool(integer[columns].all()) else 0.0
    order = np.argsort(columns)
    places = tuple(int(j) for j in columns[order])
    if step > 0:
        whole = tuple(float(c) for c in np.round(data[order] / step))
        return Level(places, whole, float(np.floor(side / step + NEAR) + 1))
    return Level(places, tuple(float(c) for c in data[order]), side + epsilon * max(1.0, abs(side)))


def common_divisor(values: Floats) -> float:
    """Return the greatest number of which all ``values`` are whole multiples; 0 where none is found."""
    fractions = [Fraction(float(value)).limit_denominator(_DENOMINATOR) for value in values]
    if any(abs(float(f) - v) > 1e-12 * max(1.0, abs(v)) for f, v in zip(fractions, values, strict=True)):
        return 0.0
    scale = lcm(*(f.denominator for f in fractions)) if fractions else 1
    whole = [int(f * scale) for f in fractions]
    return gcd(*whole) / scale if scale <= _DENOMINATOR**2 else 0.0


def _droppable(relaxation: HighPoint, player: int) -> dict[int, int]:
    """Return the rows that only switch off one column of the player, and that column.

    Such a row ``y_c <= u (1 - x_j)`` has one own column and one binary of the leader, and every other row
    of the follower stays satisfied when ``y_c`` falls to its lower bound (interdiction with down-monotone
    responses: Fischetti, Ljubic, Monaci and Sinnl, INFORMS Journal on Computing 31, 2019, doi:10.1287/ijoc.2018.0831).
    """
    game = relaxation.game
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    matrix = sparse.csc_array(game.rows.matrix[rows])
    lower, upper = game.rows.lower[rows], game.rows.upper[rows]
    fine = np.isfinite(game.columns.lower)
    for terms in (game.rows.products, game.objectives.products):
        fine[terms.left], fine[terms.right] = False, False
    by_row = sparse.csr_array(matrix)
    found = {}
    for i, row in enumerate(rows.tolist()):
        begin, end = by_row.indptr[i : i + 2]
        columns = by_row.indices[begin:end][by_row.data[begin:end] != 0]
        own = columns[game.column_owner[columns] == player]
        if len(columns) != 2 or len(own) != 1 or not fine[own[0]]:  # noqa: PLR2004 - the switch and what it switches
            continue
        entries = slice(matrix.indptr[own[0]], matrix.indptr[own[0] + 1])
        places, data = matrix.indices[entries], matrix.data[entries]
        falls = np.where(data > 0, np.isneginf(lower[places]), np.isposinf(upper[places]))
        switch = int(columns[columns != own[0]][0])
        at_lower = float(by_row[[i]][:, [int(own[0])]].toarray()[0, 0]) * float(game.columns.lower[own[0]])
        worst = activity_range(
            sparse.csr_array(by_row[[i]][:, [switch]]), game.columns.lower[[switch]], game.columns.upper[[switch]]
        )
        holds = worst[1][0] + at_lower <= upper[i] and worst[0][0] + at_lower >= lower[i]
        if bool(falls.all()) and holds:
            found[row] = int(own[0])
    return found


def _cost_of_dropping(relaxation: HighPoint, row: int, dropping: dict[int, int], response: Floats) -> float:
    """Return by how much the objective worsens when the response gives up the column that ``row`` switches off."""
    column = dropping.get(row)
    if column is None:
        return np.inf
    game = relaxation.game
    player = int(game.row_owner[row])
    cost = float(game.objectives.sense[player]) * float(game.objectives.linear[[player]].toarray()[0, column])
    return max(0.0, -cost * float(response[column] - game.columns.lower[column]))


def master(relaxation: HighPoint, blocks: tuple[Block, ...], value_upper: Floats) -> MixedIntegerProgram:
    """Return the relaxation with the rows of all blocks; levels that stand in several have one binary.

    Parameters
    ----------
    relaxation
        The high-point relaxation; its bounds are the box of the leader's columns.
    blocks
        What the stored responses say.
    value_upper
        Greatest objective of each follower ``(k,)``, as minimised, over the relaxation.

    Raises
    ------
    NotApplicable
        Where a row has no finite range over the leader's box, or a follower's objective no finite bound.
    """
    program, n = relaxation.program, len(relaxation.program.columns)
    switches = _Switches(program.columns)
    entries: list[tuple[int, int, float]] = []
    side = []
    width = len(relaxation.game.columns)
    for row, block in enumerate(blocks):
        least, _ = activity_range(block.cost, program.columns.lower[:width], program.columns.upper[:width])
        greatest = float(value_upper[block.follower] - block.constant - least[0])
        right = block.constant
        entries.append((row, int(relaxation.value[block.follower]), 1.0))
        entries += [(row, int(j), -float(c)) for j, c in zip(block.cost.indices, block.cost.data, strict=True)]
        for level, weight in zip(block.levels, block.weights, strict=True):
            size = min(weight, max(greatest, 0.0))
            if not np.isfinite(size):
                where = relaxation.game.players[int(relaxation.followers[block.follower])]
                raise NotApplicable(where, "no finite bound can be derived for its objective; give its variables bounds")
            column, sign, constant = switches.column_of(level)
            entries.append((row, column, -size * sign))
            right += size * constant
        side.append(right)
    rows, columns = switches.rows(n), switches.columns(n)
    size = n + len(columns)
    data = np.array([e[2] for e in entries])
    where_ = (np.array([e[0] for e in entries], np.int64), np.array([e[1] for e in entries], np.int64))
    matrix = sparse.csr_array(sparse.coo_array((data, where_), shape=(len(blocks), size)).tocsr())
    limits = Rows(matrix, np.full(len(blocks), -np.inf), np.array(side), Names(len(blocks), lambda i: f"response {i + 1}"))
    return MixedIntegerProgram(
        program.columns.append(columns),
        program.rows.append(limits).append(rows),
        np.concatenate([program.cost, np.zeros(len(columns))]),
        program.constant,
    )


class _Switches:
    """Binaries of levels, each ``sign * z[column] + constant``, made when a level is first asked for."""

    def __init__(self, columns: Columns) -> None:
        self._box = columns
        self._found: dict[Level, tuple[int, float, float]] = {}
        self._levels: list[Level] = []

    def column_of(self, level: Level) -> tuple[int, float, float]:
        """Return column, sign and constant of the binary that implies the level."""
        known = self._found.get(level)
        if known is None:
            known = self._of_binary(level)
            if known is None:
                self._levels.append(level)
                known = (len(self._box) + len(self._levels) - 1, 1.0, 0.0)
            self._found[level] = known
        return known

    def _of_binary(self, level: Level) -> tuple[int, float, float] | None:
        if len(level.columns) != 1 or not self._box.binary[level.columns[0]]:
            return None
        (column,), (coefficient,) = level.columns, level.coefficients
        if level.threshold <= min(coefficient, 0.0) or level.threshold > max(coefficient, 0.0):
            return None
        return (column, 1.0, 0.0) if coefficient > 0 else (column, -1.0, 1.0)

    def columns(self, first: int) -> Columns:
        """Return the binaries, which stand from column ``first`` on."""
        k = len(self._levels)
        return Columns(np.zeros(k), np.ones(k), np.ones(k, bool), Names(k, lambda i: f"level {first + i}"))

    def rows(self, first: int) -> Rows:
        """Return ``a x - (threshold - least) d >= least`` for each level, and that a higher level implies a lower one."""
        count = len(self._levels)
        matrix = sparse.lil_array((count, first + count))
        least = np.empty(count)
        for i, level in enumerate(self._levels):
            places, data = np.array(level.columns), np.array(level.coefficients)
            low = np.where(data > 0, self._box.lower[places], self._box.upper[places])
            least[i] = float(data @ low)
            if not np.isfinite(least[i]):
                column = self._box.names[int(places[np.argmax(~np.isfinite(low))])]
                raise NotApplicable(column, "no finite bound can be derived for it, and it moves a follower's row; give it bounds")
            for j, c in zip(level.columns, level.coefficients, strict=True):
                matrix[i, j] = c
            matrix[i, first + i] = -(level.threshold - least[i])
        named = Names(count, lambda i: f"level {i + 1}")
        implied = Rows(sparse.csr_array(matrix), least, np.full(count, np.inf), named)
        return implied.append(self._order(first))

    def _order(self, first: int) -> Rows:
        groups: dict[tuple[tuple[int, ...], tuple[float, ...]], list[int]] = {}
        for i, level in enumerate(self._levels):
            groups.setdefault((level.columns, level.coefficients), []).append(i)
        pairs = []
        for members in groups.values():
            ordered = sorted(members, key=lambda i: self._levels[i].threshold)
            pairs += list(zip(ordered, ordered[1:], strict=False))
        count = len(pairs)
        low, high = np.array(pairs, np.int64).reshape(-1, 2).T
        data = np.concatenate([np.ones(count), -np.ones(count)])
        places = (np.tile(np.arange(count), 2), first + np.concatenate([low, high]))
        matrix = sparse.coo_array((data, places), shape=(count, first + len(self._levels))).tocsr()
        return Rows(sparse.csr_array(matrix), np.zeros(count), np.full(count, np.inf), Names(count, lambda i: f"order {i + 1}"))


def rounded(game: BilevelProgram, point: Floats) -> Floats:
    """Return the point with its integer columns rounded."""
    return np.where(game.columns.integer, np.round(point), point)
