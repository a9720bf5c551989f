from __future__ import annotations

import numpy as np
import pytest

from reformulations.bounds import INTERVAL, Bounds, Source
from reformulations.canonical import Canonical
from reformulations.indicator import Indicator
from reformulations.kkt import KKT
from reformulations.programs import MPEC
from reformulations.sos1 import SOS1
from reformulations.spatial import Indicators, SpatialProgram
from tests.certificate.games import INF, game


def purchase() -> MPEC:
    """Min y over y >= x : need, 0 <= y <= 10 : lower, upper.

    The columns are x, y and the multipliers of need, lower bound and upper bound; the slacks y - x, y and 10 - y.
    """
    program = game(
        {"leader": ("max", {"x": 2, "y": -1}), "f": ("min", {"y": 1})},
        {"x": ("leader", 0, 4), "y": ("f", 0, 10)},
        {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
    )
    return KKT().apply(Canonical().apply(program).program).program


def test_each_pair_is_a_multiplier_and_a_slack_of_which_one_is_zero() -> None:
    """The lower bound's slack is y itself; y - x - s == 0 and -y - t == -10 define the other two."""
    mpec = purchase()
    image = SOS1(Bounds.unknown(mpec)).apply(mpec).program
    names = list(image.columns.names)
    assert names == [
        "x",
        "y",
        "multiplier of need",
        "multiplier of lower bound of y",
        "multiplier of upper bound of y",
        "slack of need",
        "slack of upper bound of y",
    ]
    assert [(names[a], names[b]) for a, b in image.exclusive.tolist()] == [
        ("multiplier of need", "slack of need"),
        ("multiplier of lower bound of y", "y"),
        ("multiplier of upper bound of y", "slack of upper bound of y"),
    ]
    assert image.rows.matrix.toarray()[-2:].tolist() == [[-1, 1, 0, 0, 0, -1, 0], [0, -1, 0, 0, 0, 0, -1]]
    assert image.rows.lower[-2:].tolist() == image.rows.upper[-2:].tolist() == [0, -10]
    assert (image.columns.lower[-2:].tolist(), image.columns.upper[-2:].tolist()) == ([0, 0], [INF, INF])


def test_the_binary_of_a_pair_says_which_side_is_zero() -> None:
    """Three binaries a, b, c: a == 1 says y - x <= 0, a == 0 says its multiplier <= 0; b + c <= 1."""
    mpec = purchase()
    image = Indicator(Bounds.unknown(mpec)).apply(mpec).program
    assert image.columns.integer.tolist() == [False] * 5 + [True] * 3
    switches = image.indicators
    assert switches.binary.tolist() == [5, 6, 7, 5, 6, 7]
    assert switches.value.tolist() == [True] * 3 + [False] * 3
    assert switches.matrix.toarray()[:, :5].tolist() == [
        [-1, 1, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, -1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    assert switches.upper.tolist() == [0, 0, -10, 0, 0, 0]
    assert image.rows.matrix.toarray()[-1].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert image.rows.upper[-1] == 1


@pytest.mark.parametrize("encoding", [SOS1, Indicator])
def test_a_pair_that_its_bounds_decide_needs_nothing(encoding: type[SOS1 | Indicator]) -> None:
    """need always active, the upper bound's multiplier always zero: only the lower bound is a pair."""
    mpec = purchase()
    bounds = Bounds.unknown(mpec).tightened(np.zeros(3), np.array([5.0, 5.0, 0.0]), INTERVAL, Source.DERIVED)
    bounds = bounds.with_slacks(np.array([0.0, 10.0, 10.0]))
    reduced = encoding(bounds).apply(mpec)
    image = reduced.program
    assert len(image.exclusive) + len(image.indicators) / 2 == 1
    assert image.columns.upper[2:5].tolist() == [5, 5, 0]
    (active,) = [i for i, name in enumerate(image.rows.names) if name == "always active need"]
    assert image.rows.upper[active] == 0
    point = np.arange(float(len(image.columns)))
    assert reduced.recover(point).tolist() == [0, 1, 2, 3, 4]


def test_programs_of_the_wrong_shape_are_refused() -> None:
    image = SOS1(Bounds.unknown(purchase())).apply(purchase()).program
    with pytest.raises(ValueError, match="cost has shape"):
        SpatialProgram(image.columns, image.rows, np.zeros(2))
    with pytest.raises(ValueError, match="expected pairs"):
        SpatialProgram(image.columns, image.rows, image.cost, exclusive=np.zeros((2, 3), np.int64))
    with pytest.raises(ValueError, match="1 binaries, 1 values and 3 rows"):
        Indicators(np.zeros(1, np.int64), np.ones(1, bool), image.rows.matrix[:3], np.zeros(1))
