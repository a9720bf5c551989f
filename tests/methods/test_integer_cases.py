"""Instances that nobody here wrote, with integer followers: proven where that is quick, bounded elsewhere.

The long ones are run by ``python -m tests --long``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bilevel as bl
from bilevel.io import read_model
from tests.problems.interdiction import interdict, read_interdiction

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"

SLOW = {
    "K5020W02.KNP", "bmilplib_160_1", "bmilplib_60_1", "bmilplib_60_2", "miblp_20_15_50_0110_10_2",
    "miblp_20_20_50_0110_15_1", "miblp_20_20_50_0110_15_3", "stein27-0.500000",
}  # fmt: skip
"""Easy instances that take more than about three seconds."""


def values() -> dict[str, dict[str, Any]]:
    path = FOLDER / "milp" / "values.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def cases(*, easy: bool) -> list[Any]:
    found = [name for name, value in values().items() if value["easy"] == easy] or ["(no cases)"]
    long = [name for name in found if name in SLOW or not easy]
    return [pytest.param(name, marks=pytest.mark.long) if name in long else name for name in found]


@pytest.mark.parametrize("name", cases(easy=True))
def test_easy_instances_are_proven(name: str, cases_folder: Path):
    case = cases_folder / "milp" / name
    solution = bl.solve(read_model(f"{case}.mps", f"{case}.aux"), time_limit=240)
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.objective == pytest.approx(values()[name]["leader_objective"], rel=5e-6)


@pytest.mark.parametrize("name", cases(easy=False))
def test_hard_instances_return_a_valid_bound_and_a_bilevel_feasible_point(name: str, cases_folder: Path):
    case = cases_folder / "milp" / name
    solution = bl.solve(read_model(f"{case}.mps", f"{case}.aux"), time_limit=30)
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.bound <= solution.objective + 1e-6
    known = values()[name]["leader_objective"]
    if known is not None:
        assert solution.bound <= known + 1e-6 * abs(known)
        assert solution.objective >= known - 1e-6 * abs(known)


@pytest.mark.parametrize("name", ["K5010W04.KNP.mps"])
def test_knapsack_interdiction_of_ten_items(name: str, cases_folder: Path):
    check_interdiction(cases_folder, name)


@pytest.mark.long
@pytest.mark.parametrize("name", ["K5020W02.KNP.mps", "K5020W04.KNP.mps", "K5020W05.KNP.mps"])
def test_knapsack_interdiction_of_twenty_items(name: str, cases_folder: Path):
    check_interdiction(cases_folder, name)


def check_interdiction(cases_folder: Path, name: str) -> None:
    path = cases_folder / "knapsack_interdiction" / f"{name}.ki"
    solution = bl.solve(interdict(**read_interdiction(path)), time_limit=240)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(float(path.with_suffix(".ans").read_text().split()[-1]))
