"""Long searches for wrong answers: hypothesis climbs towards answers that differ and certificates that barely hold.

Every method answers every game, in units that hypothesis makes bad; oracles are asked for the game in good ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf, isfinite, log10
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, target

from bilevel.testing import (
    Game,
    badly_scaled,
    declare,
    degenerate_games,
    games,
    integer_games,
    optimum_of,
    price_games,
)
from tests.stress.answers import Answer, Known, answers, faults
from tests.stress.odd_games import odd_games
from tests.stress.sources import arrays_of, tolerance

KINDS: dict[str, Any] = {
    "linear": games(),
    "switched": games(binary=True),
    "quadratic": games(curved=True),
    "two followers": games(followers=2, coupled=True),
    "prices": price_games(),
    "ties": degenerate_games(),
    "integers": integer_games(),
    "mixed integers": integer_games(mixed=True),
    "odd": odd_games(),
}
EXAMPLES = 700


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_no_search_finds_a_wrong_answer(kind: str):
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(badly_scaled(KINDS[kind]))
    def search(pair: tuple[Game, Game]) -> None:
        game, scaled = pair
        program = arrays_of(declare(scaled))
        known, sense = Known(optimum_of(game)), float(scaled.sense)
        found = answers(program, time_limit=5.0)
        target(log10(max(difference(found, known), 1e-16)), label="difference of answers")
        target(
            log10(max([1e-16, *(a.residual for a in found if a.residual is not None and a.holds)])), label="residual"
        )
        seen.update(answer.status for answer in found)
        assert faults(sense, found, tolerance(program), known) == []

    search()
    assert seen["optimal"] >= 0.3 * seen.total(), seen


def difference(found: Sequence[Answer], known: Known) -> float:
    """Return the largest relative difference of optima, the oracle's among them."""
    optima = [answer.value for answer in found if answer.status == "optimal" and answer.value is not None]
    if known.value is not None and isfinite(known.value):
        optima.append(known.value)
    low, high = min(optima, default=inf), max(optima, default=-inf)
    return max(high - low, 0.0) / max(1.0, abs(low)) if optima else 0.0
