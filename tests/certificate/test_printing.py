"""Numbers as a person reads them."""

from __future__ import annotations

import math

import pytest

from bilevel.printing import interval, number, residual


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.0, "0"),
        (1 / 3, "0.33333333"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "unbounded"),
        (-math.inf, "-unbounded"),
    ],
)
def test_numbers_have_eight_digits_and_no_negative_zero(value: float | None, said: str) -> None:
    assert number(value) == said


def test_intervals_are_open_where_they_have_no_end() -> None:
    assert interval(-0.0, math.inf) == "[0, infinity)"
    assert interval(-math.inf, 2.5) == "(-infinity, 2.5]"


def test_residuals_below_rounding_are_zero() -> None:
    assert (residual(3e-15), residual(-2e-7), residual(None)) == ("0", "-2.0e-07", "-")
