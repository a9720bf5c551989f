from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bilevel.testing.optima import optimum
from reformulations.big_m import LARGEST_M, BigM, binaries_of
from reformulations.bounds import USER, Bounds, Source
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import MPEC
from tests.certificate.games import INF, game


def purchase(low: float = 0.0, high: float = 10.0) -> MPEC:
    """Min 3 y s.t. y - x >= 0 : need, low <= y <= high, with the columns x, y, need, lower, upper."""
    program = game(
        {"leader": ("min", {"x": -1, "y": 0.5}), "f": ("min", {"y": 3})},
        {"x": ("leader", 0, 4), "y": ("f", low, high)},
        {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
    )
    return KKT().apply(Canonical().apply(program).program).program


def bounds_of(mpec: MPEC, multipliers: list[float], slacks: list[float]) -> Bounds:
    count = len(mpec.complementarity)
    return Bounds.unknown(mpec).tightened(np.zeros(count), np.array(multipliers), USER).with_slacks(np.array(slacks))


def test_each_pair_has_a_binary_and_two_rows_and_opposite_sides_exclude_each_other() -> None:
    """Multipliers up to 3, 4, 5, slacks up to 6, 7, 8; binaries b1, b2, b3 behind x, y, need, lower, upper::

    need <= 3 b1,  lower <= 4 b2,  upper <= 5 b3
    y - x <= 6 (1 - b1),   y <= 7 (1 - b2),   10 - y <= 8 (1 - b3),   b2 + b3 <= 1
    """
    mpec = purchase()
    reduced = BigM(bounds_of(mpec, [3, 4, 5], [6, 7, 8])).apply(mpec)
    image, first = reduced.program, len(mpec.rows)
    assert image.rows.matrix.toarray()[first:].tolist() == [
        [0, 0, 1, 0, 0, -3, 0, 0],
        [0, 0, 0, 1, 0, 0, -4, 0],
        [0, 0, 0, 0, 1, 0, 0, -5],
        [-1, 1, 0, 0, 0, 6, 0, 0],
        [0, 1, 0, 0, 0, 0, 7, 0],
        [0, -1, 0, 0, 0, 0, 0, 8],
        [0, 0, 0, 0, 0, 0, 1, 1],
    ]
    assert image.rows.upper[first:].tolist() == [0, 0, 0, 6, 7, -2, 1]
    assert np.all(image.rows.lower[first:] == -INF)
    assert image.columns.upper.tolist() == [4, 10, 3, 4, 5, 1, 1, 1]
    assert image.columns.integer.tolist() == [False] * 5 + [True] * 3
    assert list(image.columns.names)[5:] == ["active need", "active lower bound of y", "active upper bound of y"]
    assert image.cost.tolist() == [-1, 0.5, 0, 0, 0, 0, 0, 0]
    assert reduced.recover(np.arange(8.0)).tolist() == [0, 1, 2, 3, 4]
    assert reduced.assumes == ()


def test_zero_bounds_need_no_binary() -> None:
    """A multiplier of at most 0 is fixed; a slack of at most 0 says y - x <= 0: the row is always active."""
    mpec = purchase()
    bounds = bounds_of(mpec, [3, 4, 0], [0, 7, 8])
    image = BigM(bounds).apply(mpec).program
    first = len(mpec.rows)
    assert binaries_of(mpec, bounds).tolist() == [1]
    assert image.columns.upper.tolist() == [4, 10, 3, 4, 0, 1]
    assert image.rows.matrix.toarray()[first:].tolist() == [
        [0, 0, 0, 1, 0, -4],
        [0, 1, 0, 0, 0, 7],
        [-1, 1, 0, 0, 0, 0],
    ]
    assert image.rows.upper[first:].tolist() == [0, 7, 0]


def test_both_bounds_zero_leave_the_multiplier_at_zero_and_the_slack_alone() -> None:
    """Nothing but the column's upper bound is needed: 0 times any slack is 0."""
    mpec = purchase()
    image = BigM(bounds_of(mpec, [0, 4, 5], [0, 7, 8])).apply(mpec).program
    assert not any("always active" in name for name in image.rows.names)
    assert image.columns.upper[2] == 0


def test_infinite_bound_beside_a_zero_one_is_no_obstacle() -> None:
    """Multiplier 0 with any slack, slack 0 with any multiplier."""
    mpec = purchase()
    image = BigM(bounds_of(mpec, [0, INF, 5], [INF, 0, 8])).apply(mpec).program
    assert image.columns.integer.sum() == 1
    assert image.columns.upper.tolist() == [4, 10, 0, INF, 5, 1]


def test_sides_at_zero_distance_may_be_active_together() -> None:
    """0 <= z <= 0 written as two inequalities: both multipliers may be positive, so no row excludes it."""
    mpec = purchase(0, 10)
    offset = mpec.complementarity.offset.copy()
    offset[2] = 0.0
    touching = replace(mpec, complementarity=replace(mpec.complementarity, offset=offset))
    image = BigM(bounds_of(touching, [3, 4, 5], [6, 7, 8])).apply(touching).program
    assert not any(name.startswith("one side") for name in image.rows.names)


def test_excluding_row_needs_both_binaries() -> None:
    mpec = purchase()
    image = BigM(bounds_of(mpec, [3, 4, 0], [6, 7, 8])).apply(mpec).program
    assert not any(name.startswith("one side") for name in image.rows.names)


def test_optimum_is_that_of_the_mpec() -> None:
    """Here y = x, so F = -x / 2: -2 at x = 4; with slacks of y up to 4 and up to 10."""
    mpec = purchase()
    image = BigM(bounds_of(mpec, [3, 3, 0], [4, 4, 10])).apply(mpec).program
    assert optimum(mpec)[0] == pytest.approx(-2)
    assert optimum(image)[0] == pytest.approx(-2)


def test_largest_m_is_accepted() -> None:
    mpec = purchase()
    image = BigM(bounds_of(mpec, [LARGEST_M] * 3, [LARGEST_M] * 3)).apply(mpec).program
    assert image.columns.upper[2] == LARGEST_M


def test_assumptions_are_not_repeated_by_the_pass() -> None:
    """They are of the bounds, whatever is written with them: :func:`reformulations.bounds.assumptions` names them."""
    mpec = purchase()
    given_ = replace(bounds_of(mpec, [3, 4, 5], [6, 7, 8]), source=np.full(3, int(Source.GIVEN)))
    assert BigM(given_).apply(mpec).assumes == ()
