from __future__ import annotations

from itertools import product as combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.testing.optima import optimum, pessimistic_optimum
from reformulations.canonical import Canonical
from reformulations.kkt import KKT
from reformulations.pessimistic import Pessimistic
from reformulations.programs import BilevelProgram
from tests.certificate.games import INF, game


def worst(program: BilevelProgram) -> tuple[float, np.ndarray]:
    """Solve the optimistic image by enumeration; the point is the source's."""
    reduced = Pessimistic().apply(program)
    canonical = Canonical().apply(reduced.program)
    mpec = KKT().apply(canonical.program)
    value, point = optimum(mpec.program)
    back = reduced.recover @ canonical.recover @ mpec.recover
    return value, back(point) if len(point) else point


def two_answers(**row: tuple[str, dict[str, float], float, float]) -> BilevelProgram:
    """Min x + 2 y  over  y in argmin { 0 : x - 3 <= y <= 4 }: a follower who does not care."""
    return game(
        {"leader": ("min", {"x": 1, "y": 2}), "f": ("min", {})},
        {"x": ("leader", 0, 3), "y": ("f", 0, 4)},
        {"floor": ("f", {"y": 1, "x": -1}, -3, INF)} | row,
        integer=("x",),
    )


def test_image_has_a_proposal_and_a_worst_response() -> None:
    """Min x + 3 y over y in argmin { 2 y : y >= x - 3 }; columns x, y, w::

    leader: min x + 3 y    floor as proposed: w - x >= -3
    worst response: max x + 3 y    s.t.  y - x >= -3,  2 y - 2 w <= 0
    """
    program = game(
        {"leader": ("min", {"x": 1, "y": 3}), "f": ("min", {"y": 2})},
        {"x": ("leader", 0, 3), "y": ("f", 0, 4)},
        {"floor": ("f", {"y": 1, "x": -1}, -3, INF)},
    )
    image = Pessimistic().apply(program).program
    assert list(image.players) == ["leader", "worst response"]
    assert image.column_owner.tolist() == [0, 1, 0]
    assert image.columns.upper.tolist() == [3, 4, 4]
    assert image.row_owner.tolist() == [0, 1, 1]
    assert image.rows.matrix.toarray().tolist() == [[-1, 0, 1], [-1, 1, 0], [0, 2, -2]]
    assert image.rows.lower.tolist() == [-3, -3, -INF]
    assert image.rows.upper.tolist() == [INF, INF, 0]
    assert image.objectives.sense.tolist() == [1, -1]
    assert image.objectives.linear.toarray().tolist() == [[1, 3, 0], [1, 3, 0]]


def test_each_side_of_a_coupling_row_has_a_response_of_its_own() -> None:
    """1 <= x + y <= 5 must hold for the response y1 that raises x + y most and for y2 that lowers it most.

    Columns x, y, w, y1, y2; the coupling sides stand on y1 and y2.
    """
    image = Pessimistic().apply(two_answers(coupling=("leader", {"x": 1, "y": 1}, 1, 5))).program
    assert len(image.columns) == 5
    assert image.column_owner.tolist() == [0, 1, 0, 2, 3]
    names = list(image.rows.names)
    sides = [k for k, name in enumerate(names) if name == "coupling at its worst"]
    assert image.rows.matrix.toarray()[sides].tolist() == [[1, 0, 0, 1, 0], [1, 0, 0, 0, 1]]
    assert image.rows.lower[sides].tolist() == [-INF, 1]
    assert image.rows.upper[sides].tolist() == [5, INF]
    assert image.objectives.sense.tolist() == [1, -1, -1, -1]
    assert image.objectives.linear.toarray()[2:].tolist() == [[1, 0, 0, 1, 0], [-1, 0, 0, 0, -1]]


def test_a_follower_who_does_not_care_is_expected_to_do_the_worst() -> None:
    """Here y may be anything up to 4: x = 0 and the worst is 2 * 4; the optimist has 0."""
    assert optimum(two_answers())[0] == pytest.approx(0)
    value, point = worst(two_answers())
    assert value == pytest.approx(8)
    assert point[:2] == pytest.approx([0, 4])


def test_a_coupling_row_must_hold_for_every_response() -> None:
    """Here x + y >= 1 for all y in [0, 4]: x = 0 fails at y = 0. So x = 1: 1 + 8; and x + y <= 4.5 leaves nothing."""
    row = ("leader", {"x": 1.0, "y": 1.0}, 1.0, INF)
    assert worst(two_answers(coupling=row))[0] == pytest.approx(9)
    assert worst(two_answers(coupling=(*row[:3], 4.5)))[0] == INF
    assert optimum(two_answers(coupling=(*row[:3], 4.5)))[0] == pytest.approx(1)


def test_maximising_leader_fears_the_least() -> None:
    """Max x + 2 y: with y between 0 and 4, and at least x - 1 at x = 3: 3 + 2 * 2 = 7 against 1 + 0, 2 + 2."""
    program = game(
        {"leader": ("max", {"x": 1, "y": 2}), "f": ("min", {})},
        {"x": ("leader", 0, 3), "y": ("f", 0, 4)},
        {"floor": ("f", {"y": 1, "x": -1}, -1, INF)},
        integer=("x",),
    )
    value, point = worst(program)
    assert value == pytest.approx(-7)
    assert point[:2] == pytest.approx([3, 2])


ZENG = game(
    {
        "leader": ("min", {"x1": -8, "x2": -6, "y1": -25, "y2": -30, "y3": 2, "y4": 16}),
        "f": ("min", {"y1": -10, "y2": -10, "y3": -10, "y4": -10}),
    },
    {"x1": ("leader", 0, 10), "x2": ("leader", 0, 10)} | {f"y{k}": ("f", 0, INF) for k in (1, 2, 3, 4)},
    {
        "shared": ("leader", {"x1": 1, "x2": 1}, -INF, 10),
        "sum": ("f", {"y1": 1, "y2": 1, "y3": 1, "y4": 1, "x1": 1, "x2": 1}, -INF, 10),
        "one": ("f", {"y4": 1, "y1": -1, "x1": -0.8, "x2": -0.8}, -INF, 0),
        "two": ("f", {"y2": 1, "y4": 1, "x2": -4}, -INF, 0),
    },
)


def test_zengs_example_has_its_published_values() -> None:
    """Zeng (2020): -252 for the optimist at x = (0, 2), -80 for the pessimist at x = (10, 0)."""
    optimistic = KKT().apply(Canonical().apply(ZENG).program).program
    assert optimum(optimistic)[0] == pytest.approx(-252)
    value, point = worst(ZENG)
    assert value == pytest.approx(-80)
    assert point[:2] == pytest.approx([10, 0], abs=1e-6)


SMALL = st.integers(-3, 3)


@settings(max_examples=20)
@given(st.data())
def test_image_has_the_pessimistic_optimum_of_random_games(data: st.DataObject) -> None:
    """One or two followers with ties on purpose: costs of 0 and 1, two columns each; sometimes a coupling row."""
    names = ("f", "g")[: data.draw(st.integers(1, 2))]
    columns = {"x": ("leader", 0.0, 2.0), "v": ("leader", 0.0, 1.0)}
    rows: dict[str, tuple[str, dict[str, float], float, float]] = {}
    players: dict[str, tuple[str, dict[str, float]]] = {"leader": ("min", {})}
    for name in names:
        own = [f"{name}1", f"{name}2"]
        columns |= {y: (name, 0.0, data.draw(st.sampled_from([2.0, 3.0]))) for y in own}
        players[name] = (
            data.draw(st.sampled_from(["min", "max"])), {y: float(data.draw(st.integers(0, 1))) for y in own}
        )  # fmt: skip
        terms = {y: float(data.draw(st.integers(0, 2))) for y in own} | {own[0]: 1.0}
        terms |= {x: float(data.draw(SMALL)) for x in ("x", "v")}
        rows[f"row {name}"] = (name, terms, *data.draw(st.sampled_from([(1.0, INF), (-INF, 3.0), (1.0, 4.0)])))
    sense = data.draw(st.sampled_from(["min", "max"]))
    players["leader"] = (sense, {name: float(data.draw(SMALL)) for name in columns})
    if data.draw(st.booleans()):
        side = float(data.draw(st.integers(1, 4)))
        rows["coupling"] = ("leader", {name: float(data.draw(SMALL)) for name in columns} | {"f1": 1}, -INF, side)
    program = game(players, columns, rows, integer=("x", "v"))
    expected = pessimistic_optimum(program)[0]
    assert worst(program)[0] == pytest.approx(expected, abs=1e-5)


def test_pessimistic_enumeration_is_the_maximum_over_a_grid_of_responses() -> None:
    """The oracle itself, checked by brute force: y1 + y2 = 1 + x, 3 y1 + y2 - 5 x, y1 <= 2.5."""
    grid = np.linspace(0, 9, 91)
    best = INF
    for x in range(4):
        splits = [(a, b) for a, b in combinations(grid, grid) if abs(a + b - 1 - x) < 1e-9]
        if all(a <= 2.5 for a, _ in splits):
            best = min(best, max(3 * a + b - 5 * x for a, b in splits))
    program = game(
        {"leader": ("min", {"y1": 3, "y2": 1, "x": -5}), "f": ("min", {"y1": 1, "y2": 1})},
        {"x": ("leader", 0, 3), "y1": ("f", 0, 9), "y2": ("f", 0, 9)},
        {"need": ("f", {"y1": 1, "y2": 1, "x": -1}, 1, INF), "limit": ("leader", {"y1": 1}, -INF, 2.5)},
        integer=("x",),
    )
    assert best == pytest.approx(1)
    assert pessimistic_optimum(program)[0] == pytest.approx(best)
