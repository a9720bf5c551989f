"""What stored responses say, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilevel.language.read import read
from reformulations.refusal import NotApplicable
from reformulations.stored_responses.high_point import HighPoint, high_point, relaxed_responses
from reformulations.stored_responses.integer_responses import (
    Level,
    block_of,
    common_divisor,
    exclusion,
    level_beyond,
    objective_step,
)
from reformulations.stored_responses.intersection_cuts import AT_UPPER, BASIC, Vertex, free_set, intersection_cut
from reformulations.stored_responses.response_rules import affine_rule, fixed_rule
from reformulations.stored_responses.switches import substitutes
from tests.problems.interdiction import interdict
from tests.problems.library import game, maximise, minimise, rows


def relaxation(m: pyo.ConcreteModel) -> HighPoint:
    return high_point(read(m).program)


def floor_game() -> HighPoint:
    """Columns x in {0..6}, y in {0..9}; follower max y, 2 y <= x + 1; leader min 3 y - x."""
    m = game("floor")
    x = m.x = pyo.Var(bounds=(0, 6), domain=pyo.Integers)
    y = m.follower.y = pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    rows(m.follower, 2 * y - x <= 1)
    maximise(m.follower, y)
    minimise(m, 3 * y - x)
    return relaxation(m)


def test_the_high_point_relaxation_names_linking_columns_and_holds_objectives():
    """Columns x, y and v with v = -y."""
    image = floor_game()
    assert image.linking.tolist() == [True, False]
    assert image.program.rows.matrix[[1]].toarray().tolist() == [[0, 1, 1]]
    assert image.program.cost.tolist() == [-1, 3, 0]
    assert objective_step(image) == 1


def test_a_response_is_infeasible_from_the_next_whole_activity_on():
    """y = 2 needs x >= 3; it is infeasible where -x >= -2, that is x <= 2. It is worth v = -2, and y = 0, 0, always."""
    block = block_of(floor_game(), fixed_rule(floor_game(), 0, np.array([0.0, 2.0])), 0.0)
    assert block is not None
    assert block.levels == (Level((0,), (-1.0,), -2.0),)
    assert (block.constant, block.weights) == (-2.0, (2.0,))


def test_a_response_that_nobody_can_forbid_says_a_row_and_one_that_never_fits_says_nothing():
    """y = 0 is feasible at every x in 0..6; y = 4 would need x = 7."""
    always = block_of(floor_game(), fixed_rule(floor_game(), 0, np.array([0.0, 0.0])), 0.0)
    assert always is not None
    assert always.levels == ()
    assert block_of(floor_game(), fixed_rule(floor_game(), 0, np.array([0.0, 4.0])), 0.0) is None


def test_continuous_columns_break_a_row_at_its_side_or_by_epsilon_beyond_it():
    data, columns = np.array([2.0]), np.array([0])
    closed = level_beyond(np.array([False]), columns, data, 3.0, 0.0)
    beyond = level_beyond(np.array([False]), columns, data, 3.0, 0.1)
    assert (closed.coefficients, closed.threshold) == ((1.0,), 1.5)
    assert beyond.threshold == pytest.approx(1.65)


@given(st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=5), st.sampled_from([1.0, 0.5, 0.1, 1 / 3]))
def test_the_common_divisor_divides_and_is_the_greatest(whole: list[int], unit: float):
    values = unit * np.array(whole, float)
    step = common_divisor(values)
    assert np.allclose(values / step, np.round(values / step))
    assert step == pytest.approx(unit * np.gcd.reduce(whole))


def test_irrational_coefficients_have_no_common_divisor():
    assert common_divisor(np.array([1.0, np.sqrt(2)])) == 0


def test_an_exclusion_asks_some_linking_column_to_differ():
    assert exclusion(floor_game(), np.array([4.0, 1.0])).levels == (
        Level((0,), (1.0,), 5.0),
        Level((0,), (-1.0,), -3.0),
    )


def test_the_continuous_part_moves_with_the_leader_along_the_active_row():
    """Follower max w, w <= x / 2 + 1 active at x = 2, w = 2: the rule is w = x / 2 + 1, broken where w > 3: x > 4."""
    m = game("moving")
    x = m.x = pyo.Var(bounds=(0, 6))
    z = m.follower.z = pyo.Var(domain=pyo.Binary)
    w = m.follower.w = pyo.Var(bounds=(0, 3))
    rows(m.follower, w - x / 2 + 0 * z <= 1)
    maximise(m.follower, w + z)
    minimise(m, x)
    image = relaxation(m)
    rule = affine_rule(image, 0, np.array([2.0, 1.0, 2.0]), np.array([-1.0]), np.zeros(3))
    assert rule.point.tolist() == pytest.approx([0, 1, 1])
    assert rule.slope.toarray()[2].tolist() == pytest.approx([0.5, 0, 0])
    block = block_of(image, rule, 0.0)
    assert block is not None
    assert block.levels == (Level((0,), (1.0,), 4.0),)
    assert (block.constant, block.cost.toarray()[0, 0]) == pytest.approx((-2, -0.5))


def three_items() -> HighPoint:
    """Items worth 6, 5, 4 of weight 3, 2, 2 in a knapsack of 5; columns x_0..x_2, y_0..y_2."""
    return relaxation(interdict(np.array([6, 5, 4]), np.array([3, 2, 2]), np.ones(3), 5, 1))


def test_rows_that_interdict_are_found_and_cost_what_the_item_is_worth():
    """Packing items 0 and 1 is worth 11, less 6 or 5 where one is forbidden."""
    image = three_items()
    assert image.switched.tolist() == [-1, -1, 3, 4, 5]
    block = block_of(image, fixed_rule(image, 0, np.array([0, 0, 0, 1.0, 1, 0])), 0.0)
    assert block is not None
    assert block.constant == -11
    assert dict(zip((level.columns[0] for level in block.levels), block.weights, strict=True)) == {0: 6, 1: 5}


def test_an_unused_item_replaces_one_that_is_no_lighter():
    """Item 2 (worth 4, weight 2) replaces item 0 (worth 6, weight 3): forbidding 0 costs 2, forbidding 2 as well 4."""
    image = three_items()
    rule = fixed_rule(image, 0, np.array([0, 0, 0, 1.0, 1, 0]))
    swaps = substitutes(image, 0, rule.point)
    assert swaps == ((2, 4),)
    block = block_of(image, type(rule)(0, rule.point, rule.slope, swaps), 0.0)
    assert block is not None
    assert dict(zip((level.columns[0] for level in block.levels), block.weights, strict=True)) == {0: 2, 1: 5, 2: 4}


def test_integrality_of_packings_is_needless_where_only_their_value_matters():
    assert relaxed_responses(three_items()).tolist() == [False] * 3 + [True] * 3
    assert relaxed_responses(floor_game()).tolist() == [False, True]


def test_integrality_is_needed_where_the_leader_wants_what_the_follower_wants():
    m = game("friends")
    x = m.x = pyo.Var(domain=pyo.Binary)
    y = m.follower.y = pyo.Var(bounds=(0, 9), domain=pyo.Integers)
    rows(m.follower, 2 * y - x <= 1)
    maximise(m.follower, y)
    minimise(m, x - y)
    assert not relaxed_responses(relaxation(m)).any()


def test_an_intersection_cut_cuts_the_vertex_and_no_bilevel_feasible_point():
    """At x = 3 the follower plays y = 2, at the vertex (x, y) = (3, 0) it could: y = 2 is better and fits x > 2.

    The vertex lies on x <= 3 and y >= 0 (bounds of the node). Inside the set {v >= -2, -x <= -2} the rays run: x down
    by 1 to x = 2, y up by 2 to y = 2. The cut is (3 - x) / 1 + y / 2 >= 1, met by (3, 2), (2, 1) and (1, 1).
    """
    image = floor_game()
    block = block_of(image, fixed_rule(image, 0, np.array([0.0, 2.0])), 0.0)
    assert block is not None
    free = np.inf
    vertex = Vertex(
        point=np.array([3.0, 0.0, 0.0]),
        matrix=image.program.rows.matrix.toarray(),
        lower=np.array([0.0, 0.0, -free]),
        upper=np.array([3.0, 9.0, free]),
        row_lower=image.program.rows.lower,
        row_upper=image.program.rows.upper,
        columns=np.array([AT_UPPER, 0, BASIC]),
        rows=np.array([BASIC, 0]),
    )
    found = intersection_cut(vertex, *free_set(image, block))
    assert found is not None
    cut, side = found
    assert cut @ vertex.point < side
    assert (cut / cut[1] / 2).tolist() == pytest.approx([-1, 0.5, 0])
    assert side / cut[1] / 2 == pytest.approx(-2, abs=1e-6)
    for x, y in ((3, 2), (2, 1), (1, 1)):
        assert cut @ np.array([x, y, -y]) >= side - 1e-9


@pytest.mark.parametrize("kind", ["own square", "row product"])
def test_followers_that_are_not_linear_are_refused(kind: str):
    m = game("quadratic")
    m.x = pyo.Var(domain=pyo.Binary)
    m.follower.y = pyo.Var(range(2), domain=pyo.Binary)
    y: Any = m.follower.y
    rows(m.follower, (y[0] * y[1] if kind == "row product" else y[0] + y[1]) <= m.x)
    minimise(m.follower, y[0] ** 2 if kind == "own square" else y[0])
    minimise(m, m.x)
    with pytest.raises(NotApplicable, match="takes linear followers"):
        relaxation(m)
