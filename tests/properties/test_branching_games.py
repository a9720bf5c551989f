"""Random games: branching on complementarities gives the optimum that the enumeration of active sets gives."""

from __future__ import annotations

from collections import Counter
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bilevel as bl
from bilevel.testing import Game, by_vertices, declare, enumerated, games, price_games

NO_ANSWER = {"infeasible", "InfeasibleFollower", "UnboundedFollower"}


def check(game: Game, expected: float | None) -> str:
    """Compare with the oracle's answer; return the status, or the name of a refusal."""
    try:
        solution = bl.solve(declare(game), method=bl.Branching(), threads=1)
    except (bl.NotApplicable, bl.InfeasibleFollower, bl.UnboundedFollower) as refusal:
        status, value = type(refusal).__name__, None
    else:
        status, value = solution.status, solution.objective
        assert value is None or (solution.certificate is not None and solution.certificate.holds)
    if status in {"NoBound", "NotApplicable"}:
        return status
    if expected is None:
        assert status in NO_ANSWER
    elif isfinite(expected):
        assert (status, value) == ("optimal", pytest.approx(expected, rel=1e-5, abs=1e-5))
    else:
        assert status == "unbounded"
    return status


def test_branching_and_enumeration_agree():
    """LP and QP followers, one or two, alone or coupled, with and without leader integers."""
    seen: Counter[str] = Counter()
    kinds = (
        games(),
        games(curved=True),
        games(binary=True),
        games(followers=2),
        games(followers=2, coupled=True, curved=True),
    )

    @given(st.one_of(*kinds))
    def agree(game: Game) -> None:
        seen[check(game, enumerated(game).value)] += 1

    agree()
    assert seen["optimal"] >= 0.7 * sum(seen.values())


def test_branching_prices_exactly():
    """One or two LP followers; the leader earns or pays price times quantity; all vertices are tried."""

    @given(price_games())
    def agree(game: Game) -> None:
        assert check(game, by_vertices(game)) != "NoBound"

    agree()
