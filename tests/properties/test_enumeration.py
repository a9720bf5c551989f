"""Random games: KKT, strong duality and the enumeration of active sets give one optimum.

At least 300 games a test; ``python -m tests --long`` runs 10 000 of each.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from tests.properties.enumeration import by_vertices, enumerated
from tests.properties.strategies import Game, Player, Row, declare, games, price_games

GAMES = max(300, settings.default.max_examples)
NO_ANSWER = {"infeasible", "InfeasibleFollower", "UnboundedFollower"}
REFUSED = {"NoBound", "NotApplicable"}


def outcome(game: Game, method: bl.KKT | bl.StrongDuality) -> tuple[str, float | None]:
    """Solve and return status (or the name of the error) and objective; an optimum is certified."""
    try:
        solution = bl.solve(declare(game), method=method)
    except (bl.NotApplicable, bl.InfeasibleFollower, bl.UnboundedFollower) as refusal:
        return type(refusal).__name__, None
    if solution.status == "optimal":
        assert solution.certificate is not None
        assert solution.certificate.holds
    return solution.status, solution.objective


def check(game: Game, expected: float | None, method: bl.KKT | bl.StrongDuality) -> str:
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


def most_are_solved(seen: Counter[str], *, optimal: float, refused: float) -> None:
    total = sum(seen.values())
    assert seen["optimal"] >= optimal * total
    assert sum(seen[status] for status in REFUSED) <= refused * total


def test_kkt_and_enumeration_agree():
    """LP and QP followers, one or two, alone or coupled, with and without leader integers."""
    seen: Counter[str] = Counter()
    kinds = (
        games(),
        games(curved=True),
        games(followers=2),
        games(followers=2, coupled=True),
        games(followers=2, coupled=True, curved=True),
    )

    @settings(max_examples=GAMES)
    @given(st.one_of(*kinds))
    def agree(game: Game) -> None:
        seen[check(game, enumerated(game).value, bl.KKT())] += 1

    agree()
    most_are_solved(seen, optimal=0.7, refused=0.1)


def test_kkt_strong_duality_and_enumeration_agree_where_binaries_link():
    """One or two LP followers; binaries of the leader in their objectives and rows, and as switches of variables."""
    seen: dict[type, Counter[str]] = {bl.KKT: Counter(), bl.StrongDuality: Counter()}
    kinds = (games(binary=True, open_ends=False), games(binary=True, followers=2), games(binary=True))

    @settings(max_examples=GAMES)
    @given(st.one_of(*kinds))
    def agree(game: Game) -> None:
        expected = enumerated(game).value
        for method in (bl.KKT(), bl.StrongDuality()):
            seen[type(method)][check(game, expected, method)] += 1

    agree()
    for counted in seen.values():
        most_are_solved(counted, optimal=0.6, refused=0.25)


def test_price_times_quantity_is_exact():
    """One or two LP followers; the leader earns or pays price times quantity; all vertices are tried."""
    seen: Counter[str] = Counter()

    @settings(max_examples=GAMES)
    @given(price_games())
    def agree(game: Game) -> None:
        seen[check(game, by_vertices(game), bl.KKT())] += 1

    agree()
    most_are_solved(seen, optimal=0.9, refused=0.05)


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
