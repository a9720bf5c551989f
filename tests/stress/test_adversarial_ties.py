"""Long searches for wrong ties: the worst and the best optimal response in bad units, against the value function."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import bilevel as bl
from bilevel.testing import Game, badly_scaled, by_value_function, declare, degenerate_games, games, integer_games
from bilevel.testing.value_function import value_at

KINDS: dict[str, Any] = {
    "ties": degenerate_games(coupling=False),
    "ties of two": degenerate_games(followers=2, coupling=False),
    "switched": games(binary=True, open_ends=False),
    "mixed integers": integer_games(mixed=True),
}
PESSIMISTIC: dict[str, Any] = {
    "ties": degenerate_games(),
    "ties of two": degenerate_games(followers=2),
    "switched": games(binary=True, open_ends=False),
}
EXAMPLES = 300
NEAR = 1e-5


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_no_search_finds_a_wrong_tie(kind: str):
    """At the leader's decision; the best response that fits its rows, and the worst of all."""
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(badly_scaled(KINDS[kind]))
    def search(pair: tuple[Game, Game]) -> None:
        game, scaled = pair
        m = declare(scaled)
        try:
            solution = bl.solve(m, threads=1)
        except bl.InfeasibleFollower:
            seen["no response"] += 1
            return
        seen[solution.status] += 1
        if solution.certificate is None:
            return
        x, tie = tuple(float(round(v.value)) for v in m.x.values()), solution.certificate.tie
        best, worst = value_at(game, x), value_at(replace(game, rows=()), x, worst=True)
        assert tie.optimistic == pytest.approx(best, rel=NEAR, abs=NEAR)
        assert tie.pessimistic == pytest.approx(worst, rel=NEAR, abs=NEAR)

    search()
    assert seen["optimal"] >= 0.5 * seen.total(), seen


@pytest.mark.long
@pytest.mark.parametrize("kind", PESSIMISTIC)
def test_no_search_finds_a_wrong_pessimistic_answer(kind: str):
    """A point is worth what the oracle says even where a bound stays a little open."""
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(badly_scaled(PESSIMISTIC[kind]))
    def search(pair: tuple[Game, Game]) -> None:
        game, scaled = pair
        expected = by_value_function(game, worst=True)
        try:
            solution = bl.solve(declare(scaled), pessimistic=True, threads=1)
        except (bl.InfeasibleFollower, bl.InfeasibleGame):
            assert expected is None
            return
        seen[solution.status] += 1
        if expected is None:
            assert solution.status == "infeasible"
            return
        assert solution.certificate is not None
        assert solution.certificate.holds
        assert solution.objective == pytest.approx(expected, rel=NEAR, abs=NEAR)
        assert scaled.sense * (solution.bound - expected) <= NEAR * max(1.0, abs(expected))

    search()
    assert seen["optimal"] + seen["infeasible"] >= 0.95 * seen.total(), seen
