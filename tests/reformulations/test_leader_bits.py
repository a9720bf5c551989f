"""A leader's integers by bits: worked by hand."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from bilevel.language.read import read
from reformulations.arrays import Columns, Names
from reformulations.bits import Bits
from reformulations.follower_products import FollowerProducts
from reformulations.leader_bits import LeaderBits
from reformulations.programs import BilevelProgram


def game(lower: int = -1, upper: int = 4) -> BilevelProgram:
    """Row y + x y <= 6 and cost (2 - x) y of a follower with 0 <= y <= 5, x an integer of the leader."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.Integers, bounds=(lower, upper))
    m.f = bl.Follower()
    m.f.y = pyo.Var(bounds=(0, 5))
    m.f.cap = pyo.Constraint(expr=m.f.y + m.x * m.f.y <= 6)
    m.f.cost = pyo.Objective(expr=(2 - m.x) * m.f.y)
    m.goal = pyo.Objective(expr=m.x + m.f.y)
    return read(m).program


@pytest.mark.parametrize(("lower", "upper", "count"), [(-1, 4, 3), (0, 7, 3), (0, 8, 4), (3, 5, 2)])
def test_every_integer_within_the_bounds_has_its_bits(lower: int, upper: int, count: int) -> None:
    columns = Columns(np.array([lower - 0.5]), np.array([upper + 0.5]), np.array([True]), Names.of(["x"]))
    bits = Bits.of(columns, np.array([0]))
    assert len(bits.columns) == count
    weights = bits.rows.matrix.toarray()[0, 1:]
    reached = {bits.rows.lower[0] - weights @ [i >> k & 1 for k in range(count)] for i in range(2**count)}
    assert set(range(lower, upper + 1)) <= reached


def test_the_product_becomes_products_with_bits_and_a_linear_part() -> None:
    """X = -1 + b0 + 2 b1 + 4 b2: y + x y = 0 y + b0 y + 2 b1 y + 4 b2 y."""
    image = LeaderBits().apply(game()).program
    assert list(image.columns.names) == ["x", "f.y", "x.bit[0]", "x.bit[1]", "x.bit[2]"]
    assert image.rows.matrix.toarray() == pytest.approx(np.array([[0, 0, 0, 0, 0], [1, 0, -1, -2, -4]]))
    assert list(zip(image.rows.products.left, image.rows.products.value, strict=True)) == [(1, 1), (1, 2), (1, 4)]
    assert list(image.row_owner) == [1, 0]
    assert list(image.objectives.products.left) == [0], "the objective is left alone"


def test_objectives_follow_where_that_is_asked_for() -> None:
    """(2 - x) y = 3 y - b0 y - 2 b1 y - 4 b2 y."""
    image = LeaderBits(objectives=True).apply(game()).program
    assert image.objectives.linear.toarray()[1] == pytest.approx([0, 3, 0, 0, 0])
    assert list(image.objectives.products.value) == [-1, -2, -4]
    linear = FollowerProducts(objectives=True).apply(image).program
    assert len(linear.objectives.products) == len(linear.rows.products) == 0
    assert linear.objectives.linear.toarray()[1] == pytest.approx([0, 3, 0, 0, 0, -1, -2, -4])


def test_a_point_comes_back_without_its_bits() -> None:
    source = game()
    reduced = LeaderBits().apply(source)
    point = np.arange(reduced.program.point_size, dtype=float)
    n, m, wide, tall = 2, 1, len(reduced.program.columns), len(reduced.program.rows)
    assert list(reduced.recover(point)) == [
        0,
        1,
        wide,
        wide + tall,
        wide + tall + 1,
        2 * wide + tall,
        2 * wide + tall + 1,
    ]
    assert len(reduced.recover(point)) == 3 * n + m


def test_binary_columns_and_wide_ranges_stay() -> None:
    for source in (game(0, 1), game(0, 2**21)):
        assert LeaderBits(objectives=True).apply(source).program is source
