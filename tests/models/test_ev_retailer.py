"""The EV retailer: its data, its game, and its answers against linear programs of scipy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.contrib.appsi.solvers.highs import Highs

import bilevel as bl
from bilevel.language.read import read
from models.ev_retailer.data import FOLDER, HOURS, Instance, read_instance
from models.ev_retailer.day_ahead import day_ahead_price
from models.ev_retailer.game import ev_retailer
from models.ev_retailer.outcome import outcome_of, parties_of
from models.ev_retailer.plans import Evaluator, plan_of, resampled, sampled_in_ball, with_ties_against_retailer
from models.ev_retailer.responses import best_response
from models.tables import DataError
from reformulations.programs import Role
from reformulations.sets.distributions import DistributionBall
from reformulations.sets.radii import literature_radii

GAP = 1e-2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped data, to be spoilt."""
    return Path(shutil.copytree(FOLDER, tmp_path / "data"))


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_shipped_data_are_ten_types_and_ten_scenarios_in_24_hours() -> None:
    data = read_instance()
    assert (len(data.stays), data.real_time_price.shape) == (10, (10, 24))
    assert data.share.sum() == pytest.approx(1)
    assert data.probability.sum() == pytest.approx(1)
    assert sum(len(stay.hours) for stay in data.stays.values()) == 105


def test_part_of_the_data_has_shares_and_probabilities_that_sum_to_one() -> None:
    """Shares .16 .14 .12 .10 of the first four types, probabilities .105 .11 .09 of the first three scenarios."""
    data = read_instance(types=4, scenarios=3)
    assert data.share == pytest.approx(np.array([0.16, 0.14, 0.12, 0.10]) / 0.52)
    assert data.probability == pytest.approx(np.array([0.105, 0.11, 0.09]) / 0.305)


def test_overnight_stays_wrap_past_midnight() -> None:
    """Type 1 arrives at 18 and leaves at 31, which is 7 in the morning."""
    assert read_instance().stays[1].hours == (18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6)


def test_utility_falls_over_the_stay_or_keeps_its_mean() -> None:
    """Thirteen hours from 0.35 in steps of 0.35/13: the last is 0.35/13, the mean 0.35 * 7/13."""
    falling, level = (read_instance(utility=kind).stays[1].utility_yuan_per_kwh for kind in ("decreasing", "constant"))
    assert (falling[0], falling[-1]) == pytest.approx((0.35, 0.35 / 13))
    assert np.all(np.diff(falling) < 0)
    assert level == pytest.approx(np.full(13, 0.35 * 7 / 13))


def test_cyclic_stays_end_with_the_energy_they_began_with() -> None:
    stay = read_instance(terminal="cyclic").stays[1]
    assert stay.departure_energy_kwh == stay.arrival_energy_kwh == 6


def test_literature_radii_are_those_of_the_paper() -> None:
    data = read_instance()
    radii = literature_radii(len(data.stays), data.history_days, data.confidence, data.confidence)
    assert (radii.l1, radii.linf) == pytest.approx((0.02996, 0.002996), rel=1e-3)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("ev_types.csv", "arrival_hour", "arrival", "ev_types.csv: column arrival_hour is missing"),
        ("ev_types.csv", "1,0.16", "1,-0.16", "ev_types.csv, row 2, column share: '-0.16'"),
        ("ev_types.csv", "1,0.16", "1,nan", "ev_types.csv, row 2, column share: 'nan'"),
        ("ev_types.csv", "2,0.14", "1,0.14", "ev_types.csv, row 3, column type: 1 occurs more than once"),
        ("ev_types.csv", "1,0.16,18,31", "1,0.16,18,18", "row 2, column departure_hour: a stay lasts 1 to 24 hours"),
        ("ev_types.csv", "31,6,20", "31,6,25", "row 2, column departure_energy_kwh: 25 is not between 2.4 and 24"),
        ("ev_types.csv", "1,0.16,18,31", "1,0.16,18,19", "row 2, column departure_energy_kwh: only 6.27 kWh"),
        ("scenarios.csv", "1,0.105", "1,inf", "scenarios.csv, row 2, column probability: 'inf'"),
        ("real_time_prices.csv", "1,0,0.33086", "1,0,cheap", "row 2, column price_yuan_per_kwh: 'cheap'"),
        ("real_time_prices.csv", "1,0,0.33086\n", "", "there is no row for scenario 1, hour 0"),
        ("day_ahead_prices.csv", "\n0,", "\n1,", "day_ahead_prices.csv, row 2, column hour: 1 where 0"),
        ("day_ahead_prices.csv", "\n0,0.312458762,1.0297e-05", "\n0,0.312458762", "row 2: 4 cells below 5 headers"),
        ("parameters.toml", "vehicles = 60", "vehicles = 0", "[fleet], key vehicles: 0 is not a finite number above 0"),
        ("parameters.toml", "efficiency = 0.95", "efficiency = 1.2", "[fleet], key efficiency: 1.2"),
        ("parameters.toml", "vehicles = 60", "cars = 60", "[fleet], key vehicles is missing"),
        ("parameters.toml", "mean_yuan_per_kwh = 0.60", "mean_yuan_per_kwh = 0.95", "retail price 0.95 is not between"),
        ("parameters.toml", "[history]", "[past]", "section history is missing"),
    ],
)
def test_bad_data_are_refused_with_file_row_and_column(folder: Path, file: str, old: str, new: str, says: str) -> None:
    spoil(folder / file, old, new)
    with pytest.raises(DataError) as refusal:
        read_instance(folder)
    assert says in str(refusal.value)


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "scenarios.csv").unlink()
    with pytest.raises(DataError, match=r"scenarios\.csv"):
        read_instance(folder)


def test_game_has_one_follower_a_type_and_one_recourse_block_a_scenario() -> None:
    """Four stays of 13, 12, 12 and 13 hours: three columns an hour, and a balance row, one more for departure."""
    data = read_instance(types=4, scenarios=3)
    program = read(ev_retailer(data, 0.01, 0.0025)).program
    followers, recourse = ([f"vehicle[{n}]" for n in range(1, 5)], [f"real_time[{o}]" for o in range(1, 4)])
    assert [
        name for name, role in zip(program.players, program.roles, strict=True) if role == Role.FOLLOWER
    ] == followers
    assert [
        name for name, role in zip(program.players, program.roles, strict=True) if role == Role.RECOURSE
    ] == recourse
    assert program.follower_columns.sum() == 3 * 50
    assert program.follower_rows.sum() == 50 + 4


def test_own_best_response_equals_the_follower_of_the_game_at_random_prices() -> None:
    data = read_instance(types=10, scenarios=1)
    m = ev_retailer(data, None, 0.0)
    random = np.random.default_rng(0)
    for _ in range(3):
        price = random.uniform(0.3, 0.9, len(HOURS))
        for t in HOURS:
            m.price_yuan_per_kwh[t].fix(price[t])
        for number, stay in data.stays.items():
            response = best_response(stay, data.vehicle, price)
            Highs().solve(m.vehicle[number])
            assert pyo.value(m.vehicle[number].welfare_yuan) == pytest.approx(response.welfare_yuan, abs=1e-6)


def test_no_vehicle_charges_and_discharges_at_once_at_random_prices() -> None:
    data, random = read_instance(), np.random.default_rng(1)
    for stay in data.stays.values():
        response = best_response(stay, data.vehicle, random.uniform(0.3, 0.9, len(HOURS)))
        assert np.max(np.minimum(response.charge_kw, response.discharge_kw)) <= 1e-9


def test_ties_against_the_retailer_keep_the_welfare() -> None:
    """At one price for all hours and constant utility, when to charge is a tie."""
    data = read_instance(utility="constant")
    price, value = np.full(len(HOURS), 0.6), np.linspace(0, 1, len(HOURS))
    for stay in data.stays.values():
        free, against = best_response(stay, data.vehicle, price), best_response(stay, data.vehicle, price, value)
        hours = list(stay.hours)
        assert against.welfare_yuan == free.welfare_yuan
        assert value[hours] @ (against.charge_kw - against.discharge_kw) <= (
            value[hours] @ (free.charge_kw - free.discharge_kw) + 1e-6
        )


def test_sampled_shares_are_inside_the_ball_and_resampled_ones_are_distributions() -> None:
    data = read_instance()
    ball = DistributionBall(data.share, l1=0.01, linf=0.003)
    assert all(ball.contains(share) for share in sampled_in_ball(ball, 50, seed=0))
    assert resampled(data, 50, seed=0).sum(axis=1) == pytest.approx(np.ones(50))


Solved = tuple[Instance, DistributionBall, pyo.ConcreteModel, bl.Solution]


@pytest.fixture(scope="module")
def solved() -> Solved:
    """Two types, two scenarios."""
    data = read_instance(types=2, scenarios=2, utility="constant")
    ball = DistributionBall(data.share, l1=0.1, linf=0.05)
    m = ev_retailer(data, ball.l1, ball.linf)
    return data, ball, m, bl.solve(m, gap=GAP, threads=1)


def test_robust_plan_is_certified_and_worth_what_an_independent_evaluation_says(solved: Solved) -> None:
    """The solver's worst case is the least profit over the vertices of the ball."""
    data, ball, m, solution = solved
    plan, evaluator = plan_of(m, data), Evaluator(data)
    worst_share = np.array([pyo.value(m.share[number]) for number in data.stays])
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective is not None
    assert solution.bound is not None
    assert solution.objective <= solution.bound <= solution.objective * (1 + GAP)
    assert ball.contains(worst_share, tolerance=1e-7)
    assert evaluator.profit(plan, worst_share).total_yuan == pytest.approx(solution.objective, abs=1e-4)
    assert evaluator.worst(plan, ball)[1].total_yuan == pytest.approx(solution.objective, abs=1e-4)
    assert evaluator.profit(plan, data.share).total_yuan >= solution.objective - 1e-6
    assert evaluator.totals(plan, sampled_in_ball(ball, 50, seed=0)).min() >= solution.objective - 1e-4
    unlucky = with_ties_against_retailer(plan, data)
    assert evaluator.profit(unlucky, worst_share).total_yuan <= solution.objective + 1e-4
    for number, stay in data.stays.items():
        best = best_response(stay, data.vehicle, plan.price_yuan_per_kwh)
        assert plan.responses[number].welfare_yuan == pytest.approx(best.welfare_yuan, abs=1e-6)
        assert np.max(plan.responses[number].charge_kw * plan.responses[number].discharge_kw) <= 1e-6


def test_power_balances_in_real_time_and_the_parties_share_the_utility(solved: Solved) -> None:
    """Bought, released, returned and day-ahead energy is what is sold, stored and charged, in every hour."""
    data, ball, m, solution = solved
    outcome = outcome_of(m, plan_of(m, data), data, ball, Evaluator(data))
    day, plan = outcome.real_time, outcome.plan
    supply = plan.day_ahead_kw + day.bought + day.releasing + day.returned
    assert supply == pytest.approx(day.sold + day.storing + day.charged, abs=1e-5)
    parties = parties_of(outcome, data)
    assert parties.retailer_yuan == pytest.approx(solution.objective, abs=1e-4)
    welfare = [best_response(stay, data.vehicle, plan.price_yuan_per_kwh).welfare_yuan for stay in data.stays.values()]
    assert parties.owners_yuan == pytest.approx(data.vehicles * outcome.worst_share @ welfare, abs=1e-4)


def test_the_fitted_day_ahead_price_is_the_marginal_cost_of_the_power_flow() -> None:
    """From no purchase to the limit over the day; the specification allows 1e-4 yuan/kWh."""
    price = day_ahead_price(read_instance(), np.linspace(0, 400, len(HOURS)))
    assert price.fitted == pytest.approx(price.nodal, abs=1e-4)
    if price.newton is not None:
        assert price.nodal == pytest.approx(price.newton, abs=1e-6)
