"""Hypothesis strategies for what solvers find hard: integers of followers, ties, and bad units."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

from hypothesis import strategies as st

from bilevel.testing.games import Game, Player, Row
from bilevel.testing.strategies import SMALL, boxes, games, rows_through, tuples

TYING = st.sampled_from([-1.0, 0.0, 0.0, 1.0])
"""Costs of which many are the same, so that many responses are optimal."""


@st.composite
def degenerate_games(draw: Any, *, followers: int = 1, coupling: bool = True) -> Game:
    """Draw a game of binaries of the leader and linear followers with many optimal responses.

    The leader acts through right-hand sides only. Rows pass through one point, some with no room there; with
    ``coupling`` the leader may have a row on the responses, which not all of them need to fit.
    """
    p, sizes = draw(st.integers(1, 2)), [draw(st.integers(1, 3)) for _ in range(followers)]
    total = sum(sizes)
    x = tuple(float(draw(st.integers(0, 1))) for _ in range(p))
    lower, upper, y = draw(boxes(total, open_ends=False))
    players, start = [], 0
    for size in sizes:
        own = range(start, start + size)
        start += size
        players.append(
            Player(
                sense=draw(st.sampled_from([1, -1])),
                columns=own,
                lower=lower[own.start : own.stop],
                upper=upper[own.start : own.stop],
                cost=draw(tuples(TYING, size)),
                prices=((0.0,) * size,) * p,
                cross=((0.0,) * size,) * total,
                root=(),
                rows=tuple(draw(rows_through(x, y, own)) for _ in range(draw(st.integers(1, 3)))),
            )
        )
    rows = tuple(draw(rows_through(x, y, range(total))) for _ in range(draw(st.integers(0, 1)) if coupling else 0))
    return Game(
        sense=draw(st.sampled_from([1, -1])),
        lower=(0.0,) * p,
        upper=(1.0,) * p,
        integer=(True,) * p,
        cost=draw(tuples(SMALL, p)),
        cost_of_followers=draw(tuples(SMALL, total)),
        rows=rows,
        players=tuple(players),
    )


@st.composite
def integer_games(draw: Any, *, followers: int = 1, mixed: bool = False) -> Game:
    """Draw a game of integers of the leader and of followers; ``mixed``: followers may have continuous columns too."""
    game: Game = draw(games(followers=followers, open_ends=False))
    players = [
        replace(player, integer=tuple(not mixed or draw(st.booleans()) for _ in player.columns))
        for player in game.players
    ]
    return replace(game, integer=(True,) * len(game.lower), players=tuple(players))


@st.composite
def badly_scaled(draw: Any, plain: st.SearchStrategy[Game] | None = None) -> tuple[Game, Game]:
    """Draw a game, and the same game with rows and followers' objectives multiplied by 1e-4 to 1e6.

    Both have the same optimum and optimal decisions; oracles are to be asked for the first. Where the leader earns a
    follower's prices times its quantities, its share is divided by what that objective is multiplied by.
    """
    game = draw(games(open_ends=False) if plain is None else plain)
    factors = st.integers(-4, 6).map(lambda power: 10.0**power)
    of_objectives = [draw(factors) for _ in game.players]
    players = tuple(
        _times(replace(player, rows=tuple(_row_times(row, draw(factors)) for row in player.rows)), factor)
        for player, factor in zip(game.players, of_objectives, strict=True)
    )
    rows = tuple(_row_times(row, draw(factors)) for row in game.rows)
    priced = tuple(share / factor for share, factor in zip(game.priced, of_objectives, strict=bool(game.priced)))
    return game, replace(game, rows=rows, players=players, priced=priced)


def _row_times(row: Row, factor: float) -> Row:
    return Row(
        tuple(factor * a for a in row.on_leader),
        tuple(factor * a for a in row.on_followers),
        factor * row.lower,
        factor * row.upper,
        tuple((i, j, factor * a) for i, j, a in row.switched),
    )


def _times(player: Player, factor: float) -> Player:
    return replace(
        player,
        cost=tuple(factor * a for a in player.cost),
        prices=tuple(tuple(factor * a for a in row) for row in player.prices),
        cross=tuple(tuple(factor * a for a in row) for row in player.cross),
        root=tuple(tuple(sqrt(factor) * a for a in row) for row in player.root),
    )
