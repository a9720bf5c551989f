from __future__ import annotations

import numpy as np
import pytest

from bilevel.compiler.pipeline import Image, compile_program
from bilevel.methods import KKT, BigM, StrongDuality
from bilevel.search.optimise import Limits, optimise, pattern_of, polished
from reformulations.programs import BilevelProgram
from reformulations.tangents import epigraph
from tests.certificate.games import INF, game

LIMITS = Limits(gap=1e-6, threads=1)


def compiled(program: BilevelProgram) -> Image:
    return compile_program(program, KKT(), threads=1)


def purchase() -> BilevelProgram:
    """Max 2 x - y over y in argmin { y : y >= x, 0 <= y <= 10 }, x <= 4: y = x and F = 4."""
    return game(
        {"leader": ("max", {"x": 2, "y": -1}), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 4), "y": ("f", 0, 10)},
        {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
    )


def targets(**terms: float) -> BilevelProgram:
    """Min (x - 1.3)^2 + (y - 2)^2 over y in argmin { y : y >= 2 - x, y >= 0 }: x^2 + (x - 1.3)^2 up to x = 2."""
    objective = {"x*x": 1, "x": -2.6, "y*y": 1, "y": -4, "": 1.69 + 4} | terms
    return game(
        {"leader": ("min", objective), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 4), "y": ("f", 0, 9)},
        {"need": ("f", {"y": 1, "x": 1}, 2, INF)},
    )


def leak(image: Image, point: np.ndarray, amount: float) -> float:
    pairs = image.mpec.complementarity
    return float(np.max(np.minimum(pairs.slacks(point), point[pairs.multiplier])[pairs.pairs], initial=0)) / amount


def test_polishing_removes_what_a_binary_near_one_lets_through() -> None:
    """At x = 4 with binary 1 - 1e-6 and an M of 1e5, y - x may be 0.1 while need = 1: polished, y = 4 exactly."""
    image = compiled(purchase())
    pairs = image.mpec.complementarity
    need = list(pairs.names).index("need")
    point = np.zeros(len(image.mpec.columns))
    point[:2] = 4.0, 4.1
    point[pairs.multiplier[need]] = 1.0
    binaries = np.where(image.binaries == need, 1 - 1e-6, 1e-6)
    assert leak(image, point, 0.1) == pytest.approx(1)
    better = polished(image, np.concatenate([point, binaries]), threads=1)
    assert better[:2] == pytest.approx([4, 4], abs=1e-12)
    assert leak(image, better, 1e-12) < 1
    assert image.mpec.objective(better) == pytest.approx(-4)


def test_polishing_a_point_of_the_mpec_finds_its_pattern_first() -> None:
    image = compiled(purchase())
    answer = optimise(image, LIMITS)
    assert answer.point is not None
    moved = answer.point.copy()
    moved[:2] = 3.0, 3.0
    assert polished(image, moved, threads=1)[:2] == pytest.approx([4, 4])


def test_pattern_that_has_no_point_returns_the_point_as_it_was() -> None:
    """1 = need + lower has no solution with both at zero: the certificate is to judge the point."""
    image = compiled(targets())
    assert {image.mpec.complementarity.names[int(k)] for k in image.binaries} >= {"need", "lower bound of y"}
    point = np.zeros(len(image.mpec.columns) + len(image.binaries))
    assert np.array_equal(polished(image, point, threads=1), point[: len(image.mpec.columns)])


def test_point_returned_is_complementary_and_the_bound_is_proven() -> None:
    answer = optimise(compiled(purchase()), LIMITS)
    assert answer.status == "optimal"
    assert answer.point is not None
    assert answer.objective == pytest.approx(-4)
    assert answer.bound <= answer.objective + 1e-9
    assert answer.bound == pytest.approx(-4)
    assert leak(compiled(purchase()), answer.point, 1e-9) < 1


def test_tangents_close_the_gap_of_a_quadratic_leader() -> None:
    """x^2 + (x - 1.3)^2 is least at x = 0.65: 2 * 0.4225."""
    answer = optimise(compiled(targets()), LIMITS)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(0.845, abs=1e-6)
    assert 0 <= answer.objective - answer.bound <= 1e-6
    assert answer.point is not None
    assert answer.point[:2] == pytest.approx([0.65, 1.35], abs=1e-3)


def test_tangents_see_products_of_leader_and_follower_columns() -> None:
    """Adding x y, still convex: with y = 2 - x that is 2 x^2 - 2.6 x + 1.69 + 2 x - x^2 = x^2 - 0.6 x + 1.69: 1.6."""
    answer = optimise(compiled(targets(**{"x*y": 1})), LIMITS)
    assert answer.objective == pytest.approx(1.6, abs=1e-5)
    assert answer.objective - answer.bound <= 1e-6 * 1.6


def test_tangents_with_an_integer_leader() -> None:
    """F = x^2 + (x - 1.3)^2 is 1.09 at x = 1 and 1.69 at x = 0."""
    program = game(
        {"leader": ("min", {"x*x": 1, "x": -2.6, "y*y": 1, "y": -4, "": 5.69}), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 4), "y": ("f", 0, 9)},
        {"need": ("f", {"y": 1, "x": 1}, 2, INF)},
        integer=("x",),
    )
    answer = optimise(compiled(program), LIMITS)
    assert answer.objective == pytest.approx(1.09)
    assert answer.objective - answer.bound <= 1.1e-6


def open_ended(weight: float, price: float) -> BilevelProgram:
    """Min w x^2 - p x over all x, and a follower of its own: the optimum is -p^2 / (4 w) at p / (2 w)."""
    return game(
        {"leader": ("min", {"x*x": weight, "x": -price}), "f": ("min", {"y": 1})},
        {"x": ("leader", -INF, INF), "y": ("f", 0, 9)},
        {"need": ("f", {"y": 1}, 2, INF)},
    )


@pytest.mark.parametrize(("weight", "price"), [(1.0, 2.6), (1.0, -2e3), (1e-3, 40.0)])
def test_tangents_close_the_gap_over_an_infinite_range(weight: float, price: float) -> None:
    best = -(price**2) / (4 * weight)
    answer = optimise(compiled(open_ended(weight, price)), LIMITS)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best, rel=2e-6)
    assert answer.bound <= best + 1e-6 * abs(best)


def test_far_optimum_is_not_called_unbounded() -> None:
    """1e-6 x^2 - 10 x is least at 5e6, where the first tangents, at 1e6, are still too flat: -2.5e7."""
    answer = optimise(compiled(open_ended(1e-6, 10.0)), LIMITS)
    assert answer.objective == pytest.approx(-2.5e7, rel=1e-5)
    assert -INF < answer.bound <= answer.objective
    assert answer.status in ("optimal", "limit")


def test_objective_that_falls_forever_is_unbounded() -> None:
    """Min x^2 - z with z >= 0 free to grow."""
    program = game(
        {"leader": ("min", {"x*x": 1, "z": -1}), "f": ("min", {"y": 1})},
        {"x": ("leader", -1, 1), "z": ("leader", 0, INF), "y": ("f", 0, 9)},
        {},
    )
    assert optimise(compiled(program), LIMITS).status == "unbounded"


def test_start_fits_the_program_and_is_used() -> None:
    """The optimum (4, 4) with need = 1 gives a point of the program; with it the search has an incumbent at once."""
    image = compiled(purchase())
    pairs = image.mpec.complementarity
    start = np.zeros(len(image.mpec.columns))
    start[:2] = 4
    start[pairs.multiplier[list(pairs.names).index("need")]] = 1
    whole = np.concatenate([start, pattern_of(image, start)])
    rows = image.program.rows
    assert np.all(rows.activity(whole) <= rows.upper + 1e-9)
    assert np.all(rows.activity(whole) >= rows.lower - 1e-9)
    assert np.all((whole >= image.program.columns.lower) & (whole <= image.program.columns.upper))
    answer = optimise(image, LIMITS, start)
    assert answer.objective == pytest.approx(-4)


def test_start_with_a_quadratic_objective_lies_above_the_tangents() -> None:
    image = compiled(targets())
    found = optimise(image, LIMITS)
    assert found.point is not None
    program, parts = epigraph(image.program)
    whole = np.concatenate([found.point, pattern_of(image, found.point)])
    point = np.concatenate([whole, parts.weight * parts.roots(whole) ** 2])
    assert np.all(program.rows.activity(point) >= program.rows.lower - 1e-6)
    assert np.all(program.rows.activity(point) <= program.rows.upper + 1e-6)
    again = optimise(image, LIMITS, found.point)
    assert again.objective == pytest.approx(found.objective, abs=2e-6)


def test_no_time_at_all_ends_with_a_response_and_without_a_bound() -> None:
    image = compiled(targets())
    answer = optimise(image, Limits(time_limit=0.0, threads=1))
    assert (answer.status, answer.bound) == ("time_limit", -INF)
    assert answer.point is not None
    assert np.max(image.mpec.complementarity.slacks(answer.point)) >= 0
    assert answer.objective == pytest.approx(image.mpec.objective(answer.point))


def test_infeasible_program_has_an_infinite_bound() -> None:
    """The relaxation allows y = 3 / 2, but the follower answers 1 or 2 and the leader asks for 1.4 <= y <= 1.6."""
    program = game(
        {"leader": ("min", {"x": 1}), "f": ("min", {"x*y": 2, "y": -1})},
        {"x": ("leader", 0, 1), "y": ("f", 1, 2)},
        {"between": ("leader", {"y": 1}, 1.4, 1.6)},
        integer=("x",),
    )
    answer = optimise(compiled(program), LIMITS)
    assert (answer.status, answer.point, answer.bound) == ("infeasible", None, INF)


def switched() -> BilevelProgram:
    """Max 3 b - y over y in argmin { 2 y : y >= 1 + b }: strong duality is linear, since b is binary. F = 3 - 2."""
    return game(
        {"leader": ("max", {"b": 3, "y": -1}), "f": ("min", {"y": 2})},
        {"b": ("leader", 0, 1), "y": ("f", 0, 9)},
        {"need": ("f", {"y": 1, "b": -1}, 1, INF)},
        integer=("b",),
    )


@pytest.mark.parametrize("method", [KKT(), StrongDuality()])
def test_bounds_derived_from_the_data_assume_nothing(method: KKT | StrongDuality) -> None:
    image = compile_program(switched(), method, threads=1)
    assert image.assumes == ()
    assert optimise(image, LIMITS).objective == pytest.approx(-1)


@pytest.mark.parametrize("method", [KKT(complementarity=BigM(bounds=1.5)), StrongDuality(bounds=1.5)])
def test_bounds_given_are_assumed_whatever_the_method(method: KKT | StrongDuality) -> None:
    """2 = need + lower: a bound of 1.5 is tighter than the one that can be derived, and wrong."""
    image = compile_program(switched(), method, 1.5, threads=1)
    assert len(image.assumes) >= 1
    assert image.assumes[0].startswith("multiplier bound given, not derived: need <= 1.5")


def test_given_bounds_that_are_not_tighter_are_not_assumed() -> None:
    assert compile_program(switched(), StrongDuality(), 100.0, threads=1).assumes == ()


def test_given_bound_of_one_row_is_the_only_one_named() -> None:
    """The range (0, 1.8) of the row at position 0; the rest is derived."""
    image = compile_program(switched(), KKT(), {0: (0.0, 1.8)}, threads=1)
    assert image.assumes[0] == "multiplier bound given, not derived: need <= 1.8"
