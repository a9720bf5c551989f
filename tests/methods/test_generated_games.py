"""Methods that share no step agree on generated games: branching on pairs, and big-M with derived bounds."""

from __future__ import annotations

import pytest

import bilevel as bl
from tests.problems.generated import coupled_game, price_game, slater_game


@pytest.mark.parametrize("seed", [1, 2])
def test_price_games_have_one_optimum_by_branching_and_by_derived_bounds(seed: int) -> None:
    """T8K1: eight periods, one customer with a storage, whose multipliers all have derived bounds."""
    branching = bl.solve(price_game("T8K1", seed).model(), method=bl.Branching(), threads=1)
    big_m = bl.solve(price_game("T8K1", seed).model(), method=bl.KKT(), threads=1)
    assert branching.status == big_m.status == "optimal"
    assert branching.objective == pytest.approx(big_m.objective, rel=1e-6)


def test_a_guessed_bound_reaches_the_optimum_of_a_coupled_game_without_proving_it() -> None:
    """30 pairs: no bound of a multiplier can be derived, and the answer under M = 1e5 is only feasible."""
    branching = bl.solve(coupled_game(30, 1).model(), method=bl.Branching(), threads=1)
    guessed = bl.solve(coupled_game(30, 1).model(), method=bl.KKT(complementarity=bl.BigM(bounds=1e5)), threads=1)
    assert (branching.status, guessed.status) == ("optimal", "feasible")
    assert branching.objective == pytest.approx(guessed.objective, rel=1e-6)


def test_nodes_without_a_point_are_closed_although_their_proofs_carry_rounding() -> None:
    """60 pairs: a sixth of the nodes have no point, and are proved to by rays with entries of 1e-11 that mean zero."""
    solution = bl.solve(coupled_game(60, 2).model(), method=bl.Branching(node_limit=2000), threads=1)
    assert solution.status == "optimal"


def test_the_automatic_method_branches_where_the_leader_moves_right_hand_sides_only() -> None:
    solution = bl.solve(coupled_game(30, 1).model(), threads=1)
    assert solution.status == "optimal"
    assert "branching on 30 complementarities" in solution.method
    assert "right-hand sides" in solution.method
    assert bl.explain(coupled_game(30, 1).model(), threads=1).method == solution.method


def test_the_automatic_method_ends_price_games_by_a_search_where_that_closes_its_gap() -> None:
    """T12K2 with seed 1 takes about a thousand linear programs."""
    solution = bl.solve(price_game("T12K2", 1).model(), threads=1)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(273.0302, rel=1e-6)
    assert "search by branching was enough" in solution.method


@pytest.mark.long
def test_the_automatic_method_takes_big_m_for_price_games_whose_search_would_be_long() -> None:
    """T48K3: the search forecasts millions of nodes after some hundreds; its bound and point are kept."""
    solution = bl.solve(price_game("T48K3", 0).model(), threads=1, time_limit=10.0)
    assert "complementarities by big-M" in solution.method
    assert "multiply those of the followers" in solution.method
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.gap is not None
    assert 0 < solution.gap < 0.2


def test_a_slater_game_is_solved_by_derived_bounds_which_the_coupled_one_lacks() -> None:
    """``y = 0`` is strictly feasible at every decision, so every multiplier has a bound; no M is guessed."""
    by_bounds = bl.solve(slater_game(30, 0).model(), method=bl.KKT(), threads=1)
    by_branching = bl.solve(slater_game(30, 0).model(), method=bl.Branching(), threads=1)
    assert by_bounds.status == by_branching.status == "optimal"
    assert by_bounds.objective == pytest.approx(by_branching.objective, rel=1e-6)
    with pytest.raises(bl.NotApplicable):
        bl.solve(coupled_game(30, 0).model(), method=bl.KKT(), threads=1)
