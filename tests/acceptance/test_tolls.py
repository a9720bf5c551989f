"""Networks with tolls that nobody here wrote: the best revenue, proven, without any bound given on tolls."""

from __future__ import annotations

from pathlib import Path

import pytest

import bilevel as bl
from tests.problems.tolls import TollCase, toll_cases

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "toll"
MANY = 4


def cases() -> list[object]:
    """Cases of up to sixteen groups; those of more than four are long."""
    found = list(toll_cases(FOLDER)) if FOLDER.is_dir() else []
    marks = {case.name: [pytest.mark.long] if len(case.network["K"]) > MANY else [] for case in found}
    return [pytest.param(case, id=case.name, marks=marks[case.name]) for case in found] or [pytest.param(None)]


@pytest.mark.parametrize("case", cases())
def test_the_best_revenue_is_proven(case: TollCase, cases_folder: Path):
    solution = bl.solve(case.model(), threads=1, time_limit=120.0)
    assert solution.certificate is not None
    assert solution.certificate.holds
    room = 1e-6 * case.revenue
    assert solution.objective - room <= case.revenue <= solution.bound + room
    assert solution.status == "optimal"
