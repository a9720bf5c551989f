"""Feeders and their power flow as a follower with second-order cones."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import pyomo.environ as pyo
import pytest

import bilevel as bl
from models.distflow import declare_distflow
from models.networks import ieee33, read_feeder
from models.tables import DataError

PRICE = 0.4


def dispatch(extra_mw: dict[int, float] | None = None) -> Any:
    """One hour of the 33-bus feeder: the follower buys at the substation what demand and losses take."""
    feeder, more = ieee33(), extra_mw or {}
    m = pyo.ConcreteModel()
    m.grid = bl.Follower()
    declare_distflow(
        m.grid,
        feeder,
        [0],
        lambda bus, _: feeder.demand_kw[bus] / 1000 + more.get(bus, 0.0),
        lambda bus, _: feeder.demand_kvar[bus] / 1000,
    )
    m.grid.cost = pyo.Objective(expr=PRICE * m.grid.supply_mw[0])
    m.price = bl.Multiplier(m.grid.active_balance)
    m.nothing = pyo.Objective(expr=0.0)
    return m


def test_power_flow_of_33_buses_equals_the_ac_power_flow():
    """Newton's method gives losses of 202.677 kW and a least voltage of 0.91309 per unit at bus 18."""
    m = dispatch()
    solution = bl.solve(m)
    assert solution.status == "optimal"
    assert 1000 * pyo.value(m.grid.losses_mw[0]) == pytest.approx(202.677, abs=1e-3)
    voltage = {bus: sqrt(square.value) for (bus, _), square in m.grid.voltage_squared.items()}
    assert min(voltage, key=voltage.__getitem__) == 18
    assert voltage[18] == pytest.approx(0.913090, abs=1e-6)
    (line,) = solution.certificate.followers
    assert line.cones.primal <= 1e-7
    assert line.cones.gap <= 1e-6


def test_nodal_prices_equal_finite_differences():
    m = dispatch()
    solution = bl.solve(m)
    step = 1e-3
    for bus in (7, 18, 33):
        costs = []
        for change in (step, -step):
            shifted = dispatch({bus: change})
            bl.solve(shifted)
            costs.append(pyo.value(shifted.grid.cost))
        difference = (costs[0] - costs[1]) / (2 * step)
        assert solution.multiplier(m.grid.active_balance[bus, 0]) == pytest.approx(difference, abs=1e-4)
        assert m.price[bus, 0].value == pytest.approx(difference, abs=1e-4)
    assert solution.multiplier(m.grid.active_balance[1, 0]) == pytest.approx(PRICE, abs=1e-6)


@pytest.mark.parametrize(
    ("buses", "branches", "message"),
    [
        ("bus,p_kw\n1,0\n", "", "bus.csv: column q_kvar is missing"),
        ("bus,p_kw,q_kvar\n1,0,0\n2,nan,0\n", "", "bus.csv, row 3, column p_kw: 'nan' is not a finite number"),
        ("", "from_bus,to_bus,r_ohm,x_ohm\n1,2,-1,0\n", "branch.csv, row 2, column r_ohm: '-1' is not"),
        ("", "from_bus,to_bus,r_ohm,x_ohm\n1,9,1,0\n", "branch.csv, row 2, column to_bus: bus 9 is not in bus.csv"),
        (
            "",
            "from_bus,to_bus,r_ohm,x_ohm\n1,2,1,0\n2,1,1,0\n",
            "branch.csv, row 3, column to_bus: the line from 2 to 1",
        ),
        ("bus,p_kw,q_kvar\n1,0,0\n2,0,0\n3,0,0\n", "", "bus.csv, row 4, column bus: no line leads from bus 3"),
        ("bus,p_kw,q_kvar\n2,0,0\n", "", "bus.csv, column bus: the substation 1 is missing"),
    ],
)
def test_bad_tables_are_refused_by_file_row_and_column(tmp_path: Path, buses: str, branches: str, message: str):
    bus, branch = tmp_path / "bus.csv", tmp_path / "branch.csv"
    bus.write_text(buses or "bus,p_kw,q_kvar\n1,0,0\n2,1,1\n")
    branch.write_text(branches or "from_bus,to_bus,r_ohm,x_ohm\n1,2,1,0\n")
    with pytest.raises(DataError) as refused:
        read_feeder(bus, branch, substation=1, voltage_kv=10)
    assert message in str(refused.value)
