"""The peak-regulation market: its data, its regions, and its answers against linear programs of scipy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from models.peak_regulation import __main__
from models.peak_regulation.data import FOLDER, HOURS, POOLS, Instance, read_instance
from models.peak_regulation.disaggregation import cheapest, cheapest_days
from models.peak_regulation.outcome import PAPER
from models.peak_regulation.regions import Region, of_fleet, of_vehicle
from models.tables import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped data, to be changed."""
    return Path(shutil.copytree(FOLDER, tmp_path / "data"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("classes.csv", "arrival_hour", "arrival", "classes.csv: column arrival_hour is missing"),
        ("classes.csv", "1,0.40", "1,-0.40", "classes.csv, row 2, column share: '-0.40'"),
        ("classes.csv", "1,0.40", "1,0.50", "classes.csv, column share: the shares sum to 1.1, not to 1"),
        ("classes.csv", "2,0.35", "1,0.35", "classes.csv, row 3, column class: 1 occurs more than once"),
        ("classes.csv", "18,32,15", "18,16,15", "row 3, column departure_hour: a stay lasts 1 to 24 hours, not -2"),
        ("classes.csv", "31,20,45", "31,20,55", "row 2, column departure_energy_kwh: 55 is not between 5 and 47.5"),
        ("classes.csv", "17,31,20", "17,19,20", "row 2, column departure_energy_kwh: only 13.3 kWh can be charged"),
        ("hours.csv", "0,0,1,0.45", "0,0,1,inf", "hours.csv, row 2, column retail_price_yuan_per_kwh: 'inf'"),
        ("hours.csv", "\n1,", "\n2,", "hours.csv, row 3, column hour: 2 where 1 is"),
        (
            "parameters.toml",
            "power_kw = 7.0",
            "power_kw = 0",
            "[fleet], key power_kw: 0 is not a finite number above 0",
        ),
        ("parameters.toml", "0.30\nmost", "0.01\nmost", "[charging], key saturation_yuan_per_kwh: not above the dead"),
        ("parameters.toml", "[market]", "[shop]", "section market is missing"),
    ],
)
def test_bad_data_are_refused_with_file_row_and_column(folder: Path, file: str, old: str, new: str, says: str) -> None:
    change(folder / file, old, new)
    with pytest.raises(DataError) as refusal:
        read_instance(folder)
    assert says in str(refusal.value)


def test_willingness_is_none_in_the_dead_zone_and_saturates() -> None:
    """80 % between 0.05 and 0.30: a discount of 0.10 wins 0.8 * 0.05/0.25 of the owners."""
    menu = read_instance().menu("charging")
    assert (menu[0.0], menu[0.05], menu[0.1], menu[0.3], menu[0.6]) == pytest.approx((0, 0, 0.16, 0.8, 0.8))
    assert len(menu) == 13


def test_on_arrival_a_vehicle_charges_at_once_what_it_needs() -> None:
    """Class 1 misses 25 kWh, 26.316 from the plug: three hours at 7 kW and 5.316 kW in the fourth."""
    assert read_instance().on_arrival_kw(1)[:5] == pytest.approx([7, 7, 7, 5.315789, 0], abs=1e-6)


def test_region_of_a_vehicle_runs_along_its_fastest_charging_and_its_latest_return() -> None:
    """Class 1: 20 kWh at 17, needs 45 at 7, 7 kW, efficiency 0.95: 6.65 kWh an hour in, 7.368 out, never below 5."""
    region = of_vehicle(read_instance(), 1, feeds_back=True)
    assert region.most_kwh[:5] == pytest.approx([26.65, 33.3, 39.95, 46.6, 47.5])
    assert region.least_kwh[:3] == pytest.approx([20 - 7 / 0.95, 20 - 14 / 0.95, 5])
    assert region.least_kwh[-2:] == pytest.approx([45 - 6.65, 45])
    assert of_vehicle(read_instance(), 1, feeds_back=False).least_kwh[:3] == pytest.approx([20, 20, 20])


def test_region_of_the_fleet_is_the_sum_of_its_vehicles() -> None:
    """At 19 class 3 has charged nothing yet; at 18 class 1 alone is there, 120 vehicles, 26.65 kWh at most."""
    fleet = of_fleet(read_instance())
    assert fleet.most_kwh[17] == pytest.approx(120 * 26.65)
    assert fleet.least_kw[17] == pytest.approx(-7 * 120 * 0.6)
    assert not fleet.most_kwh[:17].any()


def test_summed_limits_allow_what_the_vehicles_cannot_do() -> None:
    """Hours at prices 1 and 3; vehicle A needs 1 kWh, but has room for it in the second hour only: 3 yuan.

    B has room for 1 kWh in the first hour, but no power: 0 yuan. The sum has both, and charges 1 kWh at once: 1 yuan.
    """
    price, nothing, one = np.array([1.0, 3.0]), np.zeros(2), np.ones(2)
    first, second = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert cheapest(Region(second, second, nothing, one), price, 1.0) == pytest.approx(3)
    assert cheapest(Region(nothing, first, nothing, nothing), price, 1.0) == pytest.approx(0)
    assert cheapest(Region(second, first + second, nothing, one), price, 1.0) == pytest.approx(1)


def test_limits_of_the_fleet_are_a_relaxation_of_those_of_its_vehicles() -> None:
    """Classes that come and go at different hours lend each other room: the day is cheaper by more than 1 yuan."""
    together, apart = cheapest_days(read_instance())
    assert 0 < together < apart - 1


@pytest.mark.parametrize("scenario", PAPER)
def test_totals_of_the_paper_are_those_of_its_items(scenario: str) -> None:
    items, total = PAPER[scenario]
    assert items.total == pytest.approx(total, abs=1e-9)


def response(data: Instance, pool: str, k: int, offer: float) -> tuple[np.ndarray, np.ndarray]:
    """Charging and discharging of one owner over its stay by a linear program of its own: c, d, |c - plug|."""
    stay, fleet, cost = data.stays[k], data.parameters["fleet"], data.parameters["owner"]
    n, power, efficiency = len(stay.hours), fleet["power_kw"], fleet["efficiency"]
    hours, one = np.array(stay.hours), np.eye(n)
    peak, valley = (np.array([t in span for t in hours]) for span in (data.peak, data.valley))
    feeds = peak & (pool == "discharging")
    late = cost["impatience_yuan_per_kwh_per_hour"] * np.arange(n)
    price = data.retail[hours]
    objective = np.concatenate(
        [
            price - offer * (valley & (pool == "charging")) + late,
            cost["wear_yuan_per_kwh"] - price - offer + late,
            np.full(n, cost["inconvenience_yuan_per_kwh"]),
        ]
    )
    stored = np.tril(np.ones((n, n))) @ np.hstack([efficiency * one, -one / efficiency, 0 * one])
    plug = np.array(data.on_arrival_kw(k))
    rows = [stored, -stored, -stored[-1:], np.hstack([one, 0 * one, -one]), np.hstack([-one, 0 * one, -one])]
    limits = [
        np.full(n, fleet["most_energy_kwh"] - stay.arrival_kwh),
        np.full(n, stay.arrival_kwh - fleet["least_energy_kwh"]),
        [stay.arrival_kwh - stay.departure_kwh],
        plug,
        -plug,
    ]
    bounds = [(0, 0 if f else power) for f in feeds] + [(0, power if f else 0) for f in feeds] + [(0, None)] * n
    best = optimize.linprog(objective, np.vstack(rows), np.concatenate(limits), bounds=bounds)
    return best.x[:n], best.x[n : 2 * n]


def gain(data: Instance, pool: str, offer: float) -> float:
    """What the aggregator gains by an offer to a pool, yuan a day, over vehicles that charge on arrival."""
    market, total = data.parameters["market"], 0.0
    service = market["capacity_yuan_per_kwh"] - market["operation_yuan_per_kwh"]
    for k, stay in data.stays.items():
        charge, discharge = response(data, pool, k, offer)
        hours = list(stay.hours)
        moved = charge - discharge - np.array(data.on_arrival_kw(k))
        peak, valley = (np.array([t in span for t in hours]) for span in (data.peak, data.valley))
        one = (data.retail[hours] - data.wholesale[hours]) @ moved
        one -= (market["peak_energy_yuan_per_kwh"] + service) * moved @ peak
        one += (market["valley_energy_yuan_per_kwh"] + service) * moved @ valley
        one -= offer * (charge @ valley if pool == "charging" else discharge.sum())
        total += data.vehicles(pool, k) * data.menu(pool)[offer] * one
    return total


def test_command_finds_the_best_offers_of_enumeration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Coarser menus; an owner's best response is a linear program of scipy, tried for every offer."""
    change(folder / "parameters.toml", "step_yuan_per_kwh = 0.05", "step_yuan_per_kwh = 0.15")
    change(folder / "parameters.toml", "step_yuan_per_kwh = 0.10", "step_yuan_per_kwh = 0.20")
    data = read_instance(folder)
    best = {pool: max((gain(data, pool, offer), offer) for offer in data.menu(pool)) for pool in POOLS}
    assert __main__.main(["--data", str(folder), "--no-figures"]) == 0
    printed = capsys.readouterr().out
    plug = np.zeros(len(HOURS))
    for pool in POOLS:
        for k, stay in data.stays.items():
            plug[list(stay.hours)] += data.vehicles(pool, k) * np.array(data.on_arrival_kw(k))
    total = (data.retail - data.wholesale) @ plug + sum(worth for worth, _ in best.values())
    row = next(line for line in printed.splitlines() if line.startswith("│ both") and f"{total:.1f}" in line)
    assert row.split("│")[-3].strip() == f"{best['charging'][1]:.2f}"
    assert row.split("│")[-2].strip() == f"{best['discharging'][1]:.2f}"
    assert printed.count("certificate holds") == 4
    assert "FAILS" not in printed


def test_command_refuses_a_folder_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--data", str(tmp_path)]) == 2
    assert "parameters.toml" in capsys.readouterr().out
