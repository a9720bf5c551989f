"""Stations, network and traffic: equilibrium, dispatch and its prices, residual flow, orderings that are theorems."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import minimize

import bilevel as bl
from bilevel.language.read import read
from models.tables import DataError
from models.traffic_stations import __main__
from models.traffic_stations.checks import checks, congestion_margin, one_sided
from models.traffic_stations.chords import Congestion, centred
from models.traffic_stations.data import FOLDER, Instance, read_instance
from models.traffic_stations.day import Case, Outcome, best_answer, solve_case
from models.traffic_stations.game import charging_game, three_parties
from models.traffic_stations.hour import HourGame
from models.traffic_stations.operator import OperatorHour
from models.traffic_stations.price_taking import take_prices
from models.traffic_stations.refinement import equilibrium_by_chords
from models.traffic_stations.search import pattern_search
from models.traffic_stations.theorems import grid_check, sample_check
from models.traffic_stations.users import Users

STATIONS = 6


@pytest.fixture(scope="module")
def data() -> Instance:
    return read_instance()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped data, to be spoilt."""
    return Path(shutil.copytree(FOLDER, tmp_path / "data"))


def uniform(price: float) -> np.ndarray:
    return np.full(STATIONS, price)


def busiest(data: Instance, tariff: str = "nodal", charge: float = 100.0, weight: float = 0.0) -> HourGame:
    """Hour 18, demand 1.6, grid price 700 yuan/MWh."""
    return HourGame(data, data.hours[2], tariff, np.zeros(5), weight=weight, charge=charge)


def test_shipped_data_are_six_hours_or_a_day_on_the_grid_of_sixteen_nodes(data: Instance) -> None:
    assert [hour.number for hour in data.hours] == [16, 17, 18, 19, 20, 21]
    assert len(read_instance(horizon="day").hours) == 24
    assert (len(data.routes.arcs), len(data.routes.trips), len(data.routes.stations)) == (48, 5, 6)
    assert (len(data.routes), len(data.routes.charges)) == (74, 59)


def test_equilibrium_holds_on_true_travel_times(data: Instance) -> None:
    users, vehicles = Users(data), data.vehicles_per_h * 1.6
    flows = users.equilibrium(uniform(1.8), vehicles)
    assert flows.gap(data.routes.trip) <= 1e-9
    assert flows.excess(data.routes.trip) <= 1e-6
    assert [flows.flow[data.routes.trip == o].sum() for o in range(5)] == pytest.approx(vehicles)


def test_equilibrium_is_the_least_potential(data: Instance) -> None:
    """Along any exchange of vehicles between two options of a trip the potential does not fall."""
    users, vehicles = Users(data), data.vehicles_per_h
    flows = users.equilibrium(uniform(1.8), vehicles)
    congestion, _ = centred(data, flows, 4)
    bill = data.routes.energy_kwh * 1.8 + data.drivers.value_of_time * data.routes.charging_h

    def potential(flow: np.ndarray) -> float:
        return float(congestion.potential(congestion.matrix @ flow).sum() + bill @ flow)

    random = np.random.default_rng(0)
    for _ in range(50):
        o = random.integers(5)
        source, target = random.permutation(np.flatnonzero(data.routes.trip == o))[:2]

        def exchanged(share: np.ndarray, source: int = source, target: int = target) -> float:
            flow = flows.flow.copy()
            moved = float(share[0]) * flow[source]
            flow[source] -= moved
            flow[target] += moved
            return potential(flow)

        best = minimize(exchanged, [0.3], bounds=[(0, 1)]).fun
        assert best >= potential(flows.flow) * (1 - 1e-9)


def test_chords_refined_where_the_flow_is_come_to_the_same_equilibrium(data: Instance) -> None:
    vehicles = data.vehicles_per_h * 1.6
    flow, gaps = equilibrium_by_chords(data, uniform(1.8), vehicles, rounds=10)
    assert gaps[0] > 1e-2
    assert min(gaps) <= 1e-3
    exact = Users(data).equilibrium(uniform(1.8), vehicles)
    congestion, _ = centred(data, exact, 4)
    assert congestion.matrix[48:] @ flow == pytest.approx(congestion.matrix[48:] @ exact.flow, abs=3.0)


def test_chords_that_no_solver_tells_apart_are_one(data: Instance) -> None:
    """At a hundredth of its capacity an arc's cost rises by 1e-8 of it: one chord; waiting rises in line: all."""
    congestion = Congestion.of(data, data.vehicles_per_h)
    arcs, count = len(data.routes.arcs), 9
    few = [np.linspace(0, 0.01 * arc.capacity, count) for arc in data.routes.arcs]
    lines = congestion.slopes(few + [np.linspace(0, most, count) for most in congestion.most[arcs:]])
    assert [len(slope) for slope, _ in lines] == [1] * arcs + [count - 1] * (len(lines) - arcs)
    steep = congestion.slopes([np.linspace(0, 2 * most, count) for most in congestion.most])
    assert all(np.all(np.diff(slope) > 0) for slope, _ in steep)


def test_best_uniform_price_of_the_busiest_hour(data: Instance) -> None:
    """1914.8 yuan at 1.92 yuan/kWh, marginal costs 700.5, 714.3, 703.2, 733.2, 712.4, 766.9 yuan/MWh."""
    game = busiest(data)
    answer = game.evaluate(uniform(1.92))
    assert answer is not None
    assert answer.profit == pytest.approx(1914.8, abs=0.1)
    assert answer.dispatch.price == pytest.approx([700.5, 714.3, 703.2, 733.2, 712.4, 766.9], abs=0.1)
    assert max(game.profit(uniform(level)) for level in np.linspace(1.7, 2.1, 9)) <= answer.profit + 2


def test_marginal_cost_is_between_left_and_right_differences(data: Instance) -> None:
    operator = OperatorHour(data, data.hours[2])
    for power in (uniform(0.45), uniform(0.2), np.linspace(0.1, 0.5, 6)):
        dispatch = operator.dispatch(power)
        assert dispatch is not None
        left, right = one_sided(operator, power)
        assert np.all(left - 1e-3 <= dispatch.price)
        assert np.all(dispatch.price <= right + 1e-3)
        assert dispatch.duality_gap <= 1e-9


def test_multiplier_of_active_power_alone_understates_the_marginal_cost(data: Instance) -> None:
    dispatch = OperatorHour(data, data.hours[2]).dispatch(uniform(0.45))
    assert dispatch is not None
    assert dispatch.active_price.max() < 0.9 * dispatch.price.max()


def test_network_hosts_three_and_a_half_megawatts(data: Instance) -> None:
    """Hour 19: 3.60 MW of vehicles can be served, 3.75 MW cannot."""
    operator = OperatorHour(data, data.hours[3])
    assert operator.dispatch(uniform(0.600)) is not None
    assert operator.dispatch(uniform(0.625)) is None


def test_surplus_of_wind_makes_power_worth_what_its_curtailment_costs(data: Instance) -> None:
    """Six megawatts of wind at bus 2 in hour 3: nothing comes from the grid, every price is -200."""
    day = read_instance(horizon="day")
    windy = replace(
        day.operator, wind_bus=2, wind_mw=6.0, most_voltage=1.3, wind_factor=np.ones(1), probability=np.ones(1)
    )
    dispatch = OperatorHour(replace(day, operator=windy), replace(day.hours[2], wind=1.0)).dispatch(uniform(0.1))
    assert dispatch is not None
    assert dispatch.supply_mw == pytest.approx([0], abs=1e-9)
    assert dispatch.price == pytest.approx(np.full(STATIONS, -200.0))


def test_octagon_of_the_substation_prices_reactive_power(data: Instance) -> None:
    """Rating 4 MVA: 3.577 MW, multipliers 725 and 25 of active and reactive power, 733.2 at every station."""
    tight = replace(data.operator, least_voltage=0.8, substation_mva=4.0, wind_mw=0.0)
    dispatch = OperatorHour(replace(data, operator=tight), data.hours[2]).dispatch(uniform(0.1))
    assert dispatch is not None
    assert dispatch.supply_mw == pytest.approx(np.full(3, 3.577), abs=1e-3)
    assert dispatch.active_price == pytest.approx(uniform(725.0))
    assert dispatch.price == pytest.approx(uniform(725 + 25 * data.operator.reactive_ratio))


def test_vehicles_and_residual_flow_add_up_over_the_hours(data: Instance) -> None:
    """sum W_mod = sum W - xi r_T at fixed prices, and trips of over an hour leave vehicles to the next hour."""
    left, games, answers = np.zeros(5), [], []
    for hour in data.hours[:3]:
        game = HourGame(data, hour, "nodal", left, weight=0.5)
        answer = game.evaluate(uniform(1.9))
        assert answer is not None
        left = answer.residual
        games.append(game)
        answers.append(answer)
    outcome = Outcome(Case("", "nodal", 0.5, 100.0), tuple(games), tuple(answers), np.zeros(5))
    assert outcome.residual_error <= 1e-5
    assert max(answer.rounds for answer in answers) <= 9
    assert np.all(left > 0)


def test_a_game_is_worth_no_more_than_power_at_the_grid_price_and_no_less_than_the_fixed_tariff_and_its_margin(
    data: Instance,
) -> None:
    """
    Hour 18. Without reverse flow, curtailed wind or overvoltage no marginal cost is below the grid's price, so the game
    is worth at most what stations earn at that price. At the prices of the fixed tariff they earn the margin more.
    """
    coarse = (0.1,)
    at_grid_price, fixed, nodal = busiest(data, "fixed", 0.0), busiest(data, "fixed"), busiest(data)
    price, profit = pattern_search(fixed.profit, uniform(1.9), coarse)
    answer = fixed.evaluate(price)
    assert answer is not None
    margin = congestion_margin(fixed, answer)
    assert margin > 0
    best, value = pattern_search(nodal.profit, price, coarse)
    assert value >= profit + margin - 1e-6
    found = nodal.evaluate(best)
    assert found is not None
    assert np.all(found.dispatch.price >= 700 - 1e-6)
    assert value <= max(pattern_search(at_grid_price.profit, start, coarse)[1] for start in (best, uniform(1.9)))


def test_checks_of_a_case_hold(data: Instance) -> None:
    short = replace(data, hours=data.hours[:1])
    outcome = solve_case(short, Case("game, residual flow", "nodal", 0.5, 100.0))
    assert outcome.profit == pytest.approx(668.7, abs=0.5)
    assert all(check.holds for check in checks(outcome))


def test_given_purchase_prices_settle_at_once_where_no_voltage_binds(data: Instance) -> None:
    """Hour 21: the marginal cost is the grid's price, whatever is drawn."""
    rounds = take_prices(HourGame(data, data.hours[-1], "nodal", np.zeros(5), weight=0.0), uniform(1.9))
    assert rounds.settled
    assert rounds.changes == pytest.approx([0.0], abs=1e-6)


def tight(data: Instance) -> HourGame:
    """Hour 18 with a least voltage of 0.94."""
    operator = replace(data.operator, least_voltage=0.94)
    return HourGame(replace(data, operator=operator), data.hours[2], "nodal", np.zeros(5), weight=0.0)


def test_given_purchase_prices_run_in_a_circle_where_a_voltage_binds(data: Instance) -> None:
    """Dear power drives the load away, and is then cheap: two purchase prices follow each other for ever."""
    rounds = take_prices(tight(data), uniform(1.8))
    assert not rounds.settled
    assert rounds.circle == 2
    assert rounds.changes[-1] > 100
    assert "runs in a circle of 2 rounds" in str(rounds)


def test_marginal_costs_stay_apart_in_a_tighter_network(data: Instance) -> None:
    """1927.5 yuan; demand response at 800 yuan/MWh holds 0.94, so that bus 18 at the end of the feeder is dearest."""
    game = tight(data)
    found = best_answer(game)
    assert found.profit == pytest.approx(1927.5, abs=0.5)
    assert found.dispatch.least_voltage == pytest.approx(0.94, abs=1e-6)
    assert found.dispatch.price == pytest.approx([700.5, 714.3, 703.2, 733.2, 712.4, 766.9], abs=0.1)
    assert grid_check(game, found, count=5).holds
    assert sample_check(game, found.profit, 20).holds


def test_game_in_the_language_has_stations_that_lead_and_drivers_that_follow(data: Instance) -> None:
    flows = Users(data).equilibrium(uniform(1.8), data.vehicles_per_h)
    m = charging_game(data, data.hours[2], flows.vehicles, (1.6, 2.0), *centred(data, flows, 4))
    program = read(m).program
    assert list(program.players) == ["leader", "drivers"]
    assert int(program.columns.integer.sum()) == 2 * STATIONS


def test_three_parties_in_the_language_pay_the_marginal_cost_that_the_operator_finds(data: Instance) -> None:
    """
    Hour 18, every price 1.9. What power costs is a multiplier of the operator times a flow of the drivers, 36 products,
    rewritten exactly by the conditions of both; profit and prices are those of the flows, evaluated from outside.
    """
    flows = Users(data).equilibrium(uniform(1.9), data.vehicles_per_h * 1.6)
    m = three_parties(data, data.hours[2], flows.vehicles, (1.9,), *centred(data, flows, 4))
    solution = bl.solve(m, method=bl.Branching(), time_limit=5, threads=1)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert any("linearised exactly" in note for note in solution.notes)
    power = np.array([pyo.value(m.drivers.energy_kwh[k]) for k in range(STATIONS)]) / 1000
    paid = np.array([pyo.value(m.purchase_yuan_per_mwh[k]) for k in range(STATIONS)])
    left, right = one_sided(OperatorHour(data, data.hours[2]), power)
    assert np.all(left - 1e-3 <= paid)
    assert np.all(paid <= right + 1e-3)
    assert solution.objective == pytest.approx((1900 - paid) @ power, rel=1e-6)


@pytest.mark.long
def test_command_holds_every_check_and_the_signs_of_the_sensitivity(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--sensitivity", "--cyclic", "--no-figures"]) == 0
    printed = capsys.readouterr().out
    assert "FAILS" not in printed
    assert "profit rises with weight or value of time" in printed


BAD = {
    ("arcs.csv", "0.175,70", "0.175,none"): r"arcs\.csv, row 2, column capacity_veh_per_h: 'none'",
    ("arcs.csv", "1,2,7", "1,1,7"): r"arcs\.csv, row 2, column to: an arc from 1 to itself",
    ("trips.csv", "1,16", "1,77"): r"trips\.csv, row 2, column destination: node 77",
    ("stations.csv", ",22,", ",99,"): r"stations\.csv, row 2, column grid_bus_1based: bus 99",
    ("routes.csv", "1 2 3 4 8 12 16", "1 2 8 12 16"): r"routes\.csv, row 2, column station: 4 is no station",
    ("routes.csv", "1,16,4,1 2 3 4 8 12 16", "1,16,4,1 2 4 8 12 16"): r"routes\.csv, row 2, column nodes: no arc",
    ("routes.csv", "1,16,4,1 2", "1,16,4,1 x"): r"routes\.csv, row 2, column nodes: 'x' is not a whole number",
    ("evening.csv", "demand_factor", "factor"): r"evening\.csv: column demand_factor is missing",
    ("wind.csv", "0.4,1.0", "0.5,1.0"): r"wind\.csv, column probability: the sum is 1\.1",
    ("demand_response.csv", "8,0.1", "80,0.1"): r"demand_response\.csv, row 2, column bus: bus 80",
    ("parameters.toml", "least_outside_yuan = 30.0", "least_outside_yuan = 90.0"): r"least_outside_yuan 90 is above",
}


@pytest.mark.parametrize("edit", BAD, ids=lambda edit: f"{edit[0]} {edit[2]}")
def test_bad_data_are_refused_by_file_row_and_column(folder: Path, edit: tuple[str, str, str]) -> None:
    name, old, new = edit
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=BAD[edit]):
        read_instance(folder)
