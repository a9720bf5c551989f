"""How many nodes a search will need, by the rise of its bound at each doubling."""

from __future__ import annotations

import numpy as np
import pytest

import bilevel as bl
from bilevel.search.branching import branch_and_bound
from bilevel.search.forecast import Forecast
from bilevel.search.optimise import Limits
from tests.problems.generated import price_game, slater_game


def test_a_bound_that_rises_by_one_at_each_doubling_closes_a_gap_of_two_with_four_times_the_nodes() -> None:
    """Bounds 0, 1, 2, 3 at 50, 100, 200, 400 nodes: 4 at 800 and 5, the incumbent, at 1600."""
    assert Forecast((0.0, 1.0, 2.0, 3.0)).needed(5.0) == pytest.approx(1600)


def test_only_the_last_three_doublings_count() -> None:
    """After a jump of 97, 3 in three doublings: one for each."""
    assert Forecast((-97.0, 0.0, 1.0, 2.0, 3.0)).needed(4.0) == pytest.approx(1600)


def test_a_bound_that_does_not_rise_never_closes_the_gap() -> None:
    assert Forecast((3.0, 3.0, 3.0, 3.0)).needed(5.0) == np.inf


@pytest.mark.parametrize(
    ("bounds", "best"), [((0.0, 1.0, 2.0), 5.0), ((-np.inf, 1.0, 2.0, 3.0), 5.0), ((0.0, 1.0, 2.0, 3.0), np.inf)]
)
def test_nothing_is_said_without_four_bounds_and_an_incumbent(bounds: tuple[float, ...], best: float) -> None:
    assert np.isnan(Forecast(bounds).needed(best))


def test_early_forecasts_are_given_room_for_they_fall() -> None:
    """1600 nodes forecast at 400: sixteen times more than 100 are forgiven there, at 6400 and later none."""
    early = Forecast((0.0, 1.0, 2.0, 3.0))
    assert (early.exceeds(101, 5.0), early.exceeds(99, 5.0)) == (False, True)
    late = Forecast((0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0))
    assert late.needed(9.0) == pytest.approx(25_600)
    assert (late.exceeds(25_601, 9.0), late.exceeds(25_599, 9.0)) == (False, True)
    assert not Forecast((0.0, 1.0)).exceeds(0, 5.0)


def test_a_game_that_branching_closes_is_not_left_for_a_longer_proof_by_big_m() -> None:
    """45 pairs, seed 0: 118 000 nodes are forecast at 400, and the search ends within 4000 of them."""
    solution = bl.solve(slater_game(45, 0).model(), threads=1)
    assert (solution.status, solution.objective) == ("optimal", pytest.approx(439.1291, abs=1e-4))
    assert "branching on 45 complementarities" in solution.method


def test_records_are_due_at_doublings() -> None:
    forecast = Forecast()
    assert [forecast.is_due(nodes) for nodes in (49, 50)] == [False, True]
    assert [forecast.recorded(0.0).is_due(nodes) for nodes in (99, 100)] == [False, True]


def test_a_search_gives_up_once_it_forecasts_too_many_nodes() -> None:
    """T12K2, seed 1: about a thousand nodes to its optimum 273.0302; the bound is proven when it gives up."""
    image = bl.compile(price_game("T12K2", 1).model(), method=bl.Branching(forecast_limit=30)).image
    answer = branch_and_bound(image, Limits(threads=1))
    assert answer.status == "limit"
    assert answer.nodes < 700
    assert answer.bound < -273.0302 < answer.objective + 20
