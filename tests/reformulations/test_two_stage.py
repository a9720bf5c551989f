"""Splitting a game at the moment nature moves, and putting masters together, against images by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from reformulations.programs import (
    BilevelProgram,
    Columns,
    MultiplierColumns,
    Names,
    Objectives,
    Product,
    Role,
    Rows,
)
from reformulations.robust.second_stage import (
    cost_game,
    elastic_program,
    recession_program,
    recourse_program,
    second_stage,
)
from reformulations.robust.two_stage import master, split
from reformulations.sets.independent_sets import IndependentSets
from reformulations.sets.vertices import TooManyVertices
from reformulations.uncertainty import Box, Scenarios

INFINITY = np.inf


def game() -> BilevelProgram:
    """One of each: leader z, follower y, nature u, recourse r::

        leader     max 5 z + 2 y z - 3 r - 4 u + u z + 7        0 <= z <= 2
        follower   min y,  y - z >= -1 : first row              0 <= y <= 3
        nature     u
        recourse   r + 2 u - z + u y <= 6,  r <= 9              0 <= r

    The last row stands on the recourse block but has no recourse after the split: it reads z <= 1.5.
    """
    columns = Columns(
        np.array([0.0, 0.0, -INFINITY, 0.0]),
        np.array([2.0, 3.0, INFINITY, 9.0]),
        np.zeros(4, bool),
        Names.of(["z", "y", "u", "r"]),
    )
    rows = Rows(
        sparse.csr_array(np.array([[-1.0, 1, 0, 0], [-1, 0, 2, 1], [1, 0, 0, 0]])),
        np.array([-1.0, -INFINITY, -INFINITY]),
        np.array([INFINITY, 6.0, 1.5]),
        Names.of(["follow", "limit", "cap"]),
        Product.of(np.array([1]), np.array([1]), np.array([2]), np.array([1.0])),
    )
    linear = np.array([[5.0, 0, -4, -3], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    return BilevelProgram(
        players=["leader", "follower", "nature", "recourse"],
        roles=np.array([Role.LEADER, Role.FOLLOWER, Role.NATURE, Role.RECOURSE]),
        columns=columns,
        column_owner=np.arange(4),
        rows=rows,
        row_owner=np.array([1, 3, 3]),
        objectives=Objectives(
            np.array([-1.0, 1, 1, 1]),
            np.array([7.0, 0, 0, 0]),
            sparse.csr_array(linear),
            Product.of(np.zeros(2, int), np.array([0, 0]), np.array([1, 2]), np.array([2.0, 1.0])),
        ),
        multipliers=MultiplierColumns(np.empty(0, int), sparse.csr_array((0, 11))),
    )


def test_the_first_stage_is_the_game_without_nature_and_recourse_minimised():
    """It is min -5 z - 2 y z - 7 + eta; the follower's row and the cap stay, the limit goes."""
    two_stage = split(game())
    first = two_stage.first
    assert list(first.players) == ["leader", "follower"]
    assert list(first.columns.names) == ["z", "y", "worst case of the second stage"]
    assert list(first.column_owner) == [0, 1, 0]
    assert list(first.rows.names) == ["follow", "cap"]
    assert list(first.row_owner) == [1, 0]
    point = np.array([1.0, 3.0, 10.0])
    assert first.objectives.value(point) == pytest.approx([-5 - 6 - 7 + 10, 3])
    assert two_stage.first_cost(point) == pytest.approx(-18)
    assert two_stage.sense == -1


def test_a_scenario_adds_its_recourse_its_rows_and_the_row_of_the_worst_case():
    """At u = 2: r + 4 - z + 2 y <= 6 and eta >= 3 r + 8 - 2 z."""
    program = master(split(game()), [np.array([0.0]), np.array([2.0])])
    assert program.columns.names[3:] == ["r in scenario 1", "r in scenario 2"]
    assert program.rows.names[4] == "limit in scenario 2"
    assert program.rows.names[5] == "worst case of the second stage in scenario 2"
    assert program.rows.matrix[[4, 5]].toarray() == pytest.approx(np.array([[-1, 2, 0, 0, 1], [2, 0, 1, 0, -3]]))
    assert (program.rows.upper[4], program.rows.lower[5]) == (2, 8)
    assert list(program.row_owner) == [1, 0, 0, 0, 0, 0]
    assert list(program.column_owner) == [0, 1, 0, 0, 0]


def test_the_recourse_program_is_the_second_stage_at_a_plan_and_a_scenario():
    """At z = 1, y = 3, u = 2: min 3 r + 4 u - u z = 3 r + 6 with r <= 6 - 4 + 1 - 6."""
    stage = second_stage(split(game()), np.array([1.0, 3.0]))
    program = recourse_program(stage, np.array([2.0]))
    assert (program.cost[0], program.constant, program.rows.upper[0]) == (3, 6, -3)


def test_the_elastic_program_measures_violations_in_units_of_the_row():
    """Row r <= -3 - 0 is violated by 3 at r = 0; the largest number of that row is 6, so t = 3 / 6."""
    stage = second_stage(split(game()), np.array([1.0, 3.0]))
    program = elastic_program(stage, np.array([2.0]))
    assert program.rows.matrix.toarray() == pytest.approx(np.array([[1, -6]]))
    assert program.rows.upper[0] == -3
    assert list(program.columns.names) == ["r", "violation"]


def test_directions_of_recourse_stay_within_the_finite_sides():
    program = recession_program(second_stage(split(game()), np.zeros(2)))
    assert (program.columns.lower[0], program.columns.upper[0]) == (0, 0)
    assert (program.rows.lower[0], program.rows.upper[0]) == (-INFINITY, 0)


def test_natures_game_has_the_set_as_upper_and_recourse_as_lower_level():
    """At z = y = 0: max 3 r + 4 u over 1 <= u <= 2, where r minimises 3 r with r + 2 u <= 6."""
    stage = second_stage(split(game()), np.zeros(2))
    program = cost_game(stage, Box(np.array([1.0]), np.array([2.0])).polyhedral())
    assert list(program.column_owner) == [0, 1]
    assert program.rows.matrix.toarray() == pytest.approx(np.array([[2, 1]]))
    assert list(program.row_owner) == [1]
    assert program.objectives.linear.toarray() == pytest.approx(np.array([[4, 3], [0, 3]]))
    assert list(program.objectives.sense) == [-1, 1]


def test_a_point_of_a_master_becomes_a_primal_dual_point_of_the_game():
    two_stage = split(game())
    program = master(two_stage, [np.array([0.0])])
    n, m = len(program.columns), len(program.rows)
    solved = np.arange(1.0, 3 * n + m + 1)
    point = two_stage.game_point(program, solved, np.array([-1.0]), np.array([-2.0]))
    assert point[:4] == pytest.approx([1, 2, -1, -2])
    assert point[4:7] == pytest.approx([solved[n], 0, solved[n + 1]])
    assert point[7:11] == pytest.approx([*solved[n + m : n + m + 2], 0, 0])
    assert point[11:] == pytest.approx([*solved[2 * n + m : 2 * n + m + 2], 0, 0])


def independent() -> IndependentSets:
    return IndependentSets((Box(np.zeros(1), np.ones(1)), Scenarios(np.array([[1.0, 2.0], [3.0, 0.0]]))))


def test_independent_sets_answer_like_their_parts():
    both = independent()
    assert both.dimension == 3
    assert both.nominal() == pytest.approx([0.5, 1, 2])
    assert both.worst_case([1, 0, 1]) == pytest.approx([1, 1, 2])
    assert both.support([-1, 2, 1]) == pytest.approx(6)
    assert both.contains([0.3, 3, 0])
    assert not both.contains([0.3, 2, 1])
    assert len(both.vertices(4)) == 4
    with pytest.raises(TooManyVertices):
        both.vertices(3)


def test_rows_of_independent_sets_describe_the_product_of_the_hulls():
    lifted = independent().polyhedral()
    assert lifted.dimension == 3
    for cost in ([1.0, 1, 1], [-1.0, 1, -2], [0.0, -1, 1]):
        assert np.array(cost) @ lifted.maximiser(cost)[:3] == pytest.approx(independent().support(cost))
