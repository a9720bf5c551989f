"""Sweeps: one game at many values, the same answers as one by one, the model left as it was."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl


def toll() -> pyo.ConcreteModel:
    """A toll t on one of two roads of costs 1 + t and 4: 2 cars pay it up to t = 3, and gains are 2 (t - fee)."""
    m = pyo.ConcreteModel()
    m.fee = pyo.Param(initialize=0.5, mutable=True)
    m.toll = pyo.Var(bounds=(0, 10), initialize=7)
    m.cars = bl.Follower()
    m.cars.on = pyo.Var(["tolled", "free"], bounds=(0, 2))
    m.cars.all = pyo.Constraint(expr=m.cars.on["tolled"] + m.cars.on["free"] == 2)
    m.cars.cost = pyo.Objective(expr=(1 + m.toll) * m.cars.on["tolled"] + 4 * m.cars.on["free"])
    m.gain = pyo.Objective(expr=(m.toll - m.fee) * m.cars.on["tolled"], sense=pyo.maximize)
    return m


def test_a_curve_over_a_variable_of_the_leader():
    """2 t - 1 up to t = 3, where the tie is broken for the leader, and nothing beyond; the price is min(1 + t, 4)."""
    m = toll()
    profile = bl.sweep(m, [(m.toll, [0, 1, 2, 3, 4])])
    assert profile.objective == pytest.approx([-1, 1, 3, 5, 0])
    assert profile.value(m.cars.on["tolled"]) == pytest.approx([2, 2, 2, 2, 0])
    assert profile.multiplier(m.cars.all)[[0, 4]] == pytest.approx([1, 4])
    assert {point.status for point in profile} == {"optimal"}
    assert (m.toll.value, m.toll.fixed) == (7, False)


def test_a_grid_over_a_parameter_and_a_variable():
    """With the fee at 1 two units less than without."""
    m = toll()
    pairs = pyo.ComponentMap([(m.fee, [0, 1]), (m.toll, [2, 3])])
    profile = bl.sweep(m, pairs)
    assert profile.keys == ("fee", "toll")
    assert profile.values.tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    assert profile.objective == pytest.approx([4, 6, 2, 4])
    assert pyo.value(m.fee) == 0.5
    assert len(profile.plot().axes[0].lines) == 2
    assert "optimal" in str(profile)


def test_a_curve_over_a_parameter_with_the_leader_free():
    """The leader takes t = 3: 2 (3 - fee), for every method."""
    for method in ("auto", bl.KKT(), bl.StrongDuality()):
        m = toll()
        if isinstance(method, bl.StrongDuality):
            m.toll.domain = pyo.Binary  # its products need a binary factor: t = 1
        best = 1 if isinstance(method, bl.StrongDuality) else 3
        found = bl.sweep(m, [(m.fee, [0, 0.5, 1])], method=method).objective
        assert found == pytest.approx([2 * best, 2 * best - 1, 2 * best - 2])


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_changes_nothing(kind: str):
    m, seen = toll(), []
    values = np.linspace(0, 4, 6)
    alone = bl.sweep(m, [(m.toll, values)])
    executor: Executor = (
        ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    )
    with executor:
        shared = bl.sweep(m, [(m.toll, values)], executor=executor, progress=seen.append)
    assert shared.objective == pytest.approx(alone.objective)
    assert shared.value(m.toll) == pytest.approx(values)
    assert [point.values for point in seen] == [(value,) for value in values]


def test_values_without_a_response_are_points_without_a_solution():
    """3 cars do not fit on the free road alone, so that the tolled one of capacity 2 - closed must take one."""
    m = toll()
    m.closed = pyo.Param(initialize=0, mutable=True)
    m.cars.open = pyo.Constraint(expr=m.cars.on["tolled"] <= 2 - m.closed)
    m.cars.least = pyo.Constraint(expr=m.cars.on["tolled"] >= 1)
    profile = bl.sweep(m, [(m.closed, [0, 1, 2])])
    assert [point.status for point in profile] == ["optimal", "optimal", "infeasible"]
    assert np.isnan(profile.objective[2])


def test_what_cannot_be_swept_is_refused():
    m = toll()
    with pytest.raises(bl.InvalidGame, match="one member"):
        bl.sweep(m, [(m.cars.on, [1])])
    with pytest.raises(bl.InvalidGame, match=r"cars.on\[free\]: it is not the leader's"):
        bl.sweep(m, [(m.cars.on["free"], [1])])
    m.constant = pyo.Param(initialize=1)
    m.share = pyo.Param([1], initialize=1, mutable=True, within=pyo.PercentFraction)
    for key, value, message in (
        (m.constant, 1, "constant: it is not mutable"),
        (m.share[1], 2, r"share\[1\]: 2 is no value it can have"),
        (m.toll, float("nan"), "toll: nan is no value it can have"),
    ):
        with pytest.raises(bl.InvalidGame, match=message):
            bl.sweep(m, [(key, [value])])
    assert m.share[1].value == 1
