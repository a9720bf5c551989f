"""Without pandapower the shipped tables serve: only the checks by AC power flow are off, and a line says so."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from models.ac_power_flow import ADVICE, has_pandapower
from models.credit_points.__main__ import newton_checks
from models.credit_points.data import read_instance as read_aggregators
from models.ev_retailer.data import HOURS
from models.ev_retailer.data import read_instance as read_retailer
from models.ev_retailer.day_ahead import day_ahead_price
from models.trilevel_stations.__main__ import chosen_voltages
from models.trilevel_stations.data import FOLDER


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console that keeps what is printed, in a Python whose imports of pandapower fail."""
    for name in [name for name in sys.modules if name.split(".")[0] == "pandapower"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandapower", None)
    return Console(file=io.StringIO(), width=400, markup=False)


def printed(console: Console) -> str:
    return cast(io.StringIO, console.file).getvalue()


def test_day_ahead_price_of_the_retailer_keeps_its_check_by_the_convex_power_flow(console: Console) -> None:
    assert not has_pandapower()
    price = day_ahead_price(read_retailer(), np.full(len(HOURS), 200.0))
    assert price.newton is None
    assert price.fitted == pytest.approx(price.nodal, abs=1e-4)


def test_equilibrium_of_the_aggregators_is_not_checked_by_newtons_method(console: Console) -> None:
    found: Any = SimpleNamespace()  # nothing of the equilibrium is asked for
    assert newton_checks(console, found, read_aggregators(), wanted=True) == {}
    assert ADVICE in printed(console)


def test_voltages_of_the_stations_come_from_the_table(console: Console) -> None:
    """At 100 and 100 MW the table of power flows has no node; between its nodes it is right to about 1e-3."""
    state = chosen_voltages(console, FOLDER, table=False)(100.0, 100.0)
    assert 0.9 < state.least <= min(state.bus_5, state.bus_6) + 1e-3
    assert "voltages are read from a table" in printed(console)
    assert "bilevel-compiler[power]" in printed(console)
