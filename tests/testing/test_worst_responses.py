"""The oracle of pessimistic games takes nothing for a worst response that is not optimal."""

from __future__ import annotations

import pytest

from bilevel.testing.games import Game, Player, Row
from bilevel.testing.value_function import by_value_function


def one_player(cost_of_followers: tuple[float, ...], rows: tuple[Row, ...], *upper: float) -> Game:
    """The follower maximises -y0 - y1 + y2 over a box, so it takes (0, 0, most) whatever the leader does."""
    nothing = (0.0, 0.0, 0.0)
    player = Player(
        sense=-1, columns=range(3), lower=nothing, upper=upper, cost=(-1.0, -1.0, 1.0), prices=(nothing,),
        cross=(nothing,) * 3, root=(), rows=(), integer=(),
    )  # fmt: skip
    return Game(1, (0.0,), (1.0,), (True,), (0.0,), cost_of_followers, rows, (player,), ())


def test_a_row_on_what_the_follower_never_takes_is_kept() -> None:
    """The leader wants y0 <= 0."""
    row = Row((0.0,), (1.0, 0.0, 0.0), -float("inf"), 0.0, ())
    assert by_value_function(one_player((0.0, 0.0, 0.0), (row,), 1.0, 0.0, 2.0), worst=True) == pytest.approx(0)


def test_what_the_follower_never_takes_costs_nothing() -> None:
    """The leader pays 3 y1."""
    assert by_value_function(one_player((0.0, 3.0, 0.0), (), 0.0, 1.0, 4.0), worst=True) == pytest.approx(0, abs=1e-7)
