"""Hypothesis strategies: random small games.

Numbers are small integers and bounds are mostly boxes, so that multipliers can be bounded; rows hold at a
reference point, so that most games have a solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bilevel.testing.games import Game, Numbers, Player, Row

SMALL = st.integers(-3, 3).map(float)
SIDES = st.sampled_from(["<=", "<=", ">=", ">=", "range", "=="])


def tuples(entry: Any, length: int) -> Any:
    """Tuples of one length with entries of one kind."""
    return st.tuples(*[entry] * length)


def roots(size: int) -> Any:
    """Square roots of a Hessian: the identity, or any matrix of fewer rows than columns or as many."""
    identity = tuple(tuple(float(i == j) for j in range(size)) for i in range(size))
    entry = st.integers(-2, 2).map(float)
    return st.just(identity) | st.integers(1, size).flatmap(lambda rank: tuples(tuples(entry, size), rank))


def _parts(sizes: Sequence[int]) -> list[range]:
    ends = np.cumsum(sizes)
    return [range(int(end) - size, int(end)) for size, end in zip(sizes, ends, strict=True)]


@st.composite
def boxes(draw: Any, length: int, *, open_ends: bool) -> tuple[Numbers, Numbers, Numbers]:
    """Draw lower bounds, upper bounds and a point between; now and then fixed or one-sided."""
    lower, upper, inside = [], [], []
    for _ in range(length):
        low = draw(st.integers(-2, 1))
        width = draw(st.sampled_from([0, 1, 2, 2, 3, 3, 4, 4]))
        high = low + width
        inside.append(float(draw(st.integers(low, high))))
        shape = draw(st.sampled_from(["box"] * 7 + ["below", "above"])) if open_ends else "box"
        lower.append(-inf if shape == "above" else float(low))
        upper.append(inf if shape == "below" else float(high))
    return tuple(lower), tuple(upper), tuple(inside)


@st.composite
def rows_through(draw: Any, x: Numbers, y: Numbers, on: Sequence[int], switches: Sequence[int] = ()) -> Row:
    """Draw a row that holds at ``(x, y)``, over the columns ``on`` of ``y`` (any columns of ``x``)."""
    on_leader = draw(tuples(SMALL, len(x)))
    on_followers = tuple(draw(SMALL) if j in on else 0.0 for j in range(len(y)))
    if not any((*on_leader, *on_followers)):
        on_followers = tuple(float(j == on[0]) for j in range(len(y)))
    switched: tuple[tuple[int, int, float], ...] = ()
    if switches and on and draw(st.booleans()):
        value = draw(st.sampled_from([-2.0, -1.0, 1.0, 2.0]))
        switched = ((draw(st.sampled_from(list(switches))), draw(st.sampled_from(list(on))), value),)
    value = float(Row(on_leader, on_followers, 0.0, 0.0, switched).body(x, y))
    kind, slack = draw(SIDES), float(draw(st.integers(0, 4)))
    if kind == "==":
        return Row(on_leader, on_followers, value, value, switched)
    lower = -inf if kind == "<=" else value - slack
    upper = inf if kind == ">=" else value + (float(draw(st.integers(1, 4))) if kind == "range" else slack)
    return Row(on_leader, on_followers, lower, upper, switched)


@st.composite
def games(
    draw: Any,
    *,
    followers: int = 1,
    curved: bool = False,
    coupled: bool = False,
    binary: bool = False,
    open_ends: bool = True,
) -> Game:
    """Draw a game.

    ``curved``: followers' objectives have convex quadratic parts; ``coupled``: followers use each
    other's columns; ``binary``: the leader acts by binaries alone, and may switch columns in rows.
    """
    p = draw(st.integers(1, 2))
    parts = _parts([draw(st.integers(1, 2 if followers > 1 else 3)) for _ in range(followers)])
    total = parts[-1].stop
    if binary:
        x_lower, x_upper = (0.0,) * p, (1.0,) * p
        integer, x = (True,) * p, tuple(float(draw(st.integers(0, 1))) for _ in range(p))
    else:
        x_lower, x_upper, x = draw(boxes(p, open_ends=False))
        integer = tuple(draw(st.sampled_from([False, False, True])) for _ in range(p))
    lower, upper, y = draw(boxes(total, open_ends=open_ends))
    players = []
    for own in parts:
        seen = range(total) if coupled else own
        rows = [draw(rows_through(x, y, seen, range(p) if binary else ())) for _ in range(draw(st.integers(1, 2)))]
        others = [j for j in range(total) if coupled and j not in own]
        crossed = [0.0, 0.0, 1.0, -1.0]
        players.append(
            Player(
                sense=draw(st.sampled_from([1, -1])),
                columns=own,
                lower=lower[own.start : own.stop],
                upper=upper[own.start : own.stop],
                cost=draw(tuples(SMALL, len(own))),
                prices=draw(tuples(tuples(st.sampled_from([0.0, 0.0, 1.0, -1.0, 2.0]), len(own)), p)),
                cross=tuple(
                    draw(tuples(st.sampled_from(crossed if j in others else [0.0]), len(own))) for j in range(total)
                ),
                root=draw(roots(len(own))) if curved else (),
                rows=tuple(rows),
            )
        )
    return Game(
        sense=draw(st.sampled_from([1, -1])),
        lower=x_lower,
        upper=x_upper,
        integer=integer,
        cost=draw(tuples(SMALL, p)),
        cost_of_followers=draw(tuples(SMALL, total)),
        rows=tuple(draw(rows_through(x, y, range(total))) for _ in range(draw(st.integers(0, 1)))),
        players=tuple(players),
    )


@st.composite
def price_games(draw: Any) -> Game:
    """Draw a game in which the leader sets prices and earns (or pays) price times quantity.

    Followers' rows and the leader's do not mix levels, so vertices of the followers' polytopes tell everything.
    """
    p, followers = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    parts = _parts([draw(st.integers(1, 2)) for _ in range(followers)])
    total = parts[-1].stop
    x_lower, x_upper, _ = draw(boxes(p, open_ends=False))
    lower, upper, y = draw(boxes(total, open_ends=False))
    players = []
    for own in parts:
        row = draw(rows_through((), y, own))
        players.append(
            Player(
                sense=draw(st.sampled_from([1, -1])),
                columns=own,
                lower=lower[own.start : own.stop],
                upper=upper[own.start : own.stop],
                cost=draw(tuples(SMALL, len(own))),
                prices=draw(tuples(tuples(st.sampled_from([0.0, 1.0, -1.0, 2.0]), len(own)), p)),
                cross=((0.0,) * len(own),) * total,
                root=(),
                rows=(Row((0.0,) * p, row.on_followers, row.lower, row.upper),),
            )
        )
    return Game(
        sense=draw(st.sampled_from([1, -1])),
        lower=x_lower,
        upper=x_upper,
        integer=(False,) * p,
        cost=draw(tuples(SMALL, p)),
        cost_of_followers=draw(tuples(SMALL, total)),
        rows=(),
        players=tuple(players),
        priced=tuple(float(draw(st.sampled_from([-1, 1, 2]))) for _ in range(followers)),
    )
