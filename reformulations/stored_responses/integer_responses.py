"""Stored responses of followers: wherever one is feasible, its follower does no worse.

For a follower ``min f(x, y)  s.t.  g(x, y) <= 0`` and any response ``y_k(x)`` it could play, at every bilevel feasible
``(x, y)``::

    g_i(x, y_k(x)) > 0  for some row i,     or     f(x, y) <= f(x, y_k(x))

(projection of the follower's integers and column-and-constraint generation: Yue, Gao, Zeng and You, Journal of
Global Optimization 73, 2019, doi:10.1007/s10898-018-0679-1. There the continuous part of a response is written by
optimality conditions with multipliers; here by the optimal basis at the decision it answers, so that no bound of a
multiplier is needed.)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from scipy import sparse

from reformulations.interval import activity_range
from reformulations.programs import LEADER, Booleans, Floats, Integers, Matrix, Product
from reformulations.responses import own_terms
from reformulations.stored_responses.high_point import HighPoint
from reformulations.stored_responses.response_rules import Rule
from reformulations.stored_responses.switches import gain_of

NEAR = 1e-6
"""Relative room within which a response satisfies a row."""

_LARGEST_DENOMINATOR = 10_000
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Level:
    """A half space ``coefficients @ x[columns] >= threshold`` of the leader's columns."""

    columns: tuple[int, ...]
    coefficients: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What one stored response says: ``value <= constant + cost @ x + sum_i weight_i [level_i]``.

    Attributes
    ----------
    follower
        Position among the followers; -1 where the block says only that some level holds.
    cost, constant
        The response's objective as a form ``(1, n)`` of the leader's columns.
    levels
        Half spaces outside of which the response is feasible.
    weights
        By how much each level relaxes the row; infinite where nothing better is known than the greatest objective.
    """

    follower: int
    cost: Matrix
    constant: float
    levels: tuple[Level, ...]
    weights: tuple[float, ...]

    def says_the_same(self, other: Block) -> bool:
        """Whether the other block adds nothing."""
        same = (self.follower, self.levels) == (other.follower, other.levels)
        near = abs(self.constant - other.constant) <= NEAR * max(1.0, abs(self.constant))
        return same and near and bool(abs(self.cost - other.cost).sum() <= NEAR)


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Where a response is feasible and what it is worth, wherever the leader is: the same in every box.

    ``lower <= forms @ x + offset <= upper``, each condition with the row of the game that it stands for, or -1 where it
    is a bound of a moving column; ``cost @ x + constant`` is the response's objective.
    """

    rule: Rule
    forms: Matrix
    offset: Floats
    lower: Floats
    upper: Floats
    source: Integers
    cost: Matrix
    constant: float


def conditions_of(relaxation: HighPoint, rule: Rule) -> Conditions:
    """Return where a response is feasible and what it is worth."""
    game, player = relaxation.game, int(relaxation.followers[rule.follower])
    rows = np.flatnonzero(relaxation.decided & (game.row_owner == player))
    place = np.full(len(game.rows), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = game.rows.products.take(place[game.rows.products.index] >= 0)
    products = Product(place[mine.index], mine.left, mine.right, mine.value)
    matrix = sparse.csr_array(game.rows.matrix[rows])
    held = own_terms(matrix, products, np.full(len(rows), LEADER), game.column_owner, rule.point)
    moving = np.flatnonzero(np.diff(rule.slope.indptr))
    forms = sparse.csr_array(sparse.vstack([held.linear + matrix @ rule.slope, rule.slope[moving]], format="csr"))
    forms.data[np.abs(forms.data) < 10.0**-_DIGITS] = 0.0
    forms.eliminate_zeros()
    return Conditions(
        rule,
        forms,
        np.concatenate([held.offset, rule.point[moving]]),
        np.concatenate([game.rows.lower[rows], game.columns.lower[moving]]),
        np.concatenate([game.rows.upper[rows], game.columns.upper[moving]]),
        np.concatenate([rows, np.full(len(moving), -1)]),
        *_objective(relaxation, rule),
    )


def block_of(relaxation: HighPoint, rule: Rule, epsilon: float) -> Block | None:
    """Return what a response says in the relaxation's box (:func:`block_within`)."""
    return block_within(relaxation, conditions_of(relaxation, rule), epsilon)


def block_within(relaxation: HighPoint, response: Conditions, epsilon: float) -> Block | None:
    """Return what a response says, or None where no leader decision within its box lets it be played.

    Parameters
    ----------
    relaxation
        Its program's bounds are the box of the leader's columns.
    response
        Where it is feasible and what it is worth.
    epsilon
        How far beyond its side, relative to it, a row must be to count as broken where continuous columns of the leader
        move it. 0 counts what is at the side as broken: nothing bilevel feasible is lost. Rows moved by integers alone
        with rational coefficients need none: they are broken from the next multiple of the greatest common divisor on.
    """
    game, box = relaxation.game, relaxation.program.columns
    rule, forms, offset, source = response.rule, response.forms, response.offset, response.source
    n = len(game.columns)
    least, most = activity_range(forms, box.lower[:n], box.upper[:n])
    if not rule.slope.nnz:
        plain = np.flatnonzero((source >= 0) & ~np.isin(source, game.rows.products.index))
        least[plain] = np.maximum(least[plain], relaxation.least[source[plain]])
        most[plain] = np.minimum(most[plain], relaxation.most[source[plain]])
    room = NEAR * (1 + np.abs(offset))
    lower, upper = response.lower - offset, response.upper - offset
    if np.any(least > upper + room) or np.any(most < lower - room):
        return None
    is_switch = (source >= 0) & (rule.slope.nnz == 0)
    switching = np.where(is_switch, relaxation.switched[source], -1)
    floor, levels, weights = game.columns.lower, [], []
    replaced = {first: gain_of(relaxation, int(relaxation.switched[second]), 1.0) for first, second in rule.swaps}
    for i in np.flatnonzero((most > upper + room) | (least < lower - room)).tolist():
        entries = slice(forms.indptr[i], forms.indptr[i + 1])
        columns, data = forms.indices[entries], forms.data[entries]
        column = int(switching[i])
        weight = np.inf if column < 0 else gain_of(relaxation, column, float(rule.point[column] - floor[column]))
        weight -= replaced.get(int(source[i]), 0.0)
        for broken, sign, side in (
            (most[i] > upper[i] + room[i], 1.0, upper[i]),
            (least[i] < lower[i] - room[i], -1.0, lower[i]),
        ):
            if broken:
                levels.append(level_beyond(game.columns.integer, columns, sign * data, float(sign * side), epsilon))
                weights.append(weight)
    for first, second in rule.swaps:
        i = int(np.flatnonzero(source == second)[0])
        entries = slice(forms.indptr[i], forms.indptr[i + 1])
        own = float(game.rows.matrix[[second]][:, [int(relaxation.switched[second])]].toarray()[0, 0])
        sign, side = (1.0, upper[i] - own) if own > 0 else (-1.0, own - lower[i])
        data = sign * forms.data[entries]
        levels.append(level_beyond(game.columns.integer, forms.indices[entries], data, float(side), epsilon))
        weights.append(replaced[first])
    return Block(rule.follower, response.cost, response.constant, tuple(levels), tuple(weights))


def exclusion(relaxation: HighPoint, point: Floats) -> Block:
    """Return the block that some linking column, all integer, differs from its value at ``point``."""
    levels = []
    for j in np.flatnonzero(relaxation.linking).tolist():
        value = float(np.round(point[j]))
        levels += [Level((j,), (1.0,), value + 1), Level((j,), (-1.0,), 1 - value)]
    n = len(relaxation.game.columns)
    return Block(-1, sparse.csr_array((1, n)), -1.0, tuple(levels), (1.0,) * len(levels))


def _objective(relaxation: HighPoint, rule: Rule) -> tuple[Matrix, float]:
    """Return the follower's own objective along the rule as a form ``(1, n)`` of the leader's columns."""
    game, player = relaxation.game, int(relaxation.followers[rule.follower])
    sense, mine = float(game.objectives.sense[player]), game.column_owner == player
    linear = np.where(mine, sense * game.objectives.linear[[player]].toarray().ravel(), 0.0)
    terms = game.objectives.products.take(game.objectives.products.index == player)
    cost = np.asarray(linear @ rule.slope)
    for own, other in ((terms.left, terms.right), (terms.right, terms.left)):
        half = mine[own]
        np.add.at(cost, other[half], sense * terms.value[half] * rule.point[own[half]])
    return sparse.csr_array(cost[None, :]), float(linear @ rule.point)


def level_beyond(integer: Booleans, columns: np.ndarray, data: Floats, side: float, epsilon: float) -> Level:
    """Return the half space in which ``data @ x[columns] <= side`` is broken.

    Scaled to whole numbers where all columns are ``integer`` and the coefficients rational, else by the largest
    coefficient.
    """
    order = np.argsort(columns)
    columns, data = columns[order], data[order]
    places = tuple(int(j) for j in columns)
    step = common_divisor(data) if bool(integer[columns].all()) else 0.0
    if step > 0:
        return Level(places, tuple(np.round(data / step).tolist()), float(np.floor(side / step + NEAR) + 1))
    scale = float(np.abs(data).max())
    beyond = (side + epsilon * max(1.0, abs(side))) / scale
    return Level(places, tuple(np.round(data / scale, _DIGITS).tolist()), round(beyond, _DIGITS))


def common_divisor(values: Floats) -> float:
    """Return the greatest number of which all ``values`` are whole multiples; 0 where none is found."""
    fractions = [Fraction(float(value)).limit_denominator(_LARGEST_DENOMINATOR) for value in values]
    if any(abs(float(f) - v) > 1e-12 * max(1.0, abs(v)) for f, v in zip(fractions, values, strict=True)):
        return 0.0
    scale = lcm(*(f.denominator for f in fractions))
    return gcd(*(int(f * scale) for f in fractions)) / scale if scale <= _LARGEST_DENOMINATOR else 0.0


def objective_step(relaxation: HighPoint) -> float:
    """Return the number of which all differences of the leader's objective are multiples; 0 where none is found."""
    program = relaxation.program
    costs = np.flatnonzero(program.cost)
    whole = len(costs) > 0 and bool(program.columns.integer[costs].all())
    return common_divisor(program.cost[costs]) if whole else 0.0
