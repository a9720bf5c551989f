"""Random games with what models of real users have by the way: a strategy beside those of ``bilevel.testing``."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite
from typing import Any

from hypothesis import strategies as st

from bilevel.testing import Game, Player, Row, games


@st.composite
def odd_games(draw: Any) -> Game:
    """Draw a game and make some of it odd.

    A follower without an objective, free columns, columns held by their bounds, rows once more (also multiplied, or
    turned round), rows that say nothing, a leader whose rows leave no point or that earns without end, and rows that an
    integer switches by a large coefficient.
    """
    game: Game = draw(games(followers=draw(st.integers(1, 2)), binary=draw(st.booleans())))
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=3)):
        game = change(draw, game)
    return game


def _player(draw: Any, game: Game, change: Any) -> Game:
    which = draw(st.integers(0, len(game.players) - 1))
    players = list(game.players)
    players[which] = change(players[which])
    return replace(game, players=tuple(players))


def _idle(draw: Any, game: Game) -> Game:
    """A follower that wants nothing."""

    def change(player: Player) -> Player:
        return replace(
            player,
            cost=(0.0,) * len(player.cost),
            prices=tuple((0.0,) * len(row) for row in player.prices),
            cross=tuple((0.0,) * len(row) for row in player.cross),
        )

    return _player(draw, game, change)


def _free(draw: Any, game: Game) -> Game:
    """A column of a follower without bounds."""

    def change(player: Player) -> Player:
        j = draw(st.integers(0, len(player.columns) - 1))
        return replace(player, lower=_with(player.lower, j, -inf), upper=_with(player.upper, j, inf))

    return _player(draw, game, change)


def _held(draw: Any, game: Game) -> Game:
    """A column of a follower with one value."""

    def change(player: Player) -> Player:
        j = draw(st.integers(0, len(player.columns) - 1))
        value = next((end for end in (player.lower[j], player.upper[j]) if isfinite(end)), 0.0)
        return replace(player, lower=_with(player.lower, j, value), upper=_with(player.upper, j, value))

    return _player(draw, game, change)


def _again(draw: Any, game: Game) -> Game:
    """A row of a follower once more, multiplied."""
    factor = draw(st.sampled_from([1.0, 2.0, 1e-3, 1e3]))
    return _player(draw, game, lambda player: replace(player, rows=(*player.rows, _times(player.rows[0], factor))))


def _turned(draw: Any, game: Game) -> Game:
    """A row of a follower once more, the other way round."""
    return _player(draw, game, lambda player: replace(player, rows=(*player.rows, _times(player.rows[0], -1.0))))


def _slack(draw: Any, game: Game) -> Game:
    """A row of a follower that the bounds imply."""

    def change(player: Player) -> Player:
        row = player.rows[0]
        return replace(player, rows=(*player.rows, replace(row, lower=row.lower - 50.0, upper=row.upper + 50.0)))

    return _player(draw, game, change)


def _tight(draw: Any, game: Game) -> Game:
    """A row of the leader on the followers' columns with no room, which their responses may not fit."""
    on_followers = tuple(draw(st.integers(-2, 2).map(float)) for _ in game.cost_of_followers)
    side = float(draw(st.integers(-3, 6)))
    if not any(on_followers):
        return game
    return replace(game, rows=(*game.rows, Row((0.0,) * len(game.lower), on_followers, side, side)))


def _endless(draw: Any, game: Game) -> Game:
    """A continuous column of the leader without an upper bound."""
    i = draw(st.integers(0, len(game.lower) - 1))
    return game if game.integer[i] else replace(game, upper=_with(game.upper, i, inf))


def switched(draw: Any, game: Game) -> Game:
    """A row on one column of a follower that an integer of the leader lets go by a large coefficient."""
    whole = [i for i, flag in enumerate(game.integer) if flag]
    if not whole:
        return game
    i, j = draw(st.sampled_from(whole)), draw(st.integers(0, len(game.cost_of_followers) - 1))
    upwards, at_most = draw(st.booleans()), draw(st.booleans())
    slope = draw(st.sampled_from([1e2, 1e4, 1e6, 1e7, 1e9])) * (1 if upwards == at_most else -1)
    side = draw(st.integers(-1, 3)) - slope * (game.lower[i] if upwards else game.upper[i])
    row = Row(
        on_leader=tuple(-slope if k == i else 0.0 for k in range(len(game.lower))),
        on_followers=tuple(float(k == j) for k in range(len(game.cost_of_followers))),
        lower=-inf if at_most else side,
        upper=side if at_most else inf,
    )
    if draw(st.booleans()):
        return replace(game, rows=(*game.rows, row))
    players = (replace(one, rows=(*one.rows, row)) if j in one.columns else one for one in game.players)
    return replace(game, players=tuple(players))


CHANGES = [_idle, _free, _held, _again, _turned, _slack, _tight, _endless, switched, switched]


def _times(row: Row, factor: float) -> Row:
    low, high = sorted((factor * row.lower, factor * row.upper))
    return Row(tuple(factor * a for a in row.on_leader), tuple(factor * a for a in row.on_followers), low, high)


def _with(values: tuple[float, ...], place: int, value: float) -> tuple[float, ...]:
    return (*values[:place], value, *values[place + 1 :])
