"""Large coefficients of integers that only switch rows off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.read import read
from bilevel.testing import Game, assert_reformulates, declare, games
from reformulations.follower_products import FollowerProducts
from reformulations.programs import BilevelProgram
from reformulations.switched_rows import SwitchedRows
from tests.problems.declaring import game, maximise, minimise, rows
from tests.stress.odd_games import switched


def gated(*relations: Any, bounds: tuple[float | None, float | None] = (0, 5)) -> BilevelProgram:
    """max y, with relations of x in {0, 1}, z in 1..3 and y."""
    m = game("gate")
    m.x, m.z = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Integers, bounds=(1, 3))
    m.follower.y = pyo.Var(bounds=bounds)
    rows(m.follower, *(relation(m.x, m.z, m.follower.y) for relation in relations))
    maximise(m.follower, m.follower.y)
    minimise(m, m.x + m.z)
    return read(m).program


@pytest.mark.parametrize(
    ("relation", "row", "side"),
    [
        # y <= 1e9 x: at x = 0 it takes 5 away; 2 * 5 leave room at x = 1
        (lambda x, _, y: y <= 1e9 * x, (-10, 0, 1), 0),
        # y <= 2 at x = 1 takes 3 away: y + 6 x <= 2 + 6
        (lambda x, _, y: y <= 2 + 1e9 * (1 - x), (6, 0, 1), 8),
        # y >= 4 at x = 0, that is -y <= -4 + ..., takes 4 away: y + 8 x >= 4
        (lambda x, _, y: y >= 4 - 1e9 * x, (8, 0, 1), 4),
        # y <= 1 at z = 1, gone at 2 and 3: y - 8 z <= 1 - 8
        (lambda _, z, y: y <= 1 + 1e9 * (z - 1), (0, -8, 1), -7),
        # y <= 1 where x = 0 and z = 3
        (lambda x, z, y: y <= 1 + 1e9 * x + 1e8 * (3 - z), (-8, 8, 1), 25),
    ],
)
def test_coefficients_are_twice_what_the_row_takes_away(relation: Any, row: tuple[float, ...], side: float):
    image = SwitchedRows().apply(gated(relation)).program.rows
    found = image.matrix.toarray()[0]
    sides = found[-1] * np.array([image.lower[0], image.upper[0]])
    assert found[-1] * found == pytest.approx(np.array(row))
    assert sides[np.isfinite(sides)] == pytest.approx([side])


@pytest.mark.parametrize(
    "relation",
    [
        lambda x, _, y: y <= 100 * x,  # no large coefficient
        lambda x, _, y: y == 1e9 * x,  # never off
        lambda x, _, y: (-1e9, y - 1e9 * x, 0),  # two sides
        lambda x, _, y: 1e9 * y <= 1e9 * x,  # large throughout
        lambda x, _, y: y <= 7 + 1e9 * x,  # says nothing
    ],
)
def test_other_rows_stay(relation: Any):
    source = gated(relation)
    assert SwitchedRows().apply(source).program is source


def test_room_comes_from_other_rows_that_stay():
    """0 <= y has no upper bound, y <= 4 + z <= 7 is a row: y <= 1e9 x takes 7 away."""
    source = gated(lambda x, _, y: y <= 1e9 * x, lambda _, z, y: y <= 4 + z, bounds=(0, None))
    assert SwitchedRows().apply(source).program.rows.matrix.toarray()[0] == pytest.approx(np.array([-14, 0, 1]))


def test_two_switched_rows_do_not_vouch_for_each_other():
    """y <= 1e9 x and y <= 1e9 x + 2 bound y nowhere else: at x = 1 it may have all of 1e9, and nothing is changed."""
    source = gated(lambda x, _, y: y <= 1e9 * x, lambda x, _, y: y <= 1e9 * x + 2, bounds=(0, None))
    assert SwitchedRows().apply(source).program is source


@st.composite
def with_switches(draw: Any) -> Game:
    """Games of one or two followers, with one to three rows that an integer switches."""
    drawn: Game = draw(games(binary=True) | games(followers=2, binary=True) | games(open_ends=False))
    for _ in range(draw(st.integers(1, 3))):
        drawn = switched(draw, drawn)
    return drawn


def test_it_reformulates():
    few = settings(max_examples=40, derandomize=True, database=None, deadline=None)
    assert_reformulates(SwitchedRows(), after=(FollowerProducts(),), on=with_switches(), how=few)


@settings(max_examples=50)
@given(with_switches())
def test_applied_twice_it_changes_nothing_more(drawn: Game):
    once = SwitchedRows().apply(read(declare(drawn)).program).program
    assert SwitchedRows().apply(once).program is once
