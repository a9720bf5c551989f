"""Property tests for games, reformulations and solvers of games (an extra: ``testing``).

*Strategies* of hypothesis draw small games as plain numbers; *oracles* know their optima without any compiler;
*relations* state a game otherwise; :func:`assert_reformulates` and :func:`assert_solves` put them together.
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as missing:
    raise ImportError('bilevel.testing needs hypothesis: pip install "bilevel-compiler[testing]"') from missing

from bilevel.testing.active_sets import Found, enumerated
from bilevel.testing.assertions import assert_reformulates, assert_solves
from bilevel.testing.games import Game, Numbers, Player, Row, declare
from bilevel.testing.hard_games import badly_scaled, degenerate_games, integer_games
from bilevel.testing.optima import optimum, pessimistic_optimum
from bilevel.testing.oracle import optimum_of
from bilevel.testing.relations import Flipped, Permuted, Redundant, relations
from bilevel.testing.responses import followers, regret, violation
from bilevel.testing.strategies import games, price_games
from bilevel.testing.value_function import by_value_function, on_grid, value_at
from bilevel.testing.vertices import by_vertices

__all__ = [
    "Flipped",
    "Found",
    "Game",
    "Numbers",
    "Permuted",
    "Player",
    "Redundant",
    "Row",
    "assert_reformulates",
    "assert_solves",
    "badly_scaled",
    "by_value_function",
    "by_vertices",
    "declare",
    "degenerate_games",
    "enumerated",
    "followers",
    "games",
    "integer_games",
    "on_grid",
    "optimum",
    "optimum_of",
    "pessimistic_optimum",
    "price_games",
    "regret",
    "relations",
    "value_at",
    "violation",
]
