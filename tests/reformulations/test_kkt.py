from __future__ import annotations

import numpy as np

from bilevel.testing.optima import branch
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import MPEC, BilevelProgram
from tests.certificate.games import INF, game


def kkt_of(program: BilevelProgram) -> MPEC:
    return KKT().apply(Canonical().apply(program).program).program


def test_follower_becomes_rows_stationarity_and_pairs() -> None:
    """Min y^2 - x y + 3 y  s.t.  y + x >= 2 : a,  y == z : e,  y <= 9 : b, and the leader's x + y <= 8.

    Columns x, y, z, a, e, b; z is the follower's as well. Rows::

        x + y <= 8,   x + y >= 2,   y - z == 0
        stationarity of y:  2 y - x - a - e + b == -3
        stationarity of z:  e == 0
    """
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1, "y": 2, "": 4}), "f": ("min", {"y*y": 1, "x*y": -1, "y": 3})},
            {"x": ("leader", 0, 1), "y": ("f", -INF, 9), "z": ("f", -INF, INF)},
            {
                "budget": ("leader", {"x": 1, "y": 1}, -INF, 8),
                "need": ("f", {"y": 1, "x": 1}, 2, INF),
                "copy": ("f", {"y": 1, "z": -1}, 0, 0),
            },
        )
    )
    assert list(mpec.columns.names)[3:] == [
        "multiplier of need",
        "multiplier of copy",
        "multiplier of upper bound of y",
    ]
    assert mpec.columns.lower.tolist() == [0, -INF, -INF, 0, -INF, 0]
    assert mpec.columns.upper.tolist() == [1, 9, INF, INF, INF, INF]
    assert mpec.rows.matrix.toarray().tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 1, -1, 0, 0, 0],
        [-1, 2, 0, -1, -1, 1],
        [0, 0, 0, 0, 1, 0],
    ]
    assert mpec.rows.lower.tolist() == [-INF, 2, 0, -3, 0]
    assert mpec.rows.upper.tolist() == [8, INF, 0, -3, 0]
    assert list(mpec.rows.names) == ["budget", "need", "copy", "stationarity of y", "stationarity of z"]
    assert mpec.cost.tolist() == [1, 2, 0, 0, 0, 0]
    assert mpec.constant == 4
    assert mpec.stationarity.row.tolist() == [3, 4]
    assert mpec.stationarity.column.tolist() == [1, 2]


def test_pairs_refer_to_their_rows_and_to_bounds_of_columns() -> None:
    """Min y, y - x >= 0 : a, 1 <= y <= 9 : b, c: slacks y - x, y - 1, 9 - y; only the first has a row."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y": 1})},
            {"x": ("leader", 0, 5), "y": ("f", 1, 9)},
            {"first": ("leader", {"x": 1}, -INF, 4), "need": ("f", {"y": 1, "x": -1}, 0, INF)},
        )
    )
    pairs = mpec.complementarity
    assert pairs.slack.toarray().tolist() == [[-1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, -1, 0, 0, 0]]
    assert pairs.offset.tolist() == [0, 1, -9]
    assert pairs.multiplier.tolist() == [2, 3, 4]
    assert pairs.row.tolist() == [1, -1, -1]
    assert pairs.opposite.tolist() == [-1, 2, 1]
    assert pairs.slacks(np.array([3, 4, 0, 0, 0.0])).tolist() == [1, 3, 5]


def test_multiplier_that_is_a_variable_is_defined_by_a_row() -> None:
    """Here price - a + b == 0 for the two sides a, b of 1 <= y <= 2."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y": 1})},
            {"x": ("leader", 0, 5), "price": ("leader", 0, 9), "y": ("f", -INF, INF)},
            {"both": ("f", {"y": 1}, 1, 2)},
            stands_for={"price": "both"},
        )
    )
    assert mpec.rows.matrix.toarray()[-1].tolist() == [0, 1, 0, -1, 1]
    assert mpec.rows.names[-1] == "definition of price"
    assert mpec.aliases.matrix.toarray().tolist() == [[0, 0, 0, 1, -1]]


def test_follower_without_rows_is_its_stationarity() -> None:
    """Min y^2 - 2 x y over all y: the only row is 2 y - 2 x == 0, and there is no pair."""
    mpec = kkt_of(
        game(
            {"leader": ("min", {"x": 1}), "f": ("min", {"y*y": 1, "x*y": -2})},
            {"x": ("leader", 3, 5), "y": ("f", -INF, INF)},
            {},
        )
    )
    assert mpec.rows.matrix.toarray().tolist() == [[-2, 2]]
    assert len(mpec.complementarity) == 0
    assert branch(mpec)[1].tolist() == [3, 3]


def test_followers_that_see_each_other_make_a_nash_equilibrium() -> None:
    """Cournot: each max (12 - q1 - q2) q - c q with c = 0 and 3.

    12 - 2 q1 - q2 = 0 and 9 - q1 - 2 q2 = 0: q1 = 5, q2 = 2.
    """
    mpec = kkt_of(
        game(
            {
                "leader": ("min", {"x": 1}),
                "one": ("max", {"q1": 12, "q1*q1": -1, "q1*q2": -1}),
                "two": ("max", {"q2": 9, "q2*q2": -1, "q1*q2": -1}),
            },
            {"x": ("leader", 0, 5), "q1": ("one", 0, INF), "q2": ("two", 0, INF)},
            {},
        )
    )
    assert np.allclose(branch(mpec)[1][1:3], [5, 2])
