from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.testing.optima import branch, least
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import MPEC, BilevelProgram
from reformulations.slater import slater_program, slater_row
from tests.certificate.games import INF, game

CHEAP = ("min", {"x": 1})
SMALL = st.integers(-3, 3)


def kkt_of(program: BilevelProgram) -> MPEC:
    return KKT().apply(Canonical().apply(program).program).program


def delivery() -> MPEC:
    """Min 3 y s.t. y == x : e, 0 <= y <= 5 : a, b over 1 <= x <= 2."""
    return kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 1, 2), "y": ("f", 0, 5)},
            {"deliver": ("f", {"y": 1, "x": -1}, 0, 0)},
        )
    )


def test_policy_follows_the_leader_through_the_equality() -> None:
    """The only policy is y0 = x. Its margins are min x = 1 and 5 - max x = 3.

    The scales 1 + |offset| are 1 and 6; the margin of the lower bound stops at its scale.
    """
    mpec = delivery()
    search = slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert search is not None
    assert search.followed.tolist() == [0]
    assert search.own.tolist() == [1]
    program = search.program
    value, point = least(program.cost, program.rows, program.columns)
    assert value == pytest.approx(-1 / 1 - 3 / 6)
    assert point[:4] == pytest.approx([0, 1, 1, 3])


def test_row_bounds_the_multipliers_of_inequalities() -> None:
    """Half of the margins (1, 3) is claimed: a / 2 + 3 b / 2 <= 3 (y0(x) - y) = 3 x - 3 y."""
    mpec = delivery()
    search = slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert search is not None
    row = slater_row(mpec, search, least(search.program.cost, search.program.rows, search.program.columns)[1])
    assert row is not None
    assert list(mpec.columns.names)[2:] == [
        "multiplier of deliver", "multiplier of lower bound of y", "multiplier of upper bound of y"
    ]  # fmt: skip
    assert row.matrix.toarray()[0] == pytest.approx([-3, 3, 0, 0.5, 1.5])
    assert row.upper == pytest.approx([0])
    assert len(row.products) == 0


def test_price_of_the_leader_makes_products() -> None:
    """Min x y s.t. y in [0, 2], x in [-1, 1]: y0 = 1 by symmetry of the margins up to their scales 1 and 3.

    max min(p, 1) + min(2 - p, 3) / 3 takes p = 1: half margins 1/2 each. Row: a / 2 + b / 2 <= x (1 - y).
    """
    mpec = kkt_of(game({"leader": CHEAP, "f": ("min", {"x*y": 1})}, {"x": ("leader", -1, 1), "y": ("f", 0, 2)}, {}))
    search = slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert search is not None
    assert len(search.followed) == 0
    row = slater_row(mpec, search, least(search.program.cost, search.program.rows, search.program.columns)[1])
    assert row is not None
    assert row.matrix.toarray()[0] == pytest.approx([-1, 0, 0.5, 0.5])
    assert (row.products.left.tolist(), row.products.right.tolist()) == ([0], [1])
    assert row.products.value.tolist() == [1]


def test_unbounded_leader_has_no_policy() -> None:
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 0, INF), "y": ("f", 0, INF)},
            {"need": ("f", {"y": 1, "x": -1}, 0, INF)},
        )
    )
    assert slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper) is None


def test_follower_without_room_has_no_row() -> None:
    """Here y == x between 0 and x leaves no margin anywhere: 0 <= y is tight at x = 0, y <= x always."""
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", {"y": 3})},
            {"x": ("leader", 0, 2), "y": ("f", 0, INF)},
            {"deliver": ("f", {"y": 1, "x": -1}, 0, 0), "limit": ("f", {"y": 1, "x": -1}, -INF, 0)},
        )
    )
    search = slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert search is not None
    solution = least(search.program.cost, search.program.rows, search.program.columns)[1]
    assert slater_row(mpec, search, solution) is None


@settings(max_examples=25)
@given(st.data())
def test_row_holds_at_every_optimality_point(data: st.DataObject) -> None:
    """Followers with an equality that moves with x and v, inequalities, bounds, prices and a square."""
    draw = {name: float(data.draw(SMALL)) for name in ("y", "z", "x*y", "v*z", "x*z")}
    mpec = kkt_of(
        game(
            {"leader": CHEAP, "f": ("min", draw | {"y*y": float(data.draw(st.sampled_from([0, 1])))})},
            {"x": ("leader", -1, 2), "v": ("leader", 0, 1), "y": ("f", -6, 8), "z": ("f", -9, 9)},
            {
                "equal": ("f", {"y": 1, "z": float(data.draw(SMALL)), "x": 1, "v": -2}, 1, 1),
                "less": ("f", {"y": float(data.draw(SMALL)), "z": 1, "x": float(data.draw(SMALL))}, -INF, 6),
            },
        )
    )
    search = slater_program(mpec, 1, mpec.columns.lower, mpec.columns.upper)
    assert search is not None
    value, solution = least(search.program.cost, search.program.rows, search.program.columns)
    if value == INF:
        return
    row = slater_row(mpec, search, solution)
    if row is None:
        return
    cost = np.array([float(data.draw(SMALL)) for _ in range(len(mpec.columns))])
    for decision in ((-1, 0), (2, 1)):
        point = at_decision(mpec, cost, np.array(decision))
        if len(point):
            assert row.activity(point)[0] <= row.upper[0] + 1e-6


def at_decision(mpec: MPEC, cost: np.ndarray, decision: np.ndarray) -> np.ndarray:
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    lower[: len(decision)] = upper[: len(decision)] = decision
    multiplier = mpec.complementarity.multiplier
    upper[multiplier], lower[multiplier] = 1e3, np.maximum(lower[multiplier], -1e3)
    return branch(replace(mpec, cost=cost, columns=replace(mpec.columns, lower=lower, upper=upper)))[1]
