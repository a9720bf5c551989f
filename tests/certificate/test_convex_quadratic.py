"""Equivalent forms of a quadratic program, its tangent, and its recession."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilevel.solvers.highs import PersistentHighs
from reformulations.convex_quadratic import mirrored, recession, sign_patterns
from reformulations.responses import linearised
from tests.certificate.games import INF, mixed_integer_program

PROGRAM = mixed_integer_program(
    {"x*x": 1, "x*y": -1, "y*y": 2, "x": -3, "y": 1, "": 4},
    {"x": (-1, 5), "y": (0, INF)},
    {"r": ({"x": 1, "y": 2}, 0, 6)},
)
signs = st.tuples(st.sampled_from([-1.0, 1.0]), st.sampled_from([-1.0, 1.0])).map(np.array)
points = st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(np.array)


@given(signs, points)
def test_mirrored_program_has_the_same_values_and_rows_at_the_mirrored_point(turn: np.ndarray, z: np.ndarray) -> None:
    image = mirrored(PROGRAM, turn)
    assert image.objective(turn * z) == pytest.approx(PROGRAM.objective(z))
    assert image.rows.activity(turn * z) == pytest.approx(PROGRAM.rows.activity(z))
    inside = np.all((PROGRAM.columns.lower <= z) & (z <= PROGRAM.columns.upper))
    assert inside == np.all((image.columns.lower <= turn * z) & (turn * z <= image.columns.upper))


@given(points, points)
def test_tangent_touches_at_its_point_and_stays_below(at: np.ndarray, z: np.ndarray) -> None:
    tangent = linearised(PROGRAM, at)
    assert tangent.objective(at) == pytest.approx(PROGRAM.objective(at), abs=1e-9)
    assert tangent.objective(z) <= PROGRAM.objective(z) + 1e-9


@pytest.mark.parametrize(
    ("upper", "cost", "falls"),
    [(INF, -1.0, True), (INF, 1.0, False), (4.0, -1.0, False)],
)
def test_recession_falls_exactly_when_the_program_is_unbounded(upper: float, cost: float, falls: bool) -> None:  # noqa: FBT001
    """Program min (x - y)^2 + c (x + y): flat along x = y, which 0 <= x <= upper ends or not."""
    program = mixed_integer_program(
        {"x*x": 1, "y*y": 1, "x*y": -2, "x": cost, "y": cost}, {"x": (0, upper), "y": (0, INF)}, {}
    )
    steepest = PersistentHighs(recession(program)).solve()
    assert steepest.objective is not None
    assert (steepest.objective < -1e-6) == falls


def test_sign_patterns_differ() -> None:
    patterns = sign_patterns(6)
    assert len({tuple(pattern) for pattern in patterns}) == len(patterns)
    assert {abs(sign) for pattern in patterns for sign in pattern} == {1.0}
