"""The time limit holds while bounds are derived that big-M needs, as it does in the search."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import bilevel as bl
from bilevel.compiler.bounding import derive_bounds
from bilevel.compiler.compile import Compiled
from bilevel.compiler.pipeline import optimality_system
from bilevel.errors import OutOfTime
from bilevel.language.read import Game, read
from bilevel.search import automatic
from bilevel.search.automatic import Choice, solve_automatically
from bilevel.solvers.answer import Answer, Limits
from bilevel.solvers.deadline import Deadline
from tests.problems.generated import price_game, slater_game


@pytest.mark.parametrize("programs", [0, 1, 5])
def test_no_linear_program_is_begun_after_the_deadline(programs: int) -> None:
    """A clock that runs out after some looks at it: one before each program."""
    looks = 0

    def stopped() -> bool:
        nonlocal looks
        looks += 1
        return looks > 2 * programs  # the second look gives the program its time

    mpec = optimality_system(read(price_game("T8K1", 0).model()).program)
    with pytest.raises(OutOfTime, match="while bounds were derived that big-M needs"):
        derive_bounds(mpec, threads=1, deadline=Deadline(np.inf, stopped))
    assert looks == 2 * programs + 1


def test_bounds_derived_in_time_are_those_without_a_limit() -> None:
    mpec = optimality_system(read(price_game("T8K1", 0).model()).program)
    within = derive_bounds(mpec, threads=1, deadline=Deadline.of(Limits(time_limit=1e6), time.perf_counter()))
    without = derive_bounds(mpec, threads=1)
    assert np.array_equal(within.bounds.multiplier_upper, without.bounds.multiplier_upper)
    assert np.array_equal(within.bounds.slack_upper, without.bounds.slack_upper)


def test_a_method_that_spends_the_time_on_bounds_ends_with_the_point_of_a_moment_of_branching() -> None:
    """T24K2: the bounds take some seconds, of which there is a tenth; the optimum is known by branching to the end."""
    model, rest = price_game("T24K2", 3).model(), price_game("T24K2", 3).model()
    solution = bl.solve(model, method=bl.KKT(), time_limit=1e-6, threads=1)
    optimum = bl.solve(rest, threads=1).objective
    assert solution.status == "time_limit"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective <= optimum + 1e-6 <= solution.bound + 2e-6
    assert "bounds were derived that big-M needs, and branching does not" in solution.method


def test_a_pessimistic_game_whose_time_is_spent_on_bounds_is_branched_on() -> None:
    model = slater_game(30, 0).model()
    solution = bl.solve(model, method=bl.KKT(), time_limit=1e-6, threads=1, pessimistic=True)
    assert solution.status == "time_limit"
    assert "Branching" in solution.method


def test_the_automatic_method_shows_what_its_search_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search by branching is stopped at its first points, as if it were to be long, and no time is left."""
    search = automatic._search  # noqa: SLF001 - to end it early

    def short(game: Game, choice: Choice, limits: Limits) -> tuple[Compiled, Answer] | None:
        found = search(game, choice, replace(limits, time_limit=5.0))
        return None if found is None else (found[0], replace(found[1], status="forecast"))

    monkeypatch.setattr(automatic, "_search", short)
    game = read(price_game("T8K1", 0).model())
    _, answer = solve_automatically(game, Limits(time_limit=1e-6, threads=1))
    assert answer.status == "time_limit"
    assert answer.point is not None
