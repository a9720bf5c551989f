"""The optimum of a drawn game, by the oracle that its kind allows."""

from __future__ import annotations

from bilevel.testing.active_sets import enumerated
from bilevel.testing.games import Game
from bilevel.testing.value_function import by_value_function
from bilevel.testing.vertices import by_vertices


def optimum_of(game: Game) -> float | None:
    """Return the optimistic optimum: None where the game has no point, infinite where it is unbounded.

    Followers with integers by their value function, prices that the leader earns by vertices, others by active sets:
    numpy and scipy on the drawn numbers, and nothing of any compiler.
    """
    if any(any(player.integer) for player in game.players):
        return by_value_function(game)
    return by_vertices(game) if game.priced else enumerated(game).value
