"""Aggregators on the 33-bus feeder: data, equilibrium at nodal prices, and what the paper's iteration does."""

from __future__ import annotations

import shutil
from itertools import islice
from math import exp
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest

import bilevel as bl
from models.ac_power_flow import has_pandapower
from models.credit_points.checks import ac_checks, fee_checks, market_checks
from models.credit_points.credit import Prices, chosen, credit_fee, prices_at
from models.credit_points.data import FOLDER, HOURS, Instance, read_instance
from models.credit_points.equilibrium import Equilibrium, equilibrium_of, price_taking
from models.credit_points.iteration import alternate
from models.credit_points.network import operated
from models.credit_points.price_maker import Ladder, anticipate
from models.credit_points.sensitivity import sweeps
from models.credit_points.users import Credit, Station, User, Users, read_users
from models.nodal_prices import NotServed
from models.tables import DataError


@pytest.fixture(scope="module")
def data() -> Instance:
    return read_instance()


@pytest.fixture(scope="module")
def market(data: Instance) -> pyo.ConcreteModel:
    m = price_taking(data)
    solution = bl.solve(m, threads=1)
    assert solution.status == "optimal"
    assert solution.certificate.holds
    return m


@pytest.fixture(scope="module")
def equilibrium(market: pyo.ConcreteModel, data: Instance) -> Equilibrium:
    return equilibrium_of(market, data)


@pytest.fixture(scope="module")
def users(data: Instance) -> Users:
    return read_users(data.feeder)


@pytest.fixture(scope="module")
def prices(equilibrium: Equilibrium, data: Instance, users: Users) -> Prices:
    return prices_at(equilibrium, data, users)


def test_equilibrium_at_nodal_prices_passes_its_checks(
    market: pyo.ConcreteModel, equilibrium: Equilibrium, data: Instance
) -> None:
    """Exact cones, no aggregator gains by another day (a linear program of its own), power balanced."""
    verdicts = market_checks(equilibrium, market, data)
    assert len(verdicts) == 4
    assert all(verdicts.values()), verdicts


def test_equilibrium_has_the_voltages_and_losses_of_newtons_method(equilibrium: Equilibrium, data: Instance) -> None:
    if not has_pandapower():
        pytest.skip("pandapower, the extra power, is not installed")
    verdicts = ac_checks(equilibrium, data)
    assert all(verdicts.values()), verdicts


def test_fleets_charge_their_energy_and_prices_rise_along_the_feeder(equilibrium: Equilibrium, data: Instance) -> None:
    for number, aggregator in data.aggregators.items():
        needed = sum(fleet.energy_mwh for fleet in aggregator.fleets.values())
        assert equilibrium.vehicles_mwh[number].sum() == pytest.approx(needed, abs=1e-6)
    assert equilibrium.price[1] == pytest.approx(data.energy_price, abs=1e-5)
    for bus, line in data.feeder.lines.items():
        assert np.all(equilibrium.price[bus] >= equilibrium.price[line.source] - 1e-6)


def test_ladder_is_nowhere_above_the_price_and_the_line_near_it() -> None:
    """Prices 1, 2, 4 at 0, 1, 2: the line is ``1.5 e + 5/6``, at most 1/3 from them."""
    ladder = Ladder(
        np.linspace(0, 2, 3)[:, np.newaxis] * np.ones(len(HOURS)), np.array([[1.0], [2.0], [4.0]]) * np.ones(len(HOURS))
    )
    assert ladder.line(0) == pytest.approx((1.5, 5 / 6))
    assert ladder.error == pytest.approx(1 / 3)


@pytest.mark.long
def test_price_maker_pays_no_more_than_a_price_taker(equilibrium: Equilibrium, data: Instance) -> None:
    """The line is near the true price, the ladder below it; the same energy is charged."""
    others = {number: contract for number, contract in equilibrium.contract_mwh.items() if number != 1}
    answer = anticipate(data, 1, others)
    assert answer.proven
    assert answer.bound_yuan <= answer.cost_yuan <= equilibrium.cost_yuan[1] + 1e-3
    assert answer.cost_yuan == pytest.approx(answer.expected_yuan, abs=answer.error * answer.contract_mwh.sum())


def test_fee_of_one_user_who_compares_two_stations() -> None:
    """Ten kWh at one price everywhere, points 1 + (2 1/2 - 1) = 1, no weight of the valley, half of the past.

    Coefficients are limited to 0.6, their mean to 0.3, and every option but one costs 100 yuan of queueing more: the
    user stays there, and pays ``0.6 10 exp(-(1/2 (exp(-1/8)) + 1/2 2)))`` at a recommended station.
    """
    credit = Credit(0.05, 0.0, 0.5, 0.6, 0.3, 100.0, 1.0)
    stations = {
        1: Station(7, True, {"peak": 0.0, "valley": 100.0}),
        2: Station(8, False, {"peak": 100.0, "valley": 100.0}),
    }
    user = User(10.0, {"on_time": 1.0, "late": 0.0, "missed": 0.0}, 0.5, 0.5, 0.0, {1: 0.0, 2: 0.0})
    users = Users({1: user}, stations, credit)
    m = credit_fee(users, dict.fromkeys(users.options, 0.5))
    solution = bl.solve(m, threads=1)
    assert solution.status == "optimal"
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(6 * exp(-(0.5 * exp(-0.125) + 1)), abs=1e-6)
    assert m.user[1].share[1, "peak"].value == pytest.approx(1.0)


def test_no_coefficients_drawn_at_random_earn_more_than_the_optimal_fee(users: Users, prices: Prices) -> None:
    m = credit_fee(users, prices)
    solution = bl.solve(m, threads=1)
    assert solution.status == "optimal"
    verdicts = fee_checks(m, users, prices, sweeps(users, prices))
    assert all(verdicts.values()), verdicts
    highest = {o: max(users.factor(user, *o) for user in users.users.values()) for o in users.options}
    random = np.random.default_rng(0)
    for _ in range(200):
        drawn = random.uniform(0, 0.6, len(users.options))
        drawn *= min(1.0, 0.3 / drawn.mean())
        coefficient = {o: min(value, 0.8 / highest[o]) for o, value in zip(users.options, drawn, strict=True)}
        assert chosen(users, prices, coefficient).fee_yuan <= solution.objective + 1e-4


@pytest.mark.long
def test_operator_and_aggregators_in_turn_do_not_settle(data: Instance) -> None:
    """Every round moves some price by more than 50 yuan/MWh, the last as far as the one before."""
    changes = list(islice(alternate(data), 5))
    assert min(changes) > 50
    assert changes[-1] == pytest.approx(changes[-2], abs=0.01)


def test_contracts_beyond_the_network_are_refused(data: Instance) -> None:
    with pytest.raises(NotServed, match="cannot serve"):
        operated(data, dict.fromkeys(data.aggregators, np.full(len(HOURS), 5.0)))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("hours.csv", "load_share", "load", "hours.csv: column load_share is missing"),
        ("hours.csv", "0,0.55,300", "0,nan,300", "hours.csv, row 2, column load_share: 'nan'"),
        ("hours.csv", "375,240", "375,400", "hours.csv, row 2, column real_time_sell_yuan_per_mwh: 400 is above"),
        ("hours.csv", "\n0,", "\n1,", "hours.csv, row 2, column hour: 1 where 0 is expected"),
        ("aggregators.csv", "1,7,", "1,77,", "aggregators.csv, row 2, column bus: the feeder has no bus 77"),
        ("aggregators.csv", "2,18,", "1,18,", "aggregators.csv, row 3, column aggregator: 1 occurs more than once"),
        ("aggregators.csv", "1.0,0.5\n", "1.0,2.5\n", "row 2, column storage_initial_mwh: 2.5 is not between"),
        ("fleets.csv", "\n1,1,18", "\n9,1,18", "fleets.csv, row 2, column aggregator: 9 is not in aggregators.csv"),
        ("fleets.csv", "18,31,", "18,18,", "fleets.csv, row 2, column departure_hour: a stay lasts 1 to 24 hours"),
        ("fleets.csv", "0.40,2.5", "0.01,2.5", "fleets.csv, row 2, column energy_mwh: only 0.13 MWh can be charged"),
        ("fleets.csv", "\n1,2,8", "\n1,1,8", "fleets.csv, row 3, column fleet: aggregator 1 has fleet 1 twice"),
        ("parameters.toml", "efficiency = 0.95", "efficiency = 0", "[storage], key efficiency: 0 is not a number"),
        ("users.csv", "\n1,20,8,0,3,", "\n1,20,0,0,0,", "users.csv, row 2, column on_time: no past charge"),
        ("users.csv", "3,0.1,", "3,1.1,", "users.csv, row 2, column recommended_share: 1.1 is above 1"),
        ("users.csv", "minutes_4", "minutes", "users.csv: column minutes_4 is missing"),
        ("stations.csv", "4,18,0,", "4,18,2,", "stations.csv, row 5, column recommended: 2 is not 0 or 1"),
        ("stations.csv", "4,18,", "4,48,", "stations.csv, row 5, column bus: the feeder has no bus 48"),
        ("parameters.toml", "pu = 1.05", "pu = 2.05", "[network], key substation_voltage_pu: 2.05 is not between"),
    ],
)
def test_bad_data_are_refused_with_file_row_and_column(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "data"))
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        read_users(read_instance(folder).feeder, folder)
    assert says in str(refusal.value)
