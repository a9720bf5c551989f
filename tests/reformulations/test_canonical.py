from __future__ import annotations

import numpy as np
import pytest

from reformulations.canonical import Canonical
from reformulations.programs import BilevelProgram, CanonicalGame
from reformulations.recovery import Reduced
from reformulations.refusal import NotApplicable
from tests.certificate.games import INF, game, point

CHEAP = ("min", {"x": 1})


def canonical(program: BilevelProgram) -> CanonicalGame:
    return Canonical().apply(program).program


def sale(sense: str = "max") -> BilevelProgram:
    """Max 3 y1 - y2 + x y1  s.t.  2 <= y1 + y2 - x <= 6 : range,  y1 <= 4 : cap,  y1 - y2 == 1 : tie,  y1 in [0, 5]."""
    return game(
        {"leader": ("max", {"x": 2, "y1": -1, "": 5}), "f": (sense, {"y1": 3, "y2": -1, "x*y1": 1})},
        {"x": ("leader", 0, 1), "y1": ("f", 0, 5), "y2": ("f", -INF, INF)},
        {
            "range": ("f", {"y1": 1, "y2": 1, "x": -1}, 2, 6),
            "cap": ("f", {"y1": 1}, -INF, 4),
            "tie": ("f", {"y1": 1, "y2": -1}, 1, 1),
            "budget": ("leader", {"x": 1, "y1": 1}, -INF, 7),
        },
    )


def test_leader_minimises() -> None:
    """Max 2 x - y1 + 5 becomes min -2 x + y1 - 5."""
    image = canonical(sale())
    assert image.cost.tolist() == [-2, 1, 0]
    assert image.constant == -5
    assert list(image.rows.names) == ["budget"]
    assert image.rows.matrix.toarray().tolist() == [[1, 1, 0]]
    assert (image.rows.lower[0], image.rows.upper[0]) == (-INF, 7)


def test_follower_rows_become_lower_sides_then_upper_sides_then_bounds() -> None:
    """In the columns x, y1, y2::

    range from below   -x + y1 + y2 >= 2       range from above    x - y1 - y2 >= -6
    tie                y1 - y2 == 1            cap                 -y1 >= -4
    lower bound of y1  y1 >= 0                 upper bound         -y1 >= -5
    """
    lower = canonical(sale()).lower
    assert list(lower.names) == [
        "range", "tie", "range", "cap", "lower bound of y1", "upper bound of y1"
    ]  # fmt: skip
    assert lower.matrix.toarray().tolist() == [
        [-1, 1, 1],
        [0, 1, -1],
        [1, -1, -1],
        [0, -1, 0],
        [0, 1, 0],
        [0, -1, 0],
    ]
    assert lower.own.toarray().tolist() == [[1, 1], [1, -1], [-1, -1], [-1, 0], [1, 0], [-1, 0]]
    assert lower.offset.tolist() == [2, 1, -6, -4, 0, -5]
    assert lower.equality.tolist() == [False, True, False, False, False, False]
    assert lower.from_bound.tolist() == [False, False, False, False, True, True]
    assert lower.opposite.tolist() == [2, -1, 0, -1, 5, 4]
    assert lower.owner.tolist() == [1] * 6
    assert lower.columns.tolist() == [1, 2]


@pytest.mark.parametrize(("sense", "sign"), [("min", 1), ("max", -1)])
def test_followers_gradient_has_its_sense(sense: str, sign: int) -> None:
    """The gradient of 3 y1 - y2 + x y1 is (3 + x, -1)."""
    lower = canonical(sale(sense)).lower
    assert lower.cost.tolist() == [3 * sign, -1 * sign]
    assert lower.gradient.toarray().tolist() == [[sign, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("sense", "sign"), [("min", 1), ("max", -1)])
def test_multipliers_come_back_as_the_user_reads_them(sense: str, sign: int) -> None:
    """With a = 1, 2, 3, 4, 5, 6 in the order of the image's rows::

    range: s (1 - 3),  cap: -4 s,  tie: 2 s,  lower bound of y1: 5 s,  upper bound: -6 s
    """
    source = sale(sense)
    back = Canonical().apply(source).recover(np.array([1, 4, 3, 1, 2, 3, 4, 5, 6.0]))
    named = {"range": -2, "cap": -4, "tie": 2, "lower_y1": 5, "upper_y1": -6}
    expected = point(source, **{name: sign * value for name, value in named.items()})
    assert back.tolist() == [1, 4, 3, *expected[3:].tolist()]


def test_square_has_twice_its_coefficient_in_the_gradient() -> None:
    """Min y^2 + 2 y z - 3 z, and g adds y w: the gradients are 2 y + 2 z, 2 y - 3, and y."""
    image = canonical(
        game(
            {"leader": CHEAP, "f": ("min", {"y*y": 1, "y*z": 2, "z": -3}), "g": ("min", {"y*w": 1, "y": 9})},
            {"x": ("leader", 0, 1), "y": ("f", 0, 1), "z": ("f", 0, 1), "w": ("g", 0, 1)},
            {},
        )
    )
    assert image.lower.cost.tolist() == [0, -3, 0]
    assert image.lower.gradient.toarray().tolist() == [[0, 2, 2, 0], [0, 2, 0, 0], [0, 1, 0, 0]]
    assert image.lower.column_owner.tolist() == [1, 1, 2]


def test_row_of_a_follower_without_its_columns_goes_to_the_leader() -> None:
    """Here x <= 3 and x + z >= 1 were declared on f, who decides y only: z is g's. x + 0 y <= 8 has no y either."""
    program = game(
        {"leader": CHEAP, "f": ("min", {"y": 1}), "g": ("min", {"z": 1})},
        {"x": ("leader", 0, 9), "y": ("f", 0, 1), "z": ("g", 0, 1)},
        {
            "alone": ("f", {"x": 1}, -INF, 3),
            "mine": ("f", {"y": 1, "x": 1}, 1, INF),
            "others": ("f", {"x": 1, "z": 1}, 1, INF),
        },
    )
    image = canonical(program)
    assert list(image.rows.names) == ["alone", "others"]
    assert image.rows.upper.tolist() == [3, INF]
    assert image.lower.names[0] == "mine"
    assert len(image.lower) == 5


def test_columns_of_other_followers_are_parameters() -> None:
    """Here y + z >= 1 is f's: own has y only."""
    program = game(
        {"leader": CHEAP, "f": ("min", {"y": 1}), "g": ("min", {"z": 1})},
        {"x": ("leader", 0, 9), "y": ("f", -INF, INF), "z": ("g", -INF, INF)},
        {"shared": ("f", {"y": 1, "z": 2}, 1, INF), "back": ("g", {"y": 3, "z": 4}, -INF, 8)},
    )
    lower = canonical(program).lower
    assert lower.matrix.toarray().tolist() == [[0, 1, 2], [0, -3, -4]]
    assert lower.own.toarray().tolist() == [[1, 0], [0, -4]]


def test_fixed_column_is_one_equality_whose_multiplier_stands_at_the_lower_bound() -> None:
    """Here y == 2 by l = u = 2: one free multiplier; with max its sign turns."""
    program = game({"leader": CHEAP, "f": ("max", {"y": 7})}, {"x": ("leader", 0, 9), "y": ("f", 2, 2)}, {})
    reduced = Canonical().apply(program)
    lower = reduced.program.lower
    assert lower.matrix.toarray().tolist() == [[0, 1]]
    assert (lower.offset[0], lower.equality[0], lower.opposite[0], lower.from_bound[0]) == (2, True, -1, True)
    assert reduced.recover(np.array([0, 2, -7.0])).tolist() == point(program, y=2, lower_y=7).tolist()


def test_row_between_zero_and_zero_is_one_equality() -> None:
    program = game(
        {"leader": CHEAP, "f": ("min", {"y": 7})},
        {"x": ("leader", 0, 9), "y": ("f", -INF, INF)},
        {"zero": ("f", {"y": 1, "x": -1}, 0, 0)},
    )
    lower = canonical(program).lower
    assert lower.matrix.toarray().tolist() == [[-1, 1]]
    assert (lower.offset[0], lower.equality[0], lower.opposite[0]) == (0, True, -1)


def test_row_without_sides_and_free_columns_have_no_multipliers() -> None:
    """A row of no sides says nothing; the follower without rows and bounds still has its stationarity."""
    program = game(
        {"leader": CHEAP, "f": ("min", {"y*y": 1, "x*y": -2})},
        {"x": ("leader", 0, 9), "y": ("f", -INF, INF)},
        {"nothing": ("f", {"y": 1}, -INF, INF)},
    )
    reduced = Canonical().apply(program)
    assert len(reduced.program.lower) == 0
    assert reduced.program.lower.columns.tolist() == [1]
    assert reduced.program.lower.gradient.toarray().tolist() == [[-2, 2]]
    assert reduced.recover(np.array([3.0, 3.0])).tolist() == point(program, x=3, y=3).tolist()


def test_player_without_anything_changes_nothing() -> None:
    parts = {"x": ("leader", 0, 9), "y": ("f", 0, 1)}
    with_idle = game({"leader": CHEAP, "idle": ("max", {}), "f": ("min", {"y": 1})}, parts, {})
    lower = canonical(with_idle).lower
    assert lower.owner.tolist() == [2, 2]
    assert lower.cost.tolist() == [1]


def priced(row: str, sense: str = "min") -> Reduced[CanonicalGame]:
    program = game(
        {"leader": CHEAP, "f": (sense, {"y": 1})},
        {"x": ("leader", 0, 9), "price": ("leader", 0, 9), "y": ("f", 0, 3)},
        {
            "below": ("f", {"y": 1, "x": -1}, 0, INF),
            "above": ("f", {"y": 1, "x": 1}, -INF, 5),
            "both": ("f", {"y": 1}, 1, 2),
            "equal": ("f", {"y": 1, "x": -1}, 0, 0),
            "leaders": ("f", {"x": 1}, 0, 1),
        },
        stands_for={"price": row},
    )
    return Canonical().apply(program)


@pytest.mark.parametrize("sense", ["min", "max"])
@pytest.mark.parametrize(
    ("row", "expected"),
    [("below", {0: 1}), ("above", {3: -1}), ("both", {1: 1, 4: -1}), ("equal", {2: 1})],
)
def test_multiplier_column_is_a_combination_of_lower_level_multipliers(
    row: str, expected: dict[int, int], sense: str
) -> None:
    """Lower sides: below, both, equal; upper sides: above, both. With max every sign turns."""
    image = priced(row, sense).program
    combination = np.zeros(len(image.lower))
    for entry, value in expected.items():
        combination[entry] = value if sense == "min" else -value
    assert image.aliases.column.tolist() == [1]
    assert image.aliases.matrix.toarray()[0].tolist() == combination.tolist()


def test_multiplier_of_a_row_that_is_not_the_followers_is_refused() -> None:
    with pytest.raises(NotApplicable, match="price: it stands for the multiplier"):
        priced("leaders")
