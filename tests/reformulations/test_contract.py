"""Every pass keeps one contract: it recovers, composes, keeps the optimum, refuses, and changes nothing it is given."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from bilevel.testing.optima import optimum, pessimistic_optimum, responses
from reformulations.big_m import BigM
from reformulations.bounds import USER, Bounds
from reformulations.canonical import Canonical
from reformulations.follower_products import FollowerProducts
from reformulations.kkt import KKT
from reformulations.pessimistic import Pessimistic
from reformulations.potentials import Potentials
from reformulations.products import BinaryProducts
from reformulations.programs import (
    LEADER,
    MPEC,
    BilevelProgram,
    CanonicalGame,
)
from reformulations.recovery import Reduced
from reformulations.strong_duality import StrongDuality
from tests.certificate.games import INF, game

RANGES = game(
    # y1 is at most y2 + 3 and 4, and y1 + y2 at most 6 - x: (4, 1) at x = 0 and 1, (3.5, 0.5) at 2, (3, 0) at 3.
    # F = x - 3 y1 + y2 + 6 is -5, -4, -2, 0, and the leader's row forbids x = 0 and 1.
    {"leader": ("min", {"x": 2, "y1": -2, "y2": 1, "y3": -1, "": 6}), "f": ("max", {"y1": 2, "y2": -1})},
    {"x": ("leader", 0, 3), "y1": ("f", 0, 4), "y2": ("f", -1, INF), "y3": ("f", -INF, INF)},
    {
        "cap": ("f", {"y1": 1, "y2": 1, "x": 1}, -INF, 6),
        "range": ("f", {"y1": 1, "y2": -1}, -1, 3),
        "sum": ("f", {"y3": 1, "y1": -1, "x": -1}, 0, 0),
        "ahead": ("leader", {"x": 1, "y2": -1}, 0.5, INF),
    },
    integer=("x",),
)
TWO_FOLLOWERS = game(
    # y is 2 when x <= 1 and 0 when x >= 2; z = x. The row y + z <= 2.5 forbids x = 1. F(0) = -2, F(2) = -2 - 4 + 1
    {"leader": ("min", {"y": -1, "z": -2, "x": -0.5}), "f": ("min", {"y": -1.5, "x*y": 1}), "g": ("max", {"z": 1})},
    {"x": ("leader", 0, 2), "y": ("f", 0, 2), "z": ("g", 0, 5), "fixed": ("g", 3, 3)},
    {"follows": ("g", {"z": 1, "x": -1}, -INF, 0), "coupling": ("leader", {"y": 1, "z": 1}, -INF, 2.5)},
    integer=("x",),
)
TIES = game(
    # y is anything between 0 and 2 at x = 0 and 0 at x = 1: the leader who pays for y wants 0, and fears 2
    {"leader": ("min", {"y": 3, "x": 1}), "f": ("min", {"x*y": 1})},
    {"x": ("leader", 0, 1), "y": ("f", 0, 2)},
    {},
    integer=("x",),
)
SWITCH = game(
    # b = 0: y = 3, F = -3 (b * y = 0). b = 1: the row says 2 y <= 4, y = 2, F = -2 - 3 + 1
    {"leader": ("min", {"y": -1, "b*y": -1.5, "b": 1}), "f": ("max", {"y": 1})},
    {"b": ("leader", 0, 1), "y": ("f", 0, 3)},
    {"row": ("f", {"y": 1, "b*y": 1}, -INF, 4)},
    integer=("b",),
)
MARKET = game(
    # The price is 5, 2 to 5, 2, 2, at most 2 at q = 0, 1, 2, 3, 4: the best is q = 1 at 5, F = 1.5 - 5
    {"leader": ("min", {"price*q": -1, "q": 1.5}), "market": ("min", {"g1": 2, "g2": 5})},
    {"q": ("leader", 0, 4), "price": ("leader", 0, 9), "g1": ("market", 0, 3), "g2": ("market", 0, 9)},
    {"balance": ("market", {"q": 1, "g1": 1, "g2": 1}, 4, 4)},
    integer=("q",),
    stands_for={"price": "balance"},
)
QUADRATIC = game(
    # y = clip((x + 1) / 2, 0, 1) minimises y^2 - (x + 1) y: F = 3 x - 4 y is -2 at x = 0 and -1 at x = 1
    {"leader": ("min", {"x": 3, "y": -4}), "f": ("min", {"y*y": 1, "x*y": -1, "y": -1})},
    {"x": ("leader", 0, 2), "y": ("f", 0, 1)},
    {},
    integer=("x",),
)
GAMES: dict[str, tuple[BilevelProgram, float]] = {
    "ranges": (RANGES, -2.0),
    "two followers": (TWO_FOLLOWERS, -5.0),
    "ties": (TIES, 0.0),
    "switch": (SWITCH, -4.0),
    "market": (MARKET, -3.5),
    "quadratic": (QUADRATIC, -2.0),
}
LINEAR = ["ranges", "two followers", "ties", "switch"]
KKT_WAY = ("FollowerProducts", "Canonical", "KKT", "Potentials", "BinaryProducts", "BigM")
DUALITY_WAY = ("FollowerProducts", "Canonical", "KKT", "Potentials", "StrongDuality", "BinaryProducts", "BigM")
# Strong duality of a quadratic follower keeps y^2 in a row, which no enumeration of integers makes linear.
WAYS = [(name, KKT_WAY) for name in GAMES] + [(name, DUALITY_WAY) for name in GAMES if name != "quadratic"]
STEPS = [(name, way, position) for name, way in WAYS for position in range(len(way))]
IDS = [f"{name}-{way[position]}-{len(way)}" for name, way, position in STEPS]


@dataclass(frozen=True)
class Step:
    """A pass, its source, what it made of it, and an optimal point of the image."""

    method: Any
    source: Any
    reduced: Reduced[Any]
    point: np.ndarray


def within(limit: float, mpec: MPEC) -> Bounds:
    """Bounds that hold in all games of this file."""
    most = np.full(len(mpec.complementarity), limit)
    least = np.where(mpec.complementarity.equality, -most, 0.0)
    return Bounds.unknown(mpec).tightened(least, most, USER).with_slacks(most)


def boxed(mpec: MPEC) -> MPEC:
    """Return the MPEC with these bounds on its multipliers."""
    bounds, columns, where = within(50.0, mpec), mpec.columns, mpec.complementarity.multiplier
    lower, upper = columns.lower.copy(), columns.upper.copy()
    lower[where], upper[where] = bounds.multiplier_lower, bounds.multiplier_upper
    return replace(mpec, columns=replace(columns, lower=lower, upper=upper))


@cache
def steps(name: str, way: tuple[str, ...]) -> tuple[Step, ...]:
    """Apply all passes in turn, solve the last program, and take its point back through them."""
    program: Any = GAMES[name][0]
    done = []
    for label in way:
        method: Any = {
            "FollowerProducts": FollowerProducts,
            "Canonical": Canonical,
            "KKT": KKT,
            "Potentials": Potentials,
            "StrongDuality": StrongDuality,
            "BinaryProducts": BinaryProducts,
            "BigM": lambda source=program: BigM(within(50.0, source)),
        }[label]()
        reduced = method.apply(program)
        done.append((method, program, reduced))
        program = boxed(reduced.program) if label == "Potentials" else reduced.program
    _, point = optimum(program)
    result = []
    for method, source, reduced in reversed(done):
        result.append(Step(method, source, reduced, point))
        point = reduced.recover(point)
    return tuple(reversed(result))


def value(program: Any, point: np.ndarray) -> float:
    """Return the leader's objective, minimised."""
    z = point[: len(program.columns)]
    if isinstance(program, BilevelProgram):
        return float(program.objectives.sense[LEADER] * program.objectives.value(z)[LEADER])
    return float(program.constant + program.cost @ z + program.products.evaluate(z, 1)[0])


def assert_within(activity: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
    assert np.all(activity >= lower - 1e-6)
    assert np.all(activity <= upper + 1e-6)


def assert_feasible(program: Any, point: np.ndarray) -> None:
    """Check bounds, integers and rows, and that the responses are optimal."""
    z, columns = point[: len(program.columns)], program.columns
    assert_within(z, columns.lower, columns.upper)
    assert_within(program.rows.activity(z), program.rows.lower, program.rows.upper)
    assert np.allclose(z[columns.integer], np.round(z[columns.integer]), atol=1e-6)
    if isinstance(program, MPEC):
        pairs = program.complementarity
        slack = pairs.slacks(z)
        assert np.all(slack >= -1e-6)
        assert np.allclose(slack[pairs.equality], 0, atol=1e-6)
        assert np.allclose(np.minimum(slack, z[pairs.multiplier])[pairs.pairs], 0, atol=1e-6)
    if isinstance(program, CanonicalGame):
        lower, duals = program.lower, point[len(z) :]
        slack = lower.matrix @ z - lower.offset
        assert np.allclose(lower.cost + lower.gradient @ z, lower.own.T @ duals, atol=1e-6)
        assert np.all(duals[~lower.equality] >= -1e-6)
        assert np.all(slack >= -1e-6)
        assert np.allclose(slack * duals, 0, atol=1e-6)
    if isinstance(program, BilevelProgram):
        assert np.allclose(program.multipliers.matrix @ point[len(z) :], z[program.multipliers.column], atol=1e-6)
        if "y*y" not in followers_products(program):
            own, faces = responses(program, z)
            assert_within(faces.activity(z[own]), faces.lower, faces.upper)


def followers_products(program: BilevelProgram) -> set[str]:
    names, terms = program.columns.names, program.objectives.products
    return {
        f"{names[int(a)]}*{names[int(b)]}"
        for p, a, b in zip(terms.index, terms.left, terms.right, strict=True)
        if p != LEADER
    }


@pytest.mark.parametrize("name", LINEAR)
def test_optimum_by_hand_is_the_optimum_by_enumeration(name: str) -> None:
    program, by_hand = GAMES[name]
    assert optimum(program)[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(("name", "way", "position"), STEPS, ids=IDS)
def test_image_has_the_optimum_of_the_game(name: str, way: tuple[str, ...], position: int) -> None:
    image, by_hand = steps(name, way)[position].reduced.program, GAMES[name][1]
    if name not in LINEAR and isinstance(image, (BilevelProgram, CanonicalGame)):
        image = steps(name, way)[2].reduced.program  # a multiplier or a square is beyond the enumeration of responses
    assert optimum(image)[0] == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(("name", "way", "position"), STEPS, ids=IDS)
def test_optimal_point_recovers_a_feasible_point_of_the_source(name: str, way: tuple[str, ...], position: int) -> None:
    here, by_hand = steps(name, way)[position], GAMES[name][1]
    assert_feasible(here.reduced.program, here.point)
    source_point = here.reduced.recover(here.point)
    assert_feasible(here.source, source_point)
    assert value(here.reduced.program, here.point) == pytest.approx(by_hand, abs=1e-6)
    assert value(here.source, source_point) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_ways_back_compose(name: str, way: tuple[str, ...]) -> None:
    chain = [one.reduced.recover for one in steps(name, way)]
    whole = chain[0]
    for recover in chain[1:]:
        whole = whole @ recover
    point = steps(name, way)[-1].point
    assert whole.matrix.shape == (GAMES[name][0].point_size, len(point))
    assert np.allclose(whole(point), chain[0](steps(name, way)[0].point))


@pytest.mark.parametrize(("name", "way", "position"), STEPS, ids=IDS)
def test_columns_are_only_appended(name: str, way: tuple[str, ...], position: int) -> None:
    here = steps(name, way)[position]
    old, new = here.source.columns, here.reduced.program.columns
    assert list(new.names)[: len(old)] == list(old.names)
    assert np.array_equal(new.integer[: len(old)], old.integer)


def arrays(value_: Any) -> list[np.ndarray]:
    """Return every array inside a program."""
    if isinstance(value_, np.ndarray):
        return [value_]
    if sparse.issparse(value_):
        return [value_.data, value_.indices, value_.indptr]
    if is_dataclass(value_):
        return [array for item in fields(value_) for array in arrays(getattr(value_, item.name))]
    return []


@pytest.mark.parametrize(("name", "way", "position"), STEPS, ids=IDS)
def test_source_is_left_as_it_was_and_the_image_is_read_only(name: str, way: tuple[str, ...], position: int) -> None:
    here = steps(name, way)[position]
    before = [array.copy() for array in arrays(here.source)]
    image = here.method.apply(here.source).program
    for old, now in zip(before, arrays(here.source), strict=True):
        assert np.array_equal(old, now)
    assert len(arrays(image)) > 10
    assert not any(array.flags.writeable for array in arrays(image))


SHARED = game(
    # The follower is free to split 1 + x between y1 and y2, and the leader pays 3 and 1: at worst 3 (1 + x) - 5 x.
    # The row y1 <= 2.5 must hold for the worst split too: x <= 1. F(0) = 3, F(1) = 1; the optimist takes F(3) = -11.
    {"leader": ("min", {"y1": 3, "y2": 1, "x": -5}), "f": ("min", {"y1": 1, "y2": 1})},
    {"x": ("leader", 0, 3), "y1": ("f", 0, 9), "y2": ("f", 0, 9)},
    {"need": ("f", {"y1": 1, "y2": 1, "x": -1}, 1, INF), "limit": ("leader", {"y1": 1}, -INF, 2.5)},
    integer=("x",),
)


@pytest.mark.parametrize(("program", "by_hand"), [(SHARED, 1.0), (RANGES, -2.0)])
def test_pessimistic_image_keeps_the_contract(program: BilevelProgram, by_hand: float) -> None:
    """The responses of RANGES are unique: the pessimist and the optimist agree."""
    before = [array.copy() for array in arrays(program)]
    reduced = Pessimistic().apply(program)
    chain = Canonical().apply(reduced.program), KKT().apply(Canonical().apply(reduced.program).program)
    worst, point = optimum(chain[1].program)
    source_point = (reduced.recover @ chain[0].recover @ chain[1].recover)(point)
    assert pessimistic_optimum(program)[0] == pytest.approx(by_hand)
    assert worst == pytest.approx(by_hand, abs=1e-6)
    assert value(program, source_point) == pytest.approx(by_hand, abs=1e-6)
    assert_feasible(program, source_point)
    assert source_point == pytest.approx(reduced.recover(chain[0].recover(chain[1].recover(point))))
    assert not any(array.flags.writeable for array in arrays(reduced.program))
    assert all(np.array_equal(old, now) for old, now in zip(before, arrays(program), strict=True))
