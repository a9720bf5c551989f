"""Random games: KKT, strong duality and the enumeration of active sets give one optimum.

At least 300 games a test; ``python -m tests --long`` runs 10 000 of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from bilevel.testing import Game, Player, Row, by_vertices, declare, enumerated, games, price_games

GAMES = max(300, settings.default.max_examples)
NO_ANSWER = {"infeasible", "InfeasibleFollower", "UnboundedFollower"}
Method = bl.KKT | bl.StrongDuality
REFUSED = {"NoBound", "NotApplicable"}


def outcome(game: Game, method: Method) -> tuple[str, float | None]:
    """Solve and return status (or the name of the error) and objective; an optimum is certified."""
    try:
        solution = bl.solve(declare(game), method=method)
    except (bl.NotApplicable, bl.InfeasibleFollower, bl.UnboundedFollower) as refusal:
        return type(refusal).__name__, None
    if solution.status == "optimal":
        assert solution.certificate is not None
        assert solution.certificate.holds
    return solution.status, solution.objective


def check(game: Game, expected: float | None, method: Method) -> str:
    """Compare with the oracle's answer; return the status."""
    status, value = outcome(game, method)
    if status in REFUSED:
        return status
    if expected is None:
        assert status in NO_ANSWER
    elif isfinite(expected):
        assert (status, value) == ("optimal", pytest.approx(expected, rel=1e-5, abs=1e-5))
    else:
        assert status == "unbounded"
    return status


def agree_on(games_: Any, oracle: Callable[[Game], float | None], *methods: Method) -> dict[str, Counter[str]]:
    """Compare all methods with the oracle on games of a kind; return how often each ended how."""
    seen: dict[str, Counter[str]] = {type(method).__name__: Counter() for method in methods}

    @settings(max_examples=GAMES)
    @given(games_)
    def agree(game: Game) -> None:
        expected = oracle(game)
        for method in methods:
            seen[type(method).__name__][check(game, expected, method)] += 1

    agree()
    return seen


def share(seen: Counter[str], statuses: set[str]) -> float:
    return sum(seen[status] for status in statuses) / seen.total()


def optimum(game: Game) -> float | None:
    return enumerated(game).value


def test_kkt_and_enumeration_agree():
    """LP and QP followers, one or two, alone or coupled, with and without leader integers."""
    kinds = (
        games(),
        games(curved=True),
        games(followers=2),
        games(followers=2, coupled=True),
        games(followers=2, coupled=True, curved=True),
    )
    seen = agree_on(st.one_of(*kinds), optimum, bl.KKT())["KKT"]
    assert share(seen, {"optimal"}) >= 0.6
    assert share(seen, REFUSED) <= 0.15


def test_kkt_strong_duality_and_enumeration_agree_where_binaries_link():
    """One or two LP followers; binaries of the leader in their objectives and rows, and as switches of variables."""
    kinds = (games(binary=True, open_ends=False), games(binary=True, followers=2), games(binary=True))
    for seen in agree_on(st.one_of(*kinds), optimum, bl.KKT(), bl.StrongDuality()).values():
        assert share(seen, {"optimal"}) >= 0.6
        assert share(seen, REFUSED) <= 0.3


def test_price_times_quantity_is_exact():
    """One or two LP followers; the leader earns or pays price times quantity; all vertices are tried."""
    seen = agree_on(price_games(), by_vertices, bl.KKT())["KKT"]
    assert share(seen, {"optimal"}) >= 0.9
    assert share(seen, REFUSED) <= 0.05


ONE_ROW = Player(
    sense=1,
    columns=range(1),
    lower=(0.0,),
    upper=(4.0,),
    cost=(1.0,),
    prices=((0.0,),),
    cross=((0.0,),),
    root=(),
    rows=(Row((1.0,), (1.0,), 2.0, float("inf")),),
)


def test_the_oracle_knows_a_game_solved_by_hand():
    """max 2 x + 3 y, x in [0, 3], y the least with x + y >= 2 in [0, 4]: y = max(2 - x, 0); 6 at x = 0, 6 at x = 3.

    With 2 x + y the best is x = 3; with x + 3 y it is x = 0; if y were maximal, y = 4 whatever x.
    """
    game = Game(-1, (0.0,), (3.0,), (False,), (2.0,), (1.0,), (), (ONE_ROW,))
    assert enumerated(game).value == pytest.approx(6.0)
    game = Game(-1, (0.0,), (3.0,), (False,), (1.0,), (3.0,), (), (ONE_ROW,))
    assert enumerated(game).value == pytest.approx(6.0)
    game = Game(-1, (0.0,), (1.0,), (False,), (3.0,), (1.0,), (), (ONE_ROW,))
    assert enumerated(game).value == pytest.approx(4.0)
