"""External cases with recorded optima: all are solved to the recorded value; the tables say what single methods refuse.

What was refused is listed again at the end of the run; ``pytest tests/acceptance/test_cases.py`` prints the list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bilevel as bl
from tests.problems.external import declare, declare_special, is_conic, load_case, load_special

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"
SPECIAL = FOLDER / "special.json"


NONCONVEX = {
    "bolib_FrankeEtal2018Ex521": (-1.0, "followers need convex rows"),
    "bolib_NieWangYe2017Ex58": (-3.488, "the quadratic row is not convex"),
    "basblib_mb_2007_04": (1.0, "is not convex in its own variables"),
}
"""Cases whose followers are not convex: the published optimum to the digits printed, and what HiGHS alone says.

The first and the last by hand: y1 = 0 is optimal for every y2 <= 1, and -y^2 over [-1/2, 1] is least at 1.
"""

SPATIAL = {
    # the leader's columns multiplied in a follower's row
    "bolib_Bard1988Ex3",
    "bolib_Outrata1990Ex2d",
    # leaders with quadratic rows, or an objective that is not convex jointly
    "jump_qp_lower_min",
    "jump_qp_lower_max",
    "jump_nlp_01",
    "jump_nlp_02",
    "jump_nlp_04",
}
"""Cases solved by spatial branch and bound."""

NO_MULTIPLIER_BOUND = "no finite bound can be derived for its multiplier"
NO_SLACK_BOUND = "no finite bound can be derived for its slack"

BOUNDED_BY_CUTOFF = {
    "jump_12_a0",
    "jump_12_a0.1",
    "jump_12_a0.2",
    "bileveljump_HTP_quad09",
    "bolib_TollSettingP4",
    "bolib_TollSettingP5",
    "jump_eq_price",
}
WITHOUT_BOUND: dict[str, str] = {
    # the leader's variables are not bounded, hence nor are slacks
    "bileveljump_11a": NO_SLACK_BOUND,
    "bolib_DempeFranke2011Ex42": NO_SLACK_BOUND,
    "bolib_MershaDempe2006Ex2": NO_SLACK_BOUND,
    "bolib_Yezza1996Ex41": NO_SLACK_BOUND,
    # the leader's prices are not bounded, hence nor are multipliers
    "bileveljump_HTP_quad04": NO_MULTIPLIER_BOUND,
    "bileveljump_HTP_quad06b": NO_MULTIPLIER_BOUND,
    "bolib_DempeLohse2011Ex31a": NO_MULTIPLIER_BOUND,
    "bolib_DempeLohse2011Ex31b": NO_MULTIPLIER_BOUND,
    "bolib_FalkLiu1995": NO_MULTIPLIER_BOUND,
    "bolib_HatzEtal2013": NO_MULTIPLIER_BOUND,
    "bolib_Outrata1990Ex1e": NO_MULTIPLIER_BOUND,
    "bolib_Outrata1990Ex2a": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP2": NO_MULTIPLIER_BOUND,
    "bolib_TollSettingP3": NO_MULTIPLIER_BOUND,
    # some decisions of the leader leave the follower's feasible set without interior
    "derivedLP_2AP05-1": NO_MULTIPLIER_BOUND,
    "derivedLP_binarybmilplib_10_1": NO_MULTIPLIER_BOUND,
    "derivedLP_binarybmilplib_10_2": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_10_2": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_10_3": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_110_4": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_60_1": NO_MULTIPLIER_BOUND,
    "derivedLP_bmilplib_60_2": NO_MULTIPLIER_BOUND,
    "derivedLP_lseu-0.900000": NO_MULTIPLIER_BOUND,
    "derivedLP_miblp_20_20_50_0110_15_1": NO_MULTIPLIER_BOUND,
    "derivedLP_miblp_20_20_50_0110_5_1": NO_MULTIPLIER_BOUND,
    "derivedLP_p0033-0.900000": NO_MULTIPLIER_BOUND,
    "derivedLP_stein27-0.500000": NO_MULTIPLIER_BOUND,
}
"""Cases that ``bl.KKT()`` refuses for want of bounds, and what it says; by default they are solved without big-M."""

INTEGER_FOLLOWER = {
    "mibs_v1",
    "mibs_v2",
    "mibs_v3",
    "mibs_v4",
    "mibs_v5",
    "mibs_v6",
    "mibs_docs_example2",
}
"""Cases that optimality conditions do not describe; by default they are solved by value functions."""

CONIC = {"jump_conic01", "jump_conic02", "jump_conic03", "jump_conic04"}
"""Cases of ``special.json`` with second-order cones, solved by tangents."""

INFEASIBLE = {"bolib_MitsosBarton2006Ex32", "jump_fruits_pmax0.05"}

CORRECTED = {
    "gams_flds911": -13.0,  # -6 in print is a local point; the optimum is at (5, 4, 2)
    "yalmip_bard_scaled": -291.4,  # the value of the published point (0, 8.85, 0, 6, 4)
}
"""Optima of ``special.json`` where its record has none, or a wrong one."""

LONG = {"derivedLP_2AP05-1", "derivedLP_bmilplib_110_4"}
"""Cases that take more than 20 seconds."""

NOT_PROVEN = {"derivedLP_2AP05-1"}
"""Cases solved to the recorded value whose bound is not closed in time."""


def paths() -> dict[str, Path]:
    return {path.stem: path for folder in ("continuous", "derived") for path in (FOLDER / folder).glob("*.json")}


def cases(belongs: Callable[[str], bool] = bool) -> Any:
    """Parametrize a test by the cases; by one that is skipped where the folder is absent."""
    found = [*sorted(paths()), *(sorted(load_special(SPECIAL)) if SPECIAL.is_file() else [])]
    chosen = [name for name in found if belongs(name)] or ["(no cases)"]
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in chosen]
    )


@dataclass(frozen=True)
class Expected:
    """What is recorded of a case; ``best`` is a value that need not be the optimum."""

    optimum: float | None
    best: float | None
    sign: float
    tolerance: float


def declared(name: str, folder: Path) -> tuple[Any, Expected]:
    """Declare a case and return it with what is recorded of it."""
    if name in paths():
        case = load_case(paths()[name])
        sign, tolerance = {"min": 1.0, "max": -1.0}[case["leader"]["sense"]], 1e-4 if is_quadratic(case) else 1e-6
        by_hand, _ = NONCONVEX.get(name, (None, ""))
        optimum = (case["optimum"].get("value") or {}).get("leader_obj", by_hand)
        best = (case["optimum"].get("best_known") or {}).get("leader_obj")
        return declare(case), Expected(optimum, best, sign, tolerance)
    case = load_special(folder / "special.json")[name]
    recorded = CORRECTED.get(name, case["expected"].get("optimistic", case["expected"])["leader_obj"])
    return declare_special(case), Expected(recorded, None, {"min": 1.0, "max": -1.0}[case["leader"]["sense"]], 1e-6)


def is_quadratic(case: dict[str, Any]) -> bool:
    """Whether an objective multiplies two variables of one level (a multiplier is neither level's)."""
    level = {v["name"]: v["level"] + ("multiplier" if "dual_of" in v else "") for v in case["variables"]}
    forms = [case[player]["objective"].get("quadratic", []) for player in ("leader", "follower")]
    return any(level[a] == level[b] for form in forms for a, b, _ in form)


@cases()
def test_all_cases_are_solved_to_the_recorded_value(name: str, cases_folder: Path):
    model, expected = declared(name, cases_folder)
    solution = bl.solve(model, gap=1e-7, time_limit=60.0)
    if name in INFEASIBLE:
        assert (solution.status, solution.objective) == ("infeasible", None)
        return
    assert solution.certificate is not None
    assert solution.certificate.holds
    assert solution.certificate.assumptions == ()
    assert solution.status == "optimal" or name in NOT_PROVEN
    if expected.optimum is not None:
        assert solution.objective == pytest.approx(expected.optimum, rel=expected.tolerance, abs=expected.tolerance)
    else:
        assert expected.sign * solution.objective <= expected.sign * expected.best + 1e-6 * abs(expected.best)
    known = expected.best if expected.optimum is None else expected.optimum
    assert expected.sign * solution.bound <= expected.sign * known + expected.tolerance * max(1.0, abs(known))


@cases(lambda name: name in SPATIAL)
def test_highs_alone_refuses_what_needs_spatial_branch_and_bound(name: str, cases_folder: Path):
    model, _ = declared(name, cases_folder)
    with pytest.raises(bl.NotApplicable, match=r"is exact only when|no identity of the optimality conditions"):
        bl.solve(model, solver="highs")


@cases(lambda name: name in NONCONVEX)
def test_highs_alone_refuses_followers_that_are_not_convex(name: str, cases_folder: Path):
    model, _ = declared(name, cases_folder)
    with pytest.raises(bl.NotApplicable, match=NONCONVEX[name][1]):
        bl.solve(model, solver="highs")


@cases(lambda name: name in WITHOUT_BOUND)
def test_kkt_refuses_by_row_what_cannot_be_bounded(name: str, cases_folder: Path, unbounded: dict[str, str]):
    model, _ = declared(name, cases_folder)
    with pytest.raises(bl.NoBound) as refusal:
        bl.solve(model, method=bl.KKT())
    assert WITHOUT_BOUND[name] in str(refusal.value)
    unbounded[name] = str(refusal.value)


@cases(lambda name: name in BOUNDED_BY_CUTOFF)
def test_kkt_solves_what_only_a_cutoff_bounds(name: str, cases_folder: Path):
    model, expected = declared(name, cases_folder)
    solution = bl.solve(model, method=bl.KKT(), gap=1e-7)
    assert solution.status == "optimal"
    assert solution.certificate is not None
    assert solution.certificate.proof
    assert solution.objective == pytest.approx(expected.optimum, rel=expected.tolerance, abs=expected.tolerance)


@cases(lambda name: name in INTEGER_FOLLOWER)
def test_kkt_refuses_integer_followers(name: str, cases_folder: Path):
    model, _ = declared(name, cases_folder)
    with pytest.raises(bl.NotApplicable, match="decides an integer variable"):
        bl.solve(model, method=bl.KKT())


@cases(lambda name: name not in {*WITHOUT_BOUND, *NONCONVEX, *SPATIAL, *CONIC, *INFEASIBLE, *INTEGER_FOLLOWER})
def test_kkt_bounds_all_other_cases(name: str, cases_folder: Path):
    model, _ = declared(name, cases_folder)
    assert bl.compile(model, method=bl.KKT()).image.assumes == ()


def test_no_case_is_forgotten(cases_folder: Path):
    """The tables name cases that exist, each once, and the folders hold as many cases as were counted."""
    special = load_special(cases_folder / "special.json")
    tables = (NONCONVEX, SPATIAL, WITHOUT_BOUND, CONIC, INFEASIBLE, INTEGER_FOLLOWER)
    assert set().union(*tables) | set(CORRECTED) | LONG <= set(paths()) | set(special)
    assert sum(len(table) for table in tables) == len(set().union(*tables))
    assert {name for name in special if is_conic(special[name])} == CONIC
    assert (len(paths()), len(special)) == (102, 35)
