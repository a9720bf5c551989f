"""Small games with integer followers: strategies, Pyomo models, and optima by enumeration without a solver.

A game is a leader's objective and row, and one follower with an objective and rows; all coefficients are small
integers over the columns ``(x, y)``.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyomo.environ as pyo
from hypothesis import strategies as st

import bilevel as bl
from tests.problems.library import game, minimise, rows

GRID = range(4)
Data = dict[str, Any]


@st.composite
def small_games(draw: st.DrawFn) -> Data:
    """Two leader and two follower integers in 0..3, three rows of the follower, one of the leader."""
    small = st.integers(-4, 4)
    vector = st.lists(small, min_size=4, max_size=4)
    return {
        "leader": draw(vector),
        "follower": draw(st.lists(small, min_size=2, max_size=2)),
        "rows": draw(st.lists(vector, min_size=3, max_size=3)),
        "sides": draw(st.lists(st.integers(-2, 9), min_size=3, max_size=3)),
        "upper_row": draw(vector),
        "upper_side": draw(st.integers(-1, 8)),
    }


def consistent(data: Data) -> bool:
    """Whether rows without coefficients hold; they cannot be declared."""
    empty = [s for r, s in zip(data["rows"], data["sides"], strict=True) if not any(r)]
    return all(s >= 0 for s in empty) and (any(data["upper_row"]) or data["upper_side"] >= 0)


def declared(data: Data) -> pyo.ConcreteModel:
    """Return a small game as a model."""
    m = game("random")
    m.x = pyo.Var(range(2), bounds=(0, 3), domain=pyo.Integers)
    m.follower.y = pyo.Var(range(2), bounds=(0, 3), domain=pyo.Integers)
    z = [m.x[0], m.x[1], m.follower.y[0], m.follower.y[1]]

    def form(coefficients: list[int]) -> Any:
        return sum(c * v for c, v in zip(coefficients, z[-len(coefficients) :], strict=True))

    rows(m.follower, *(form(r) + 0 * z[2] <= s for r, s in zip(data["rows"], data["sides"], strict=True) if any(r)))
    if any(data["upper_row"]):
        rows(m, form(data["upper_row"]) <= data["upper_side"])
    minimise(m.follower, form(data["follower"]))
    minimise(m, form(data["leader"]))
    return m


def enumerated(data: Data) -> float | None:
    """Return the optimum over all leader decisions, None where none has a response that fits the leader's row."""
    grid = list(itertools.product(GRID, repeat=2))
    best = None
    for x in grid:
        points = [np.array([*x, *y]) for y in grid]
        fits = [z for z in points if all(np.dot(r, z) <= s for r, s in zip(data["rows"], data["sides"], strict=True))]
        if not fits:
            continue
        value = min(np.dot(data["follower"], z[2:]) for z in fits)
        for z in fits:
            if np.dot(data["follower"], z[2:]) == value and np.dot(data["upper_row"], z) <= data["upper_side"]:
                found = float(np.dot(data["leader"], z))
                best = found if best is None else min(best, found)
    return best


def enumerated_mixed(data: Data) -> float | None:
    """Return the optimum where the follower's second column is continuous: an interval for each of the integers."""
    found = [_best_at(data, x) for x in itertools.product(GRID, repeat=2)]
    return min((value for value in found if value is not None), default=None)


def _best_at(data: Data, x: tuple[int, ...]) -> float | None:
    follower, leader = data["follower"], data["leader"]
    choices: list[tuple[float, int, float, float]] = []
    for y in GRID:
        low, high = _interval(data["rows"], data["sides"], (*x, y), 0.0, 3.0)
        if low <= high + 1e-9:
            ends = (low, high) if follower[1] == 0 else (low, low) if follower[1] > 0 else (high, high)
            choices.append((follower[0] * y + follower[1] * ends[0], y, *ends))
    optimum = min((value for value, *_ in choices), default=np.inf)
    values = []
    for value, y, low, high in choices:
        if value > optimum + 1e-9:
            continue
        ends = _interval([data["upper_row"]], [data["upper_side"]], (*x, y), low, high)
        if ends[0] <= ends[1] + 1e-9:
            values += [float(np.dot(leader, (*x, y, w))) for w in ends]
    return min(values, default=None)


def _interval(matrix: Any, sides: Any, fixed: tuple[float, ...], low: float, high: float) -> tuple[float, float]:
    """Return what rows leave of the interval of the last column; an empty one has ``low > high``."""
    for row, side in zip(matrix, sides, strict=True):
        rest, slope = side - float(np.dot(row[:-1], fixed)), row[-1]
        if slope > 0:
            high = min(high, rest / slope)
        elif slope < 0:
            low = max(low, rest / slope)
        elif rest < 0:
            return np.inf, -np.inf
    return low, high


@st.composite
def moved_games(draw: st.DrawFn) -> Data:
    """A leader's continuous x in [0, 3], a follower's z in {0, 1, 2} and w in [0, 2], three rows of the follower."""
    small = st.integers(-3, 3)
    return {
        "leader": draw(st.lists(small, min_size=3, max_size=3)),
        "follower": draw(st.lists(small, min_size=2, max_size=2)),
        "rows": draw(st.lists(st.tuples(small, small, small), min_size=3, max_size=3)),
        "sides": draw(st.lists(st.integers(0, 5), min_size=3, max_size=3)),
    }


def declared_moved(data: Data) -> pyo.ConcreteModel:
    """Return a game with a continuous leader as a model."""
    m = game("moved")
    x = m.x = pyo.Var(bounds=(0, 3))
    z = m.follower.z = pyo.Var(bounds=(0, 2), domain=pyo.Integers)
    w = m.follower.w = pyo.Var(bounds=(0, 2))
    kept = [(r, s) for r, s in zip(data["rows"], data["sides"], strict=True) if any(r)]
    rows(m.follower, *(r[0] * x + r[1] * z + r[2] * w <= s for r, s in kept))
    minimise(m.follower, data["follower"][0] * z + data["follower"][1] * w)
    minimise(m, data["leader"][0] * x + data["leader"][1] * z + data["leader"][2] * w)
    return m


def value_at(data: Data, x: float) -> float:
    """Return the leader's value at ``x``: for each z the follower moves w to an end of its interval."""
    best: list[tuple[float, float]] = []
    for z in range(3):
        low, high = _interval(data["rows"], data["sides"], (x, z), 0.0, 2.0)
        if low <= high:
            cost, leader = data["follower"], data["leader"]
            best += [(cost[0] * z + cost[1] * w, leader[0] * x + leader[1] * z + leader[2] * w) for w in (low, high)]
    optimum = min((f for f, _ in best), default=np.inf)
    return min((F for f, F in best if f <= optimum + 1e-12), default=np.inf)


@st.composite
def price_games(draw: st.DrawFn) -> Data:
    """Two followers with an integer in 0..3 each, in one row with the leader's integers, at a price that it sets."""
    small = st.integers(-4, 4)
    triple = st.lists(small, min_size=3, max_size=3)
    return {
        "leader": draw(st.lists(small, min_size=4, max_size=4)),
        "costs": draw(st.lists(small, min_size=2, max_size=2)),
        "prices": draw(st.lists(small, min_size=2, max_size=2)),
        "rows": draw(st.lists(triple.filter(any), min_size=2, max_size=2)),
        "sides": draw(st.lists(st.integers(0, 9), min_size=2, max_size=2)),
    }


def declared_prices(data: Data) -> pyo.ConcreteModel:
    """Return a game with two followers as a model."""
    m = pyo.ConcreteModel("prices")
    m.x = pyo.Var(range(2), bounds=(0, 3), domain=pyo.Integers)
    m.follower = bl.Follower([0, 1])
    for k, block in m.follower.items():
        y = block.y = pyo.Var(bounds=(0, 3), domain=pyo.Integers)
        first, second, own = data["rows"][k]
        rows(block, first * m.x[0] + second * m.x[1] + own * y <= data["sides"][k])
        minimise(block, data["costs"][k] * y + data["prices"][k] * m.x[k] * y)
    z = [m.x[0], m.x[1], m.follower[0].y, m.follower[1].y]
    minimise(m, sum(c * v for c, v in zip(data["leader"], z, strict=True)))
    return m


def enumerated_prices(data: Data) -> float | None:
    """Return the optimum over the leader's decisions, each follower's responses found alone."""
    values = []
    for x in itertools.product(GRID, repeat=2):
        value = float(np.dot(data["leader"][:2], x))
        for k in range(2):
            first, second, own = data["rows"][k]
            fits = [y for y in GRID if first * x[0] + second * x[1] + own * y <= data["sides"][k]]
            unit = data["costs"][k] + data["prices"][k] * x[k]
            best = min((unit * y for y in fits), default=np.inf)
            value += min((data["leader"][2 + k] * y for y in fits if unit * y == best), default=np.inf)
        values.append(value)
    return min((value for value in values if value < np.inf), default=None)


def small_interdiction(seed: int) -> Data:
    """Seven items; half of the weight fits, a third of the cost can be spent."""
    generator = np.random.default_rng(seed)
    profit, weight, cost = (generator.integers(1, 30, 7) for _ in range(3))
    capacity, budget = int(weight.sum() // 2), int(cost.sum() // 3)
    return {"profit": profit, "weight": weight, "cost": cost, "capacity": capacity, "budget": budget}
