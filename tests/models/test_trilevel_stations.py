"""Operator, stations and groups: data, closed forms, voltages, and the game against enumeration."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from models.tables import DataError
from models.trilevel_stations import __main__
from models.trilevel_stations.competition import best_responses, first_mover, payoffs, price_of
from models.trilevel_stations.data import FOLDER, GROUPS, STATIONS, Instance, read_instance
from models.trilevel_stations.game import trilevel_stations
from models.trilevel_stations.induction import at_prices, at_subsidies, cheapest, is_safe, monopoly_price
from models.trilevel_stations.play import outcome_of, play
from models.trilevel_stations.voltages import by_power_flow, by_table
from models.trilevel_stations.window import moves_at, window

NEEDS_PANDAPOWER = pytest.mark.skipif(
    importlib.util.find_spec("pandapower") is None, reason="pandapower, the extra power, is not installed"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped data, to be spoilt."""
    return Path(shutil.copytree(FOLDER, tmp_path / "data"))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("tastes_corrected.csv", "station_2", "other", "tastes_corrected.csv: column station_2 is missing"),
        ("tastes_corrected.csv", "1,10,8", "1,nan,8", "tastes_corrected.csv, row 2, column station_1: 'nan'"),
        (
            "tastes_corrected.csv",
            "2,12,9",
            "3,12,9",
            "tastes_corrected.csv, row 3, column group: 3 where 2 is expected",
        ),
        ("parameters.toml", "price_step = 0.125", "price_step = -1", "[menus], key price_step: -1"),
        ("parameters.toml", "= 1.06", "= 0.9", "[network], key most_voltage_pu: not above the least voltage"),
    ],
)
def test_bad_data_are_refused_with_file_row_and_column(folder: Path, file: str, old: str, new: str, says: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        read_instance(folder)
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0,0,1,1,inf\n", "voltage_map.csv, row 2, column vmin_pu: 'inf'"),
        ("0,0,1,1,1\n0,20,1,1,1\n0,40,1,1,1\n", "voltage_map.csv, column p5_mw: the loads lie on one line"),
    ],
)
def test_bad_tables_of_voltages_are_refused(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "voltage_map.csv"
    path.write_text("p5_mw,p6_mw,v5_pu,v6_pu,vmin_pu\n" + rows, encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        by_table(path)
    assert says in str(refusal.value)


SPECIFIED = [
    ((165, 125), 0.9279, 0.9420),
    ((275, 0), 0.8630, 0.9876),
    ((162.5, 112.5), 0.9315, 0.9505),
    ((0, 300), 0.9700, 0.8091),
    ((162.5, 131.25), 0.9284, 0.9383),
]


@NEEDS_PANDAPOWER
def test_power_flow_gives_the_voltages_of_the_scenarios() -> None:
    flow = by_power_flow()
    for loads, five, six in SPECIFIED:
        state = flow(*loads)
        assert (state.bus_5, state.bus_6) == pytest.approx((five, six), abs=6e-5)
    assert np.isnan(flow(5000, 0).least)
    assert window(read_instance(), flow).holds_until == pytest.approx(2.2436, abs=1e-3)


def test_table_is_near_the_power_flow_and_falls_in_both_loads() -> None:
    table = by_table()
    for loads, five, six in SPECIFIED:
        state = table(*loads)
        assert (state.bus_5, state.bus_6) == pytest.approx((five, six), abs=1e-3)
    grid = np.arange(0, 301, 20)  # the points of the table
    least = np.array([[table(a, b).least if a + b <= 300 else np.nan for b in grid] for a in grid])
    assert not np.any(np.diff(least, axis=0) > 0)
    assert not np.any(np.diff(least, axis=1) > 0)
    assert np.isnan(table(450, 0).least)


def test_demand_and_surplus_are_those_of_the_quadratic_program_of_a_group() -> None:
    """Group 2 at station 1 and price 5.5: x = (12 - 5.5)/2 = 3.25, worth 3.25 squared; solved as a follower as well."""
    data = read_instance()
    assert (data.demand(5.5)[1, 0], data.surplus(5.5)[1, 0]) == pytest.approx((3.25, 10.5625), abs=1e-12)
    m = pyo.ConcreteModel()
    m.price = pyo.Var(bounds=(5.5, 5.5))
    m.group = bl.Follower()
    m.group.x = pyo.Var(bounds=(0, None))
    m.group.worth = pyo.Objective(expr=12 * m.group.x - m.group.x**2 - m.price * m.group.x, sense=pyo.maximize)
    m.sold = pyo.Objective(expr=m.group.x)
    assert bl.solve(m).status == "optimal"
    assert pyo.value(m.group.x) == pytest.approx(3.25, abs=1e-9)


def test_monopoly_prices_fall_by_half_the_subsidy() -> None:
    """p1 = 22/4 and p2 = 17/4 without subsidies; at s2 = 1.5 the price 3.5 makes group 1 indifferent."""
    data = read_instance()
    assert [monopoly_price(data, j, 0.0) for j in STATIONS] == [5.5, 4.25]
    assert monopoly_price(data, 1, 1.5) == 3.5
    assert {way.place for way in at_subsidies(data, (0.0, 1.25))} == {(0, 0)}
    assert {way.place for way in at_subsidies(data, (0.0, 1.5))} == {(0, 0), (1, 0)}
    assert {way.place for way in at_subsidies(data, (0.0, 3.75))} == {(1, 1)}


def test_safe_subsidies_end_where_the_group_that_moved_buys_too_much() -> None:
    """
    Group 1 moves at 8 - p2 = 4.5, group 2 at 9 - p2 = 6.5, so at 1.5 and 3.5; but x = 1.875 + s/4 loads bus 6 more and
    more, and long before 3.5 bus 5 is below the limit. Enumeration of the menu tells the same.
    """
    data, voltages = read_instance(), by_table()
    assert moves_at(data).tolist() == [1.5, 3.5]
    found = window(data, voltages)
    assert (found.first_moves, found.second_moves) == (1.5, 3.5)
    assert found.holds_until is not None
    assert voltages(162.5, 50 * (1.875 + found.holds_until / 4)).least == pytest.approx(0.93, abs=1e-9)
    for subsidy in np.arange(0, 5.1, 0.25):
        *_, towards_second = at_subsidies(data, (0.0, float(subsidy)))
        safe = is_safe(data, voltages(*towards_second.load_mw(data)))
        assert safe == (1.5 <= subsidy <= found.holds_until)
    assert window(read_instance(tastes="printed"), voltages).holds_until is None


def test_printed_tastes_split_the_groups_already_without_subsidies() -> None:
    """p2 = 19/4: group 1 buys 2.625 at station 2, group 2 buys 3.25 at station 1."""
    (only,) = at_subsidies(read_instance(tastes="printed"), (0.0, 0.0))
    assert only.place == (1, 0)
    assert only.buys.tolist() == [[0, 2.625], [3.25, 0]]


def coarse() -> Instance:
    """Menus of half as many items, which hold every best answer too; the command has the finer ones."""
    return replace(read_instance(), prices=0.25 * np.arange(33), subsidies=0.5 * np.arange(11))


def test_game_needs_the_subsidy_of_enumeration_to_hold_the_voltages() -> None:
    """Subsidy 1.5 on 2.25 units is 3.375; against the operator's luck with ties it takes 2 on 2.375 units."""
    data, voltages = coarse(), by_table()
    first, last = play(data, voltages)
    assert first.outcome is not None
    assert last.outcome is not None
    assert first.outcome.load_mw(data) == pytest.approx((275, 0), abs=1e-6)
    assert (first.outcome.subsidy, first.outcome.price) == ((0.0, 0.0), pytest.approx((5.5, 4.25), abs=1e-9))
    for step in (first, last):
        assert step.solution.status == "optimal"
        assert step.solution.certificate is not None
        assert step.solution.certificate.holds
    assert last.outcome.subsidy == (0.0, 1.5)
    assert last.outcome.price == pytest.approx((5.5, 3.5), abs=1e-9)
    assert last.outcome.load_mw(data) == pytest.approx((162.5, 112.5), abs=1e-6)
    assert last.state is not None
    assert is_safe(data, last.state)
    best, strict = cheapest(data, voltages), cheapest(data, voltages, pessimistic=True)
    assert best is not None
    assert strict is not None
    assert last.outcome.moved == pytest.approx(best.moved, abs=1e-6)
    assert (best.moved, strict.moved) == pytest.approx((3.375, 2 * 2.375))


def test_game_with_excluded_loads_is_the_enumeration_without_them() -> None:
    """Exclude what scenario 3 loads: the next best is dearer, or nothing is left."""
    data = coarse()
    excluded = [(275.0, 0.0), (162.5, 112.5)]
    m = trilevel_stations(data, excluded)
    solution = bl.solve(m, threads=1)
    ways = [
        way
        for pair in itertools.product(data.subsidies, repeat=2)
        for way in at_subsidies(data, pair)
        if not any(all(load >= limit for load, limit in zip(way.load_mw(data), each, strict=True)) for each in excluded)
    ]
    assert solution.status == "optimal"
    assert outcome_of(m).moved == pytest.approx(min(way.moved for way in ways), abs=1e-6)


@pytest.mark.long
def test_printed_tastes_are_infeasible_with_subsidies_alone() -> None:
    data, voltages = read_instance(tastes="printed"), by_table()
    *_, last = play(data, voltages)
    assert last.solution.status == "infeasible"
    assert cheapest(data, voltages) is None


@pytest.mark.parametrize(
    ("tastes", "equilibria", "first", "second"),
    [
        ("printed", [], (4.6, 4.55), (4.9, 1.9)),
        ("corrected", [(2.0, 0.0), (2.05, 0.05)], (2.05, 0.05), (2.0, 0.0)),
    ],
)
def test_competition_of_the_stations_by_enumeration(
    tastes: str, equilibria: list[tuple[float, float]], first: tuple[float, float], second: tuple[float, float]
) -> None:
    table = payoffs(read_instance(tastes=tastes), 0.05)
    assert table.pure_equilibria() == [pytest.approx(pair) for pair in equilibria]
    assert table.led_by(0) == pytest.approx(first)
    assert table.led_by(1) == pytest.approx(second)


def test_profits_of_the_matrices_are_those_of_the_groups_choices() -> None:
    data = read_instance(tastes="printed")
    table = payoffs(data, 0.5)
    for i, j in itertools.product(range(0, 20, 3), repeat=2):
        way = next(at_prices(data, (float(table.prices[i]), float(table.prices[j]))))
        assert way.profits == pytest.approx((table.first[i, j], table.second[i, j]))
        assert len(way.place) == len(GROUPS)


def test_first_mover_of_the_game_is_the_one_of_enumeration() -> None:
    table = payoffs(read_instance(tastes="printed"), 1.0)
    for leader, own in enumerate((table.first, table.second)):
        solution = bl.solve(first_mover(table, leader), threads=1)
        i, j = (int(np.flatnonzero(np.isclose(table.prices, price))[0]) for price in table.led_by(leader))
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(own[i, j], abs=1e-6)


def test_best_responses_with_printed_tastes_run_in_a_circle() -> None:
    """The stations undercut each other down to (2, 1.5), then the first returns to a high price (Edgeworth)."""
    data = read_instance(tastes="printed")
    prices = payoffs(data, 0.5).prices
    found = best_responses(data, prices, (5.5, 4.5))
    assert found.status == "cycle"
    visited = [(price_of(p["station 1"], prices), price_of(p["station 2"], prices)) for p in found.cycle]
    assert (4.5, 4.0) in visited
    assert (2.0, 1.5) in visited


def test_mixed_equilibrium_with_printed_tastes_has_the_known_values() -> None:
    table = payoffs(read_instance(tastes="printed"), 0.5)
    found = bl.mixed_equilibrium(table.first[:17, :17], table.second[:17, :17], threads=1)
    assert found.payoffs == pytest.approx((16.0, 6.375))
    assert max(found.regrets) <= 1e-9


def test_command_without_a_taste_file_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "parameters.toml").write_text((FOLDER / "parameters.toml").read_text())
    assert __main__.main(["--data", str(tmp_path)]) == 2
    assert "tastes_corrected.csv" in capsys.readouterr().out


@pytest.mark.long
def test_command_holds_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--table", "--no-figures"]) == 0
    printed = capsys.readouterr().out
    assert "FAILS" not in printed
    assert "3.375" in printed
