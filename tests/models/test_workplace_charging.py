"""Charging at work: the shortest case study, against linear programs of scipy and random prices."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import linprog

import bilevel as bl
from models.tables import DataError
from models.workplace_charging.__main__ import main
from models.workplace_charging.data import FOLDER, Fleet, Instance, read_instance
from models.workplace_charging.game import workplace_charging

PACKAGE = FOLDER.parent


def bill(fleet: Fleet, price: dict[int, float]) -> float:
    """An owner fills the cheapest hours, as long as they are cheaper than home."""
    left, paid = fleet.energy_kwh, 0.0
    for each in sorted(price[t] for t in fleet.hours):
        taken = min(left, fleet.power_kw) if each < fleet.home_price else 0.0
        left, paid = left - taken, paid + each * taken
    return paid + fleet.home_price * left


def best_profit(data: Instance, price: dict[int, float]) -> float:
    """The operator's profit at given prices if owners break ties in its favour; minus infinity where none fits."""
    keys = [(n, t) for n, fleet in data.fleets.items() for t in fleet.hours]
    margin = np.array([data.fleets[n].vehicles * (price[t] - data.energy_cost[t]) for n, t in keys])
    rows, room = [], []
    for n, fleet in data.fleets.items():
        mine = np.array([float(m == n) for m, _ in keys])
        paid = np.array([(price[t] - fleet.home_price) * (m == n) for m, t in keys])
        rows += [mine, paid]
        room += [fleet.energy_kwh, bill(fleet, price) - fleet.home_price * fleet.energy_kwh + 1e-9]
    for t in data.energy_cost:
        rows.append(np.array([data.fleets[n].vehicles * (s == t) for n, s in keys]))
        room.append(data.limit_kw - data.building_kw[t])
    bounds = [(0, data.fleets[n].power_kw) for n, _ in keys]
    found = linprog(-margin, A_ub=np.array(rows), b_ub=np.array(room), bounds=bounds)
    return -float(found.fun) if found.status == 0 and found.fun is not None else -np.inf


def test_owners_answer_optimally_and_no_random_prices_earn_more() -> None:
    data = read_instance()
    m = workplace_charging(data)
    solution = bl.solve(m, threads=1)
    assert solution.status == "optimal"
    price = {t: pyo.value(m.price[t]) for t in data.energy_cost}
    for n, fleet in data.fleets.items():
        assert pyo.value(m.owner[n].bill) == pytest.approx(bill(fleet, price))
    assert solution.objective == pytest.approx(best_profit(data, price), abs=1e-5)
    random = np.random.default_rng(0)
    homes = [fleet.home_price for fleet in data.fleets.values()]
    for _ in range(100):
        other = {t: float(random.choice([*homes, random.uniform(0, data.most_price)])) for t in price}
        assert best_profit(data, other) <= solution.objective + 1e-6


def test_the_shortest_case_study_has_less_than_two_hundred_lines() -> None:
    lines = [line for file in PACKAGE.glob("*.py") for line in file.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) < 200


def test_command_prints_a_certificate_and_draws_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--figures", str(tmp_path)]) == 0
    assert "certificate holds" in capsys.readouterr().out
    assert (tmp_path / "workplace_charging_load.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("fleets.csv", "1,12,8,17", "1,12,18,19", "fleets.csv, row 2, column departure_hour: no hour of hours.csv"),
        ("fleets.csv", "2,10,9,18", "1,10,9,18", "fleets.csv, row 3, column fleet: 1 occurs more than once"),
        ("hours.csv", "8,0.45,210", "8,nan,210", "hours.csv, row 2, column energy_cost_yuan_per_kwh: 'nan'"),
        ("parameters.toml", "limit_kw = 350.0", "limit_kw = 0", "[site], key limit_kw: 0 is not"),
    ],
)
def test_bad_data_are_refused_with_file_row_and_column(
    tmp_path: Path, file: str, old: str, new: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "data"))
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DataError) as refusal:
        read_instance(folder)
    assert says in str(refusal.value)
    assert main(["--data", str(folder)]) == 2
    assert f"error: {refusal.value}" in capsys.readouterr().out
