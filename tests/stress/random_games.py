"""Random games of every kind, with their optima by oracles that know no compiler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bilevel.testing import declare, degenerate_games, games, integer_games, optimum_of, price_games
from tests.problems.generated import coupled_game, price_game
from tests.properties.integer_games import consistent, declared, enumerated, small_games
from tests.stress.answers import Known
from tests.stress.odd_games import odd_games
from tests.stress.sources import LINEAR, Source, arrays_of, tolerance

KINDS: dict[str, Any] = {
    "linear": games(),
    "quadratic": games(curved=True),
    "binary": games(binary=True),
    "two followers": games(followers=2),
    "coupled followers": games(followers=2, coupled=True),
    "coupled quadratic": games(followers=2, coupled=True, curved=True),
    "prices": price_games(),
    "integers": small_games().filter(consistent),
    "ties": degenerate_games(),
    "ties of two": degenerate_games(followers=2),
    "mixed integers": integer_games(mixed=True),
    "odd": odd_games(),
}
LARGE = 40
"""Of so many random games one is large."""


def random_games(count: int, seed_: int) -> Iterator[Source]:
    """Yield random games of all kinds in turn, and now and then a large one."""
    kinds = list(KINDS)
    drawn = {kind: iter(_examples(KINDS[kind], -(-count // len(kinds)), seed_)) for kind in kinds} if count else {}
    for k in range(count):
        if k % LARGE == LARGE - 1:
            large = coupled_game(30, seed_ + k) if k % (2 * LARGE) == LARGE - 1 else price_game("T8K1", seed_ + k)
            yield Source(f"large {k}", arrays_of(large.model()), LINEAR)
            continue
        kind = kinds[k % len(kinds)]
        data = next(drawn[kind])
        if kind == "integers":
            yield Source(f"{kind} {k}", arrays_of(declared(data)), LINEAR, Known(enumerated(data)))
            continue
        program = arrays_of(declare(data))
        yield Source(f"{kind} {k}", program, tolerance(program), Known(optimum_of(data)))


def _examples(strategy: st.SearchStrategy[Any], count: int, seed_: int) -> list[Any]:
    found: list[Any] = []

    @seed(seed_)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return (found * -(-count // len(found)))[:count]
