from __future__ import annotations

import pytest

from bilevel import methods
from bilevel.compiler.hopeless import refuse_hopeless_followers
from bilevel.compiler.pipeline import compile_program
from bilevel.errors import InfeasibleFollower, UnboundedFollower
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.programs import BilevelProgram
from tests.certificate.games import INF, game

LEADER = {"leader": ("min", {"x": 1.0})}
X = {"x": ("leader", 0.0, 1.0)}


def refuse(program: BilevelProgram) -> None:
    refuse_hopeless_followers(KKT().apply(Canonical().apply(program).program).program, program.players, threads=1)


def test_follower_whose_rows_contradict_its_bounds_is_named() -> None:
    """Here y + x >= 5 with y <= 1 and x <= 1: no response at any decision."""
    program = game(
        LEADER | {"good": ("min", {"z": 1}), "bad": ("min", {"y": 1})},
        X | {"y": ("bad", 0, 1), "z": ("good", 0, 1)},
        {"need": ("bad", {"y": 1, "x": 1}, 5, INF)},
    )
    with pytest.raises(InfeasibleFollower, match=r"^bad: its own rows cannot all hold"):
        refuse(program)
    with pytest.raises(InfeasibleFollower, match=r"^bad: "):
        compile_program(program, methods.KKT(), threads=1)


def test_follower_of_contradicting_equalities_is_named() -> None:
    """Here y == 1 and y == 2."""
    rows = {"one": ("f", {"y": 1.0}, 1.0, 1.0), "two": ("f", {"y": 1.0}, 2.0, 2.0)}
    with pytest.raises(InfeasibleFollower, match=r"^f: "):
        refuse(game(LEADER | {"f": ("min", {"y": 1})}, X | {"y": ("f", -INF, INF)}, rows))


def test_follower_whose_objective_always_falls_is_named() -> None:
    """Min -y over y >= 0: -1 = lower, and lower >= 0."""
    program = game(LEADER | {"f": ("min", {"y": -1})}, X | {"y": ("f", 0, INF)}, {})
    with pytest.raises(UnboundedFollower, match=r"^f: its objective is unbounded"):
        refuse(program)
    with pytest.raises(UnboundedFollower, match=r"^f: "):
        compile_program(program, methods.KKT(), threads=1)


def test_column_that_nothing_bounds_is_named() -> None:
    """Min y - z with z free: -1 = 0. With a price x - 2 on z, x <= 1, the same at every decision."""
    for price in ({"z": -1.0}, {"z": -2.0, "x*z": 1.0}):
        program = game(LEADER | {"f": ("min", {"y": 1.0} | price)}, X | {"y": ("f", 0, 1), "z": ("f", -INF, INF)}, {})
        with pytest.raises(UnboundedFollower, match=r"^z: the objective of its follower is unbounded in it"):
            refuse(program)


def test_followers_that_can_respond_at_some_decision_are_left_alone() -> None:
    """Here y >= 2 x, y <= 1 holds at x <= 1/2; (x - 1/2) z over z >= 0 is bounded at x >= 1/2; v^2 - v always is."""
    refuse(
        game(
            LEADER | {"f": ("min", {"y": 1}), "g": ("min", {"x*z": 1, "z": -0.5}), "h": ("min", {"v*v": 1, "v": -1})},
            X | {"y": ("f", 0, 1), "z": ("g", 0, INF), "v": ("h", -INF, INF)},
            {"need": ("f", {"y": 1, "x": -2}, 0, INF)},
        )
    )
